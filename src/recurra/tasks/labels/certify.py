"""The comparisons of a labels model's certificate, on examples of its own test part."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from recurra.codecs.sequence_encoder import Batch, Inputs, Rows
from recurra.errors import InputError, MissingExtra
from recurra.runtime.certificate import BY_TORCH, Check, equal, likeliest_as_torch, not_shown
from recurra.runtime.labels import LabelNetwork
from recurra.runtime.layers import log_softmax
from recurra.runtime.state import Array
from recurra.tasks.comparison import Change, by_torch, change, tolerance
from recurra.tasks.labels import data as reading
from recurra.tasks.labels.estimator import LabelModel
from recurra.tasks.labels.evaluate import answers
from recurra.tasks.labels.targets import Targets

if TYPE_CHECKING:
    from recurra.tasks.labels.config import EncodedDataset

EXAMPLES: Final = 32
"""Examples that are read each way."""

ROUNDED: Final = 2_000
"""Examples on which rounded weights are compared with what they were."""

STEPS: Final = 4_000
"""Steps that they have together at most, but for the first of them."""

Trained = Callable[[Inputs, Rows], Array]
"""Scores by torch of rows (B,) of inputs: (B, K), or where steps are tagged (N, K)."""


def comparisons(model: LabelModel, data: EncodedDataset | None) -> list[Check]:
    """The comparisons of a model, on the test part of what it was trained on."""
    try:
        read = (
            reading.INPUT.read_again(model.run, model.run.config()["data"])
            if data is None
            else data.data
        )
    except (InputError, MissingExtra) as error:
        return [not_shown("alone, among strangers, step by step, torch", error.got)]
    lengths = np.array([len(model._encoder.steps(read.examples.inputs[k])) for k in read.test])
    few = max(1, int((np.cumsum(lengths[:EXAMPLES]) <= STEPS).sum()))
    inputs = model._encoder.encode([read.examples.inputs[k] for k in read.test[:few]])
    return compare(model.network, inputs, by_torch(model, "scores"), allowed=tolerance(model))


def changed(before: LabelModel, after: LabelModel) -> Change:
    """What labels of the test part cost, and which are given."""
    read = reading.INPUT.read_again(before.run, before.run.config()["data"])
    some = read.test[:ROUNDED]
    inputs = before._encoder.encode([read.examples.inputs[k] for k in some])
    truth = Targets.of(read.examples, some, read.classes).targets
    said = [answers(each.network, inputs, np.arange(len(some))) for each in (before, after)]
    costs = [-log_softmax(each.logits)[np.arange(len(truth)), truth] for each in said]
    note = f"{len(some):,} examples of the test part"
    return change(
        "nats a label", note, [[each] for each in costs], [each.predicted for each in said]
    )


def compare(
    network: LabelNetwork, inputs: Inputs, trained: Trained | str, *, allowed: float
) -> list[Check]:
    """Read examples in every way that there is, and by torch.

    Args:
        trained: the network in torch, or why there is none.
        allowed: how far torch's log-probabilities may be away.
    """
    rows, chance = np.arange(len(inputs.lengths)), np.random.default_rng(0)
    note = f"{len(rows):,} examples of the test part"
    whole = network.scores(inputs.batch(rows, distinct=True))
    alone = [network.scores(inputs.batch(rows[k : k + 1])) for k in rows]
    order = chance.permutation(rows)
    among = network.scores(inputs.batch(order))
    ends = np.cumsum([len(each) for each in alone])[:-1]
    each = np.split(whole, ends)
    found = [
        equal("alone = together", alone, each, note),
        equal(
            "in another order = together", [among], [np.concatenate([each[k] for k in order])], note
        ),
    ]
    if not network.architecture.bidirectional:
        found += [
            equal("step by step = whole", *_stepped(network, inputs, alone), note),
            equal("by row of a pool = alone", *_pooled(network, inputs), note),
        ]
    if isinstance(trained, str):
        return [*found, not_shown(BY_TORCH, trained)]
    theirs, ours = log_softmax(trained(inputs, rows)), log_softmax(whole)
    return [*found, *likeliest_as_torch([theirs], [ours], note, allowed)]


def _stepped(
    network: LabelNetwork, inputs: Inputs, alone: list[Array]
) -> tuple[list[Array], list[Array]]:
    """What is said after the last step of each example, and where steps are tagged after each."""
    found = []
    for row in range(len(inputs.lengths)):
        state, said = network.begin(), []
        for step in _steps(inputs, row):
            scores, state = network.step(step, state)
            said.append(scores)
        found.append(np.concatenate(said if network.architecture.tagged else said[-1:]))
    return found, alone


def _pooled(network: LabelNetwork, inputs: Inputs) -> tuple[list[Array], list[Array]]:
    """The first steps of all examples, in place and in another order, and each by itself."""
    first = [_steps(inputs, row)[0] for row in range(len(inputs.lengths))]
    count = len(first)
    arrays = {name: array.copy() for name, array in network.begin(count + 2).arrays.items()}
    places = np.arange(count, dtype=np.int64)[::-1] + 1
    together = network.advance(_joined(first), arrays, places)
    return [together], [np.concatenate([network.step(one, network.begin())[0] for one in first])]


def _steps(inputs: Inputs, row: int) -> list[Batch]:
    """The steps of one example, each as a row of its own."""
    batch, one = inputs.batch(np.array([row])), np.ones(1, np.int64)
    if batch.values is not None:
        return [Batch(one, values=value[None]) for value in batch.values]
    assert batch.ids is not None
    assert batch.counts is not None
    ids = np.split(batch.ids, np.cumsum(batch.counts)[:-1])
    return [Batch(one, each, batch.counts[t : t + 1]) for t, each in enumerate(ids)]


def _joined(steps: list[Batch]) -> Batch:
    """Steps of several streams as one batch."""
    one = np.ones(len(steps), np.int64)
    if steps[0].values is not None:
        return Batch(one, values=np.concatenate([s.values for s in steps if s.values is not None]))
    ids = np.concatenate([s.ids for s in steps if s.ids is not None])
    return Batch(one, ids, np.concatenate([s.counts for s in steps if s.counts is not None]))

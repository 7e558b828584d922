"""The comparisons of a pairs model's certificate, on pairs of its own test part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.tokenizer import BEGIN, END, RESERVED
from recurra.errors import DataError, InputError
from recurra.runtime.certificate import BY_TORCH, Check, equal, likeliest_as_torch, not_shown
from recurra.runtime.layers import log_softmax
from recurra.runtime.pairs import ATTENTION, Ids, PairNetwork
from recurra.runtime.state import Array
from recurra.search.beam import Beam, beam
from recurra.tasks.comparison import Change, by_torch, change, tolerance
from recurra.tasks.pairs import data
from recurra.tasks.pairs.estimator import PairModel
from recurra.tasks.pairs.evaluate import ids_of

PIECES: Final = 600
"""Pieces of both sides that are read each way."""

ROUNDED: Final = 100
"""Pairs on which rounded weights are compared with what they were."""

_STRANGERS: Final = 3

Trained = Callable[[Sequence[Ids], Sequence[Ids]], list[Array]]
"""Log-probabilities (T - 1, V) by torch after each piece of targets (T,) but the last."""


def comparisons(model: PairModel, dataset: Any) -> list[Check]:
    """The comparisons of a model, on the test part of what it was trained on.

    Args:
        dataset: the `config.EncodedDataset` of its training, if it is at hand.
    """
    run = model.run
    try:
        read = data.INPUT.read_again(run, run.config()["data"]) if dataset is None else dataset.data
    except InputError as error:
        return [not_shown("whole, steps, strangers, translations, torch", error.got)]
    sides = ids_of(model._sources, model._targets, read.of(read.test[:PIECES]))
    rows = [(source, target) for source, target in zip(*sides, strict=True) if len(source)]
    sizes = np.cumsum([len(source) + len(target) for source, target in rows])
    rows = rows[: max(1, int((sizes <= PIECES).sum()))]
    if not rows:
        return [not_shown("whole, steps, strangers, translations, torch", "no pair of pieces")]
    limits = model._limits(np.array([len(source) for source, _ in rows]))
    sources, targets = zip(*rows, strict=True)
    return compare(
        model.network,
        sources,
        targets,
        np.minimum(limits, PIECES),
        by_torch(model, "log_probabilities"),
        allowed=tolerance(model),
    )


def changed(before: PairModel, after: PairModel) -> Change:
    """What pieces of the selection part cost, and what its sources are turned into."""
    read = data.INPUT.read_again(before.run, before.run.config()["data"])
    sides = ids_of(before._sources, before._targets, read.of(read.select[:ROUNDED]))
    rows = [pair for pair in zip(*sides, strict=True) if len(pair[0])]
    if not rows:
        raise DataError("no pair of pieces", expected="pairs that are written in known pieces")
    sources, targets = zip(*rows, strict=True)
    limits = before._limits(np.array([len(source) for source in sources]))
    both = before.network, after.network
    written = [[each[0] for each in _written(one, sources, limits)] for one in both]
    alike = [
        [np.array_equal(*pair) for pair in zip(*written, strict=True)],
        [True] * len(sources),
    ]
    note = f"{len(sources):,} pairs of the selection part"
    costs = [[-each for each in one.log_likelihood(sources, targets)] for one in both]
    return change("nats a piece", note, costs, alike)


def compare(
    network: PairNetwork,
    sources: Sequence[Ids],
    targets: Sequence[Ids],
    limits: NDArray[np.int64],
    trained: Trained | str,
    *,
    allowed: float,
) -> list[Check]:
    """Read and write n pairs in every way that there is, and by torch.

    Args:
        sources, targets: ids, (S,) and (T,) each; targets from BEGIN to END.
        limits: (n,) the most pieces of what is written.
        trained: the network in torch, or why there is none.
        allowed: how far torch's log-probabilities may be away.
    """
    note = f"{len(sources):,} pairs of the test part"
    chance = np.random.default_rng(0)
    whole = network.log_likelihood(sources, targets)
    steps, scores = zip(
        *(_stepped(network, *pair) for pair in zip(sources, targets, strict=True)), strict=True
    )
    strange = [_strangers(network, chance, 2 * len(each)) for each in sources[:_STRANGERS]]
    # Of the targets' own vocabulary, which may be the smaller one.
    said = [
        np.array([BEGIN, *chance.integers(RESERVED, network.architecture.targets, 5), END])
        for _ in strange
    ]
    among = network.log_likelihood([*strange, *sources], [*said, *targets])
    alone = [
        written
        for source, limit in zip(sources, limits, strict=True)
        for written in _written(network, [source], np.array([limit]))
    ]
    together = _written(
        network, [*strange, *sources], np.concatenate([limits[:_STRANGERS] + 5, limits])
    )
    found = [
        equal("step by step = whole", steps, whole, note),
        equal("among strangers = alone", among[len(strange) :], whole, note),
        equal(
            "translations among strangers = alone",
            [each for one in together[len(strange) :] for each in one],
            [each for one in alone for each in one],
            note,
        ),
    ]
    if isinstance(trained, str):
        return [*found, not_shown(BY_TORCH, trained)]
    theirs, ours = trained(sources, targets), [log_softmax(each) for each in scores]
    return [*found, *likeliest_as_torch(theirs, ours, note, allowed)]


def _stepped(network: PairNetwork, source: Ids, target: Ids) -> tuple[Array, Array]:
    """What each piece of a target but the first is worth (T - 1,), and all scores (T - 1, V)."""
    decoder = network.decoder(network.encode([source]))
    state, found = decoder.begin(), []
    for token in target[:-1].tolist():
        outputs, state = decoder.step(np.array([token]), state)
        found.append(outputs)
    rows = np.concatenate(found)
    return network.head.log_likelihood(rows, target[1:]), network.head(rows)


def _written(
    network: PairNetwork, sources: Sequence[Ids], limits: NDArray[np.int64]
) -> list[tuple[Array, Array, Array]]:
    """The best of a beam of each source: its pieces, what it scores, where they looked."""
    decoder = network.decoder(network.encode(sources))
    found = beam(
        decoder,
        decoder.begin(),
        begin=BEGIN,
        end=END,
        limits=limits,
        options=Beam(3),
        excluded=(BEGIN,),
        attention=lambda state: state[ATTENTION],
    )
    summary = []
    for (one,), source in zip(found, sources, strict=True):
        assert one.attention is not None
        scores = np.array([one.score, one.log_probability])
        summary.append((np.array(one.tokens), scores, one.attention[:, : len(source)]))
    return summary


def _strangers(network: PairNetwork, chance: np.random.Generator, size: int) -> Ids:
    return chance.integers(0, network.architecture.sources, size)

"""The verb: what a network says of examples, all at once or as steps arrive."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import Any, TypeVar, final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.codecs.ngrams import positions, starts
from recurra.codecs.sequence_encoder import Encoder, Inputs, Rows
from recurra.core.ragged import Ragged
from recurra.errors import OptionError
from recurra.judge.calibration import probabilities
from recurra.tasks.labels.batch import TensorBatch
from recurra.tasks.labels.model import LabelNetwork, StreamState
from recurra.tasks.labels.trainee import AT_ONCE, pieces

Scores = NDArray[np.float64]
X = TypeVar("X")


def scores(network: LabelNetwork, inputs: Inputs, rows: Rows, member: int | None = None) -> Scores:
    """Scores (n, K) of rows, in their order; where steps are tagged of all their steps, end to end.

    Args:
        member: the one to ask; all of them without.
    """
    device = next(network.parameters()).device
    reader = network if member is None else network.member(member)
    tagged = network.architecture.tagged
    sizes = inputs.lengths[rows] if tagged else np.ones(len(rows), np.int64)
    begin = starts(sizes)
    found = np.empty((int(sizes.sum()), network.architecture.classes))
    network.eval()
    with torch.inference_mode():
        for part in pieces(np.arange(len(rows)), inputs.lengths[rows]):
            batch = TensorBatch.of(inputs, rows[part], distinct=True).to(device)
            said = reader(batch).double().cpu().numpy()
            found[positions(begin[part], sizes[part])] = said
    return found


def tags(network: LabelNetwork, said: Scores, lengths: Rows) -> list[Rows]:
    """The likeliest tags of each row, given the scores of all steps, end to end."""
    chain = network.chain()
    assert chain is not None
    device = next(network.parameters()).device
    rows = Ragged(torch.from_numpy(said).to(device, torch.float32), torch.from_numpy(lengths))
    found: list[Rows] = [np.empty(0, np.int64)] * len(lengths)
    for part in pieces(np.arange(len(lengths)), lengths):
        best = chain.best(rows.select(torch.from_numpy(part)))
        for row, each in zip(part.tolist(), best.to_list(), strict=True):
            found[row] = each.cpu().numpy()
    return found


def ahead(encoder: Encoder, groups: Iterable[Sequence[X]]) -> Iterator[tuple[Sequence[X], Inputs]]:
    """Encode groups of raw inputs, large ones in parts: two cores share the work of a group.

    While whoever asks is busy with a part, the next one is encoded. A group is done before the
    next one is asked for: who types one line and waits has its answer.
    """
    with ThreadPoolExecutor(1) as other:
        for group in groups:
            parts = [group[at : at + AT_ONCE] for at in range(0, len(group), AT_ONCE)]
            coming = [other.submit(encoder.encode, part) for part in parts[:1]]
            for part, following in zip_longest(parts, parts[1:]):
                encoded = coming.pop().result()
                if following is not None:
                    coming.append(other.submit(encoder.encode, following))
                yield part, encoded


@final
class Stream:
    """A label after each step, as steps arrive, in constant memory.

    Raises:
        OptionError: the network reads from both ends.
    """

    def __init__(
        self,
        network: LabelNetwork,
        encoder: Encoder,
        classes: NDArray[Any],
        temperature: float,
    ) -> None:
        if network.architecture.bidirectional:
            raise OptionError(
                "this model reads from both ends, so it must wait for the last step",
                expected="a model of one direction",
                fix="train with --no-bidirectional",
            )
        self._network, self._encoder = network.eval(), encoder
        self._classes, self._temperature = classes, temperature
        self._states: list[StreamState | None] = [None] * len(network.members)
        self._before: deque[Any] = deque(maxlen=encoder.reach)

    def step(self, value: Any) -> tuple[Any, float]:
        """The class after one more step and how probable it is.

        Args:
            value: the channels' values, (C,), or a token.
        """
        numbers = self._encoder.scale is not None
        steps = np.asarray([value], np.float32) if numbers else (*self._before, value)
        batch = TensorBatch.of(self._encoder.encode([steps]), np.zeros(1, np.int64))
        if self._before:
            batch = batch.last()
        self._before.append(value)
        said = []
        with torch.inference_mode():
            for m, state in enumerate(self._states):
                each, self._states[m] = self._network.member(m).step(batch, state)
                said.append(each)
        mean = torch.stack(said).mean(0).double().numpy()
        found = probabilities(mean, self._temperature)[0]
        best = int(found.argmax())
        return self._classes[best], float(found[best])

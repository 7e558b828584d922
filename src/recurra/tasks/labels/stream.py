"""A labels model fed step by step, one stream or many: the class of what was read so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.sequence_encoder import Batch, Encoder
from recurra.errors import DataError
from recurra.judge.probability_calibration import probabilities
from recurra.runtime.labels import LabelNetwork
from recurra.runtime.pool import Facts, Rows, stepped
from recurra.runtime.state import Array
from recurra.runtime.streams import StreamState


@final
@dataclass(frozen=True, eq=False)
class LabelStreamed:
    """How a labels model is fed: see `recurra.runtime.streams.Streamed`, and `pool.Pooled`.

    Args:
        network: in use, of one direction.
        encoder: of its inputs.
        classes: (K,).
        temperature: of its probabilities.
    """

    network: LabelNetwork
    encoder: Encoder
    classes: NDArray[Any]
    temperature: float

    def begin(self) -> StreamState:
        """Before the first step.

        Raises:
            OptionError: the network reads from both ends.
        """
        return StreamState(self.network.begin(), {"before": []})

    def push(self, x: Any, before: StreamState) -> tuple[tuple[Any, float], StreamState]:
        """The class after one more step, and how probable it is.

        Args:
            x: the channels' values, (C,), or a token.

        Raises:
            DataError: no such thing: other channels, a number that is missing, no text.
        """
        (labels, sure), after = stepped(self, [x], before)
        return (labels[0], float(sure[0])), after

    def advance(
        self, inputs: Sequence[Any], arrays: dict[str, Array], facts: Facts, rows: Rows
    ) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """One more step of streams: the class (B,) of each, and how probable it is (B,).

        Args:
            inputs: (B, C) of numbers, or B tokens.

        Raises:
            DataError: as `push`.
        """
        earlier = [each["before"] for each in facts[rows]]
        said = self.network.advance(self._batch(inputs, earlier), arrays, rows)
        if reach := self.encoder.reach:
            for row, before, x in zip(rows.tolist(), earlier, inputs, strict=True):
                facts[row] = {"before": [*before, x][-reach:]}
        return self._answers(said)

    def predict(self, state: StreamState) -> tuple[Any, float]:
        """The class of what was read so far, and how probable it is."""
        labels, sure = self._answers(self.network.look(state.state))
        return labels[0], float(sure[0])

    def _batch(self, inputs: Sequence[Any], earlier: Sequence[list[str]]) -> Batch:
        """A step of each stream, given what its features reach back to."""
        if self.encoder.kind == "numbers":
            values = self.encoder.encode([self._values(inputs)]).values
            return Batch(np.ones(len(inputs), np.int64), values=values)
        for x in inputs:
            if not isinstance(x, str):
                raise DataError(f"a step of {x!r}", expected="a token, as text")
        texts = [(*before, x) for before, x in zip(earlier, inputs, strict=True)]
        return self.encoder.encode(texts).last_steps()

    def _values(self, inputs: Sequence[Any]) -> NDArray[np.float32]:
        """Steps of numbers, (B, C)."""
        count, channels = len(inputs), self.encoder.size
        if not count:
            return np.zeros((0, channels), np.float32)
        try:
            with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
                found = np.asarray(inputs, np.float64).astype(np.float32)
        except (TypeError, ValueError):
            given = inputs[0] if count == 1 else list(inputs)
            raise DataError(
                f"a step of {given!r}", expected=f"{channels} numbers, one a channel"
            ) from None
        if found.shape != (count, channels):
            raise DataError(
                f"a step of shape {found.shape[1:]}",
                expected=f"{channels} numbers, one a channel",
            )
        finite = np.isfinite(found).all(1)
        if not finite.all():
            wrong = found[finite.argmin()].tolist()
            raise DataError(f"a step of {wrong}", expected="finite numbers")
        return found

    def _answers(self, said: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[np.float64]]:
        found = probabilities(said, self.temperature)
        return self.classes[found.argmax(1)], found.max(1)

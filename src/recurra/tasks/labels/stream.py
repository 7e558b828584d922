"""A labels model fed step by step: the class of what it has read so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.sequence_encoder import Encoder
from recurra.errors import DataError
from recurra.judge.probability_calibration import probabilities
from recurra.runtime.labels import LabelNetwork
from recurra.runtime.streams import StreamState

_ROW = np.zeros(1, np.int64)


@final
@dataclass(frozen=True, eq=False)
class LabelStreamed:
    """How a labels model is fed: see `recurra.runtime.streams.Streamed`.

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
        earlier = list(before.facts["before"])
        if self.encoder.kind == "numbers":
            steps: Any = self._values(x)
        elif isinstance(x, str):
            steps = (*earlier, x)
        else:
            raise DataError(f"a step of {x!r}", expected="a token, as text")
        batch = self.encoder.encode([steps]).last_step()
        said, state = self.network.step(batch, before.state)
        reach = self.encoder.reach
        kept = [*earlier, x][-reach:] if reach else []
        return self._answer(said), StreamState(state, {"before": kept}, before.steps + 1)

    def predict(self, state: StreamState) -> tuple[Any, float]:
        """The class of what was read so far, and how probable it is."""
        return self._answer(self.network.look(state.state))

    def _values(self, x: Any) -> NDArray[np.float32]:
        """One step of numbers, (1, C)."""
        try:
            with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
                found = np.asarray(x, np.float64).astype(np.float32)
        except (TypeError, ValueError):
            found = np.zeros(0, np.float32)
        if found.shape != (self.encoder.size,):
            raise DataError(
                f"a step of {x!r}" if not found.size else f"a step of shape {found.shape}",
                expected=f"{self.encoder.size} numbers, one a channel",
            )
        if not np.isfinite(found).all():
            raise DataError(f"a step of {found.tolist()}", expected="finite numbers")
        return found[None]

    def _answer(self, said: NDArray[np.float32]) -> tuple[Any, float]:
        found = probabilities(said, self.temperature)[0]
        best = int(found.argmax())
        return self.classes[best], float(found[best])

"""The decoder of a pairs model fed piece by piece: a source read once, and what may come next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.tokenizer import BEGIN, END, Tokenizer
from recurra.errors import DataError
from recurra.runtime.layers import log_softmax
from recurra.runtime.pairs import ATTENTION, EnsembleDecoder
from recurra.runtime.state import State
from recurra.runtime.streams import StreamState
from recurra.tasks.pairs.translate import excluded

_SAID: Final = "said"  # what scores are made of where the stream stands, kept beside its state


@final
@dataclass(frozen=True, eq=False)
class PairStep:
    """What a stream says after some pieces of a translation.

    Args:
        token_nll: (T,) nats of each piece just read, given the source and all before it.
        log_probabilities: (V,) of the piece to come; minus infinity of what is never written.
        attention: (S,) where the decoder looked to say so; zeros where it does not look.
    """

    token_nll: NDArray[np.float64]
    log_probabilities: NDArray[np.float64]
    attention: NDArray[np.float32]


@final
@dataclass(frozen=True, eq=False)
class PairStreamed:
    """How a decoder is fed: see `recurra.runtime.streams.Streamed`.

    Args:
        decoder: of one source, which has been read.
        vocabulary: of targets.
    """

    decoder: EnsembleDecoder
    vocabulary: Tokenizer

    def begin(self) -> StreamState:
        """Before the first piece."""
        return StreamState(self._read(BEGIN, self.decoder.begin()))

    def push(self, x: int | str, before: StreamState) -> tuple[PairStep, StreamState]:
        """Read a piece by its id, or the pieces of a text.

        Raises:
            DataError: no such piece, no text, or what begins or ends a translation.
        """
        state, costs = before.state, []
        for piece in self._pieces(x):
            costs.append(-self._log_probabilities(state)[piece])
            state = self._read(piece, state)
        after = StreamState(state, {}, before.steps + len(costs))
        return self._said(costs, state), after

    def predict(self, state: StreamState) -> PairStep:
        """What may come next where the stream stands."""
        return self._said([], state.state)

    def _pieces(self, x: int | str) -> list[int]:
        if isinstance(x, str) and x:
            return [int(each) for each in self.vocabulary.encode(x)]
        known = isinstance(x, int | np.integer) and not isinstance(x, bool)
        if not known or not 0 <= int(x) < len(self.vocabulary) or x in (BEGIN, END):
            raise DataError(
                f"a step of {x!r}",
                expected=f"a text, or the id of a piece, below {len(self.vocabulary):,} and none "
                "of what begins or ends a translation",
            )
        return [int(x)]

    def _read(self, piece: int, state: State) -> State:
        said, after = self.decoder.step(np.array([piece]), state)
        return State({**after.arrays, _SAID: said})

    def _log_probabilities(self, state: State) -> NDArray[np.float64]:
        found: NDArray[np.float64] = log_softmax(self.decoder.logits(state[_SAID]))[0]
        return found

    def _said(self, costs: Sequence[float], state: State) -> PairStep:
        found = self._log_probabilities(state)
        found[list(excluded(self.vocabulary))] = -np.inf
        return PairStep(np.array(costs, np.float64), found, state[ATTENTION][0])

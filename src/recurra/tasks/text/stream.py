"""A text model fed piece by piece: what each token costs, what may come next; many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from recurra.codecs.tokenizer import UNKNOWN, Tokenizer
from recurra.errors import DataError
from recurra.runtime.layers import log_softmax
from recurra.runtime.pool import Facts, Rows
from recurra.runtime.state import Array, State
from recurra.runtime.streams import StreamState
from recurra.runtime.text import Ids, TextNetwork


@final
@dataclass(frozen=True, eq=False)
class TextStep:
    """What a stream says after a piece of text.

    Args:
        token_nll: (T,) nats of each token of the piece, given all before it.
        log_probabilities: (V,) of the token to come, the unknown one's 0-th.
    """

    token_nll: npt.NDArray[np.float64]
    log_probabilities: npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class TextStreamed:
    """How a text model is fed: see `recurra.runtime.streams.Streamed`.

    Args:
        network: in use.
        vocabulary: whose tokens it reads.
        unknown_rate: the probability of an unknown token.
        first: the id that stands before the first token, where there is one.
    """

    network: TextNetwork
    vocabulary: Tokenizer
    unknown_rate: float
    first: int | None

    def begin(self) -> StreamState:
        """Before the first token: after a line end, or at a document's beginning."""
        state = self.network.begin()
        if self.first is not None:
            _, state = self.network.step(np.array([self.first]), state)
        return StreamState(state)

    def push(self, x: str, before: StreamState) -> tuple[TextStep, StreamState]:
        """Read a piece of text.

        Raises:
            DataError: no text, an empty one, or half a character.
        """
        if not isinstance(x, str) or not x:
            raise DataError(f"a step of {x!r}", expected="a piece of text")
        ids = self.vocabulary.encode(x).astype(np.int64)
        first = -self._next(before.state)[ids[:1]]
        hidden, after = self.network.read(ids[None], before.state)
        earlier = [np.ascontiguousarray(each[:, :-1]) for each in hidden]
        rest = self.network.hidden_nll(earlier, ids[None, 1:], self.unknown_rate)[0]
        step = TextStep(np.concatenate([first, rest]), self._next(after))
        return step, StreamState(after, {}, before.steps + len(ids))

    def predict(self, state: StreamState) -> TextStep:
        """What may come next where the stream stands."""
        return TextStep(np.zeros(0), self._next(state.state))

    def _next(self, state: State) -> npt.NDArray[np.float64]:
        """Log-probabilities (V,) of what follows a state of one row."""
        found: npt.NDArray[np.float64] = log_softmax(self.network.look(state))[0]
        found += np.log1p(-self.unknown_rate)
        with np.errstate(divide="ignore"):
            found[UNKNOWN] = np.log(self.unknown_rate)
        return found


@final
@dataclass(frozen=True, eq=False)
class TextPooled:
    """How a text model is fed many streams, a token each: see `recurra.runtime.pool.Pooled`."""

    network: TextNetwork

    def begin(self) -> StreamState:
        """Before anything was read."""
        return StreamState(self.network.begin())

    def advance(self, inputs: Ids, arrays: dict[str, Array], facts: Facts, rows: Rows) -> Array:
        """Ids (B,) in, scores (B, V) out.

        Raises:
            OptionError: ids that are none of the vocabulary's.
        """
        del facts
        return self.network.advance(inputs, arrays, rows)

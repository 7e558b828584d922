"""Many streams of one model: their states in one array for each layer, stepped together."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Final, Generic, Protocol, TypeVar, final

import numpy as np
import numpy.typing as npt

from recurra.errors import OptionError
from recurra.runtime.state import Array, State
from recurra.runtime.streams import StreamState, check_state

Rows = npt.NDArray[np.int64]
Facts = npt.NDArray[np.object_]
"""`StreamState.facts` of each of many streams."""

X = TypeVar("X", bound=Sized, contravariant=True)
Y = TypeVar("Y", covariant=True)
_In = TypeVar("_In", bound=Sized)
_Out = TypeVar("_Out")

_FEWEST: Final = 16


class Pooled(Protocol[X, Y]):
    """How a task's model is fed many streams side by side."""

    def begin(self) -> StreamState:
        """Before the first step of a stream."""
        ...

    def advance(self, inputs: X, arrays: dict[str, Array], facts: Facts, rows: Rows) -> Y:
        """Step the streams that are `rows` (B,) of arrays (S, ...) and facts (S,), in place.

        Raises:
            InputError: inputs (B,) that do not fit; all is left as it was.
        """
        ...


def stepped(
    pooled: Pooled[_In, _Out], inputs: _In, before: StreamState
) -> tuple[_Out, StreamState]:
    """What a pool would say of one step from a state on, which is not changed, and the next."""
    arrays = {name: array.copy() for name, array in before.state.arrays.items()}
    facts = np.full(before.state.batch, before.facts, object)
    found = pooled.advance(inputs, arrays, facts, np.arange(len(facts)))
    return found, StreamState(State(arrays), facts[0], before.steps + 1)


@final
class Pool(Generic[_In, _Out]):
    """Live streams of one model; any subset of them is stepped by one call, rows by index.

        pool = model.pool()
        rows = pool.open(10_000)
        outputs = pool.push(rows[::2], inputs)

    What a stream gives is the same to the last bit as alone. A pool grows as streams are opened,
    and keeps the room of those that were closed for the next ones.

    Args:
        pooled: how the model is fed.
        model: the run that the model stands on, which states are known by.
    """

    def __init__(self, pooled: Pooled[_In, _Out], model: str | None) -> None:
        self._pooled, self._model = pooled, model or ""
        self._first = pooled.begin()
        self._arrays: dict[str, Array] = {
            name: np.zeros((0, *array.shape[1:]), array.dtype)
            for name, array in self._first.state.arrays.items()
        }
        self._facts: Facts = np.zeros(0, object)
        self._live = np.zeros(0, np.bool_)
        self._steps = np.zeros(0, np.int64)

    def __len__(self) -> int:
        """How many streams are open."""
        return int(self._live.sum())

    def open(self, count: int = 1) -> Rows:
        """Begin streams: the rows (count,) they are known by.

        Raises:
            OptionError: fewer than one.
        """
        if count < 1:
            raise OptionError(f"count = {count}", expected="1 stream or more")
        free = np.flatnonzero(~self._live)
        if len(free) < count:
            self._grow(max(len(self._live) + count - len(free), 2 * len(self._live), _FEWEST))
            free = np.flatnonzero(~self._live)
        rows: Rows = free[:count]
        for name, array in self._arrays.items():
            array[rows] = self._first.state[name][0]
        self._live[rows], self._steps[rows], self._facts[rows] = True, 0, self._first.facts
        return rows

    def push(self, rows: Sequence[int] | Rows, inputs: _In) -> _Out:
        """One step of each of these streams (B,): inputs (B, ...) in, outputs (B, ...) out.

        Raises:
            OptionError: a row that is not open, or twice the same; more or fewer inputs.
            InputError: inputs that do not fit; all streams stay where they were.
        """
        chosen = self._checked(rows)
        if len(inputs) != len(chosen):
            raise OptionError(f"{len(inputs):,} inputs", expected=f"{len(chosen):,}, one a row")
        found = self._pooled.advance(inputs, self._arrays, self._facts, chosen)
        self._steps[chosen] += 1
        return found

    def state(self, row: int) -> StreamState:
        """Where a stream stands, as `Stream.state` gives it.

        Raises:
            OptionError: no open stream.
        """
        chosen = self._checked([row])
        arrays = {name: array[chosen] for name, array in self._arrays.items()}
        return StreamState(State(arrays), self._facts[row], int(self._steps[row]), self._model)

    def put(self, row: int, state: StreamState) -> None:
        """Let a stream go on from a state.

        Raises:
            OptionError: no open stream.
            BundleError: a state of another model.
        """
        chosen = self._checked([row])
        check_state(state, self._model, self._first.state)
        for name, array in self._arrays.items():
            array[chosen] = state.state[name]
        self._steps[row], self._facts[row] = state.steps, state.facts

    def close(self, rows: Sequence[int] | Rows) -> None:
        """End streams; their rows are given to others.

        Raises:
            OptionError: a row that is not open.
        """
        self._live[self._checked(rows)] = False

    def _checked(self, rows: Sequence[int] | Rows) -> Rows:
        found = np.asarray(rows)
        if found.ndim != 1 or (found.size and not np.issubdtype(found.dtype, np.integer)):
            raise OptionError(f"rows: {found.dtype} {found.shape}", expected="whole numbers (B,)")
        found = np.ascontiguousarray(found, np.int64)
        within = (found >= 0) & (found < len(self._live))
        if not within.all() or not self._live[found].all():
            wrong = next(
                r for r in found.tolist() if not 0 <= r < len(self._live) or not self._live[r]
            )
            raise OptionError(f"row {wrong}: no open stream", expected="rows that `open` gave")
        if len(np.unique(found)) < len(found):
            raise OptionError("a row twice in one step", expected="different rows")
        return found

    def _grow(self, capacity: int) -> None:
        more = capacity - len(self._live)
        for name, array in self._arrays.items():
            wider = np.zeros((capacity, *array.shape[1:]), array.dtype)
            wider[: len(array)] = array
            self._arrays[name] = wider
        for kept in ("_live", "_steps", "_facts"):
            now = getattr(self, kept)
            setattr(self, kept, np.concatenate([now, np.zeros(more, now.dtype)]))

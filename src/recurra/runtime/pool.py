"""Many streams of one model: their states in one array for each layer, stepped together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol, final

import numpy as np
import numpy.typing as npt

from recurra.errors import OptionError
from recurra.runtime.state import Array, State
from recurra.runtime.streams import StreamState, check_state

Rows = npt.NDArray[np.int64]

_FEWEST: Final = 16


class Advancing(Protocol):
    """A network whose streams can be stepped in place."""

    def begin(self, batch: int = 1) -> State:
        """The state of B streams before their first step."""
        ...

    def advance(self, inputs: Any, arrays: dict[str, Array], rows: Rows) -> Array:
        """Step the streams that are `rows` (B,) of arrays (S, ...), in place: outputs (B, ...)."""
        ...


@final
class Pool:
    """Live streams of one model; any subset of them is stepped by one call, rows by index.

        pool = model.pool()
        rows = pool.open(10_000)
        outputs = pool.push(rows[::2], ids)

    What a stream gives is the same to the last bit as alone. A pool grows as streams are opened,
    and keeps the room of those that were closed for the next ones.

    Args:
        network: what is stepped.
        model: the run that the model stands on, which states are known by.
    """

    def __init__(self, network: Advancing, model: str | None) -> None:
        self._network, self._model = network, model or ""
        self._first = network.begin()
        self._arrays: dict[str, Array] = {
            name: np.zeros((0, *array.shape[1:]), array.dtype)
            for name, array in self._first.arrays.items()
        }
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
            array[rows] = self._first[name][0]
        self._live[rows], self._steps[rows] = True, 0
        return rows

    def push(self, rows: Sequence[int] | Rows, inputs: Any) -> Array:
        """One step of each of these streams (B,): inputs (B, ...) in, outputs (B, ...) out.

        Raises:
            OptionError: a row that is not open, or twice the same; inputs that do not fit.
        """
        chosen = self._checked(rows)
        found = self._network.advance(inputs, self._arrays, chosen)
        self._steps[chosen] += 1
        return found

    def state(self, row: int) -> StreamState:
        """Where a stream stands, as `Stream.state` gives it.

        Raises:
            OptionError: no open stream.
        """
        chosen = self._checked([row])
        arrays = {name: array[chosen] for name, array in self._arrays.items()}
        return StreamState(State(arrays), {}, int(self._steps[row]), self._model)

    def put(self, row: int, state: StreamState) -> None:
        """Let a stream go on from a state.

        Raises:
            OptionError: no open stream.
            BundleError: a state of another model.
        """
        chosen = self._checked([row])
        check_state(state, self._model, self._first)
        for name, array in self._arrays.items():
            array[chosen] = state.state[name]
        self._steps[row] = state.steps

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
        self._live = np.concatenate([self._live, np.zeros(more, np.bool_)])
        self._steps = np.concatenate([self._steps, np.zeros(more, np.int64)])

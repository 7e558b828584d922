"""One cell over time, one layer, one direction: the place that picks how, and can say why.

loop     the cell's equations, step by step: the oracle; always there
torch    torch's own recurrence, one call for all steps (see torch_path.py)
native   the kernels in C++, on a CPU, where they are built (see native_path.py)

`RECURRA_PATH=loop`, `torch` or `native` in the environment asks for a path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import linear

from recurra.core import native_path, projection, torch_path
from recurra.core.cells import LSTM, Cell, Weights
from recurra.core.ragged import Ragged
from recurra.core.resets import in_pieces
from recurra.core.state import LSTMState, State, stack
from recurra.core.validation import check_input, check_state, check_weights
from recurra.core.variants import Projected
from recurra.errors import OptionError
from recurra.native.binding import instructions

FEW_STEPS = 3
"""Below so many steps oneDNN takes longer than the loop (10 times, at one row and H = 512)."""

S = TypeVar("S", bound=State)
X = TypeVar("X", Tensor, Ragged)


class Path(NamedTuple):
    """Which way the recurrence is walked, and why."""

    name: Literal["loop", "torch", "native"]
    reason: str


NATIVE = Path("native", f"kernels for {instructions()} run all steps in one call")
"""The native path, where nothing stands against it."""

FOLDED = NATIVE._replace(reason=NATIVE.reason + "; the projection is folded into the weights")
"""The native path of a projected LSTM."""


@dataclass(frozen=True, eq=False)
class Scanned(Generic[X, S]):
    """Output (B, T, H) or Ragged as the input was; last state, leaves (B, H); the path that ran."""

    output: X
    state: S
    path: Path


@dataclass(frozen=True, eq=False)
class Traced(Generic[X, S]):
    """As Scanned, with the state after each step: leaves (B, T, ..., H), zeros after a row's end.

    T is the longest row's where the input is Ragged.
    """

    output: X
    state: S
    states: S
    path: Path


def choose(
    cell: Cell[Any], x: Tensor | Ragged, weights: Weights, *, every_state: bool = False
) -> Path:
    """Return the path that a scan takes now, and why.

    A path asked for by RECURRA_PATH that cannot do the work is passed over, and the reason says so.

    Args:
        cell: one step of the recurrence.
        x: (B, T, F), or Ragged with values (N, F).
        weights: the layer's parameters.
        every_state: the state after each step is asked for, not the output alone.

    Raises:
        OptionError: RECURRA_PATH names no path.
    """
    wish = os.environ.get("RECURRA_PATH", "")
    if wish not in ("", "loop", "torch", "native"):
        raise OptionError(
            f"RECURRA_PATH={wish}", expected="loop, torch or native", fix="unset it, or correct it"
        )
    if wish == "loop":
        return Path("loop", "RECURRA_PATH asks for it")
    plain = cell.inner if type(cell) is Projected else cell
    why = "" if wish == "torch" else native_path.refusal(plain, x, weights)
    if wish != "torch" and not why:
        why = "" if wish else _better_by_torch(cell, x, weights, every_state)
        if not why:
            return NATIVE if plain is cell else FOLDED
    if wish == "native":
        why += ", though RECURRA_PATH asks for native"
    also = f"; {why}" if why else ""
    vain = ", though RECURRA_PATH asks for it" if wish == "torch" else also
    if plain not in torch_path.FUNCTIONS:
        return Path("loop", f"torch has no {type(plain).__name__}{vain}")
    if refused := torch_path.refusal():
        return Path("loop", refused + vain)
    if every_state and plain == LSTM:
        return Path("loop", f"torch shows an LSTM's cell state after the last step alone{vain}")
    engine = torch_path.engine(cell, weights.input)
    if engine == "oneDNN" and _steps(x) < FEW_STEPS and wish != "torch":
        reason = "too few steps to be worth laying out the weights as oneDNN wants them"
        return Path("loop", reason + also)
    return Path("torch", f"{engine} runs all steps in one call{also}")


def _better_by_torch(
    cell: Cell[Any], x: Tensor | Ragged, weights: Weights, every_state: bool
) -> str:
    """Return why torch is to run what the kernels could, or an empty string."""
    if every_state:
        return ""
    if type(cell) is Projected:
        if _steps(x) < FEW_STEPS:
            return "too few steps to be worth folding the projection into the weights"
        saved = weights.hidden.shape[0] // cell.gates - weights.hidden.shape[1]
        if saved > projection.SAVED:
            return f"faster than the native kernels from {projection.SAVED} units saved on"
    elif (
        weights.hidden.shape[1] >= native_path.ONEDNN_FROM
        and cell == LSTM
        and isinstance(x, Tensor)
        and x.shape[1] >= FEW_STEPS
        and torch_path.engine(cell, weights.input) == "oneDNN"
    ):
        return f"faster than the native kernels from {native_path.ONEDNN_FROM} units on"
    return ""


def _steps(x: Tensor | Ragged) -> int:
    return x.steps if isinstance(x, Ragged) else x.shape[1]


def scan(
    cell: Cell[S],
    x: X,
    weights: Weights,
    state: S | None = None,
    *,
    reverse: bool = False,
    resets: Tensor | None = None,
    fresh: S | None = None,
) -> Scanned[X, S]:
    """Walk a cell over time.

    Args:
        cell: one step of the recurrence.
        x: (B, T, F), or Ragged with values (N, F).
        weights: the layer's parameters.
        state: first state, leaves (B, H); as `fresh` where None.
        reverse: read each row from its last step to its first; outputs stay beside their inputs.
        resets: (B, T) bool: true at (b, t) cuts row b before step t, so that the state which would
            cross the cut, in either direction, is `fresh` instead.
        fresh: what a row begins with, leaves (H,); zeros where None.

    Returns:
        Output of the same kind as x; the last state, which is the first one for rows without steps.

    Raises:
        OptionError: shapes, dtypes or kinds that do not fit each other.
    """
    check_input(x, weights.input, resets)
    check_state(cell, state, x, (), weights.hidden.shape[1])
    return walk(cell, x, weights, state, reverse, resets, fresh)


def walk(
    cell: Cell[S],
    x: X,
    weights: Weights,
    state: S | None,
    reverse: bool,
    resets: Tensor | None,
    fresh: S | None = None,
) -> Scanned[X, S]:
    """As `scan`, with input, state and resets checked already."""
    check_weights(cell, weights, x)
    path = choose(cell, x, weights)
    output, last, _ = _walk(path, cell, x, weights, state, reverse, resets, fresh, False)
    return Scanned(output, last, path)


def scan_states(
    cell: Cell[S],
    x: X,
    weights: Weights,
    state: S | None = None,
    *,
    reverse: bool = False,
    resets: Tensor | None = None,
    fresh: S | None = None,
) -> Traced[X, S]:
    """Walk a cell over time and keep the state after each step, leaves (B, T, H); see `scan`."""
    check_input(x, weights.input, resets)
    check_state(cell, state, x, (), weights.hidden.shape[1])
    return walk_states(cell, x, weights, state, reverse, resets, fresh)


def walk_states(
    cell: Cell[S],
    x: X,
    weights: Weights,
    state: S | None,
    reverse: bool,
    resets: Tensor | None,
    fresh: S | None = None,
) -> Traced[X, S]:
    """As `scan_states`, with input, state and resets checked already."""
    check_weights(cell, weights, x)
    path = choose(cell, x, weights, every_state=True)
    output, last, states = _walk(path, cell, x, weights, state, reverse, resets, fresh, True)
    assert states is not None
    return Traced(output, last, states, path)


def _walk(
    path: Path,
    cell: Cell[S],
    x: X,
    weights: Weights,
    state: S | None,
    reverse: bool,
    resets: Tensor | None,
    fresh: S | None,
    every: bool,
) -> tuple[X, S, S | None]:
    """Return output, last state, and the state after each step where it is asked for."""
    if path.name == "loop":
        traced = loop(cell, x, weights, state, reverse=reverse, resets=resets, fresh=fresh)
        return traced.output, traced.state, traced.states
    if path.name == "torch" or fresh is not None:
        state = first_state(cell, state, weights, _batch(x), fresh)
        if resets is not None and bool(resets.any()):
            return _cut(path, cell, x, weights, state, reverse, resets, fresh, every)
    if path.name == "native" and type(cell) is Projected:
        return _folded(path, cell, x, weights, state, reverse, resets, every)  # type: ignore[return-value]
    if path.name == "native":
        if every:
            return native_path.walk_states(cell, x, weights, state, reverse, resets)
        top, after = native_path.walk(cell, x, weights, state, reverse, resets)
        return top, after, None
    assert state is not None
    output, last = torch_path.walk(cell, x, weights, state, reverse)
    if not every:
        return output, last, None
    # Chosen only for cells whose state is their output and nothing more.
    shown = output.padded() if isinstance(output, Ragged) else output
    return output, last, last.map(lambda _: shown)


def _cut(
    path: Path,
    cell: Cell[S],
    x: X,
    weights: Weights,
    state: S,
    reverse: bool,
    resets: Tensor,
    fresh: S | None,
    every: bool,
) -> tuple[X, S, S | None]:
    """As `_walk`, for rows with cuts, after which they begin with `fresh`, or zeros without."""

    def whole(rows: Ragged, firsts: S) -> tuple[Ragged, S, S | None]:
        return _walk(path, cell, rows, weights, firsts, reverse, None, None, every)

    return in_pieces(x, state, fresh, reverse, resets, whole)


def _folded(
    path: Path,
    cell: Projected,
    x: X,
    weights: Weights,
    state: State | None,
    reverse: bool,
    resets: Tensor | None,
    every: bool,
) -> tuple[X, LSTMState, LSTMState | None]:
    """As `_walk`, for a projected LSTM by the path of one without a projection."""

    def plain(rows: X, wide: Weights, first: LSTMState | None) -> Any:
        return _walk(path, LSTM, rows, wide, first, reverse, resets, None, every)

    first: Any = None if state is None else state.to(dtype=weights.hidden.dtype)
    return projection.walk(x, weights, cell.weight, first, reverse, resets, plain)


def loop(
    cell: Cell[S],
    x: X,
    weights: Weights,
    state: S | None = None,
    *,
    reverse: bool = False,
    resets: Tensor | None = None,
    fresh: S | None = None,
) -> Traced[X, S]:
    """Walk a cell over time step by step, in plain operations: the oracle; see `scan`."""
    padded = x.padded() if isinstance(x, Ragged) else x
    batch, steps = padded.shape[:2]
    alive = x.mask() if isinstance(x, Ragged) else None
    projected = linear(padded, weights.input, weights.input_bias)
    now = first_state(cell, state, weights, batch, fresh)
    zero = now.map(torch.zeros_like)
    begin = zero if fresh is None else first_state(cell, None, weights, batch, fresh)
    cut = None if resets is None else resets.to(padded.device)
    if cut is not None and alive is not None:
        cut = cut & alive
    states: list[S] = []
    for t in reversed(range(steps)) if reverse else range(steps):
        if cut is not None and not reverse:
            now = begin.where(cut[:, t], now)
        then = cell.step(projected[:, t], now, weights.hidden, weights.hidden_bias)
        states.append(then if alive is None else then.where(alive[:, t], zero))
        now = then if alive is None else then.where(alive[:, t], now)
        if cut is not None and reverse:
            now = begin.where(cut[:, t], now)
    if reverse:
        states.reverse()
    if states:
        every = stack(states, 1)
        output = cell.output(every)
    else:
        every = zero.map(lambda leaf: leaf[:, None][:, :0])
        output = torch_path.nothing(padded, weights)
    last = now.to(dtype=weights.hidden.dtype)
    path = Path("loop", "called by name")
    if isinstance(x, Ragged):
        values = output[x.mask()]
        return Traced(Ragged(values, x.lengths), last, every, path)
    return Traced(output, last, every, path)


def first_state(
    cell: Cell[S], state: S | None, weights: Weights, batch: int, fresh: S | None = None
) -> S:
    """Return the first state, (B, H), in the weights' dtype: autocast does not wear it down."""
    dtype = weights.hidden.dtype
    if state is not None:
        return state.to(dtype=dtype)
    if fresh is not None:
        return fresh.map(lambda leaf: leaf.to(dtype).expand(batch, -1))
    return cell.zero_state(batch, weights.hidden.shape[1], weights.hidden)


def _batch(x: Tensor | Ragged) -> int:
    return x.batch if isinstance(x, Ragged) else x.shape[0]

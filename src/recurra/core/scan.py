"""One cell over time, one layer, one direction: the place that picks how, and can say why.

loop     the cell's equations, step by step: the oracle; always there
torch    torch's own recurrence, one call for all steps (see torch_path.py)
native   the kernels in C++, on a CPU, where they are built (see native_path.py)

`RECURRA_PATH=loop`, `torch` or `native` in the environment asks for a path.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import linear

from recurra.core import native_path, torch_path
from recurra.core.cells import LSTM, Cell, Weights
from recurra.core.ragged import Ragged, beside, drop
from recurra.core.state import State, stack
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


R = TypeVar("R", Scanned[Any, Any], Traced[Any, Any])


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
    why = "" if wish == "torch" else native_path.refusal(cell, x, weights)
    if wish != "torch" and not why:
        if wish or not _better_by_onednn(cell, x, weights, every_state):
            return NATIVE
        why = f"faster than the native kernels from {native_path.ONEDNN_FROM} units on"
    if wish == "native":
        why += ", though RECURRA_PATH asks for native"
    also = f"; {why}" if why else ""
    vain = ", though RECURRA_PATH asks for it" if wish == "torch" else also
    if cell not in torch_path.FUNCTIONS:
        return Path("loop", f"torch has no {type(cell).__name__}{vain}")
    if every_state and cell == LSTM:
        return Path("loop", f"torch shows an LSTM's cell state after the last step alone{vain}")
    engine = torch_path.engine(cell, weights.input)
    if engine == "oneDNN" and _steps(x) < FEW_STEPS and wish != "torch":
        reason = "too few steps to be worth laying out the weights as oneDNN wants them"
        return Path("loop", reason + also)
    return Path("torch", f"{engine} runs all steps in one call{also}")


def _better_by_onednn(
    cell: Cell[Any], x: Tensor | Ragged, weights: Weights, every_state: bool
) -> bool:
    return (
        weights.hidden.shape[1] >= native_path.ONEDNN_FROM
        and cell == LSTM
        and not every_state
        and isinstance(x, Tensor)
        and x.shape[1] >= FEW_STEPS
        and torch_path.engine(cell, weights.input) == "oneDNN"
    )


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
) -> Scanned[X, S]:
    """Walk a cell over time.

    Args:
        cell: one step of the recurrence.
        x: (B, T, F), or Ragged with values (N, F).
        weights: the layer's parameters.
        state: first state, leaves (B, H); zeros where None.
        reverse: read each row from its last step to its first; outputs stay beside their inputs.
        resets: (B, T) bool: true at (b, t) cuts row b before step t, so that the state which would
            cross the cut, in either direction, is zero instead.

    Returns:
        Output of the same kind as x; the last state, which is the first one for rows without steps.

    Raises:
        OptionError: shapes, dtypes or kinds that do not fit each other.
    """
    check_input(x, weights.input, resets)
    check_state(cell, state, x, (), weights.hidden.shape[1])
    return walk(cell, x, weights, state, reverse, resets)


def walk(
    cell: Cell[S], x: X, weights: Weights, state: S | None, reverse: bool, resets: Tensor | None
) -> Scanned[X, S]:
    """As `scan`, with input, state and resets checked already."""
    check_weights(cell, weights, x)
    path = choose(cell, x, weights)
    if path.name == "native":
        output, last = native_path.walk(cell, x, weights, state, reverse, resets)
    elif path.name == "torch":
        first = first_state(cell, state, weights, _batch(x))
        output, last = torch_path.walk(cell, x, weights, first, reverse, resets)
    else:
        traced = loop(cell, x, weights, state, reverse=reverse, resets=resets)
        output, last = traced.output, traced.state
    return Scanned(output, last, path)


def scan_states(
    cell: Cell[S],
    x: X,
    weights: Weights,
    state: S | None = None,
    *,
    reverse: bool = False,
    resets: Tensor | None = None,
) -> Traced[X, S]:
    """Walk a cell over time and keep the state after each step, leaves (B, T, H); see `scan`."""
    check_input(x, weights.input, resets)
    check_state(cell, state, x, (), weights.hidden.shape[1])
    return walk_states(cell, x, weights, state, reverse, resets)


def walk_states(
    cell: Cell[S], x: X, weights: Weights, state: S | None, reverse: bool, resets: Tensor | None
) -> Traced[X, S]:
    """As `scan_states`, with input, state and resets checked already."""
    check_weights(cell, weights, x)
    path = choose(cell, x, weights, every_state=True)
    if path.name == "loop":
        traced = loop(cell, x, weights, state, reverse=reverse, resets=resets)
        return Traced(traced.output, traced.state, traced.states, path)
    if path.name == "native":
        return Traced(*native_path.walk_states(cell, x, weights, state, reverse, resets), path)
    first = first_state(cell, state, weights, _batch(x))
    output, last = torch_path.walk(cell, x, weights, first, reverse, resets)
    # Chosen only for cells whose state is their output and nothing more.
    shown = output.padded() if isinstance(output, Ragged) else output
    return Traced(output, last, last.map(lambda _: shown), path)


def loop(
    cell: Cell[S],
    x: X,
    weights: Weights,
    state: S | None = None,
    *,
    reverse: bool = False,
    resets: Tensor | None = None,
) -> Traced[X, S]:
    """Walk a cell over time step by step, in plain operations: the oracle; see `scan`."""
    padded = x.padded() if isinstance(x, Ragged) else x
    batch, steps = padded.shape[:2]
    alive = x.mask() if isinstance(x, Ragged) else None
    projected = linear(padded, weights.input, weights.input_bias)
    now = first_state(cell, state, weights, batch)
    zero = now.map(torch.zeros_like)
    cut = None if resets is None else resets.to(padded.device)
    if cut is not None and alive is not None:
        cut = cut & alive
    states: list[S] = []
    for t in reversed(range(steps)) if reverse else range(steps):
        if cut is not None and not reverse:
            now = zero.where(cut[:, t], now)
        then = cell.step(projected[:, t], now, weights.hidden, weights.hidden_bias)
        states.append(then if alive is None else then.where(alive[:, t], zero))
        now = then if alive is None else then.where(alive[:, t], now)
        if cut is not None and reverse:
            now = zero.where(cut[:, t], now)
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


def first_state(cell: Cell[S], state: S | None, weights: Weights, batch: int) -> S:
    """Return the first state, (B, H), in the weights' dtype: autocast does not wear it down."""
    if state is None:
        return cell.zero_state(batch, weights.hidden.shape[1], weights.hidden)
    return state.to(dtype=weights.hidden.dtype)


def check_input(x: Tensor | Ragged, weight: Tensor, resets: Tensor | None) -> None:
    """Check input and resets against an input weight (G*H, F).

    Raises:
        OptionError: they do not fit.
    """
    features = weight.shape[-1]
    if isinstance(x, Ragged):
        values, batch, steps = x.values, x.batch, x.steps
        letters, fits = f"a Ragged with values (N, F) = (N, {features})", values.dim() == 2
    else:
        values, letters, fits = x, f"(B, T, F) = (B, T, {features})", x.dim() == 3
        batch, steps = (x.shape[0], x.shape[1]) if fits else (0, 0)
    if not fits or values.shape[-1] != features:
        raise OptionError(f"an input of shape {tuple(values.shape)}", expected=letters)
    if values.dtype != weight.dtype and not (
        torch.is_autocast_enabled(values.device.type) and values.is_floating_point()
    ):
        raise OptionError(
            f"an input of dtype {values.dtype}", expected=f"{weight.dtype}, as the weights"
        )
    if resets is not None and (resets.shape != (batch, steps) or resets.dtype != torch.bool):
        raise OptionError(
            f"resets of shape {tuple(resets.shape)} and {resets.dtype}",
            expected=f"(B, T) = {(batch, steps)} and torch.bool",
        )


def check_state(
    cell: Cell[Any], state: object, x: Tensor | Ragged, between: tuple[int, ...], hidden: int
) -> None:
    """Check a first state with leaves (B, *between, H), if there is one.

    Raises:
        OptionError: it is of another kind or shape.
    """
    if state is None:
        return
    if not isinstance(state, cell.state_type):
        raise OptionError(
            f"a first state of type {type(state).__name__}", expected=cell.state_type.__name__
        )
    wanted = (_batch(x), *between, hidden)
    device = (x.values if isinstance(x, Ragged) else x).device
    for name, leaf in state.arrays().items():
        if leaf.shape != wanted or leaf.device != device:
            raise OptionError(
                f"a first state whose {name} has shape {tuple(leaf.shape)}, on {leaf.device}",
                expected=f"{'(B, L*D, H)' if between else '(B, H)'} = {wanted}, on {device}",
            )


def check_weights(cell: Cell[Any], weights: Weights, x: Tensor | Ragged) -> None:
    """Check weights against each other and against the features of x.

    Raises:
        OptionError: they do not fit.
    """
    w_ih, w_hh, b_ih, b_hh = weights
    hidden = w_hh.shape[-1]
    rows = cell.gates * hidden
    features = (x.values if isinstance(x, Ragged) else x).shape[-1]
    if (b_ih is None) != (b_hh is None):
        raise OptionError("one bias of two", expected="both or none")
    if (
        w_hh.shape != (rows, hidden)
        or w_ih.shape != (rows, features)
        or (b_ih is not None and b_ih.shape != (rows,))
        or (b_hh is not None and b_hh.shape != (rows,))
    ):
        raise OptionError(
            f"weights of shapes {[tuple(w.shape) for w in weights if w is not None]}",
            expected=f"(G*H, F), (G*H, H) and (G*H,) twice or not at all, G={cell.gates} and "
            f"F={features}",
        )


def _batch(x: Tensor | Ragged) -> int:
    return x.batch if isinstance(x, Ragged) else x.shape[0]


def climb(
    x: X, count: int, directions: int, share: float, step: Callable[[X, int], R]
) -> tuple[X, list[R]]:
    """Return the top layer's output, and what `step` gave for each of all layers and directions.

    Args:
        count: layers times directions.
        share: dropped between layers.
        step: walks the k-th of them over what the layer below gave.
    """
    results: list[R] = []
    for k in range(0, count, directions):
        if k and share:
            x = drop(x, share)
        results += [step(x, k + way) for way in range(directions)]
        x = beside([result.output for result in results[k:]])
    return x, results

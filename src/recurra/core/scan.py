"""One cell over time, one layer, one direction: the place that picks how, and can say why.

loop     the cell's equations, step by step: the oracle, always there (see loop.py)
torch    torch's own recurrence, one call for all steps (see torch_path.py)
native   the kernels in C++, on a CPU, where they are built (see native_path.py)

`RECURRA_PATH=loop`, `torch` or `native` in the environment asks for a path.
"""

from __future__ import annotations

import os
from typing import Any, TypeVar

import torch
from torch import Tensor

from recurra.core import native_path, product, projection, torch_path
from recurra.core.arguments import Path, ScanArguments, Scanned, Traced, first_state
from recurra.core.cells import LSTM, Cell, Weights
from recurra.core.loop import loop
from recurra.core.ragged import Ragged
from recurra.core.resets import in_pieces
from recurra.core.state import State
from recurra.core.validation import check_input, check_state, check_weights
from recurra.core.variants import Projected
from recurra.errors import OptionError
from recurra.native.binding import instructions

FEW_STEPS = 3
"""Below so many steps oneDNN takes longer than the loop (10 times, at one row and H = 512)."""

S = TypeVar("S", bound=State)
X = TypeVar("X", Tensor, Ragged)


NATIVE = Path("native", f"kernels for {instructions()} run all steps in one call")
"""The native path, where nothing stands against it."""

FOLDED = NATIVE._replace(reason=NATIVE.reason + "; the projection is folded into the weights")
"""The native path of a projected LSTM."""


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
            path = NATIVE if plain is cell else FOLDED
            how = product.described(weights.hidden.shape[1])
            return path._replace(reason=path.reason + how) if how else path
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
        and not torch.is_autocast_enabled("cpu")
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
    """Walk a cell over time; see `ScanArguments`.

    Returns:
        Output of the same kind as x; the last state, which is the first one for rows without steps.

    Raises:
        OptionError: shapes, dtypes or kinds that do not fit each other.
    """
    return walk(_checked(ScanArguments(cell, x, weights, state, reverse, resets, fresh)))


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
    return walk_states(_checked(ScanArguments(cell, x, weights, state, reverse, resets, fresh)))


def walk(arguments: ScanArguments[X, S]) -> Scanned[X, S]:
    """As `scan`, with input, state and resets checked already."""
    check_weights(arguments.cell, arguments.weights, arguments.x)
    path = choose(arguments.cell, arguments.x, arguments.weights)
    output, last, _ = _walk(path, arguments, every=False)
    return Scanned(output, last, path)


def walk_states(arguments: ScanArguments[X, S]) -> Traced[X, S]:
    """As `scan_states`, with input, state and resets checked already."""
    check_weights(arguments.cell, arguments.weights, arguments.x)
    path = choose(arguments.cell, arguments.x, arguments.weights, every_state=True)
    output, last, states = _walk(path, arguments, every=True)
    assert states is not None
    return Traced(output, last, states, path)


def _checked(arguments: ScanArguments[X, S]) -> ScanArguments[X, S]:
    weights = arguments.weights
    check_input(arguments.x, weights.input, arguments.resets)
    check_state(arguments.cell, arguments.state, arguments.x, (), weights.hidden.shape[1])
    return arguments


def _walk(path: Path, a: ScanArguments[X, S], *, every: bool) -> tuple[X, S, S | None]:
    """Return output, last state, and the state after each step where it is asked for."""
    if path.name == "loop":
        traced = loop(a)
        return traced.output, traced.state, traced.states
    if path.name == "torch" or a.fresh is not None:
        a = a._replace(state=first_state(a))
        if a.resets is not None and bool(a.resets.any()):
            # Neither torch nor the kernels know a state other than zeros after a reset.
            return in_pieces(a, lambda rows: _walk(path, rows, every=every))
    if path.name == "native" and type(a.cell) is Projected:
        return projection.walk(a, lambda plain: _walk(path, plain, every=every))  # type: ignore[arg-type, return-value]
    if path.name == "native":
        if every:
            return native_path.walk_states(a)
        top, after = native_path.walk(a)
        return top, after, None
    output, last = torch_path.walk(a)
    if not every:
        return output, last, None
    # Chosen only for cells whose state is their output and nothing more.
    shown = output.padded() if isinstance(output, Ragged) else output
    return output, last, last.map(lambda _: shown)

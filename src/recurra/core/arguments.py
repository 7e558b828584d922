"""What a scan is given, as one value, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

from torch import Tensor

from recurra.core.cells import Cell, Weights
from recurra.core.ragged import Ragged
from recurra.core.state import State

S = TypeVar("S", bound=State)
X = TypeVar("X", Tensor, Ragged)


class ScanArguments(NamedTuple, Generic[X, S]):
    """All that says what a scan computes; `scan.scan` checks whether it fits.

    A tuple, since a step of a stream makes one, and a frozen dataclass takes a microsecond more.

    Args:
        cell: one step of the recurrence.
        x: (B, T, F), or Ragged with values (N, F).
        weights: the layer's parameters.
        state: first state, leaves (B, H); as `fresh` where None.
        reverse: each row is read from its last step to its first; outputs stay beside their inputs.
        resets: (B, T) bool: true at (b, t) resets row b between steps t - 1 and t: whichever way
            it is read, the state that would be handed on there is `fresh` instead.
        fresh: what a row begins with, leaves (H,); zeros where None.
    """

    cell: Cell[S]
    x: X
    weights: Weights
    state: S | None = None
    reverse: bool = False
    resets: Tensor | None = None
    fresh: S | None = None


def first_state(arguments: ScanArguments[X, S]) -> S:
    """Return the first state, (B, H), in the weights' dtype, whatever autocast computes in."""
    if arguments.state is None:
        return fresh_state(arguments)
    return arguments.state.to(dtype=arguments.weights.hidden.dtype)


def fresh_state(arguments: ScanArguments[X, S]) -> S:
    """Return what rows begin with where they are given no state, (B, H)."""
    x, hidden, fresh = arguments.x, arguments.weights.hidden, arguments.fresh
    batch = x.batch if isinstance(x, Ragged) else x.shape[0]
    if fresh is None:
        return arguments.cell.zero_state(batch, hidden.shape[1], hidden)
    return fresh.map(lambda leaf: leaf.to(hidden.dtype).expand(batch, -1))


class Path(NamedTuple):
    """Which implementation runs the recurrence, and why.

        for path in recurra.nn.LSTM(16, 32).explain(torch.randn(4, 10, 16)):
            print(path.name, path.reason)

    `layer.explain(x)` gives one for each layer and direction.
    """

    name: Literal["loop", "torch", "native"]
    reason: str


@dataclass(frozen=True, eq=False)
class Scanned(Generic[X, S]):
    """Output (B, T, H) or Ragged as the input was; last state, leaves (B, H); the path that ran."""

    output: X
    state: S
    path: Path


@dataclass(frozen=True, eq=False)
class Traced(Generic[X, S]):
    """As Scanned, with the state after each step: leaves (B, T, ..., H), zeros after a row's end.

        traced = recurra.nn.LSTM(16, 32, num_layers=2).trace(torch.randn(4, 10, 16))
        traced.states.cell  # (B, T, L*D, H)

    T is the longest row's where the input is Ragged.
    """

    output: X
    state: S
    states: S
    path: Path

"""One step of each cell, written as its equations; over time it is the oracle, see loop.py.

A cell knows no time, padding, direction or stacking. `projected` is the input's share of the gates,
W_x x_t + b_x, which for all steps is one matrix product, made before the first step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, NamedTuple, TypeVar, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from recurra.core.state import HiddenState, LSTMState, State

S = TypeVar("S", bound=State)


class Weights(NamedTuple):
    """A layer's parameters in one direction, in torch's gate order; G gates.

    input (G*H, F), hidden (G*H, H), input_bias and hidden_bias (G*H,), or None both.
    """

    input: Tensor
    hidden: Tensor
    input_bias: Tensor | None = None
    hidden_bias: Tensor | None = None


class Cell(ABC, Generic[S]):
    """One step of a recurrence; `gates` is G, the rows of its weights in units of H."""

    gates: ClassVar[int]
    state_type: ClassVar[type[State]]

    @abstractmethod
    def step(self, projected: Tensor, state: S, weight_hh: Tensor, bias_hh: Tensor | None) -> S:
        """Return the state after one step.

        Args:
            projected: (B, G*H), the input's share of the gates, its bias included.
            state: leaves (B, H).
            weight_hh: (G*H, H).
            bias_hh: (G*H,), or None.
        """

    @abstractmethod
    def output(self, state: S) -> Tensor:
        """Return the output of a step, which is a part of its state, (B, H)."""

    @abstractmethod
    def zero_state(self, batch: int, hidden: int, like: Tensor) -> S:
        """Return a first state of zeros, leaves (B, H), of the device and dtype of `like`."""


class HiddenCell(Cell[HiddenState]):
    """A cell whose state is its output and nothing more."""

    state_type: ClassVar[type[State]] = HiddenState

    def output(self, state: HiddenState) -> Tensor:
        """Return the hidden state, (B, H)."""
        return state.hidden

    def zero_state(self, batch: int, hidden: int, like: Tensor) -> HiddenState:
        """Return a first state of zeros."""
        return HiddenState(like.new_zeros(batch, hidden))


class MemoryCell(Cell[LSTMState]):
    """A cell with a memory beside its output."""

    state_type: ClassVar[type[State]] = LSTMState

    def output(self, state: LSTMState) -> Tensor:
        """Return the hidden state, (B, H)."""
        return state.hidden

    def zero_state(self, batch: int, hidden: int, like: Tensor) -> LSTMState:
        """Return a first state of zeros."""
        return LSTMState(like.new_zeros(batch, hidden), like.new_zeros(batch, hidden))


@final
@dataclass(frozen=True)
class RNNCell(HiddenCell):
    """h_t = f(W_x x_t + b_x + W_h h_(t-1) + b_h) with f tanh or relu (Elman 1990)."""

    nonlinearity: Literal["tanh", "relu"] = "tanh"
    gates: ClassVar[int] = 1

    def step(
        self, projected: Tensor, state: HiddenState, weight_hh: Tensor, bias_hh: Tensor | None
    ) -> HiddenState:
        """Return the state after one step."""
        total = projected + linear(state.hidden, weight_hh, bias_hh)
        return HiddenState(torch.tanh(total) if self.nonlinearity == "tanh" else torch.relu(total))


@final
@dataclass(frozen=True)
class GRUCell(HiddenCell):
    """Gated recurrent unit (Cho et al. 2014), in torch's variant and gate order r, z, n.

    r = sigmoid(x_r + W_r h + b_r), z = sigmoid(x_z + W_z h + b_z),
    n = tanh(x_n + r * (W_n h + b_n)), h' = (1 - z) * n + z * h.
    """

    gates: ClassVar[int] = 3

    def step(
        self, projected: Tensor, state: HiddenState, weight_hh: Tensor, bias_hh: Tensor | None
    ) -> HiddenState:
        """Return the state after one step."""
        hidden = state.hidden
        x_reset, x_update, x_new = projected.chunk(3, -1)
        h_reset, h_update, h_new = linear(hidden, weight_hh, bias_hh).chunk(3, -1)
        reset = torch.sigmoid(x_reset + h_reset)
        update = torch.sigmoid(x_update + h_update)
        new = torch.tanh(x_new + reset * h_new)
        return HiddenState((1 - update) * new + update * hidden)


@final
@dataclass(frozen=True)
class LSTMCell(MemoryCell):
    """Long short-term memory with forget gate (Gers et al. 2000), gate order i, f, g, o.

    i, f, o = sigmoid(x + W h + b), g = tanh(x_g + W_g h + b_g), c' = f * c + i * g,
    h' = o * tanh(c').
    """

    gates: ClassVar[int] = 4

    def step(
        self, projected: Tensor, state: LSTMState, weight_hh: Tensor, bias_hh: Tensor | None
    ) -> LSTMState:
        """Return the state after one step."""
        total = projected + linear(state.hidden, weight_hh, bias_hh)
        enter, forget, new, out = total.chunk(4, -1)
        cell = torch.sigmoid(forget) * state.cell + torch.sigmoid(enter) * torch.tanh(new)
        return LSTMState(torch.sigmoid(out) * torch.tanh(cell), cell)


RNN_TANH = RNNCell("tanh")
RNN_RELU = RNNCell("relu")
GRU = GRUCell()
LSTM = LSTMCell()

"""One step of cells that have parameters of their own, as their equations; see cells.py.

They hold them, so that one is made anew for each call of a layer. LN(a; gain, shift) is
gain * (a - mean(a)) / sqrt(var(a) + 1e-5) + shift, over all numbers of a, as in Ba et al. 2016
(arXiv:1607.06450); shifts are the layer's biases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, final

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, linear

from recurra.core.cells import Cell, HiddenCell, MemoryCell, RNNCell
from recurra.core.state import HiddenState, LSTMState, State

S = TypeVar("S", bound=State)


def units(cell: Cell[Any], hidden: int) -> int:
    """Return H of a cell with a hidden state of this size: the same, but where it is projected."""
    # Not isinstance, which is slow where a class is abstract, and this is asked at every call.
    inner = cell.inner if type(cell) is Zoneout else cell
    return inner.weight.shape[1] if type(inner) is Projected else hidden


@final
@dataclass(frozen=True, eq=False)
class LayerNormRNN(HiddenCell):
    """h_t = f(LN(W_x x_t + W_h h_(t-1); gain, shift)): equation 4 of Ba et al. 2016.

    gain and shift (H,). The weights that its step is given have no bias.
    """

    inner: RNNCell
    gain: Tensor
    shift: Tensor | None
    gates: ClassVar[int] = 1

    def step(
        self, projected: Tensor, state: HiddenState, weight_hh: Tensor, bias_hh: Tensor | None
    ) -> HiddenState:
        """Return the state after one step."""
        total = projected + linear(state.hidden, weight_hh, bias_hh)
        normed = _normed(total, self.gain, self.shift)
        relu = self.inner.nonlinearity == "relu"
        return HiddenState(torch.relu(normed) if relu else torch.tanh(normed))


@final
@dataclass(frozen=True, eq=False)
class LayerNormGRU(HiddenCell):
    """The GRU of Ba et al. 2016 (supplement), with z and 1 - z where torch has them.

    r, z = sigmoid(LN(W_rz x) + LN(U_rz h)), n = tanh(LN(W_n x) + r * LN(U_n h)),
    h' = (1 - z) * n + z * h: r and z are normalised together, n by itself; gains and shifts (3*H,).
    """

    gain_x: Tensor
    gain_h: Tensor
    shift_x: Tensor | None
    shift_h: Tensor | None
    gates: ClassVar[int] = 3

    def step(
        self, projected: Tensor, state: HiddenState, weight_hh: Tensor, bias_hh: Tensor | None
    ) -> HiddenState:
        """Return the state after one step."""
        hidden = state.hidden
        at = 2 * hidden.shape[-1]
        x_gates, x_new = _normed_apart(projected, self.gain_x, self.shift_x, at)
        total = linear(hidden, weight_hh, bias_hh)
        h_gates, h_new = _normed_apart(total, self.gain_h, self.shift_h, at)
        reset, update = torch.sigmoid(x_gates + h_gates).chunk(2, -1)
        new = torch.tanh(x_new + reset * h_new)
        return HiddenState((1 - update) * new + update * hidden)


@final
@dataclass(frozen=True, eq=False)
class LayerNormLSTM(MemoryCell):
    """The LSTM of Ba et al. 2016 (supplement), gates in torch's order.

    i, f, g, o = LN(W_x x; gain_x, shift_x) + LN(W_h h; gain_h, shift_h), all four together,
    c' = sigmoid(f) * c + sigmoid(i) * tanh(g), h' = sigmoid(o) * tanh(LN(c'; gain_c, shift_c)).
    """

    gain_x: Tensor
    gain_h: Tensor
    gain_c: Tensor
    shift_x: Tensor | None
    shift_h: Tensor | None
    shift_c: Tensor | None
    gates: ClassVar[int] = 4

    def step(
        self, projected: Tensor, state: LSTMState, weight_hh: Tensor, bias_hh: Tensor | None
    ) -> LSTMState:
        """Return the state after one step."""
        from_x = _normed(projected, self.gain_x, self.shift_x)
        from_h = _normed(linear(state.hidden, weight_hh, bias_hh), self.gain_h, self.shift_h)
        enter, forget, new, out = (from_x + from_h).chunk(4, -1)
        cell = torch.sigmoid(forget) * state.cell + torch.sigmoid(enter) * torch.tanh(new)
        shown = torch.tanh(_normed(cell, self.gain_c, self.shift_c))
        return LSTMState(torch.sigmoid(out) * shown, cell)


@final
@dataclass(frozen=True, eq=False)
class Projected(MemoryCell):
    """An LSTM whose hidden state is projected: h' = W_r (o * tanh(c')), weight W_r (P, H).

    Sak et al. 2014 (arXiv:1402.1128), without peepholes, as in torch.nn.LSTM. hidden is (B, P),
    cell (B, H), and the recurrent weights are (4*H, P).
    """

    inner: Cell[LSTMState]
    weight: Tensor
    gates: ClassVar[int] = 4

    def step(
        self, projected: Tensor, state: LSTMState, weight_hh: Tensor, bias_hh: Tensor | None
    ) -> LSTMState:
        """Return the state after one step."""
        then = self.inner.step(projected, state, weight_hh, bias_hh)
        return LSTMState(linear(then.hidden, self.weight), then.cell)

    def zero_state(self, batch: int, hidden: int, like: Tensor) -> LSTMState:
        """Return a first state of zeros: hidden (B, P), cell (B, H)."""
        cell = like.new_zeros(batch, self.weight.shape[1])
        return LSTMState(like.new_zeros(batch, hidden), cell)


@final
@dataclass(frozen=True, eq=False)
class Zoneout(Cell[S], Generic[S]):
    """A cell whose units keep, by chance, what they were (Krueger et al. 2017, arXiv:1606.01305).

    s' = d * s + (1 - d) * cell(s), d drawn for each unit of hidden and cell state by itself and 1
    with probability `share`; where nothing is drawn (evaluation), d is its expectation, `share`.
    An LSTM's new hidden state is of the new cell state before zoneout, as in the paper.
    """

    inner: Cell[S]
    share: float
    draws: bool

    def __post_init__(self) -> None:
        # As the inner cell's; what others read of a class, they read of the object as well.
        vars(self).update(gates=self.inner.gates, state_type=self.inner.state_type)

    def step(self, projected: Tensor, state: S, weight_hh: Tensor, bias_hh: Tensor | None) -> S:
        """Return the state after one step."""
        old, then = state.arrays(), self.inner.step(projected, state, weight_hh, bias_hh)
        if not self.draws:
            return then.named(lambda name, new: torch.lerp(new, old[name].to(new), self.share))
        return then.named(
            lambda name, new: torch.where(torch.rand_like(new) < self.share, old[name], new)
        )

    def output(self, state: S) -> Tensor:
        """Return the output of the inner cell."""
        return self.inner.output(state)

    def zero_state(self, batch: int, hidden: int, like: Tensor) -> S:
        """Return a first state of zeros."""
        return self.inner.zero_state(batch, hidden, like)


def _normed(total: Tensor, gain: Tensor, shift: Tensor | None) -> Tensor:
    return layer_norm(total, gain.shape, gain, shift)


def _normed_apart(
    total: Tensor, gain: Tensor, shift: Tensor | None, at: int
) -> tuple[Tensor, Tensor]:
    """Normalise the numbers below `at`, and those from there on, each by themselves."""
    low = None if shift is None else shift[:at]
    high = None if shift is None else shift[at:]
    return _normed(total[..., :at], gain[:at], low), _normed(total[..., at:], gain[at:], high)

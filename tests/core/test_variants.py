"""Normalised, projected and zoned out cells are their equations, worked out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from recurra.core import cells
from recurra.core.state import HiddenState, LSTMState
from recurra.core.variants import (
    LayerNormGRU,
    LayerNormLSTM,
    LayerNormRNN,
    Projected,
    Zoneout,
    units,
)

Numbers = NDArray[np.float64]

B, H = 3, 4


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def normed(total: Tensor, gain: Tensor, shift: Tensor) -> Numbers:
    """Equations 3 and 4 of Ba et al. 2016, with torch's small number under the root."""
    a = total.numpy()
    mean = a.mean(-1, keepdims=True)
    spread = np.sqrt(((a - mean) ** 2).mean(-1, keepdims=True) + 1e-5)
    found: Numbers = gain.numpy() * (a - mean) / spread + shift.numpy()
    return found


def sigmoid(x: Numbers) -> Numbers:
    found: Numbers = 1 / (1 + np.exp(-x))
    return found


def same(found: Tensor, expected: Numbers) -> None:
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)


def test_a_normalised_rnn() -> None:
    x, h, w = drawn(B, H, seed=0), drawn(B, H, seed=1), drawn(H, H, seed=2)
    gain, shift = drawn(H, seed=3), drawn(H, seed=4)
    total = normed(x + h @ w.T, gain, shift)
    tanh = LayerNormRNN(cells.RNN_TANH, gain, shift).step(x, HiddenState(h), w, None)
    same(tanh.hidden, np.tanh(total))
    relu = LayerNormRNN(cells.RNN_RELU, gain, shift).step(x, HiddenState(h), w, None)
    same(relu.hidden, np.maximum(total, 0))


def test_a_normalised_gru() -> None:
    x, h, w = drawn(B, 3 * H, seed=0), drawn(B, H, seed=1), drawn(3 * H, H, seed=2)
    gain_x, gain_h, shift_x, shift_h = (drawn(3 * H, seed=k) for k in range(3, 7))
    cell = LayerNormGRU(gain_x, gain_h, shift_x, shift_h)
    found = cell.step(x, HiddenState(h), w, None).hidden
    both, new = slice(0, 2 * H), slice(2 * H, 3 * H)
    share = h @ w.T
    gates = normed(x[:, both], gain_x[both], shift_x[both])
    gates = sigmoid(gates + normed(share[:, both], gain_h[both], shift_h[both]))
    r, z = gates[:, :H], gates[:, H:]
    n = normed(x[:, new], gain_x[new], shift_x[new])
    n = np.tanh(n + r * normed(share[:, new], gain_h[new], shift_h[new]))
    same(found, (1 - z) * n + z * h.numpy())


def test_a_normalised_lstm() -> None:
    x, w = drawn(B, 4 * H, seed=0), drawn(4 * H, H, seed=2)
    h, c = drawn(B, H, seed=1), drawn(B, H, seed=9)
    gain_x, gain_h, shift_x, shift_h = (drawn(4 * H, seed=k) for k in range(3, 7))
    gain_c, shift_c = drawn(H, seed=7), drawn(H, seed=8)
    cell = LayerNormLSTM(gain_x, gain_h, gain_c, shift_x, shift_h, shift_c)
    found = cell.step(x, LSTMState(h, c), w, None)
    total = normed(x, gain_x, shift_x) + normed(h @ w.T, gain_h, shift_h)
    i, f, g, o = np.split(total, 4, -1)
    new = sigmoid(f) * c.numpy() + sigmoid(i) * np.tanh(g)
    same(found.cell, new)
    shown = np.tanh(normed(torch.from_numpy(new), gain_c, shift_c))
    same(found.hidden, sigmoid(o) * shown)


def test_without_shifts_they_are_zero() -> None:
    x, h, w = drawn(B, 3 * H, seed=0), HiddenState(drawn(B, H, seed=1)), drawn(3 * H, H, seed=2)
    gain, zero = drawn(3 * H, seed=3), torch.zeros(3 * H, dtype=torch.float64)
    found = LayerNormGRU(gain, gain, None, None).step(x, h, w, None)
    expected = LayerNormGRU(gain, gain, zero, zero).step(x, h, w, None)
    assert torch.equal(found.hidden, expected.hidden)


def test_a_projected_state() -> None:
    x, w = drawn(B, 4 * H, seed=0), drawn(4 * H, 2, seed=2)
    state, down = LSTMState(drawn(B, 2, seed=1), drawn(B, H, seed=9)), drawn(2, H, seed=3)
    cell = Projected(cells.LSTM, down)
    found = cell.step(x, state, w, None)
    plain = cells.LSTM.step(x, state, w, None)
    assert torch.equal(found.cell, plain.cell)
    same(found.hidden, plain.hidden.numpy() @ down.numpy().T)
    zero = cell.zero_state(B, 2, w)
    assert (zero.hidden.shape, zero.cell.shape) == ((B, 2), (B, H))
    assert units(cell, 2) == units(Zoneout(cell, 0.1, False), 2) == H
    assert units(cells.LSTM, 5) == units(Zoneout(cells.GRU, 0.1, False), 5) == 5


@pytest.mark.parametrize("cell", [cells.RNN_TANH, cells.GRU, cells.LSTM])
def test_zoneout_mixes_the_old_state_and_the_new(cell: cells.Cell[Any]) -> None:
    """Of an LSTM's, h' = o * tanh(c') with the c' that was not zoned out."""
    wide = 200
    x, w = drawn(B, cell.gates * wide, seed=0), drawn(cell.gates * wide, wide, seed=1)
    leaves = [drawn(B, wide, seed=2), drawn(B, wide, seed=3)]
    state = cell.state_type(*leaves[: 2 if cell == cells.LSTM else 1])
    plain = cell.step(x, state, w, None).arrays()
    old = state.arrays()
    found = Zoneout(cell, 0.3, False).step(x, state, w, None).arrays()
    for name, leaf in found.items():
        torch.testing.assert_close(leaf, 0.3 * old[name] + 0.7 * plain[name])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn_ = Zoneout(cell, 0.3, True).step(x, state, w, None).arrays()
    kept = {name: leaf == old[name] for name, leaf in drawn_.items()}
    for name, leaf in drawn_.items():
        assert bool((kept[name] | (leaf == plain[name])).all())
        assert 0.23 < kept[name].double().mean().item() < 0.37
    if len(kept) == 2:
        assert not torch.equal(kept["hidden"], kept["cell"])
    none = Zoneout(cell, 0.0, True).step(x, state, w, None).arrays()
    every = Zoneout(cell, 1.0, True).step(x, state, w, None).arrays()
    for name in old:
        assert torch.equal(none[name], plain[name])
        assert torch.equal(every[name], old[name])

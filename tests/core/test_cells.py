"""The cells are their equations, worked by hand, and torch's cells with the same weights."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import linear

from recurra.core import cells
from recurra.core.state import HiddenState, LSTMState


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_rnn_by_hand() -> None:
    """One row, two units: tanh(0.5 + 0.1 + 1 * 0.2 - 2 * 0.4) and tanh(-1 + 0 + 0.5 * 0.2)."""
    state = HiddenState(torch.tensor([[0.2, 0.4]]))
    after = cells.RNN_TANH.step(
        torch.tensor([[0.5, -1.0]]),
        state,
        torch.tensor([[1.0, -2.0], [0.5, 0.0]]),
        torch.tensor([0.1, 0.0]),
    )
    expected = torch.tensor([[math.tanh(0.0), math.tanh(-0.9)]])
    torch.testing.assert_close(after.hidden, expected)
    assert cells.RNN_RELU.step(
        torch.tensor([[0.5, -1.0]]), state, torch.tensor([[1.0, -2.0], [0.5, 0.0]]), None
    ).hidden.tolist() == [[0.0, 0.0]]


def test_lstm_by_hand() -> None:
    """With no recurrent weights the gates are those given: i, f, g, o."""
    projected = torch.tensor([[0.0, 100.0, 100.0, 0.0]])
    after = cells.LSTM.step(
        projected, LSTMState(torch.zeros(1, 1), torch.full((1, 1), 3.0)), torch.zeros(4, 1), None
    )
    assert after.cell.item() == 1 * 3.0 + 0.5 * 1
    assert after.hidden.item() == torch.tensor(0.5 * math.tanh(3.5)).item()


def test_gru_keeps_the_state_where_the_update_gate_is_open() -> None:
    hidden = torch.tensor([[0.3, -0.7]])
    projected = torch.cat([torch.zeros(1, 2), torch.full((1, 2), 1e4), torch.ones(1, 2)], 1)
    after = cells.GRU.step(projected, HiddenState(hidden), torch.ones(6, 2), None)
    assert torch.equal(after.hidden, hidden)


def test_gru_resets_what_the_new_state_sees_after_its_bias() -> None:
    """The variant of cuDNN and torch: r times (W h + b), not W times (r * h)."""
    rng = np.random.default_rng(3)
    x, h, w, b = rng.normal(size=6), rng.normal(size=2), rng.normal(size=(6, 2)), rng.normal(size=6)
    share = w @ h + b
    r, z = (1 / (1 + np.exp(-(x[k : k + 2] + share[k : k + 2]))) for k in (0, 2))
    n = np.tanh(x[4:] + r * share[4:])
    after = cells.GRU.step(
        torch.tensor(x)[None], HiddenState(torch.tensor(h)[None]), torch.tensor(w), torch.tensor(b)
    )
    np.testing.assert_allclose(after.hidden[0].numpy(), (1 - z) * n + z * h, rtol=1e-12)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_cells_are_torchs(batch: int, features: int, hidden: int, seed: int) -> None:
    x, h, c = drawn(batch, features, seed=seed), drawn(batch, hidden, seed=1), drawn(
        batch, hidden, seed=2
    )  # fmt: skip
    double = torch.float64
    for rnn, cell in (
        (nn.RNNCell(features, hidden, dtype=double), cells.RNN_TANH),
        (nn.RNNCell(features, hidden, nonlinearity="relu", dtype=double), cells.RNN_RELU),
    ):
        projected = linear(x, rnn.weight_ih, rnn.bias_ih)
        after = cell.step(projected, HiddenState(h), rnn.weight_hh, rnn.bias_hh)
        torch.testing.assert_close(after.hidden, rnn(x, h))
    gru = nn.GRUCell(features, hidden, dtype=double)
    projected = linear(x, gru.weight_ih, gru.bias_ih)
    after = cells.GRU.step(projected, HiddenState(h), gru.weight_hh, gru.bias_hh)
    torch.testing.assert_close(after.hidden, gru(x, h))
    lstm = nn.LSTMCell(features, hidden, dtype=double)
    projected = linear(x, lstm.weight_ih, lstm.bias_ih)
    both = cells.LSTM.step(projected, LSTMState(h, c), lstm.weight_hh, lstm.bias_hh)
    expected_hidden, expected_cell = lstm(x, (h, c))
    torch.testing.assert_close(both.hidden, expected_hidden)
    torch.testing.assert_close(both.cell, expected_cell)


def test_first_states_are_zeros_like_what_is_given() -> None:
    like = torch.ones(1, dtype=torch.float64)
    state = cells.LSTM.zero_state(2, 3, like)
    assert state.cell.shape == state.hidden.shape == (2, 3)
    assert state.cell.dtype == torch.float64
    assert not state.cell.any()
    assert cells.GRU.zero_state(2, 3, like).batch == 2


def test_cells_are_values() -> None:
    assert cells.RNNCell("tanh") == cells.RNN_TANH != cells.RNN_RELU
    assert cells.LSTMCell() == cells.LSTM
    assert hash(cells.GRUCell()) == hash(cells.GRU)

from __future__ import annotations

import pytest
import torch

from laws import Layer
from recurra.core.initial import reset_orthogonal
from recurra.core.layers import GRU, LSTM, RNN

LAYERS = [
    RNN(3, 5, 2, bidirectional=True),
    GRU(3, 5, 2, bidirectional=True),
    LSTM(3, 5, 2, bidirectional=True),
    LSTM(3, 5, bias=False),
    GRU(7, 1),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_each_gates_recurrent_map_is_orthogonal_and_another(layer: Layer) -> None:
    reset_orthogonal(layer)
    maps = [
        gate
        for name, weight in layer.named_parameters()
        if name.startswith("weight_hh")
        for gate in weight.detach().chunk(layer.cell.gates)
    ]
    assert len(maps) == layer.cell.gates * layer.num_layers * layer.directions
    eye = torch.eye(layer.hidden_size)
    for gate in maps:
        torch.testing.assert_close(gate @ gate.mT, eye, atol=1e-5, rtol=0)
    if layer.hidden_size > 1:
        assert not any(torch.equal(maps[0], other) for other in maps[1:])


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_input_maps_keep_the_scale_of_each_gate(layer: Layer) -> None:
    """Glorot & Bengio's bound (2010) for a gate's own matrix, not for all gates' stacked."""
    reset_orthogonal(layer)
    for name, weight in layer.named_parameters():
        if name.startswith("weight_ih"):
            hidden, features = layer.hidden_size, weight.shape[1]
            bound = (6 / (hidden + features)) ** 0.5
            assert 0.6 * bound < weight.abs().max() <= bound


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_biases_are_zero_but_for_an_lstms_forget_gate(layer: Layer) -> None:
    reset_orthogonal(layer)
    for name, bias in layer.named_parameters():
        if not name.startswith("bias"):
            continue
        expected = torch.zeros(layer.cell.gates, layer.hidden_size)
        if isinstance(layer, LSTM) and name.startswith("bias_ih"):
            expected[1] = 1
        assert torch.equal(bias.detach(), expected.flatten()), name


def test_an_lstm_remembers_at_first() -> None:
    layer = LSTM(1, 4)
    reset_orthogonal(layer)
    state = layer.zero_state(1).map(lambda leaf: torch.ones_like(leaf))
    with torch.no_grad():
        for name, weight in layer.named_parameters():
            if name.startswith("weight"):
                weight.zero_()
        _, after = layer(torch.zeros(1, 1, 1), state)
    # The forget gate's logistic of 1; the input gate adds the tanh of nothing.
    torch.testing.assert_close(after.cell, torch.full((1, 1, 4), 0.7310586))

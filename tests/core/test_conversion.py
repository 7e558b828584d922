"""Layers in terms of NumPy and torch: arrays, packed sequences, tuples, what records a model."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence, unpack_sequence

import laws
import recurra.nn
from recurra.core.ragged import Ragged
from recurra.core.state import HiddenState, LSTMState
from recurra.errors import OptionError

KINDS = ["RNN", "GRU", "LSTM"]


def layer_of(kind: str, **options: Any) -> Any:
    return getattr(recurra.nn, kind)(3, 4, 2, **options)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


class Model(nn.Module):
    """Unpacks what one layer remembers, and gives it to the next."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.below, self.above = layer_of(kind), getattr(recurra.nn, kind)(4, 4, 2)

    def forward(self, x: Tensor) -> Any:
        output, state = self.below(x)
        top, last = self.above(output, tuple(state))
        return top, last.hidden, *last


def test_a_state_unpacks_and_goes_back_in_as_a_tuple() -> None:
    lstm, x = layer_of("LSTM"), noise(2, 5, 3)
    output, (hidden, cell) = lstm(x)
    assert torch.equal(hidden[:, -1], output[:, -1])
    again, state = lstm(x, (hidden, cell))
    assert torch.equal(again, lstm(x, LSTMState(hidden, cell))[0])
    assert state.cell.shape == (2, 2, 4)
    gru = layer_of("GRU")
    output, (hidden,) = gru(x)
    assert torch.equal(gru(x, hidden)[0], gru(x, HiddenState(hidden))[0])
    assert torch.equal(gru(x, (hidden,))[0], gru(x, HiddenState(hidden))[0])
    assert torch.equal(gru.step(x[:, 0], hidden)[0], gru.step(x[:, 0], HiddenState(hidden))[0])
    for wrong in ((hidden, hidden), [None], "a state"):
        with pytest.raises(OptionError, match="HiddenState"):
            gru(x, wrong)
    with pytest.raises(OptionError, match=r"\(B, L\*D, H\)"):
        gru(x, hidden.transpose(0, 1)[:1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sort", [True, False])
def test_packed_in_packed_out(kind: str, sort: bool) -> None:
    layer, rows = layer_of(kind, bidirectional=True), [noise(n, 3) for n in (5, 2, 1)]
    if not sort:
        rows = [rows[1], rows[0], rows[2]]
    packed = pack_sequence(rows, enforce_sorted=sort)
    output, state = layer(packed)
    expected, last = layer(Ragged.from_list(rows))
    assert isinstance(output, PackedSequence)
    for mine, other in zip(unpack_sequence(output), expected.to_list(), strict=True):
        assert torch.equal(mine, other)
    for leaf, other in zip(state.leaves(), last.leaves(), strict=True):
        assert torch.equal(leaf, other)
    assert torch.equal(layer.trace(packed).output.values, expected.values)
    assert layer.explain(packed) == layer.explain(Ragged.from_list(rows))
    with pytest.raises(OptionError, match="lengths"):
        layer(packed, lengths=[5, 2, 1])


def test_arrays_in_tensors_out() -> None:
    layer: Any = layer_of("GRU")
    wide = noise(2, 5, 3).double().numpy()[:, ::-1]
    expected, _ = layer(torch.tensor(wide.copy()).float())
    assert torch.equal(layer(wide)[0], expected)
    assert torch.equal(layer.step(wide[:, 0])[0], expected[:, 0])
    assert torch.equal(layer(np.zeros((2, 5, 3), dtype=int))[0], layer(torch.zeros(2, 5, 3))[0])
    assert layer.double()(wide)[0].dtype == torch.float64
    for wrong in ([[1.0, 2.0, 3.0]], "text", None, np.array([["a"]]), np.zeros((1, 2, 3), complex)):
        with pytest.raises(OptionError, match=r"(?s)an input of type.*Ragged"):
            layer(wrong)
    with pytest.raises(OptionError, match=r"\(B, T, F\)"):
        layer(np.zeros((5, 3)))


@pytest.mark.parametrize(
    ("sizes", "options", "words"),
    [
        ((2, 1.5), {}, r"hidden_size=1\.5.*whole number"),
        (("a", 1), {}, "input_size='a'.*whole number"),
        ((2, None), {}, "hidden_size=None"),
        ((True, 2), {}, "input_size=True"),
        ((2, 3, "x"), {}, "num_layers='x'"),
        ((2, 3), {"dropout": "a"}, "dropout='a'.*0 to 1"),
        ((2, 3), {"dropout": True}, "dropout=True.*0 to 1"),
        ((2, 3), {"zoneout": None}, "zoneout=None.*0 to 1"),
        ((2, 3), {"bias": 3}, "bias=3.*True or False"),
        ((2, 3), {"bidirectional": "yes"}, "bidirectional='yes'.*True or False"),
        ((2, 3), {"batch_first": False}, r"batch_first=False.*transpose\(0, 1\)"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_sizes_and_options_of_another_kind(
    kind: str, sizes: tuple[Any, ...], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(OptionError, match=f"(?s){words}"):
        getattr(recurra.nn, kind)(*sizes, **options)


def test_sizes_and_options_of_numpy_and_of_torch_nn() -> None:
    layer = recurra.nn.LSTM(np.int64(2), 3, dropout=np.float64(0), bias=np.bool_(True))  # type: ignore[arg-type]
    assert repr(layer) == "LSTM(2, 3)"
    assert repr(recurra.nn.LSTM(2, 3, batch_first=True)) == "LSTM(2, 3)"
    assert layer.batch_first
    for wrong in (1.5, "a", 3):
        with pytest.raises(OptionError, match=r"(?s)proj_size=.*hidden_size - 1"):
            recurra.nn.LSTM(2, 3, proj_size=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_exported_with_any_batch_saved_and_loaded(kind: str) -> None:
    layer, x = layer_of(kind), noise(2, 5, 3)
    whole = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("B")},))
    buffer = io.BytesIO()
    torch.export.save(whole, buffer)
    buffer.seek(0)
    more = noise(4, 5, 3)
    expected, last = layer(more)
    for each in (whole, torch.export.load(buffer)):
        output, state = each.module()(more)
        torch.testing.assert_close(output, expected)
        assert type(state) is type(last)
        torch.testing.assert_close(state.hidden, last.hidden)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_recorded_by_torch_jit(kind: str) -> None:
    """A layer alone gives what torch.nn's gives; inside of a model its state is a state."""
    layer, x, more = layer_of(kind), noise(2, 5, 3), noise(4, 7, 3)
    trace: Any = torch.jit.trace
    output, state = trace(layer, (x,))(more)
    expected, last = layer(more)
    torch.testing.assert_close(output, expected)
    leaves = state if kind == "LSTM" else (state,)
    for leaf, other in zip(leaves, last.leaves(), strict=True):
        torch.testing.assert_close(leaf, other)
    model = Model(kind)
    for mine, other in zip(trace(model, (x,))(more), model(more), strict=True):
        torch.testing.assert_close(mine, other)
    with pytest.raises(OptionError, match=r"(?s)jit\.script of.*jit\.trace"):
        torch.jit.script(layer)


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::torch.jit.TracerWarning"
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_older_onnx_export(kind: str) -> None:
    pytest.importorskip("onnx")
    for model in (layer_of(kind), Model(kind)):
        buffer: Any = io.BytesIO()
        torch.onnx.export(model, (noise(2, 5, 3),), buffer, dynamo=False)
        assert kind.encode() in buffer.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_vmap_looks_into_states(kind: str) -> None:
    layer, x = layer_of(kind), noise(3, 2, 5, 3)
    with laws.path(""):
        output, state = torch.func.vmap(layer)(x)
        for b, rows in enumerate(x):
            expected, last = layer(rows)
            torch.testing.assert_close(output[b], expected)
            for leaf, other in zip(state.leaves(), last.leaves(), strict=True):
                torch.testing.assert_close(leaf[b], other)


@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_leaves_of_torch_fx(kind: str) -> None:
    model = Model(kind)
    graph = torch.fx.symbolic_trace(nn.Sequential(layer_of(kind)))
    assert [node.op for node in graph.graph.nodes] == ["placeholder", "call_module", "output"]
    x = noise(2, 5, 3)
    assert torch.equal(graph(x)[0], graph.get_submodule("0")(x)[0])

    class Outputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.below, self.above = model.below, model.above

        def forward(self, x: Tensor) -> Any:
            output, state = self.below(x, lengths=[5, 2])
            return self.above(output, state)[0]

    found = torch.fx.symbolic_trace(Outputs())(x)
    assert torch.equal(found, Outputs()(x))

"""Swapped modules in models of others: step by step, written over, scripted, quantized."""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import laws
import recurra
from recurra.native import absent

pytestmark = pytest.mark.skipif(bool(absent), reason=absent)
KINDS = ["RNN", "GRU", "LSTM"]
CELLS = ["GRUCell", "LSTMCell"]


def pair(kind: str, *sizes: int, **options: Any) -> tuple[Any, Any]:
    """Torch's module, and the same swapped."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = getattr(nn, kind)(*sizes, dtype=torch.float64, **options)
    ours = copy.deepcopy(theirs)
    assert recurra.accelerate(ours).left == {}
    return theirs, ours


def noise(*shape: int, seed: int = 0) -> Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return made.requires_grad_()


def leaves_of(state: Any) -> list[Tensor]:
    return list(state) if isinstance(state, tuple) else [state]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("kind", CELLS)
def test_cells_step_by_step_are_torchs(kind: str, given: bool, alone: bool, bias: bool) -> None:
    theirs, ours = pair(kind, 3, 4, bias=bias)
    shape = () if alone else (2,)
    steps = [noise(*shape, 3, seed=t) for t in range(4)]
    first = [noise(*shape, 4, seed=9 + k) for k in range(2 if kind == "LSTMCell" else 1)]
    found: list[list[Tensor]] = []
    for cell in (theirs, ours):
        state: Any = (tuple(first) if len(first) > 1 else first[0]) if given else None
        for x in steps:
            state = cell(x, state)
        leaves = leaves_of(state)
        sources = [*steps, *(first if given else []), *cell.parameters()]
        found.append(leaves + laws.pull(leaves, sources))
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


def test_the_kernels_are_what_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = laws.paths_of_swapped(monkeypatch)
    for kind in CELLS:
        with laws.path(""):
            pair(kind, 3, 4)[1](noise(2, 3))
    assert calls == ["native", "native"]


@pytest.mark.parametrize("kind", CELLS)
def test_mistakes_with_cells_are_torchs_own(kind: str) -> None:
    theirs, ours = pair(kind, 3, 4)
    x, h = noise(2, 3), noise(2, 4)
    two = kind == "LSTMCell"
    cases: list[tuple[Any, Any]] = [
        (noise(2, 7), None),
        (noise(2, 5, 3), None),
        (x.float(), None),
        (x, (noise(2, 5), noise(2, 5)) if two else noise(2, 5)),
        (x, (h.float(), h.float()) if two else h.float()),
        (x, (noise(3, 4), noise(3, 4)) if two else noise(3, 4)),
    ]
    for arguments in cases:
        messages: list[str] = []
        for cell in (theirs, ours):
            with pytest.raises((RuntimeError, ValueError)) as caught:
                cell(*arguments)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_what_is_recurrent_and_stays_is_listed() -> None:
    class Own(nn.LSTMCell):
        pass

    model = nn.ModuleDict(
        {
            "rnn": nn.RNNCell(3, 4),
            "wide": nn.GRUCell(3, 257),
            "own": Own(3, 4),
            "normed": nn.utils.parametrizations.weight_norm(nn.LSTM(3, 4), "weight_hh_l0"),
            "narrow": nn.LSTMCell(3, 4, dtype=torch.bfloat16),
            "taken": nn.LSTMCell(3, 4),
        }
    )
    quantize: Any = torch.ao.quantization.quantize_dynamic
    model["quantized"] = quantize(nn.Sequential(nn.LSTM(3, 4)))[0]
    report = recurra.accelerate(model)
    assert report.swapped == ("taken",)
    words = {
        "rnn": "as fast",
        "wide": "from 256 units on",
        "own": "Own is not torch.nn's own class",
        "normed": "ParametrizedLSTM",
        "narrow": "bfloat16",
        "quantized": "it is quantized",
    }
    assert {name: word in report.left[name] for name, word in words.items()} == dict.fromkeys(
        words, True
    )
    assert recurra.accelerate(model).left["taken"] == "it is swapped already"


WRITES: dict[str, Any] = {
    "output": lambda module, x, o: F.relu(o, inplace=True),
    "output's view": lambda module, x, o: o.unsqueeze(0).mul_(2),
    "output's first step": lambda module, x, o: o[0].zero_(),
    "input": lambda module, x, o: x.add_(1),
    "output onto input": lambda module, x, o: x.add_(o[..., :3]),
    "bias_ih": lambda module, x, o: add_one(module.bias_ih_l0),
    "bias_hh": lambda module, x, o: add_one(module.bias_hh_l0),
}


def add_one(parameter: Tensor) -> None:
    with torch.no_grad():
        parameter.add_(1)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_over_before_backward(kind: str, batch_first: bool, write: str) -> None:
    """Where torch trains we do, with its gradients; an LSTM's output may be written to as well."""
    found: dict[str, list[Tensor]] = {}
    for name, module in zip(
        ("theirs", "ours"), pair(kind, 3, 4, 2, batch_first=batch_first), strict=True
    ):
        leaf = noise(5, 2, 3)
        x = leaf * 1
        output, _ = module(x)
        WRITES[write](module, x, output)
        with contextlib.suppress(RuntimeError):  # whoever lacks then has refused
            found[name] = laws.pull([output], [leaf, *module.parameters()])
    if "input" in write and not batch_first:
        assert found == {}
        return
    assert "ours" in found
    if "theirs" in found:
        for mine, other in zip(found["ours"], found["theirs"], strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)
    else:
        assert kind == "LSTM"


@pytest.mark.parametrize("kind", KINDS)
def test_an_output_written_over_has_the_gradient_of_one_that_is_not(kind: str) -> None:
    layer = getattr(recurra.nn, kind)(3, 4, dtype=torch.float64)
    x = noise(2, 5, 3)
    sources = [x, *layer.parameters()]
    with laws.path("native"):
        expected = laws.pull([torch.exp(layer(x)[0])], sources)
        found = laws.pull([layer(x)[0].exp_()], sources)
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_found_anew_is_refused(kind: str) -> None:
    """Weights that changed; a bias that changed where gradients are differentiated again."""
    layer, x = getattr(recurra.nn, kind)(3, 4, dtype=torch.float64), noise(2, 5, 3)
    for written, again in (("weight_hh_l0", False), ("bias_hh_l0", True)):
        with laws.path("native"):
            output, _ = layer(x)
            add_one(layer.get_parameter(written))
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                torch.autograd.grad(output.sum(), x, create_graph=again)
    output, _ = layer(x)
    add_one(layer.bias_hh_l0)
    output.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(output.sum(), x)


class Model(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.layer = getattr(nn, kind)(3, 4, 2, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        output, _ = self.layer(x)
        return F.relu(self.head(output))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_scripted_written_as_a_graph_and_quantized(kind: str) -> None:
    model = Model(kind).eval()
    swapped = copy.deepcopy(model)
    recurra.accelerate(swapped)
    x = noise(2, 5, 3).float().detach()
    expected = model(x)
    graph = torch.fx.symbolic_trace(swapped)
    assert [n.target for n in graph.graph.nodes if n.op == "call_module"] == ["layer", "head"]
    torch.testing.assert_close(graph(x), expected)
    script: Any = torch.jit.script
    torch.testing.assert_close(script(copy.deepcopy(swapped))(x), expected)
    assert script(swapped).layer.original_name == kind
    assert type(model.layer) is type(swapped.layer)  # torch.jit puts into a model what it compiles
    assert recurra.accelerate(swapped).swapped == ("layer",)
    if kind != "RNN":  # torch quantizes no RNN either
        quantize: Any = torch.ao.quantization.quantize_dynamic
        mine, other = quantize(swapped), quantize(model)
        assert type(mine.layer) is type(other.layer)
        assert torch.equal(mine(x), other(x))


@pytest.mark.parametrize("kind", [*KINDS, *CELLS])
def test_a_swapped_class_is_torchs_for_those_who_compare(kind: str) -> None:
    _, ours = pair(kind, 3, 4)
    theirs = getattr(nn, kind)
    assert type(ours) == theirs  # noqa: E721
    assert theirs == type(ours)  # noqa: E721
    assert type(ours) is not theirs
    assert type(ours) not in (nn.Linear, nn.RNNBase, nn.RNNCellBase)
    assert type(pickle.loads(pickle.dumps(ours))) is type(ours)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("kind", KINDS)
def test_a_forked_child_runs_what_its_parent_ran(kind: str) -> None:
    """Time first too: torch's own threads, which a copy asks for, are not there in the child."""
    code = f"""
import os, signal, sys, torch, recurra
torch.set_num_threads(2)
layer = torch.nn.{kind}(64, 128)
recurra.accelerate(layer)
x = torch.randn(64, 64, 64)
with torch.no_grad():
    (x * 2).transpose(0, 1).contiguous()  # torch starts its threads
    layer(x)
    if os.fork() == 0:
        signal.alarm(60)
        layer(x)
        os._exit(0)
sys.exit(os.wait()[1] != 0)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_time_first_rows_differentiated_again(kind: str) -> None:
    found: list[list[Tensor]] = []
    for module in pair(kind, 3, 4, 2):
        x = noise(5, 2, 3)
        output, _ = module(x)
        (slope,) = torch.autograd.grad(output.square().sum(), x, create_graph=True)
        found.append([slope, *laws.pull([slope], [x, *module.parameters()])])
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


def test_dropout_of_torchs_own_test() -> None:
    """What test_nn of torch asks of dropout between layers: units and weights are ones."""
    for share in (0.276, 0.731):
        layer = nn.RNN(10, 1000, 2, bias=False, dropout=share, nonlinearity="relu")
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.fill_(1)
        recurra.accelerate(layer)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            output, _ = layer(torch.ones(1, 1, 10), torch.zeros(2, 1, 1000))
        output = output.detach()
        value = float(output.max())
        assert float(output.min()) == value
        assert 8000 < value < 12000
        rest = value * (1 - share) % 10
        assert min(rest, 10 - rest) < 1e-2

"""The optional node in C++: the same to the last bit, absent without harm, built on request."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn

import laws
import recurra
from recurra.core import extension, native_path
from recurra.core.state import State
from recurra.errors import OptionError
from recurra.native import absent

KINDS = ["RNN", "GRU", "LSTM"]

needs_node = pytest.mark.skipif(
    native_path.node is None, reason=f"the node in C++: {native_path.absent_node}"
)
needs_kernels = pytest.mark.skipif(bool(absent), reason=absent)


@contextmanager
def node(there: bool) -> Iterator[None]:
    known = native_path.node if there else None
    with patch.object(native_path, "node", known), laws.path(""):
        yield


def every(run: Any) -> None:
    """Hold what `run` gives with and without the node against each other."""
    with node(True):
        mine = run()
    with node(False):
        theirs = run()
    assert len(mine) == len(theirs)
    assert all(map(torch.equal, mine, theirs))


@needs_node
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, False), (1, True), (3, True)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_to_the_last_bit(
    kind: str, shape: tuple[int, bool], bias: bool, dtype: torch.dtype
) -> None:
    """Outputs, states, gradients, gradients of gradients; with a state and without."""
    layers, both = shape
    layer = getattr(recurra.nn, kind)(5, 7, layers, bidirectional=both, bias=bias, dtype=dtype)
    wide = torch.randn(3, 9, 10, dtype=dtype)
    inputs = [wide[..., :5].contiguous(), wide[:, ::2, ::2]]  # as it lies, and strided
    given = layer.zero_state(3).map(lambda leaf: torch.randn_like(leaf).requires_grad_())

    def run(x: Tensor, state: State | None) -> list[Tensor]:
        x = x.detach().requires_grad_()
        sources = [x, *layer.parameters(), *([] if state is None else state.leaves())]
        output, last = layer(x, state)
        found = [output, *last.leaves()]
        found += laws.pull([output, *last.leaves()], sources)
        found += laws.pull([layer(x, state)[0]], sources)  # of the output alone
        found += laws.pull(list(layer(x, state)[1].leaves())[-1:], sources)  # of a state alone
        (slope,) = torch.autograd.grad(layer(x, state)[0].square().sum(), x, create_graph=True)
        found += [slope, *laws.pull([slope], sources)]
        with torch.no_grad():
            output, last = layer(x, state)
        return [*found, output, *last.leaves()]

    for x in inputs:
        every(lambda x=x: run(x, None))
        every(lambda x=x: run(x, given))


@needs_node
@pytest.mark.parametrize("kind", KINDS)
def test_some_gradients_alone(kind: str) -> None:
    layer = getattr(recurra.nn, kind)(5, 7, 2)
    layer.get_parameter("weight_ih_l0").requires_grad_(False)
    layer.get_parameter("bias_hh_l1").requires_grad_(False)
    wanted = [p for p in layer.parameters() if p.requires_grad]
    x = torch.randn(3, 4, 5)
    every(lambda: laws.pull([layer(x)[0]], wanted))
    layer.requires_grad_(False)
    with node(True):
        assert not layer(x)[0].requires_grad
        assert layer(x.requires_grad_())[0].requires_grad


@needs_node
@pytest.mark.parametrize("kind", KINDS)
def test_layers_with_options_and_swapped_ones_use_it(kind: str) -> None:
    layer = getattr(recurra.nn, kind)(5, 5, 2, residual=True, learn_state=True)
    swapped = getattr(nn, kind)(5, 6, 2, bidirectional=True)
    recurra.accelerate(swapped)
    x = torch.randn(3, 4, 5, requires_grad=True)
    for one in (layer, swapped):
        every(lambda one=one: laws.pull([one(x)[0]], [x, *one.parameters()]))


@needs_node
def test_a_graph_says_what_it_is_made_of() -> None:
    layer = recurra.nn.GRU(3, 4)
    with node(True):
        made = layer(torch.randn(2, 3, 3))[0].grad_fn
        assert made is not None
        assert "Layer" in made.name()
        assert "C++" in layer.explain(torch.randn(2, 3, 3))[0].reason
    with node(False):
        made = layer(torch.randn(2, 3, 3))[0].grad_fn
        assert made is not None
        assert "Node" in made.name()
        assert "Python" in layer.explain(torch.randn(2, 3, 3))[0].reason


@needs_node
def test_many_slopes_at_once_and_transforms() -> None:
    layer = recurra.nn.LSTM(3, 4, dtype=torch.float64)
    x = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)

    def run() -> list[Tensor]:
        output, _ = layer(x)
        slopes = torch.randn(5, *output.shape, generator=torch.Generator().manual_seed(1))
        (many,) = torch.autograd.grad(output, x, slopes.double(), is_grads_batched=True)
        each = torch.func.vmap(torch.func.grad(lambda row: layer(row[None])[0].sum()))(x)
        return [many, each]

    every(run)


@needs_node
def test_changes_before_backward_are_refused_as_without() -> None:
    layer = recurra.nn.GRU(3, 4)
    for there in (True, False):
        with node(there):
            x = torch.randn(2, 5, 3, requires_grad=True)
            output, _ = layer(x * 1.0)
            with torch.no_grad():
                layer.get_parameter("weight_hh_l0").mul_(1.0)
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                output.sum().backward()
            output, _ = layer(x)
            output.sum().backward()
            with pytest.raises(RuntimeError, match="second time"):
                output.sum().backward()


@needs_node
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_biases_written_over_before_backward(kind: str) -> None:
    """As without: gradients of the output as it was; both at once cannot be found anew."""
    layer = getattr(recurra.nn, kind)(3, 4, 2)
    x = torch.randn(2, 5, 3, requires_grad=True)
    sources = [x, *layer.parameters()]

    def output_over() -> list[Tensor]:
        return laws.pull([nn.functional.relu(layer(x)[0], inplace=True)], sources)

    def bias_over() -> list[Tensor]:
        output, _ = layer(x)
        with torch.no_grad():
            layer.get_parameter("bias_hh_l1").mul_(1.0)
        return laws.pull([output], sources)

    every(output_over)
    every(bias_over)
    for there in (True, False):
        with node(there):
            output = layer(x)[0].mul_(2)
            with torch.no_grad():
                layer.get_parameter("bias_hh_l1").mul_(1.0)
            with pytest.raises(RuntimeError, match="a bias of a recurrent layer"):
                output.sum().backward()


@needs_node
def test_saved_tensors_go_through_hooks() -> None:
    layer = recurra.nn.LSTM(3, 4)
    x = torch.randn(2, 5, 3, requires_grad=True)
    seen: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        seen.append(tensor)
        return tensor.clone()

    def run() -> list[Tensor]:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept.clone()):
            output, _ = layer(x)
        again = torch.utils.checkpoint.checkpoint(lambda x: layer(x)[0], x, use_reentrant=False)
        assert isinstance(again, Tensor)
        return [*laws.pull([output], [x]), *laws.pull([again], [x, *layer.parameters()])]

    every(run)
    assert seen


@needs_node
def test_what_does_not_fit_is_told_as_without() -> None:
    layer = recurra.nn.LSTM(3, 4)
    x = torch.randn(2, 5, 3)
    state: Any = recurra.nn.HiddenState(torch.zeros(2, 1, 4))
    wrong: list[Any] = [
        (x[..., :2],), (x.double(),), (x[0],), (x, state), (x, layer.zero_state(3)),
        (x, layer.zero_state(2).hidden),
    ]  # fmt: skip
    for given in wrong:
        messages = []
        for there in (True, False):
            with node(there), pytest.raises(OptionError) as caught:
                layer(*given)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


@needs_node
def test_threads_that_share_a_layer() -> None:
    layer = recurra.nn.GRU(3, 20, 2)
    rows = [torch.randn(2, 6, 3) for _ in range(4)]

    def gradients(x: Tensor) -> list[Tensor]:
        return list(torch.autograd.grad(layer(x)[0].sum(), list(layer.parameters())))

    with node(True):
        expected = [gradients(x) for x in rows]
        found: list[bool] = []

        def work(k: int) -> None:
            same = (all(map(torch.equal, gradients(rows[k]), expected[k])) for _ in range(50))
            found.extend(same)

        workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert len(found) == 200
    assert all(found)


@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_copied_and_pickled_after_use(kind: str) -> None:
    layer = getattr(recurra.nn, kind)(3, 4, 2)
    x = torch.randn(2, 3)
    with laws.path(""), torch.no_grad():
        output, _ = layer.step(x)
        layer(x[:, None])
        for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert torch.equal(other.step(x)[0], output)
            other.get_parameter("weight_hh_l0").neg_()
            other.get_parameter("bias_hh_l0").add_(1)
            assert not torch.equal(other.step(x)[0], output)
        assert torch.equal(layer.step(x)[0], output)


@needs_kernels
def test_why_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def why() -> str:
        module, reason = extension.load(native_path.again, 1)
        assert module is None
        return reason

    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path))
    monkeypatch.delenv("RECURRA_NODE", raising=False)
    tmp_path.chmod(0o700)
    assert why() == "not built; recurra doctor --build"
    place = extension.place()
    place.write_bytes(b"no library")
    place.chmod(0o700)
    assert why().startswith("does not load: ")
    place.chmod(0o722)
    assert why() == f"others may write to {place}"
    monkeypatch.setenv("RECURRA_NODE", "off")
    assert why() == "RECURRA_NODE=off asks for none"
    with monkeypatch.context() as other:
        other.setattr(torch, "__version__", "9.9.9")
        assert extension.place() != place
    assert extension.place() == place


@needs_kernels
def test_what_building_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(OptionError, match=r"no C\+\+ compiler found"):
        extension.build()
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\necho 'node.cc:1: error: too old' >&2\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(OptionError, match=r"compile node\.cc: node\.cc:1: error: too old"):
        extension.build()
    assert list((tmp_path / "cache").iterdir()) == []

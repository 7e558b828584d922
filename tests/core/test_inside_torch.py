"""Layers inside torch's own machinery: compilers, autocast, hooks, functional calls, threads."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import laws
import recurra
from recurra.core.ragged import Ragged
from recurra.native import absent
from recurra.native.binding import kernels

KINDS = ["RNN", "GRU", "LSTM"]


class Model(nn.Module):
    """A layer of ours or of torch's, with something before and behind it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.before, self.layer, self.behind = nn.Linear(3, 4), layer, nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.behind(self.layer(self.before(x))[0])
        return found


def model(kind: str, **options: Any) -> Model:
    return Model(getattr(recurra.nn, kind)(4, 5, **options)).double()


def outcome(run: Any, model: nn.Module) -> list[Tensor]:
    x = torch.randn(2, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x.requires_grad_()
    output = run(x)
    return [output, *laws.pull([output], [x, *model.parameters()])]


def same(found: list[Tensor], expected: list[Tensor]) -> None:
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("swapped", [False, True])
def test_a_compiled_model_gives_the_same(kind: str, backend: str, swapped: bool) -> None:
    made = model(kind, num_layers=2, bidirectional=False)
    if swapped:
        made.layer = getattr(nn, kind)(4, 5, 2, batch_first=True, dtype=torch.float64)
        recurra.accelerate(made)
    torch.compiler.reset()
    with laws.path(""):
        expected = outcome(made, made)
        # Not in one piece: dynamo leaves recurrent layers, torch's own too, to run as they are.
        same(outcome(torch.compile(made, backend=backend), made), expected)
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_compiled_stream_gives_the_same() -> None:
    layer = recurra.nn.GRU(3, 4)
    x = torch.randn(2, 3)
    torch.compiler.reset()
    step = torch.compile(layer.step, backend="eager")
    with laws.path(""), torch.no_grad():
        mine, theirs = layer.zero_state(2), layer.zero_state(2)
        for _ in range(3):
            found, mine = step(x, mine)
            expected, theirs = layer.step(x, theirs)
            torch.testing.assert_close(found, expected)
    torch.compiler.reset()


@pytest.mark.parametrize("kind", KINDS)
def test_under_autocast_products_are_narrow_and_gradients_are_not(kind: str) -> None:
    made = model(kind).float()
    layer: Any = made.layer
    x = torch.randn(2, 6, 3)
    with laws.path(""):
        expected = made(x)
        with torch.autocast("cpu", torch.bfloat16):
            output = made(x)
            names = {path.name for path in layer.explain(torch.zeros(2, 6, 4))}
    assert names == {"torch" if absent or not kernels.bfloat() else "native"}
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.05)
    output.float().sum().backward()
    for parameter in made.parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32


def test_hooks_see_and_change_what_goes_in_and_out() -> None:
    layer = recurra.nn.GRU(3, 4)
    x = torch.randn(2, 5, 3, requires_grad=True)
    seen: list[str] = []

    def before(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
        seen.append("before")
        return (2 * given[0],)

    def after(_: nn.Module, __: Any, out: tuple[Tensor, Any]) -> tuple[Tensor, Any]:
        seen.append("after")
        return -out[0], out[1]

    with laws.path(""):
        expected, _ = layer(2 * x)
        layer.register_forward_pre_hook(before)
        layer.register_forward_hook(after)
        layer.register_full_backward_hook(lambda *_: seen.append("back"))
        output, _ = layer(x)
    assert torch.equal(output, -expected)
    output.sum().backward()
    assert seen == ["before", "after", "back"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_functional_call_puts_other_weights_in(kind: str) -> None:
    made = model(kind)
    other = copy.deepcopy(made)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(0.5)
    x = torch.randn(2, 1, 3, dtype=torch.float64)
    for _ in range(2):  # a single step without gradients keeps packed weights
        with laws.path(""), torch.no_grad():
            found = torch.func.functional_call(made, dict(other.named_parameters()), (x,))
            assert torch.equal(found, other(x))
            assert not torch.equal(found, made(x))


@pytest.mark.parametrize("wish", ["", "torch"])
@pytest.mark.parametrize("kind", KINDS)
def test_vmap_over_inputs_over_models_and_over_gradients(kind: str, wish: str) -> None:
    models = [model(kind, num_layers=2, bidirectional=True) for _ in range(3)]
    for each in models:
        each.behind = nn.Linear(10, 2).double()
    made, x = models[0], torch.randn(3, 2, 6, 3, dtype=torch.float64)
    weights, _ = torch.func.stack_module_state(models)

    def run(weights: dict[str, Tensor], rows: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(made, weights, (rows,))
        return found

    own = dict(made.named_parameters())
    with laws.path(wish):
        same(list(torch.vmap(made)(x)), [made(rows) for rows in x])
        expected = [each(rows) for each, rows in zip(models, x, strict=True)]
        same(list(torch.vmap(run)(weights, x)), expected)
        each_row = torch.vmap(torch.func.grad(lambda w, rows: run(w, rows).sum()), (None, 0))
        slopes = [torch.autograd.grad(made(rows).sum(), list(own.values())) for rows in x]
        found = each_row(own, x)
        for name, *expected in zip(own, *slopes, strict=True):
            same(list(found[name]), expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_jacobians_forwards_are_those_backwards(kind: str) -> None:
    made = model(kind).float()  # what oneDNN would run
    x = torch.randn(2, 4, 3)
    with laws.path(""):
        backwards = torch.func.jacrev(made)(x)
        torch.testing.assert_close(torch.func.jacfwd(made)(x), backwards, rtol=1e-4, atol=1e-5)
        along = torch.func.jvp(made, (x,), (x,))[1]
    torch.testing.assert_close(along, torch.tensordot(backwards, x, 3), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(bool(absent), reason=absent)
@pytest.mark.parametrize("kind", KINDS)
def test_threads_that_share_a_layer(kind: str) -> None:
    """Each trains through the same layer on rows of its own."""
    layer = getattr(recurra.nn, kind)(3, 20, 2)
    rows = [Ragged.from_list([torch.randn(n + k, 3) for n in (1, 4, 2)]) for k in range(4)]

    def gradients(x: Ragged) -> list[Tensor]:
        output, _ = layer(x)
        return list(torch.autograd.grad(output.values.sum(), list(layer.parameters())))

    with laws.path("native"):
        expected = [gradients(x) for x in rows]
        found: dict[int, list[list[Tensor]]] = {k: [] for k in range(4)}

        def work(k: int) -> None:
            for _ in range(10):
                found[k].append(gradients(rows[k]))

        workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    for k, each in found.items():
        assert len(each) == 10
        for slopes in each:
            assert all(map(torch.equal, slopes, expected[k]))


OPTIONS: list[dict[str, Any]] = [
    {"residual": True, "learn_state": True, "locked_dropout": 0.4, "weight_dropout": 0.4},
    {"layer_norm": True, "zoneout": 0.3, "learn_state": True},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", [*KINDS, "projected"])
def test_options_inside_torch(kind: str, options: dict[str, Any]) -> None:
    """Under autocast, and differentiated twice, cuts and all."""
    more, units = ({"proj_size": 4}, 6) if kind == "projected" else ({}, 4)
    made = getattr(recurra.nn, "LSTM" if more else kind)
    layer = made(4, units, 2, **options, **more)
    x = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))
    resets = torch.zeros(2, 6, dtype=torch.bool)
    resets[1, 3] = True
    with laws.path(""):
        with torch.autocast("cpu", torch.bfloat16):
            output, state = layer(x, resets=resets)
        slopes = laws.pull([output], list(layer.parameters()))
        assert all(bool(slope.isfinite().all()) for slope in slopes)
        assert all(leaf.dtype == torch.float32 for leaf in state.leaves())
        layer.eval()
        layer.double()
        twice: list[Tensor] = []
        for name in ("", "loop"):
            with laws.path(name):
                source = x.double().requires_grad_()
                output = layer(source, resets=resets)[0]
                (slope,) = torch.autograd.grad(output.sum(), source, create_graph=True)
                twice += torch.autograd.grad(slope.square().sum(), source)
        torch.testing.assert_close(*twice)

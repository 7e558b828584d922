"""Laws of the kernels with products in bfloat16: near float32's, the same for any threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import laws
import recurra.nn
from native.test_kernels import ALL, Call, call, calls
from recurra.core import product
from recurra.core.cells import GRU, LSTM, RNN_RELU, Cell
from recurra.core.product import _ENGINES
from recurra.native import absent

if absent:
    pytest.skip(absent, allow_module_level=True)

from recurra.native.binding import kernels

SETS = [name for name in kernels.isas() if name in _ENGINES]
pytestmark = pytest.mark.skipif(not SETS, reason="this processor has no bfloat16 products")

TOLERANCE = 2.0**-6
"""What products of bfloat16's 8 bits may be off by, of a tensor's norm; 0.006 is usual."""


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    before, least = kernels.isa(), product.BFLOAT16_FROM
    product.BFLOAT16_FROM = 1  # small layers show the laws as well, and sooner
    yield
    kernels.use_isa(before)
    product.BFLOAT16_FROM = least
    torch.set_num_threads(1)


@pytest.fixture(params=SETS)
def instructions(request: pytest.FixtureRequest) -> str:
    assert kernels.use_isa(request.param)
    return str(request.param)


def mixed(made: Call) -> dict[str, Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        return made.run("native", torch.float32)


@settings(max_examples=60)
@given(drawn=calls, name=st.sampled_from(SETS or [""]), threads=st.integers(1, 4))
def test_near_the_float64_loop(drawn: Call, name: str, threads: int) -> None:
    kernels.use_isa(name)
    torch.set_num_threads(threads)
    found = mixed(drawn)
    for what, expected in drawn.run("loop").items():
        assert found[what].shape == expected.shape
        if drawn.cell == RNN_RELU and what.startswith("d "):
            continue  # jumps, see below
        # Of sums that nearly cancel their terms' rounding is left: hence a part by their number.
        terms = max(1, drawn.x[..., 0].numel() * expected.numel())
        size = float(expected.norm()) + 0.5 * terms**0.5
        assert float((found[what].double() - expected).norm()) <= 2 * TOLERANCE * size, what


@pytest.mark.parametrize("cell", ALL)
@pytest.mark.parametrize("shape", [(33, 20, 48, 64), (20, 9, 33, 130)])
@pytest.mark.parametrize("ragged", [False, True])
def test_within_the_tolerance_of_float32(
    instructions: str, cell: Cell[Any], shape: tuple[int, int, int, int], ragged: bool
) -> None:
    made = call(cell, *shape, ragged=ragged, resets=ragged, seed=5)
    found, single = mixed(made), made.run("native", torch.float32)
    for name, expected in single.items():
        error = float((found[name].float() - expected).norm() / expected.norm())
        # Where rounding changes a sign, a slope of relu jumps: 0.06 was seen.
        jumps = cell == RNN_RELU and name.startswith("d ")
        assert error <= (8 if jumps else 1) * TOLERANCE, name
        assert error > 0, name
    kinds = {name: value.dtype for name, value in found.items()}
    assert kinds.pop("output") == torch.bfloat16
    if cell != LSTM:
        assert kinds.pop("every hidden") == torch.bfloat16
    kinds.pop("every hidden", None)
    assert set(kinds.values()) == {torch.float32}


@pytest.mark.parametrize("cell", ALL)
@pytest.mark.parametrize("shape", [(3, 9, 5, 10), (40, 21, 64, 65), (7, 5, 33, 130)])
@pytest.mark.parametrize("ragged", [False, True])
def test_bitwise_the_same_for_any_number_of_threads(
    instructions: str, cell: Cell[Any], shape: tuple[int, int, int, int], ragged: bool
) -> None:
    made = call(cell, *shape, ragged=ragged, resets=ragged, seed=5)
    runs = []
    for threads in (1, 2, 3, 4):
        torch.set_num_threads(threads)
        runs.append(mixed(made))
    for other in runs[1:]:
        for name, value in runs[0].items():
            assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("cell", ALL)
def test_a_row_alone_is_bitwise_the_row_in_a_batch(instructions: str, cell: Cell[Any]) -> None:
    made = call(cell, 35, 8, 20, 70, seed=3)
    together = mixed(made)
    for b in (0, 15, 16, 31, 34):
        row = slice(b, b + 1)
        first = tuple(leaf[row] for leaf in made.first)
        alone = mixed(replace(made, x=made.x[row], first=first))
        assert torch.equal(alone["output"][0], together["output"][b])
        assert torch.equal(alone["last hidden"][0], together["last hidden"][b])


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_backwards_too_a_row_is_itself_whoever_is_beside_it(instructions: str, cell: str) -> None:
    layer = getattr(recurra.nn, cell)(20, 70, 2)
    x, slopes = torch.randn(35, 8, 20), torch.randn(35, 8, 70)

    def slope(rows: list[int]) -> Tensor:
        leaf = x[rows].requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            output, _ = layer(leaf, lengths=[1 + row % 8 for row in rows])
        return torch.autograd.grad(output, leaf, slopes[rows].to(output.dtype))[0]

    together = slope(list(range(35)))
    for row in (0, 7, 16, 34):
        assert torch.equal(slope([row])[0, : 1 + row % 8], together[row, : 1 + row % 8])


@pytest.mark.parametrize("cell", [GRU, LSTM])
def test_nan_stays_in_its_row(instructions: str, cell: Cell[Any]) -> None:
    made = call(cell, 20, 3, 5, 20, seed=2)
    x = made.x.clone()
    x[1, 1, 0], x[17, 0, 1] = float("nan"), float("inf")
    found, expected = mixed(replace(made, x=x)), replace(made, x=x).run("loop", torch.float32)
    for name in ("output", "last hidden"):
        assert torch.equal(found[name].isnan(), expected[name].isnan())
    assert not found["d x"][[k for k in range(20) if k not in (1, 17)]].isnan().any()


def test_the_path_says_what_products_are_in_and_by_what(instructions: str) -> None:
    layer, x = recurra.nn.LSTM(8, 16), torch.randn(2, 5, 8)
    with torch.autocast("cpu", torch.bfloat16):
        path = layer.explain(x)[0]
    assert path.name == "native"
    assert "products in bfloat16" in path.reason
    assert f"by {_ENGINES[instructions]}, as" in path.reason
    assert "bfloat16" not in layer.explain(x)[0].reason


def test_without_the_instructions_torch_runs_what_autocast_asks_for() -> None:
    assert kernels.use_isa("plain")
    layer, x = recurra.nn.LSTM(8, 16), torch.randn(2, 5, 8)
    with torch.autocast("cpu", torch.bfloat16):
        path = layer.explain(x)[0]
        assert layer(x)[0].dtype == torch.bfloat16
    assert path.name == "torch"
    assert path.reason.endswith("the native kernels have no bfloat16 products on plain")


def test_gradients_are_the_same_as_without_recording_them(instructions: str) -> None:
    layer, x = recurra.nn.GRU(8, 40, 2), torch.randn(3, 6, 8)
    with torch.autocast("cpu", torch.bfloat16):
        trained, state = layer(x)
        with torch.no_grad():
            used, last = layer(x)
    assert torch.equal(trained, used)
    assert torch.equal(state.hidden, last.hidden)


def test_gradients_can_be_differentiated_again(instructions: str) -> None:
    layer, x = recurra.nn.LSTM(4, 20), torch.randn(3, 5, 4, requires_grad=True)

    def second(half: bool) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            output, _ = layer(x)
        (slope,) = torch.autograd.grad(output.float().square().sum(), x, create_graph=True)
        (again,) = torch.autograd.grad(slope.square().sum(), x)
        return again

    exact = second(False)
    assert float((second(True) - exact).norm()) <= 3 * TOLERANCE * float(exact.norm())


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_steps_are_the_sequence(instructions: str, cell: str) -> None:
    layer, x = getattr(recurra.nn, cell)(6, 33, 2), torch.randn(4, 7, 6)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        whole, _ = layer(x)
        state, steps = None, []
        for t in range(7):
            output, state = layer.step(x[:, t], state)
            steps.append(output)
    assert torch.equal(torch.stack(steps, 1), whole)


def test_what_autocast_is_given_may_be_in_bfloat16_already(instructions: str) -> None:
    layer, x = recurra.nn.LSTM(6, 33), torch.randn(4, 7, 6)
    with torch.autocast("cpu", torch.bfloat16):
        wide, narrow = layer(x)[0], layer(x.bfloat16())[0]
    assert torch.equal(wide, narrow)
    with laws.path("loop"), pytest.raises(Exception, match="dtype"):
        layer(x.bfloat16())


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_small_layers_stay_in_float32_whatever_the_batch(instructions: str, cell: str) -> None:
    product.BFLOAT16_FROM = 64
    for units, kind in ((63, "in float32"), (64, "products in bfloat16")):
        layer, x = getattr(recurra.nn, cell)(6, units), torch.randn(40, 7, 6)
        single = layer(x)[0]
        with torch.autocast("cpu", torch.bfloat16):
            output, _ = layer(x)
            assert kind in layer.explain(x)[0].reason
            assert torch.equal(layer(x[:1])[0], output[:1])
        assert output.dtype == torch.bfloat16
        assert torch.equal(output, single.bfloat16()) == (units == 63)
        output.float().sum().backward()

"""Numbers that are none, and numbers too small to be normal, by each instruction set."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import laws
import recurra.nn
from recurra.native import absent

if absent:
    pytest.skip(absent, allow_module_level=True)

from recurra.native.binding import kernels


@pytest.fixture(params=kernels.isas())
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set in turn."""
    before = kernels.isa()
    assert kernels.use_isa(request.param)
    yield request.param
    kernels.use_isa(before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("units", [3, 40])
def test_a_relu_rnn_shows_nan_in_its_gradients(
    instructions: str, units: int, dtype: torch.dtype
) -> None:
    layer = recurra.nn.RNN(3, units, nonlinearity="relu", dtype=dtype)
    x = torch.randn(2, 5, 3, dtype=dtype, generator=torch.Generator().manual_seed(0))
    x[0, 2, 1] = torch.nan
    x.requires_grad_()
    found = []
    for path in ("native", "torch"):
        with laws.path(path):
            output, _ = layer(x)
            found.append([output, *laws.pull([output], [x, *layer.parameters()])])
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, equal_nan=True)
    assert found[0][-3].isnan().any()  # of weight_hh


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_too_small_to_be_normal_are_zero(instructions: str, dtype: torch.dtype) -> None:
    """In the kernels alone: what torch does with them beside is the user's to choose."""
    tiny = torch.finfo(dtype).tiny
    layer = recurra.nn.RNN(1, 1, nonlinearity="relu", bias=False, dtype=dtype)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.fill_(0.5)
    x = torch.tensor([[[tiny], [tiny], [4 * tiny]]], dtype=dtype)
    with laws.path("native"), torch.no_grad():
        output, _ = layer(x)
    assert output.flatten().tolist() == [0, 0, 2 * tiny]
    assert float(torch.tensor(tiny, dtype=dtype) * 0.5) > 0

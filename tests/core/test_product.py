from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from recurra.core.product import product


@pytest.mark.parametrize("rows", [0, 1, 4, 5, 64, 320])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_torch_s_product_whoever_makes_it(rows: int, dtype: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(rows)
    x, weight, bias = (
        torch.randn(*shape, generator=draw, dtype=dtype) for shape in ((rows, 48), (70, 48), (70,))
    )
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found = product(x, weight, bias)
            torch.testing.assert_close(found, linear(x, weight, bias), atol=1e-4, rtol=1e-5)
            # Steps of a longer row, as a decoder has them, do not lie one after the other.
            torch.testing.assert_close(product(x.T.contiguous().T, weight, bias), found)


def test_gradients_and_autocast_are_torch_s() -> None:
    x, weight, bias = torch.randn(8, 3), torch.randn(4, 3, requires_grad=True), torch.zeros(4)
    product(x, weight, bias).sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(weight.grad, x.sum(0).expand(4, 3))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert product(x, weight, bias).dtype == torch.bfloat16

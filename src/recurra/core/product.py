"""A matrix product by the faster of the libraries that torch carries."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

_FEW = 5
"""Rows from which on oneDNN is faster; see docs/results.md."""


def product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return x W^T + b: x (N, F), weight (V, F), bias (V,) -> (N, V).

    Where nothing is learnt, float32 products on a CPU are oneDNN's: on some processors torch's
    choice, MKL, takes twice as long. Both round in single precision.
    """
    if (
        torch.is_grad_enabled()
        or not (x.is_cpu and x.dtype == weight.dtype == torch.float32)
        or x.dim() != 2
        or len(x) < _FEW
        or torch.is_autocast_enabled("cpu")
        or not torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    ):
        return linear(x, weight, bias)
    found: Tensor = linear(x.to_mkldnn(), weight, bias).to_dense()
    return found

"""A matrix product by the faster of the libraries that torch carries; what autocast asks for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from recurra.native.binding import kernels

_FEW = 5
"""Rows from which on oneDNN is faster; see docs/results.md."""

_ENGINES = {"amx": "AMX tiles", "avx512bf16": "AVX512-BF16", "neonbf16": "NEON"}


def no_bfloat16(dtype: torch.dtype) -> str:
    """Return why an autocast region's products are not the kernels', or an empty string."""
    if not kernels.bfloat():
        return f"the native kernels have no bfloat16 products on {kernels.isa()}"
    kind = torch.get_autocast_dtype("cpu")
    if dtype != torch.float32 or kind != torch.bfloat16:
        return f"the native kernels have no {kind} products of {dtype} weights"
    return ""


def described() -> str:
    """Return what a native path's reason says of products that autocast wants in bfloat16."""
    if torch.compiler.is_compiling() or not torch.is_autocast_enabled("cpu"):
        return ""
    return f"; products in bfloat16 by {_ENGINES[kernels.isa()]}, as autocast asks"


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

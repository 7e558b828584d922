"""A matrix product by the faster of the libraries that torch carries; what autocast asks for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from recurra.native.binding import kernels

_FEW = 5
"""Rows from which on oneDNN is faster; see docs/results.md."""

_ENGINES = {"amx": "AMX tiles", "avx512bf16": "AVX512-BF16", "neonbf16": "NEON"}


BFLOAT16_FROM = 64
"""Units from which on a layer's products are worth it in bfloat16: below, a whole training step
takes 1.1 to 2.8 times as long as in float32 (16 and 32 units, 1 to 64 rows). By the layer's size
alone: what a row gets must not depend on how many are beside it."""


def narrow(hidden: int) -> bool:
    """Return whether a layer of so many units has its products in bfloat16, as autocast asks."""
    return torch.is_autocast_enabled("cpu") and hidden >= BFLOAT16_FROM


def no_bfloat16(dtype: torch.dtype, hidden: int) -> str:
    """Return why an autocast region's products are not the kernels', or an empty string."""
    if narrow(hidden) and not kernels.bfloat():
        return f"the native kernels have no bfloat16 products on {kernels.isa()}"
    kind = torch.get_autocast_dtype("cpu")
    if dtype != torch.float32 or kind != torch.bfloat16:
        return f"the native kernels have no {kind} products of {dtype} weights"
    return ""


def described(hidden: int) -> str:
    """Return what a native path's reason says of products that autocast wants in bfloat16."""
    if torch.compiler.is_compiling() or not torch.is_autocast_enabled("cpu"):
        return ""
    if not narrow(hidden):
        return f"; in float32: below {BFLOAT16_FROM} units that is faster than autocast's bfloat16"
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

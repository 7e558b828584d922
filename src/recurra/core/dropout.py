"""Dropout at a fraction of what torch's costs on a CPU, where drawing is most of it."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

_GRAIN: Final = 1 << 16
"""What is drawn for a number: 16 bits, four numbers from one draw of 64."""


def dropout(x: Tensor, share: float) -> Tensor:
    """Return x with this share of its numbers dropped, the others grown to make up for them.

    Srivastava et al. 2014. On a CPU the share is rounded to a 65,536th, and the mean is kept.
    """
    if not x.is_cpu or torch.compiler.is_compiling():
        return F.dropout(x, share)
    dropped = round(share * _GRAIN)
    if dropped == 0:
        return x
    if dropped == _GRAIN:
        return x * 0.0
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    drawn = words.view(torch.int16)[: x.numel()].view(x.shape)
    kept = drawn >= dropped - _GRAIN // 2
    return x * (kept.to(x.dtype) * (_GRAIN / (_GRAIN - dropped)))

"""Whether large products run in bfloat16: measured on this machine, not guessed from its name."""

from __future__ import annotations

import contextlib
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import final

import torch


@final
@dataclass(frozen=True)
class Precision:
    """The type of large products, and why; sums, states and weights stay in float32."""

    bfloat16: bool
    reason: str

    def __str__(self) -> str:
        return f"{'bfloat16' if self.bfloat16 else 'float32'} products ({self.reason})"

    def __call__(self, device: torch.device) -> AbstractContextManager[object]:
        """The context in which a forward pass runs."""
        if not self.bfloat16:
            return contextlib.nullcontext()
        return torch.autocast(device.type, torch.bfloat16)


def measure(device: torch.device) -> Precision:
    """bfloat16 where its product is at least 1.5 times as fast as float32's."""
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
        return Precision(able, "this GPU has them" if able else "this GPU lacks bfloat16")
    if device.type != "cpu":
        return Precision(False, f"not tried on {device.type}")
    single, half = _seconds(torch.float32), _seconds(torch.bfloat16)
    ratio = single / half
    return Precision(ratio >= 1.5, f"bfloat16 runs {ratio:.1f} times as fast as float32 here")


def _seconds(dtype: torch.dtype) -> float:
    left, right = torch.ones(512, 512, dtype=dtype), torch.ones(512, 512, dtype=dtype)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return min(times)

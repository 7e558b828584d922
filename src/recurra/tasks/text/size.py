"""The sizes of a text model, and which of them a time budget can train."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final, final

import torch

from recurra.errors import OptionError
from recurra.training.optimiser import Rates
from recurra.training.precision import Precision


@final
@dataclass(frozen=True)
class Size:
    """A named set of sizes and rates that go together.

    Args:
        worth: characters it must be able to read in training before it beats the size below it,
            measured on tiny Shakespeare (docs/results.md).
    """

    name: str
    hidden: int
    layers: int
    embedding: int
    dropout: float
    batch: int
    chunk: int
    worth: float
    rates: Rates = field(default_factory=Rates)

    @property
    def operations(self) -> float:
        """Floating-point operations for one character of training of an LSTM."""
        inner = 4 * self.hidden * (self.embedding + self.hidden)
        return 6.0 * (inner + (self.layers - 1) * 8 * self.hidden * self.hidden)


SIZES: Final = (
    Size("tiny", 128, 1, 64, 0.0, 16, 64, 0.0),
    Size("small", 256, 2, 128, 0.1, 32, 96, 4e5),
    Size("medium", 512, 2, 128, 0.2, 32, 128, 1.5e6),
    Size("large", 768, 2, 128, 0.3, 32, 128, 1.5e7),
)


def named(name: str) -> Size:
    """The size of this name.

    Raises:
        OptionError: no such size.
    """
    for size in SIZES:
        if size.name == name:
            return size
    raise OptionError(f"--size {name}", expected=", ".join(size.name for size in SIZES))


def largest_worth(seconds: float, speed: float) -> Size:
    """The largest size that can read as many characters as it is worth in this time.

    Args:
        seconds: of training.
        speed: floating-point operations a second that training reaches, from `training_speed`.
    """
    fitting = [size for size in SIZES if seconds * speed / size.operations >= size.worth]
    return fitting[-1]


def training_speed(precision: Precision, device: torch.device) -> float:
    """Floating-point operations a second that training can be expected to reach.

    Half of what a product of the size of a recurrent step's reaches: the other half goes into
    gates, memory and the optimiser.
    """
    left = torch.ones(512, 512, device=device)
    right = torch.ones(512, 2048, device=device)
    times = []
    with torch.inference_mode(), precision(device):
        for _ in range(9):
            start = time.perf_counter()
            (left @ right).sum().item()
            times.append(time.perf_counter() - start)
    return 0.5 * 2 * 512 * 512 * 2048 / min(times)

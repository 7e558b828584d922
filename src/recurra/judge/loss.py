"""A loss as a sum and a count until the end: means of means are wrong on ragged data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class LossSum:
    """A sum of losses in nats, and over how many predictions; `LossSum()` is the sum of none."""

    total: float = 0.0
    count: int = 0

    def __add__(self, other: LossSum) -> LossSum:
        return LossSum(self.total + other.total, self.count + other.count)

    @property
    def mean(self) -> float:
        """Nats a prediction; not a number where nothing was counted."""
        return self.total / self.count if self.count else math.nan

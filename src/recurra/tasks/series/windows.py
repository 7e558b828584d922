"""What is known before an origin, as a batch that networks read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor


@final
@dataclass(frozen=True, eq=False)
class Windows:
    """B origins: the T steps before each, and what is known of the H steps from it on.

    Args:
        values: (B, T) scaled targets; 0 where missing. Short series are filled up on the left.
        present: (B, T) whether there is a target.
        past: (B, T, P) what is known of a step only once it is over.
        known: (B, T + H, K) what is known of a step beforehand, the calendar among it.
        static: (B, D) what holds for all steps of a series.
        series: (B,) number of the series, -1 for one that training had not.
        unit: (B,) real units that one scaled unit stands for; counts are read in them.
    """

    values: Tensor
    present: Tensor
    past: Tensor
    known: Tensor
    static: Tensor
    series: Tensor
    unit: Tensor

"""What is read of a step beside the values before it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import pad

from recurra.tasks.series.windows import Windows


class Beside(NamedTuple):
    """What is read beside the values at a step, (B, ...), or at N of them, (B, N, ...).

    Args:
        known: (..., K) what is known of the step beforehand.
        past: (..., P) what is known of the step before, 0 where that is not over yet.
        told: (...) 1 where it is over.
        static: (B, D) what holds for all steps of a series.
        unit: (B,) real units that one scaled unit stands for.
    """

    known: Tensor
    past: Tensor
    told: Tensor
    static: Tensor
    unit: Tensor

    @classmethod
    def of(cls, windows: Windows) -> Beside:
        """At each of the T + H steps of windows."""
        (batch, steps), both = windows.values.shape, windows.known.shape[1]
        # One step late, as it is known once it is over, and not beyond the origin.
        past = pad(windows.past, (0, 0, 1, both - steps - 1))
        told = windows.values.new_zeros(batch, both)
        told[:, 1 : steps + 1] = 1.0
        return cls(windows.known, past, told, windows.static, windows.unit)

    def at(self, steps: int | slice) -> Beside:
        """One step, or some, of N."""
        known, past, told = (each[:, steps] for each in self[:3])
        return Beside(known, past, told, self.static, self.unit)

    def select(self, rows: Tensor) -> Beside:
        """The rows named by indices."""
        return Beside(*(each[rows] for each in self))

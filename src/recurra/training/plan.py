"""How many steps a training takes: given, or made out of a time budget by a short calibration."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any, final

REPORTS = 20
"""Report points in a training: each evaluates the selection part and writes a checkpoint."""

PACE = 1 / 8
"""The share of the budget over which the pace is measured: less is noise."""


@final
@dataclass(frozen=True)
class Plan:
    """What a training is going to do; stored with every checkpoint and read by a resumed run.

    Args:
        steps: optimiser steps in all.
        reports: how many report points they hold.
        budget: seconds for everything from the start to the end of the report, or None where
            the steps were given.
        reserve: seconds of the budget kept for the report at the end.
        step_seconds: what a step was measured to take.
        revisions: how often the machine's speed has changed the number of steps.
        most: steps that no revision exceeds, since more would not help; or None.
    """

    steps: int
    reports: int = REPORTS
    budget: float | None = None
    reserve: float = 0.0
    step_seconds: float = 0.0
    revisions: int = 0
    most: int | None = None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Plan:
        """The plan that `to_json` wrote."""
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        return asdict(self)

    def due(self, step: int) -> bool:
        """Whether a report point follows the completed step number `step` (1, 2, ...)."""
        return step * self.reports // self.steps != (step - 1) * self.reports // self.steps

    def tells(self, seconds: float) -> bool:
        """Whether so many seconds of training tell the pace well enough to revise the plan."""
        return self.budget is not None and seconds >= PACE * self.budget

    def revised(self, step: int, elapsed: float, seconds_a_step: float) -> Plan:
        """The plan that keeps the budget at the speed now measured; itself where it still does.

        Args:
            step: completed steps.
            elapsed: seconds of the budget used so far.
            seconds_a_step: measured lately, reports included.
        """
        if self.budget is None:
            return self
        left = max(0.0, self.budget - self.reserve - elapsed)
        steps = step + int(left / seconds_a_step)
        if self.most is not None:
            steps = min(steps, max(self.most, step))
        # Small changes are noise, and near the end the rate is small: then the plan stands.
        if abs(steps - self.steps) <= 0.05 * self.steps or self.steps - step <= 0.03 * self.steps:
            return self
        return replace(
            self,
            # At least a twentieth of the way is left, so that the rate still falls gently to 0.
            steps=max(steps, step + max(1, self.steps // 20)),
            step_seconds=seconds_a_step,
            revisions=self.revisions + 1,
        )


@final
class Clock:
    """Seconds of a budget used so far, over all the processes that worked on a run."""

    def __init__(self, before: float = 0.0) -> None:
        self._start = time.perf_counter() - before

    def elapsed(self) -> float:
        """Seconds used."""
        return time.perf_counter() - self._start

"""How many steps a training takes: given, or made out of a time budget by a short calibration."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, final

REPORTS: Final = 20
"""Report points in a training: each evaluates the selection part and writes a checkpoint."""

PACE: Final = 1 / 12
"""The share of the budget over which the pace is measured: less is noise."""

LANDING: Final = 1 / 40
"""The least share of the steps that a revision leaves, so that the rate still falls gently to 0."""

COMMAND_BEGAN: Final = ContextVar[float | None]("COMMAND_BEGAN", default=None)
"""When a command began, by `time.perf_counter`: it imports torch before its training begins."""


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
        report_seconds: what a report point was measured to take.
        revisions: how often the machine's speed has changed the number of steps.
        revised_at: the completed steps at the last of these revisions.
        revised_share: how much of the way was done there.
        threads: how many torch takes, where that is chosen by how quick they are; or None.
        most: steps that no revision exceeds, a cap of the task's; or None.
    """

    steps: int
    reports: int = REPORTS
    budget: float | None = None
    reserve: float = 0.0
    step_seconds: float = 0.0
    report_seconds: float = 0.0
    revisions: int = 0
    revised_at: int = 0
    revised_share: float = 0.0
    threads: int | None = None
    most: int | None = None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Plan:
        """The plan that `to_json` wrote."""
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        return asdict(self)

    def share(self, step: int) -> float:
        """How much of the way is done after `step` steps, 0 to 1.

        It never goes back: a revision changes how far the steps to come lead, not those taken.
        """
        ahead = (step - self.revised_at) / max(1, self.steps - self.revised_at)
        return min(1.0, self.revised_share + (1.0 - self.revised_share) * ahead)

    def due(self, step: int) -> bool:
        """Whether a report point follows the completed step number `step` (1, 2, ...)."""
        return self._reported(step) != self._reported(step - 1)

    def _reported(self, step: int) -> int:
        """Report points up to a step; a rounding error must not move one."""
        return int(self.share(step) * self.reports + 1e-9)

    def tells(self, seconds: float) -> bool:
        """Whether so many seconds of training tell the pace well enough to revise the plan."""
        return self.budget is not None and seconds >= PACE * self.budget

    def revised(
        self, step: int, elapsed: float, seconds_a_step: float, report_seconds: float
    ) -> Plan:
        """The plan that keeps the budget at the speed now measured; itself where it still does.

        Args:
            step: completed steps.
            elapsed: seconds of the budget used so far.
            seconds_a_step: measured lately, without reports.
            report_seconds: what the last report took.
        """
        if self.budget is None:
            return self
        reports = self.reports - self._reported(step)
        left = max(0.0, self.budget - self.reserve - elapsed - reports * report_seconds)
        steps = step + int(left / seconds_a_step)
        if self.most is not None:
            steps = min(steps, max(self.most, step))
        # Small changes are noise, and near the end the rate is small: then the plan stands.
        noise = max(0.05 * (self.steps - step), 0.01 * self.steps)
        if abs(steps - self.steps) <= noise or self.share(step) >= 0.97:
            return self
        return replace(
            self,
            steps=max(steps, step + max(1, int(LANDING * self.steps))),
            step_seconds=seconds_a_step,
            report_seconds=report_seconds,
            revisions=self.revisions + 1,
            revised_at=step,
            revised_share=self.share(step),
        )


@final
class Clock:
    """Seconds of a budget used so far, over all the processes that worked on a run.

    Args:
        before: seconds that were used before this process.
        since: the moment that counts as the beginning, by `time.perf_counter`; None is now.
    """

    def __init__(self, before: float = 0.0, since: float | None = None) -> None:
        self._start = (time.perf_counter() if since is None else since) - before

    def elapsed(self) -> float:
        """Seconds used."""
        return time.perf_counter() - self._start

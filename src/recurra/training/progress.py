"""How a training is shown: a live bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, Final, final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from recurra.training.plan import Plan

_SMOOTH: Final = 0.95
"""Weight of the past in the figures shown live."""


@final
class Bar:
    """A bar with loss, speed and time left; a line for every report point.

    Where `console` is no terminal the lines alone are printed.

    Args:
        unit: what is counted, in the plural.
        measure: what the loss is, such as "nats a character".
        target: a baseline's loss, shown beside the model's until it is beaten; or None.
    """

    def __init__(
        self, console: Console, *, unit: str, measure: str, target: tuple[str, float] | None = None
    ) -> None:
        self._console, self._unit, self._measure, self._target = console, unit, measure, target
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._loss, self._speed = math.nan, math.nan
        self._plan: Plan | None = None
        self._began = (0, 0.0)
        self._beaten = self._revised = False

    def begins(self, plan: Plan, step: int) -> None:
        """Show the bar."""
        self._plan = plan
        self._began = (step, time.perf_counter())
        if step:
            self.says(f"going on from step {step:,} of {plan.steps:,}")
        self._console.print(
            f"[bold]{'passed':>7}{'step':>9}{'training':>10}{'selection':>11}[/bold]"
            f"   {self._measure}",
            highlight=False,
        )
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("training"),
                BarColumn(bar_width=None),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[shown]}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=self._console,
                transient=True,
                refresh_per_second=5,
            )
            self._task = self._bar.add_task("", total=1.0, shown="", left="")
            self._bar.update(self._task, completed=plan.share(step))
            self._bar.start()

    def stepped(self, step: int, loss: float, count: int, seconds: float) -> None:
        """Move the bar."""
        if not count:
            return
        speed = count / seconds
        first = math.isnan(self._loss)
        self._loss = loss if first else _SMOOTH * self._loss + (1 - _SMOOTH) * loss
        self._speed = speed if first else _SMOOTH * self._speed + (1 - _SMOOTH) * speed
        if self._bar is not None and self._plan is not None:
            pace = (time.perf_counter() - self._began[1]) / (step - self._began[0])
            left = max(0.0, (self._plan.steps - step) * pace)
            self._bar.update(
                self._task,
                completed=self._plan.share(step),
                shown=f"loss {self._loss:.3f}  {self._speed:,.0f} {self._unit}/s",
                left=f"{int(left) // 60}:{int(left) % 60:02d} left",
            )

    def revised(self, plan: Plan) -> None:
        """The next line says it."""
        self._plan, self._revised = plan, True

    def reported(self, line: Mapping[str, Any], plan: Plan, best: bool) -> None:
        """Print a line; it says when the baseline is passed and when the plan has changed."""
        notes = [f"{self._speed:,.0f} {self._unit}/s"]
        trained, selected = line["train"], line["select"]
        if line.get("score") is not None:
            notes.append(f"score {line['score']:.2f}")
        if selected is not None and not best:
            notes.append("not better")
        if self._target and not self._beaten and (selected or math.inf) < self._target[1]:
            self._beaten = True
            notes.append(f"[green]passed the {self._target[0]}, {self._target[1]:.3f}[/green]")
        if self._revised:
            notes.append(f"plan now {plan.steps:,} steps, to keep to the time")
            self._revised = False
        self._console.print(
            f"{100 * line['passed']:>5.0f} %{line['step']:>9,}{_figure(trained):>10}"
            f"{_figure(selected):>11}   {'; '.join(notes)}",
            highlight=False,
            soft_wrap=True,
        )

    def says(self, message: str) -> None:
        """Print a message."""
        # Soft: a line broken by hand would cut a path in two where output is kept in a file.
        self._console.print(message, highlight=False, markup=False, soft_wrap=True)

    def ends(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


@final
class Silence:
    """Shows nothing."""

    def begins(self, plan: Plan, step: int) -> None:
        """Nothing."""

    def stepped(self, step: int, loss: float, count: int, seconds: float) -> None:
        """Nothing."""

    def revised(self, plan: Plan) -> None:
        """Nothing."""

    def reported(self, line: Mapping[str, Any], plan: Plan, best: bool) -> None:
        """Nothing."""

    def says(self, message: str) -> None:
        """Nothing."""

    def ends(self) -> None:
        """Nothing."""

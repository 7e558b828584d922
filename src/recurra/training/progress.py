"""How a training is shown: a live bar in terminals and notebooks, plain lines elsewhere, or not."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from recurra.console import guard
from recurra.errors import counted
from recurra.training import processes
from recurra.training.callbacks import Callback, Several, listed
from recurra.training.plan import Plan

LOG: Final = logging.getLogger("recurra")

_SMOOTH: Final = 0.95
"""Weight of the past in the figures shown live."""

_WIDE: Final = 30
"""Characters of a notebook's bar."""

_REDRAWN: Final = 0.3
"""Seconds from one notebook's bar to the next."""


@final
class Bar(Callback):
    """A bar with loss, speed and time left; a line for every report point.

    Where `console` is no terminal the lines alone are printed.

    Args:
        unit: what is counted, in the plural.
        measure: what the loss is, such as "nats a character".
        target: a baseline's loss, shown beside the model's until it is beaten; or None.
        notebook: whether a bar is a line that is written over, as notebooks have it.
    """

    def __init__(
        self,
        console: Console,
        *,
        unit: str,
        measure: str,
        target: tuple[str, float] | None = None,
        notebook: bool = False,
    ) -> None:
        self._console, self._unit, self._measure, self._target = console, unit, measure, target
        self._notebook, self._line, self._drawn = notebook and not console.is_terminal, 0, 0.0
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
        if self._plan is None or (self._bar is None and not self._notebook):
            return
        now = time.perf_counter()
        seconds_left = max(
            0.0, (self._plan.steps - step) * (now - self._began[1]) / (step - self._began[0])
        )
        shown = f"loss {self._loss:.3f}  {self._speed:,.0f} {self._unit}/s"
        left = f"{int(seconds_left) // 60}:{int(seconds_left) % 60:02d} left"
        if self._bar is not None:
            self._bar.update(self._task, completed=self._plan.share(step), shown=shown, left=left)
        elif now - self._drawn > _REDRAWN:
            share = self._plan.share(step)
            full = round(_WIDE * share)
            bar = "━" * full + " " * (_WIDE - full)
            self._overwrite(f"{bar} {100 * share:3.0f} %  {shown}  {left}")
            self._drawn = now

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
            notes.append(f"plan now {counted(plan.steps, 'step')}, to keep to the time")
            self._revised = False
        self._overwrite("")
        self._console.print(
            f"{100 * line['passed']:>5.0f} %{line['step']:>9,}{_figure(trained):>10}"
            f"{_figure(selected):>11}   {'; '.join(notes)}",
            highlight=False,
            soft_wrap=True,
        )

    def says(self, message: str) -> None:
        """Print a message."""
        self._overwrite("")
        # Soft: a line broken by hand would cut a path in two where output is kept in a file.
        self._console.print(message, highlight=False, markup=False, soft_wrap=True)

    def ends(self) -> None:
        """Take the bar away."""
        self._overwrite("")
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _overwrite(self, line: str) -> None:
        """Write a notebook's bar over the one before."""
        if self._line or line:
            self._console.file.write("\r" + line.ljust(self._line) + ("" if line else "\r"))
            self._console.file.flush()
            self._line = len(line)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


@final
class Silence(Callback):
    """Shows nothing; tells the logger "recurra", at level INFO."""

    def reported(self, line: Mapping[str, Any], plan: Plan, best: bool) -> None:
        """Log the losses."""
        losses = {name: line[name] for name in ("train", "select", "score") if name in line}
        LOG.info(
            "step %d of %d: %s%s",
            line["step"],
            plan.steps,
            ", ".join(f"{k} {v:.4f}" for k, v in losses.items() if v is not None),
            ", the best so far" if best else "",
        )

    def says(self, message: str) -> None:
        """Log the message."""
        LOG.info("%s", message)


def listener(
    callbacks: Sequence[Callback] | Callback, progress: bool | None, unit: str, measure: str
) -> Callback:
    """Who is told of a training.

    Args:
        callbacks: the user's.
        progress: whether it is shown on standard error; None where that is a terminal or a
            notebook.
        unit: what is counted, in the plural.
        measure: what the loss is.

    Raises:
        OptionError: something that is no callback.
    """
    # A notebook's standard error is told lines as a file is, and the line that a bar is.
    console = guard.console(stderr=True)
    notebook = _in_notebook()
    if progress is None:
        progress = (console.is_terminal or notebook) and processes.is_first()
    shown = Bar(console, unit=unit, measure=measure, notebook=notebook) if progress else Silence()
    return Several([shown, *listed(callbacks)])


def _in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None

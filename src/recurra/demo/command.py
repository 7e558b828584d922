"""The demos on the command line: what is there, how it learns, what it can do, what comes next."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from recurra.bundle import free_path
from recurra.console import guard
from recurra.console.text import WIDTH, filled, fitted
from recurra.demo.demos import DEMOS
from recurra.errors import MissingExtra
from recurra.judge.verdict import on_network
from recurra.tasks import TASKS, command
from recurra.tasks.show import draw
from recurra.tasks.task import INSTALL
from recurra.training.callbacks import Callback
from recurra.training.plan import COMMAND_BEGAN, Plan

if TYPE_CHECKING:
    from rich.console import Console

MINUTES: Final = 1.4
"""Of training and its report; what is shown and the page fill up a minute and a half."""

_APART: Final = 8
"""Seconds from one line of a training to the next."""

_PAGE: Final = ("matplotlib", "jinja2")


@final
class Growing(Callback):
    """Says how unsure the model still is, and of one that writes what it writes by now.

    Args:
        among: what it chooses among, of which e to the loss is a number; "" for other losses.
    """

    def __init__(self, console: Console, among: str, began: float) -> None:
        self._console, self._among, self._began = console, among, began
        self._status, self._plan = console.status("learning", spinner_style="cyan"), Plan(1)
        self._told = -_APART

    def begins(self, plan: Plan, step: int) -> None:  # noqa: ARG002
        """Show that it has begun."""
        self._plan = plan
        head = f"wavers between so many {self._among}" if self._among else "loss: less is better"
        self._print(f"{'time':>6}  {head}")
        self._status.start()

    def revised(self, plan: Plan) -> None:
        """Keep the plan."""
        self._plan = plan

    def stepped(self, step: int, loss: float, count: int, seconds: float) -> None:  # noqa: ARG002
        """Show how far it is."""
        self._status.update(f"learning, {100 * self._plan.share(step):.0f} %")

    def reported(self, line: Mapping[str, Any], plan: Plan, best: bool) -> None:  # noqa: ARG002
        """Print a line, if there was none just now."""
        loss = line["train"] if line["select"] is None else line["select"]
        passed = int(time.perf_counter() - self._began)
        if passed - self._told < _APART and line["passed"] < 1:
            return
        self._told = passed
        said = f"{passed // 60:>3}:{passed % 60:02}  "
        if loss is not None:
            said += f"{math.exp(loss):>5.1f}" if self._among else f"{loss:>5.3f}"
        if line.get("score") is not None:
            said += f"   what it writes: {line['score']:.1f} of 100"
        if sample := line.get("sample"):
            said += "   " + "  |  ".join([part for part in sample.split("\n") if part][:2])
        self._print(fitted(said, WIDTH))

    def ends(self) -> None:
        """Take the sign of life away."""
        self._status.stop()

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def run(name: str, *, out: Path | None, overwrite: bool, **options: Any) -> None:
    """`recurra demo`.

    Args:
        options: `seed`, and where they are given `minutes` or `steps`.

    Raises:
        MissingExtra: what the demo needs is not installed.
    """
    began = time.perf_counter()
    demo, task, console = DEMOS[name], TASKS[name], guard.console()
    lacking = [*task.missing(), *(each for each in demo.needs if find_spec(each) is None)]
    if lacking:
        raise MissingExtra(
            f"the demo of {name} needs what is not installed: {', '.join(lacking)}", fix=INSTALL
        )

    def say(*lines: str) -> None:
        for line in filled(lines):
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    path = out or free_path("demo", name)
    say(demo.about, f"About 90 seconds on two quiet cores; Ctrl-C loses nothing. Run: {path}", "")
    page = all(map(find_spec, _PAGE))
    if not page:
        say('No page at the end: pip install "recurra[show]" brings what that needs.', "")
    given, unseen = demo.data()
    if not {"minutes", "steps"} & set(options):
        options["minutes"] = MINUTES
    model: Any = task.model_class(**demo.options, **options)

    def fit() -> Any:
        token = COMMAND_BEGAN.set(began)
        try:
            callbacks = [Growing(console, demo.among, began)]
            return model.fit(
                **given, out=path, overwrite=overwrite, callbacks=callbacks, progress=False
            )
        finally:
            COMMAND_BEGAN.reset(token)

    command.interruptible(path, fit)
    say("")
    for line in demo.shows(model, unseen):
        if isinstance(line, str):
            say(line)
        else:
            console.print(line, highlight=False, soft_wrap=True)
    report = model.report
    # Who gave the answers above, where that was chosen; the verdict is on the network.
    found = [report.get(key) or {} for key in ("chosen", "answer", "verdict")]
    *chose, judged = [each["sentence"] for each in found if "sentence" in each] or [""]
    said = " ".join([*chose, on_network(judged) if chose else judged])
    say(f"In the field's words: {said}", "")
    if page:
        say(f"Its page, to open in a browser: {draw(path)[0]}")
    say("Next:", *(f"    {each.replace('RUN', str(path))}" for each in demo.then))
    say(f"({time.perf_counter() - began:.0f} s in all)")
    sys.stdout.flush()

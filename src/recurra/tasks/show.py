"""Pictures and the page of a run, made from what it recorded alone."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from recurra.bundle import CONFIG, HISTORY, REPORT, Run
from recurra.errors import BundleError
from recurra.tasks import task_of


def losses(run: Run) -> Any:
    """The losses of a run as a figure of matplotlib.

    Raises:
        BundleError: nothing is recorded yet.
        MissingExtra: matplotlib is not installed.
    """
    from recurra.show import curves

    _check_recorded(run)
    return curves.plot(run)


def _check_recorded(run: Run) -> None:
    if not run.history():
        raise BundleError(
            f"{run.path / HISTORY}: nothing is recorded yet",
            fix="train it to its first report at least",
        )


def draw(path: str | PathLike[str]) -> list[Path]:
    """Draw what there is to see of a run: its page, and its `figures`.

    A task's `show` has `draw(run)`, which draws pictures; `sections(run)` of the page; and
    `table(report)`, its figures.

    Returns:
        The files, the page first.

    Raises:
        BundleError: no run, or one that has recorded nothing yet.
        MissingExtra: matplotlib or Jinja2 is not installed.
    """
    from recurra.show import curves, page

    task, run = task_of(path), Run.open(path)
    _check_recorded(run)
    own = task.part("show")
    with run.intact(HISTORY):
        training = curves.draw(run)
    with run.intact(f"{CONFIG}, {REPORT} or traces", alone=False):
        drawn, sections = own.draw(run), own.sections(run)
        written = page.write(run, training, sections, drawn, own.table, task.summary)
    return [run.path / name for name in (written, *(each.name for each in (training, *drawn)))]

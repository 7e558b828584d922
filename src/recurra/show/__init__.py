"""Pictures and pages of a run, made from what it recorded alone."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from recurra.bundle import HISTORY, Run
from recurra.errors import BundleError


def draw(path: str | PathLike[str]) -> list[Path]:
    """Draw what there is to see of a run into its `figures`, and return the files.

    Raises:
        BundleError: no run, or one that has recorded nothing yet.
        MissingExtra: matplotlib is not installed.
    """
    from recurra.show import curves, labels, pairs, series

    run = Run.open(path)
    if not run.history():
        raise BundleError(
            f"{run.path / HISTORY}: nothing is recorded yet",
            fix="train it to its first report at least",
        )
    names = [curves.draw(run)]
    of_task = {"labels": labels.draw, "pairs": pairs.draw, "series": series.draw}
    task = run.config()["task"]
    if task in of_task:
        names += of_task[task](run)
    return [run.path / name for name in names]

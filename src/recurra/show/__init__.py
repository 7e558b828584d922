"""Pictures and pages of a run, made from what it recorded alone."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from recurra.bundle import HISTORY, Run
from recurra.errors import BundleError


def draw(path: str | PathLike[str]) -> list[Path]:
    """Draw what there is to see of a run: its page, and its `figures`.

    Returns:
        The files, the page first.

    Raises:
        BundleError: no run, or one that has recorded nothing yet.
        MissingExtra: matplotlib or Jinja2 is not installed.
    """
    from recurra.show import curves, labels, page, pairs, series, text

    run = Run.open(path)
    if not run.history():
        raise BundleError(
            f"{run.path / HISTORY}: nothing is recorded yet",
            fix="train it to its first report at least",
        )
    of_task = {"labels": labels.draw, "pairs": pairs.draw, "series": series.draw}
    task = run.config()["task"]
    told_of = {"labels": labels.sections, "pairs": pairs.sections, "text": text.sections}
    drawn = of_task[task](run) if task in of_task else []
    sections = told_of[task](run) if task in told_of else []
    # What attention looked at is on the page as tables, whose letters are the browser's.
    pictures = [
        name for name in drawn if name.endswith(".png") and not name.startswith(pairs.PICTURES)
    ]
    names = [page.write(run, sections, pictures), curves.draw(run), *drawn]
    return [run.path / name for name in names]

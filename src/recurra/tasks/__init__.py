"""The tasks, one folder each, with the same file names in every one."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, Final

from recurra import __version__
from recurra.errors import BundleError, unknown
from recurra.tasks.captions.task import CAPTIONS
from recurra.tasks.labels.task import LABELS
from recurra.tasks.pairs.task import PAIRS
from recurra.tasks.series.task import SERIES
from recurra.tasks.task import Task
from recurra.tasks.text.task import TEXT

TASKS: Final[dict[str, Task]] = {
    each.name: each for each in (TEXT, LABELS, SERIES, PAIRS, CAPTIONS)
}
"""Every task, by its name."""


def task_of(path: str | PathLike[str]) -> Task:
    """The task that a run is of.

    Raises:
        BundleError: no run, or one of a task that this version does not know.
    """
    # Imported late, like all that is not needed to list the commands.
    from recurra.bundle import Run

    name = Run.open(path).config()["task"]
    if name not in TASKS:
        raise BundleError(
            f"{path}: a run of task {name!r}",
            expected=f"a run of a task that recurra {__version__} knows: {', '.join(TASKS)}",
        )
    return TASKS[name]


def train(
    task: str,
    data: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
    *,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Any:
    """Train a model of a task, and return it; `options` are those of its model class.

    Raises:
        OptionError: no such task or option, or a value out of its range.
        DataError: the data cannot be used.
        BundleError: `out` exists already, or cannot be written.
    """
    if task not in TASKS:
        raise unknown("task", task, list(TASKS))
    model: Any = TASKS[task].model_class
    given = [] if data is None else [data]
    return model(**options).fit(*given, out=out, overwrite=overwrite)


def resume(path: str | PathLike[str]) -> Any:
    """Go on with an interrupted training, of whatever task it is.

    Raises:
        BundleError: no run, a finished one, or one without a checkpoint.
    """
    return task_of(path).model_class.resume(path)


def load(path: str | PathLike[str], *, weights: str = "float32") -> Any:
    """The model of a run, of whatever task it is.

    Args:
        path: the folder of the run.
        weights: "float32", or "bfloat16" for half of the memory: see `Model.load`.

    Raises:
        OptionError: no such weights.
        BundleError: no run, an unfinished one, or a damaged one.
    """
    return task_of(path).model_class.load(path, weights=weights)

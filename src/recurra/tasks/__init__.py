"""The tasks, one folder each, with the same file names in every one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module
from os import PathLike
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from recurra import __version__
from recurra.errors import BundleError, OptionError, did_you_mean

if TYPE_CHECKING:
    from recurra.tasks.model import Model

CLASSES: Final[dict[str, str]] = {
    "text": "TextModel",
    "labels": "LabelModel",
    "series": "SeriesModel",
    "pairs": "PairModel",
}
"""The tasks, and the class of each one's models in its `estimator`."""


def model_class(task: str) -> type[Model[Any]]:
    """The model class of a task; it is imported only now.

    Raises:
        OptionError: no such task.
    """
    if task not in CLASSES:
        raise _no_such("task", task, list(CLASSES))
    found: type[Model[Any]] = getattr(
        import_module(f"recurra.tasks.{task}.estimator"), CLASSES[task]
    )
    return found


def command_of(path: str | PathLike[str]) -> ModuleType:
    """The command-line module of the task that a run is of.

    Raises:
        BundleError: no run, or one of a task that this version does not know.
    """
    return import_module(f"recurra.tasks.{task_of(path)}.command")


def task_of(path: str | PathLike[str]) -> str:
    """The task that a run is of.

    Raises:
        BundleError: no run, or one of a task that this version does not know.
    """
    # Imported late, like all that is not needed to list the commands.
    from recurra.bundle import Run

    task = Run.open(path).config()["task"]
    if task not in CLASSES:
        raise BundleError(
            f"{path}: a run of task {task!r}",
            expected=f"a run of a task that recurra {__version__} knows: {', '.join(CLASSES)}",
        )
    return str(task)


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
    kind: Any = model_class(task)
    known = [each.name for each in fields(kind)]
    for name in options:
        if name not in known:
            raise _no_such("option", name, known)
    return kind(**options).fit(data, out=out, overwrite=overwrite)


def resume(path: str | PathLike[str]) -> Any:
    """Go on with an interrupted training, of whatever task it is.

    Raises:
        BundleError: no run, a finished one, or one without a checkpoint.
    """
    return model_class(task_of(path)).resume(path)


def load(path: str | PathLike[str], *, weights: str = "float32") -> Any:
    """The model of a run, of whatever task it is.

    Args:
        path: the folder of the run.
        weights: "float32", or "bfloat16" for half of the memory: see `Model.load`.

    Raises:
        OptionError: no such weights.
        BundleError: no run, an unfinished one, or a damaged one.
    """
    return model_class(task_of(path)).load(path, weights=weights)


def _no_such(what: str, name: str, known: Sequence[str]) -> OptionError:
    return OptionError(
        f"no {what} {name!r}",
        expected=f"one of {', '.join(known)}",
        fix=did_you_mean(name, known),
    )

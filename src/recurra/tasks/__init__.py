"""The tasks, one folder each, with the same file names in every one."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, overload

from recurra import __version__
from recurra.errors import BundleError, unknown
from recurra.names import meant
from recurra.tasks.captions.task import CAPTIONS
from recurra.tasks.labels.task import LABELS
from recurra.tasks.pairs.task import PAIRS
from recurra.tasks.series.task import SERIES
from recurra.tasks.task import Task
from recurra.tasks.text.task import TEXT

if TYPE_CHECKING:
    from recurra.tasks.captions.estimator import CaptionModel
    from recurra.tasks.labels.estimator import LabelModel
    from recurra.tasks.pairs.estimator import PairModel
    from recurra.tasks.series.estimator import SeriesModel
    from recurra.tasks.text.estimator import TextModel
    from recurra.training.callbacks import Callback

_Path: TypeAlias = str | PathLike[str]

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


@overload
def train(task: Literal["text"], data: Any = None, **options: Any) -> TextModel: ...
@overload
def train(task: Literal["labels"], data: Any = None, **options: Any) -> LabelModel: ...
@overload
def train(task: Literal["series"], data: Any = None, **options: Any) -> SeriesModel: ...
@overload
def train(task: Literal["pairs"], data: Any = None, **options: Any) -> PairModel: ...
@overload
def train(task: Literal["captions"], data: Any = None, **options: Any) -> CaptionModel: ...
@overload
def train(task: str, data: Any = None, **options: Any) -> Any: ...
def train(task: str, data: Any = None, **options: Any) -> Any:
    """Train a model of a task, and return it.

        model = recurra.train("text", "corpus.txt", minutes=5, out="runs/new")
        model.report["verdict"]

    Args:
        task: "text", "labels", "series", "pairs" or "captions".
        data: as the `fit` of its model takes it first.
        options: those of its model class, and what else its `fit` takes by name: `y`, `out`,
            `overwrite`, `callbacks`, `progress`.

    Raises:
        OptionError: no such task or option, or a value out of its range.
        DataError: the data cannot be used.
        BundleError: `out` exists already, or cannot be written.
    """
    if task not in TASKS:
        raise unknown("task", task, list(TASKS))
    kind: Any = TASKS[task].model_class
    beside = list(signature(kind.fit).parameters)[2:]
    known = [*signature(kind).parameters, *beside]
    options = meant(options, known, "option")
    how = {name: options.pop(name) for name in beside if name in options}
    given = [] if data is None else [data]
    return kind(**options).fit(*given, **how)


def resume(
    path: str | PathLike[str],
    *,
    callbacks: Sequence[Callback] | Callback = (),
    progress: bool | None = None,
) -> Any:
    """Go on with an interrupted training, of whatever task it is.

        try:
            model = recurra.resume("runs/bard")
        except recurra.BundleError:  # it had come to its end
            model = recurra.load("runs/bard")

    Args:
        callbacks, progress: as of the `fit` of its model.

    Raises:
        BundleError: no run, a finished one, or one without a checkpoint.
    """
    return task_of(path).model_class.resume(path, callbacks=callbacks, progress=progress)


@overload
def load(path: _Path, *, task: Literal["text"], weights: str = "float32") -> TextModel: ...
@overload
def load(path: _Path, *, task: Literal["labels"], weights: str = "float32") -> LabelModel: ...
@overload
def load(path: _Path, *, task: Literal["series"], weights: str = "float32") -> SeriesModel: ...
@overload
def load(path: _Path, *, task: Literal["pairs"], weights: str = "float32") -> PairModel: ...
@overload
def load(path: _Path, *, task: Literal["captions"], weights: str = "float32") -> CaptionModel: ...
@overload
def load(path: _Path, *, task: str | None = None, weights: str = "float32") -> Any: ...
def load(path: _Path, *, task: str | None = None, weights: str = "float32") -> Any:
    """The model of a run.

        model = recurra.load("runs/bard", task="text")
        print("".join(model.generate("ROMEO:", length=100)))

    Args:
        path: the folder of the run.
        task: what it has to be of, which editors and type checkers then know; None for any.
        weights: "float32", or "bfloat16" for half of the memory, "int8" for a quarter: see
            `Model.load`.

    Raises:
        OptionError: no such weights or task.
        BundleError: no run, an unfinished one, a damaged one, or one of another task.
    """
    if task is not None and task not in TASKS:
        raise unknown("task", task, list(TASKS))
    found = task_of(path) if task is None else TASKS[task]
    return found.model_class.load(path, weights=weights)

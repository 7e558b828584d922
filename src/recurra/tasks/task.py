"""What a task is: the record that all shared code works from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, final

from recurra.errors import BundleError, MissingExtra

if TYPE_CHECKING:
    import click

    from recurra.bundle import Run
    from recurra.tasks.model import Model
    from recurra.training.budget import TrainingOptions


INSTALL: Final = (
    'pip install "recurra[all]"; on Linux without an NVIDIA GPU '
    'pip install "recurra[all]" --extra-index-url https://download.pytorch.org/whl/cpu, '
    "which leaves out gigabytes of CUDA libraries"
)
"""The command that brings everything."""


QUANTIZED: Final = "quantized.json"
"""What a quantized run was made from, and what became of its figures."""

IN_INT8: Final = "weights in int8 are for use alone: torch can neither train nor run them"


def check_torch(who: str) -> None:
    """Check that torch is installed.

    Raises:
        MissingExtra: it is not; `who` says what needs it: "the labs need".
    """
    if find_spec("torch") is None:
        raise MissingExtra(f"torch, which {who}, is not installed", fix=INSTALL)


def check_float(run: Run, weights: str) -> None:
    """Check that the weights of a model are numbers that torch can train and run.

    Raises:
        BundleError: they are in int8.
    """
    if weights == "int8":
        raise BundleError(
            f"{run.path}: {IN_INT8}",
            expected="a run with weights in float32, as that which was quantized is",
        )


@final
@dataclass(frozen=True, kw_only=True)
class Task:
    """A task. Its parts are imported when they are asked for: a start pays for what it uses.

    They are in the files that every task's folder has: `options`, `estimator` (the model in use),
    `trainer` (the record of its training), `command` (its verb), `report`, `show`, `certify`.

    Args:
        name: of its folder, of `recurra train NAME`, and in the configuration of its runs.
        options: the class of its options.
        model: the class of its models.
        verb: the command that its models are for.
        help: of `recurra train NAME`.
        data: what the DATA of a training may be.
        sample: what a run on the data that recurra has itself is called.
        packages: what a training and its baselines import, beside what use needs.
        reading: the options by which files are read, which verbs that take files take too.
        searches: whether its models write by a search, which `evaluate` has the options of.
        progress: the task's options -> what a training counts, and what its losses measure.
        after: prints what else there is to see of a model that was just trained.
    """

    name: str
    options: str
    model: str
    verb: str
    help: str
    data: str
    sample: str
    packages: tuple[str, ...]
    progress: Callable[[Any], tuple[str, str]]
    reading: tuple[str, ...] = ()
    searches: bool = False
    after: Callable[[Any], None] | None = None

    def part(self, name: str) -> ModuleType:
        """A module of the task's folder."""
        return import_module(f"recurra.tasks.{self.name}.{name}")

    @property
    def options_class(self) -> type[TrainingOptions]:
        """The class of its options."""
        found: type[TrainingOptions] = getattr(self.part("options"), self.options)
        return found

    @property
    def model_class(self) -> type[Model[Any, Any]]:
        """The class of its models."""
        found: type[Model[Any, Any]] = getattr(self.part("estimator"), self.model)
        return found

    def command(self) -> click.Command:
        """The command that its models are for."""
        found: click.Command = getattr(self.part("command"), self.verb)
        return found

    def summary(self, report: dict[str, Any]) -> str:
        """A report of one of its models, for people."""
        found: str = self.part("render").summary(report)
        return found

    def missing(self) -> list[str]:
        """Which of the packages that a training may use are not installed."""
        return [name for name in self.packages if find_spec(name) is None]

    def check_training(self) -> None:
        """Check that its models can be trained here.

        Raises:
            MissingExtra: torch is not installed; all that the task may lack is named.
        """
        lacking = self.missing()
        if "torch" in lacking:
            raise MissingExtra(
                f"training a model of {self.name} needs what is not installed here: "
                f"{', '.join(lacking)}",
                expected="the packages that train; models are used without them",
                fix=INSTALL,
            )

"""What every task's model is: trained into a run, gone on with, loaded, saved."""

from __future__ import annotations

import datetime
import platform
import shutil
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, fields
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import torch

from recurra import __version__
from recurra.bundle import CHECKPOINT, CONFIG, FORMAT, REPORT, WEIGHTS, Run
from recurra.errors import BundleError, DataError, OptionError, TrainingError, did_you_mean
from recurra.tasks.design import Design, Network
from recurra.training import processes, session
from recurra.training.budget import TrainingOptions
from recurra.training.checkpoint import Progress
from recurra.training.loop import Settings, Trainee, Watcher, seeded, train
from recurra.training.optimiser import Rates
from recurra.training.plan import Clock
from recurra.training.precision import Precision
from recurra.training.progress import Silence

Data = TypeVar("Data")
Net = TypeVar("Net", bound=Network)

FIRST_WEIGHTS = 2**32 - 1
"""A number that no step has: the first weights are drawn apart from all else."""


class Model(ABC, Generic[Data, Net]):
    """A model of one task, standing on the folder of its run; final classes add `fit` and the verb.

    They are dataclasses of their task's options too.
    """

    task: ClassVar[str]
    baselines: ClassVar[str]
    """The file of a run that `_prepare` keeps the baselines in."""
    several: ClassVar[bool] = False
    """Whether several processes can train one model, each on its share of every batch's rows."""

    _run: Run | None = None
    _network: Net | None = None

    # -- what a task says --------------------------------------------------------------------

    @abstractmethod
    def _precision(self, device: torch.device) -> Precision:
        """What large products run in."""

    @abstractmethod
    def _design(self, data: Data, precision: Precision, device: torch.device) -> Design:
        """What the options, the data and the time allow."""

    @classmethod
    @abstractmethod
    def _built(cls, architecture: dict[str, Any]) -> Net:
        """The network of an architecture, its weights drawn."""

    @abstractmethod
    def _trainee(self, network: Net, data: Data, settings: dict[str, Any]) -> Trainee[Any]:
        """What the loop trains."""

    @abstractmethod
    def _prepare(self, run: Run, data: Data, watcher: Watcher) -> None:
        """Write what the run needs beside its weights, and the baselines."""

    @abstractmethod
    def _seconds_needed(self, network: Net, data: Data) -> float:
        """How long the report is going to take."""

    @abstractmethod
    def _judge(self, run: Run, network: Net, data: Data, progress: Progress, epochs: float) -> None:
        """Write the report and the model card."""

    @classmethod
    @abstractmethod
    def _read_again(cls, run: Run, config: dict[str, Any]) -> Data:
        """The data that a run was begun with."""

    @abstractmethod
    def _load_parts(self, run: Run, config: dict[str, Any], network: Net) -> None:
        """Read what `_prepare` wrote to be used with the network, and check that it fits."""

    @staticmethod
    @abstractmethod
    def _facts(data: Data) -> dict[str, Any]:
        """What the run's configuration says of the data."""

    # -- training ----------------------------------------------------------------------------

    @property
    def _options(self) -> TrainingOptions:
        assert isinstance(self, TrainingOptions)
        return self

    def _start(self) -> Clock:
        """Start the time of a training, once its options have been checked.

        Raises:
            OptionError: an option is out of its range, or the task trains in one process alone.
        """
        clock = Clock()
        self._options.check()
        processes.check(self.task, self.several)
        if self._options.threads:
            torch.set_num_threads(self._options.threads)
        return clock

    def _begin(
        self,
        data: Data,
        files: Sequence[Path],
        told: str,
        out: str | PathLike[str] | None,
        overwrite: bool,
        watcher: Watcher,
        clock: Clock,
    ) -> Self:
        """Train on data that came from these files."""
        options = self._options
        device = session.device_of(options.device)
        processes.agree("the data that they read", lambda: self._facts(data))
        precision = processes.first(lambda: self._precision(device))
        design = self._design(data, precision, device)  # all of them, since it may train a little
        design = processes.first(lambda: design)
        with seeded(options.seed, FIRST_WEIGHTS):
            network = self._built(design.architecture).to(device)
        place = out or processes.first(lambda: tempfile.mkdtemp(prefix="recurra-"))
        if out is None and processes.is_first():
            weakref.finalize(self, shutil.rmtree, place, ignore_errors=True)
        run = processes.first(lambda: Run.create(place, overwrite=overwrite, reading=files))
        try:
            watcher.says(told)
            watcher.says(f"model: {network.told()} ({design.reason}); {precision}")
            for before in run.replaced[-1:]:
                watcher.says(f"until it is finished, the run that it replaces is {before}")
            config = self._configuration(data, design, precision, device)
            processes.first(lambda: run.write_json(CONFIG, config))
            processes.first(lambda: self._prepare(run, data, watcher))
            self._load_parts(run, config, network)
            return self._trained(run, data, network, precision, watcher, clock, new=True)
        except BaseException:
            if processes.is_first() and not run.has(CHECKPOINT) and not run.has(REPORT):
                # Nothing was learnt: what is there would only be in the way of the next attempt.
                run.remove()
            raise

    def _configuration(
        self, data: Data, design: Design, precision: Precision, device: torch.device
    ) -> dict[str, Any]:
        """All that loading and resuming need, fixed from here."""
        options = self._options
        return {
            "format": FORMAT,
            "task": self.task,
            "recurra": __version__,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "architecture": design.architecture,
            "data": self._facts(data),
            "options": {each.name: getattr(options, each.name) for each in fields(options)},
            "training": design.settings
            | {
                "rates": asdict(design.rates),
                "finish": design.finish,
                "patience": design.patience,
                "back": design.back,
                "seed": options.seed,
                "bfloat16": precision.bfloat16,
                "bfloat16_reason": precision.reason,
                "device": str(device),
                "threads": torch.get_num_threads(),
                "processes": processes.count(),
                "python": platform.python_version(),
                "torch": torch.__version__,
                "numpy": np.__version__,
            },
        }

    @classmethod
    def resume(cls, path: str | PathLike[str], *, watcher: Watcher | None = None) -> Self:
        """Go on with an interrupted training to its end, as if it had never stopped.

        Raises:
            BundleError: no run, a finished one, or one without a checkpoint.
            DataError: the data have changed since.
        """
        processes.check(cls.task, cls.several)
        run = Run.open(path, task=cls.task)
        if run.has(REPORT):
            raise BundleError(
                f"{run.path}: this training is finished; there is nothing to resume",
                fix=f"read its report: recurra evaluate {run.path}",
            )
        config = run.config()
        with run.intact(CONFIG):
            settings = config["training"]
            model = cls(**config["options"])
            precision = Precision(settings["bfloat16"], settings["bfloat16_reason"])
            threads, name = int(settings["threads"]), str(settings["device"])
            begun = int(settings.get("processes", 1))  # runs of before there were several
        if not run.has(CHECKPOINT):
            raise BundleError(
                f"{run.path / CHECKPOINT}: missing",
                fix="without its checkpoint a training cannot go on: train again",
            )
        if threads != torch.get_num_threads():
            # Sums are split over threads: another number rounds differently.
            torch.set_num_threads(threads)
        if begun != processes.count():
            (watcher or Silence()).says(
                f"processes: {processes.count()}, begun with {begun}; rounding differs, and what "
                "dropout drops"
            )
        data = cls._data_of(run, config)
        device = session.device_of(name)
        with seeded(0, 0), run.intact(CONFIG):
            network = cls._built(config["architecture"]).to(device)
        # What is missing or damaged is told now, not when hours of training have passed.
        model._load_parts(run, config, network)
        run.check(cls.baselines, *([WEIGHTS] if run.history() else []))
        return model._trained(
            run, data, network, precision, watcher or Silence(), Clock(), new=False
        )

    @classmethod
    def _data_of(cls, run: Run, config: dict[str, Any]) -> Data:
        """The data that a run was begun with; a fault of the copy in the run names the copy."""
        try:
            return cls._read_again(run, config)
        except DataError as error:
            copies = sorted((run.path / CHECKPOINT).parent.glob("input*"))
            if error.got.startswith(str(run.path)) or (not copies and config["data"]["files"]):
                raise
            raise BundleError(
                f"{copies[0] if copies else (run.path / CHECKPOINT).parent}: {error.got}",
                expected=error.expected,
                fix="restore the run from a copy, or train again",
            ) from error

    def _trained(
        self,
        run: Run,
        data: Data,
        network: Net,
        precision: Precision,
        watcher: Watcher,
        clock: Clock,
        *,
        new: bool,
    ) -> Self:
        settings = run.config()["training"]
        trainee = self._trainee(network, data, settings)
        how = Settings(
            seed=settings["seed"],
            rates=Rates(**settings["rates"]),
            finish=settings["finish"],
            patience=settings["patience"],
            back=settings.get("back", False),  # runs of before it was there did not go back
        )
        if new:
            progress = session.begin(
                trainee,
                network,
                self._options,
                how,
                precision,
                run,
                watcher,
                clock,
                reserve=processes.first(lambda: self._seconds_needed(network, data)),
            )
        else:
            progress = train(trainee, network, None, how, precision, run, watcher, clock)
        if not progress.reason:
            raise KeyboardInterrupt
        self._adopt(run)
        epochs = progress.step / trainee.steps_an_epoch
        processes.first(lambda: self._judge(run, self.network, data, progress, epochs))
        # Its plan is done: there is nothing to go on with.
        shutil.rmtree(run.path / Path(CHECKPOINT).parent, ignore_errors=True)
        if progress.reason == "diverged":
            raise TrainingError(
                f"{run.path}: the loss exploded after step {progress.step}",
                expected="a loss that falls",
                fix=f"the weights of step {progress.best_step} are kept; train again with a lower "
                "--rate",
            )
        # Not sooner: what overwrote a good run by a slip may come to nothing.
        processes.first(run.settle)
        return self

    # -- use ---------------------------------------------------------------------------------

    @classmethod
    def load(cls, path: str | PathLike[str], *, device: str = "cpu") -> Self:
        """The model of a run.

        Raises:
            BundleError: no run of this task, or a damaged one.
        """
        run = Run.open(path, task=cls.task)
        with run.intact(CONFIG):
            model = cls(**run.config()["options"])
        model._options.device = device
        model._load_parts(run, run.config(), model._adopt(run))
        return model

    def _adopt(self, run: Run) -> Net:
        """Stand on a run with its weights."""
        config = run.config()
        arrays, _ = run.read_arrays(WEIGHTS)
        try:
            with run.intact(CONFIG), seeded(0, 0):  # the weights that it draws are replaced at once
                network = self._built(config["architecture"])
            network.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
        except (RuntimeError, TypeError, ValueError) as error:
            raise BundleError(
                f"{run.path / WEIGHTS}: does not fit {CONFIG} ({str(error).splitlines()[0]})",
                fix="restore both from one copy of the run, or train again",
            ) from error
        self._run = run
        self._network = network.to(session.device_of(self._options.device)).eval()
        return self._network

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Copy the run to a folder of its own.

        Raises:
            BundleError: something is there already, or it cannot be written.
        """
        target = Run.create(path, overwrite=overwrite, reading=[self.run.path / CONFIG])
        self.run.copy_to(target)

    @property
    def run(self) -> Run:
        """The folder that the model stands on."""
        if self._run is None:
            raise self._unfitted()
        return self._run

    @property
    def network(self) -> Net:
        """The fitted network."""
        if self._network is None:
            raise self._unfitted()
        return self._network

    @property
    def report(self) -> dict[str, Any]:
        """The report of the training: figures, baselines, verdict."""
        found: dict[str, Any] = self.run.read_json(REPORT)
        return found

    # -- as scikit-learn's estimators ---------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """The options, by name; `deep` changes nothing, as no option is an estimator."""
        return {each.name: getattr(self, each.name) for each in fields(self._options)}

    def set_params(self, **params: Any) -> Self:
        """Change options.

        Raises:
            OptionError: no such option, or a value out of its range.
        """
        known = [each.name for each in fields(self._options)]
        for name, value in params.items():
            if name not in known:
                raise OptionError(
                    f"no option {name!r}",
                    expected=f"one of {', '.join(known)}",
                    fix=did_you_mean(name, known),
                )
            setattr(self, name, value)
        self._options.check()
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return self._network is not None

    def _unfitted(self) -> OptionError:
        return OptionError(
            "the model is not fitted yet", fix=f"call fit, or {type(self).__name__}.load"
        )

"""What trains every task's model: data in, a run with its report out; going on with one."""

from __future__ import annotations

import datetime
import platform
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, fields
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch

from recurra import __version__
from recurra.bundle import CHECKPOINT, CONFIG, FORMAT, REPORT, WEIGHTS, Run
from recurra.errors import BundleError, DataError, TrainingError
from recurra.networks.network import Network
from recurra.runtime.certificate import CERTIFICATE, Certificate
from recurra.tasks.model import Model
from recurra.tasks.model_plan import ModelPlan
from recurra.training import processes, session
from recurra.training.checkpoint import Progress
from recurra.training.loop import Callback, Settings, TrainingTask, seeded, train
from recurra.training.optimiser import Rates
from recurra.training.plan import Clock
from recurra.training.precision import Precision
from recurra.training.progress import Silence

M = TypeVar("M", bound=Model[Any])
Data = TypeVar("Data")
Net = TypeVar("Net", bound=Network)

FIRST_WEIGHTS = 2**32 - 1
"""A number that no step has: the first weights are drawn apart from all else."""


class Trainer(ABC, Generic[M, Data, Net]):
    """Trains a model of one task; final classes say what is the task's own.

    Args:
        model: whose options are followed, and which stands on the run in the end.
    """

    several: ClassVar[bool] = False
    """Whether several processes can train one model, each on its share of every batch's rows."""

    def __init__(self, model: M) -> None:
        self.model = model

    # -- what a task says --------------------------------------------------------------------

    @abstractmethod
    def precision(self, device: torch.device) -> Precision:
        """What large products run in."""

    @abstractmethod
    def plan_model(self, data: Data, precision: Precision, device: torch.device) -> ModelPlan:
        """What the options, the data and the time allow."""

    @abstractmethod
    def build(self, architecture: dict[str, Any]) -> Net:
        """The network of an architecture, its weights drawn."""

    @abstractmethod
    def training_task(
        self, network: Net, data: Data, settings: dict[str, Any]
    ) -> TrainingTask[Any]:
        """What the loop trains."""

    @abstractmethod
    def facts(self, data: Data) -> dict[str, Any]:
        """What the run's configuration says of the data."""

    @abstractmethod
    def inference(self, data: Data, model_plan: ModelPlan) -> dict[str, Any]:
        """What use needs beside the architecture, the weights and the files of `prepare`."""

    @abstractmethod
    def prepare(self, run: Run, data: Data, callback: Callback) -> None:
        """Write what the run needs beside its weights, and the baselines."""

    @abstractmethod
    def seconds_needed(self, network: Net, data: Data) -> float:
        """How long the report is going to take."""

    @abstractmethod
    def judge(self, run: Run, network: Net, data: Data, progress: Progress, epochs: float) -> None:
        """Write the report and the model card; the model stands on the run already."""

    @abstractmethod
    def read_again(self, run: Run, config: dict[str, Any]) -> Data:
        """The data that a run was begun with."""

    # -- training ----------------------------------------------------------------------------

    def start(self) -> Clock:
        """Start the time of a training, once its options have been checked.

        Raises:
            OptionError: an option is out of its range, or the task trains in one process alone.
        """
        clock = Clock()
        options = self.model._options
        options.check()
        processes.check(self.model.task.name, self.several)
        return clock

    @session.threads_put_back()
    def train(
        self,
        data: Data,
        files: Sequence[Path],
        summary: str,
        out: str | PathLike[str] | None,
        overwrite: bool,
        callback: Callback | None,
        clock: Clock,
    ) -> None:
        """Train on data that came from these files."""
        options, callback = self.model._options, callback or Silence()
        if options.threads:
            torch.set_num_threads(options.threads)
        device = session.device_of(options.device)
        processes.agree("the data that they read", lambda: self.facts(data))
        precision = processes.first(lambda: self.precision(device))
        model_plan = self.plan_model(
            data, precision, device
        )  # all of them, since it may train a little
        model_plan = processes.first(lambda: model_plan)
        with seeded(options.seed, FIRST_WEIGHTS):
            network = self.build(model_plan.architecture).to(device)
        place = out or processes.first(self.model._in_temporary_run)
        run = processes.first(lambda: Run.create(place, overwrite=overwrite, reading=files))
        try:
            callback.says(summary)
            callback.says(f"model: {network.summary()} ({model_plan.reason}); {precision}")
            for before in run.replaced[-1:]:
                callback.says(f"until it is finished, the run that it replaces is {before}")
            config = self._configuration(data, model_plan, precision, device)
            processes.first(lambda: run.write_json(CONFIG, config))
            processes.first(lambda: self.prepare(run, data, callback))
            self.model._load_parts(run, config["inference"])
            self._trained(run, data, network, precision, callback, clock, new=True)
        except BaseException:
            if processes.is_first() and not run.has(CHECKPOINT) and not run.has(REPORT):
                # Nothing was learnt: what is there would only be in the way of the next attempt.
                run.remove()
            raise

    def _configuration(
        self, data: Data, model_plan: ModelPlan, precision: Precision, device: torch.device
    ) -> dict[str, Any]:
        """All that loading and resuming need, fixed from here."""
        options = self.model._options
        return {
            "format": FORMAT,
            "task": self.model.task.name,
            "recurra": __version__,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "inference": {"architecture": model_plan.architecture}
            | self.inference(data, model_plan),
            "data": self.facts(data),
            "options": {each.name: getattr(options, each.name) for each in fields(options)},
            "training": model_plan.settings
            | {
                "rates": asdict(model_plan.rates),
                "finish": model_plan.finish,
                "patience": model_plan.patience,
                "back": model_plan.back,
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

    @session.threads_put_back()
    def resume(self, run: Run, callback: Callback | None) -> None:
        """Go on with an interrupted training to its end, as if it had never stopped.

        Raises:
            BundleError: the run is damaged, or has no checkpoint.
            DataError: the data have changed since.
        """
        callback = callback or Silence()
        processes.check(self.model.task.name, self.several)
        config = run.config()
        with run.intact(CONFIG):
            settings = config["training"]
            precision = Precision(settings["bfloat16"], settings["bfloat16_reason"])
            threads, name = int(settings["threads"]), str(settings["device"])
            begun = int(settings["processes"])
        if not run.has(CHECKPOINT):
            raise BundleError(
                f"{run.path / CHECKPOINT}: missing",
                fix="without its checkpoint a training cannot go on: train again",
            )
        if threads != torch.get_num_threads():
            # Sums are split over threads: another number rounds differently.
            torch.set_num_threads(threads)
        if begun != processes.count():
            callback.says(
                f"processes: {processes.count()}, begun with {begun}; rounding differs, and what "
                "dropout drops"
            )
        data = self._data_of(run, config)
        device = session.device_of(name)
        with seeded(0, 0), run.intact(CONFIG):
            network = self.build(config["inference"]["architecture"]).to(device)
        # What is missing or damaged is told now, not when hours of training have passed.
        self.model._load_parts(run, config["inference"])
        run.check(self.model.baselines, *([WEIGHTS] if run.history() else []))
        self._trained(run, data, network, precision, callback, Clock(), new=False)

    def _data_of(self, run: Run, config: dict[str, Any]) -> Data:
        """The data that a run was begun with; a fault of the copy in the run names the copy."""
        try:
            return self.read_again(run, config)
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
        callback: Callback,
        clock: Clock,
        *,
        new: bool,
    ) -> None:
        settings = run.config()["training"]
        training_task = self.training_task(network, data, settings)
        how = Settings(
            seed=settings["seed"],
            rates=Rates(**settings["rates"]),
            finish=settings["finish"],
            patience=settings["patience"],
            back=settings["back"],
        )
        if new:
            progress = session.begin(
                training_task,
                network,
                self.model._options,
                how,
                precision,
                run,
                callback,
                clock,
                reserve=processes.first(lambda: self.seconds_needed(network, data)),
            )
        else:
            progress = train(training_task, network, None, how, precision, run, callback, clock)
        if not progress.reason:
            raise KeyboardInterrupt
        self.model._adopt(run)
        best = self.load(run).to(next(network.parameters()).device)
        epochs = progress.step / training_task.steps_an_epoch
        processes.first(lambda: self.judge(run, best, data, progress, epochs))
        certificate = processes.first(lambda: self._certified(run, data))
        # Its plan is done: there is nothing to go on with.
        shutil.rmtree(run.path / Path(CHECKPOINT).parent, ignore_errors=True)
        if progress.reason == "diverged":
            raise TrainingError(
                f"{run.path}: the loss exploded after step {progress.step}",
                expected="a loss that falls",
                fix=f"the weights of step {progress.best_step} are kept; train again with a lower "
                "--lr",
            )
        # Not sooner: what overwrote a good run by a slip may come to nothing.
        processes.first(run.settle)
        if not certificate.held:
            raise TrainingError(
                f"{run.path}: {certificate.sentence()}",
                expected="the same figures whatever way a model is used",
                fix=f"the run is kept; please report what is in {run.path / CERTIFICATE}",
            )

    def _certified(self, run: Run, data: Data) -> Certificate:
        """The certificate, which the report tells of too."""
        found = self.model.certify(data)
        summary = {"held": found.held, "sentence": found.sentence()}
        run.write_json(REPORT, run.read_json(REPORT) | {"certificate": summary})
        return found

    def load(self, run: Run) -> Net:
        """The network that a run holds the weights of, as torch has it, in evaluation mode.

        Raises:
            BundleError: the weights do not fit, or are damaged.
        """
        arrays, _ = run.read_arrays(WEIGHTS)
        try:
            with run.intact(CONFIG), seeded(0, 0):  # the weights that it draws are replaced at once
                network = self.build(run.config()["inference"]["architecture"])
            network.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
        except (RuntimeError, TypeError, ValueError) as error:
            raise BundleError(
                f"{run.path / WEIGHTS}: does not fit {CONFIG} ({str(error).splitlines()[0]})",
                fix="restore both from one copy of the run, or train again",
            ) from error
        return network.eval()

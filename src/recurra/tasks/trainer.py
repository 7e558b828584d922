"""Training, of whatever task: data in, a run with its report out; going on with one."""

from __future__ import annotations

import contextlib
import datetime
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from recurra import __version__
from recurra.bundle import CHECKPOINT, CONFIG, FORMAT, REPORT, WEIGHTS, Run
from recurra.errors import BundleError, DataError, TrainingError
from recurra.networks.network import Network
from recurra.runtime.certificate import CERTIFICATE, Certificate
from recurra.tasks.input import TrainingData
from recurra.tasks.model_plan import ModelPlan
from recurra.tasks.stored_baselines import BASELINES
from recurra.tasks.training import Training
from recurra.training import lock, processes, session
from recurra.training.callbacks import Callback
from recurra.training.loop import Settings, seeded, train
from recurra.training.optimiser import Rates
from recurra.training.plan import COMMAND_BEGAN, Clock
from recurra.training.precision import Precision
from recurra.training.threads import quickest_threads, threads_put_back

if TYPE_CHECKING:
    from recurra.tasks.model import Model

Data = TypeVar("Data", bound=TrainingData)
Net = TypeVar("Net", bound=Network)

MOST_THREADS = 4096
"""More than any machine that a run was begun on."""

FIRST_WEIGHTS = 2**32 - 1
"""A number that no step has: the first weights are drawn apart from all else."""


@threads_put_back()
def fit(
    model: Model[Any, Any],
    training: Training[Any, Any, Any],
    given: Mapping[str, Any],
    *,
    out: str | PathLike[str] | None,
    overwrite: bool,
    callback: Callback,
) -> None:
    """Train a model on what its `fit` was given; it stands on the run in the end.

    Raises:
        OptionError: the task trains in one process alone.
        DataError: the data cannot be used.
        BundleError: `out` exists already, or cannot be written.
        TrainingError: the loss exploded; the best weights before that are kept.
    """
    clock, options = Clock(since=COMMAND_BEGAN.get()), model.options
    processes.check(model.task.name, training.several)
    if options.threads:
        torch.set_num_threads(options.threads)
    elif options.seconds is not None and processes.count() == 1:
        torch.set_num_threads(quickest_threads())
    data = training.read(options, given, None if out is None else Path(out))
    device = session.device_of(options.device)
    processes.agree("the data that they read", data.facts)
    precision = processes.first(
        lambda: session.precision_of(options.precision, device, small=training.small)
    )
    # All of them, since it may train a little.
    plan = training.plan(options, data, precision, device)
    plan = processes.first(lambda: plan)
    with seeded(options.seed, FIRST_WEIGHTS):
        network = training.build(plan.architecture).to(device)
    place = out or processes.first(model.temporary_folder)
    with contextlib.ExitStack() as until_done:
        processes.first(lambda: until_done.enter_context(lock.held(place)))
        run = processes.first(
            lambda: Run.create(place, overwrite=overwrite, reading=data.read_files)
        )
        try:
            if out is not None:
                callback.says(f"run: {run.path}")
            callback.says(data.summary())
            callback.says(f"model: {network.summary()} ({plan.reason}); {precision}")
            for before in run.replaced[-1:]:
                callback.says(f"until it is finished, the run that it replaces is {before}")
            config = _configuration(model, training, data, plan, precision, device)
            processes.first(lambda: run.write_json(CONFIG, config))
            processes.first(lambda: training.prepare(run, data, options, callback))
            _trained(model, training, run, data, network, precision, callback, clock, new=True)
        except BaseException:
            if processes.is_first() and not run.has(CHECKPOINT) and not run.has(REPORT):
                # Nothing was learnt: what is there would only be in the way of the next attempt.
                run.remove()
            raise


def _configuration(
    model: Model[Any, Any],
    training: Training[Any, Data, Any],
    data: Data,
    plan: ModelPlan,
    precision: Precision,
    device: torch.device,
) -> dict[str, Any]:
    """All that loading and resuming need, fixed from here."""
    options, facts = model.options, data.facts()
    # What a table looked like holds for those that are judged later.
    headerless = {"header": False} if facts.get("found", {}).get("headerless") else {}
    return {
        "format": FORMAT,
        "task": model.task.name,
        "recurra": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "inference": {"architecture": plan.architecture} | training.inference(options, data),
        "data": facts,
        "options": model.get_params() | headerless,
        "training": plan.settings
        | {
            "rates": asdict(plan.rates),
            "finish": plan.finish,
            "patience": plan.patience,
            "back": plan.back,
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


@threads_put_back()
def resume(
    model: Model[Any, Any],
    training: Training[Any, Any, Any],
    run: Run,
    callback: Callback,
) -> None:
    """Go on with an interrupted training to its end, as if it had never stopped.

    Raises:
        BundleError: the run is damaged, or has no checkpoint.
        DataError: the data have changed since.
    """
    processes.check(model.task.name, training.several)
    config = run.config()
    with run.intact(CONFIG):
        settings = config["training"]
        precision = Precision(settings["bfloat16"], settings["bfloat16_reason"])
        threads, name = int(settings["threads"]), str(settings["device"])
        begun = int(settings["processes"])
        if not 1 <= threads <= MOST_THREADS:
            raise ValueError(f"threads {threads}")
        for key, each in settings.items():
            if isinstance(each, int | float) and not abs(each) < 2**63:
                raise ValueError(f"{key} {each}")
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
    with contextlib.ExitStack() as until_done:
        processes.first(lambda: until_done.enter_context(lock.held(run.path)))
        _check_fits(model, run)
        with run.intact(CONFIG, alone=False):
            data = _data_of(training, run, config)
            device = session.device_of(name)
        with seeded(0, 0), run.intact(CONFIG):
            network = training.build(config["inference"]["architecture"]).to(device)
        run.check(BASELINES, *([WEIGHTS] if run.history() else []))
        _trained(model, training, run, data, network, precision, callback, Clock(), new=False)


def _check_fits(model: Model[Any, Any], run: Run) -> None:
    """Compare the sizes in the configuration with the weights in the checkpoint.

    Before a network of these sizes is made, which takes memory and time for them.
    """
    arrays, _ = run.read_arrays(CHECKPOINT)
    own = {k.removeprefix("network/"): v for k, v in arrays.items() if k.startswith("network/")}
    model.built(run, CHECKPOINT, own)


def _data_of(training: Training[Any, Data, Any], run: Run, config: dict[str, Any]) -> Data:
    """The data that a run was begun with; a fault of the copy in the run names the copy."""
    try:
        return training.read_again(run, config)
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
    model: Model[Any, Any],
    training: Training[Any, Data, Net],
    run: Run,
    data: Data,
    network: Net,
    precision: Precision,
    callback: Callback,
    clock: Clock,
    *,
    new: bool,
) -> None:
    # What is missing or damaged is told now, not when hours of training have passed.
    model.load_parts(run)
    options, settings = model.options, run.config()["training"]
    with contextlib.nullcontext() if new else run.intact(CONFIG, alone=False):
        training_task = training.training_task(network, data, settings)
        how = Settings(
            seed=settings["seed"],
            rates=Rates(**settings["rates"]),
            finish=settings["finish"],
            patience=settings["patience"],
            back=settings["back"],
        )
    with _going_on(run):
        if new:
            progress = session.begin(
                training_task,
                network,
                options,
                how,
                precision,
                run,
                callback,
                clock,
                reserve=processes.first(lambda: training.seconds_to_judge(network, data, options)),
            )
        else:
            progress = train(training_task, network, None, how, precision, run, callback, clock)
    if not progress.reason:
        raise KeyboardInterrupt
    model.stand_on(run)
    best = training.load(run).to(next(network.parameters()).device)
    epochs = progress.step / training_task.steps_an_epoch
    facts = session.facts(progress, epochs, settings, run.history())
    processes.first(lambda: training.judge(model, best, data, facts))
    certificate = processes.first(lambda: _certified(model, data))
    if progress.reason != "diverged":
        # Not sooner: what overwrote a good run by a slip may come to nothing.
        processes.first(run.settle)
    processes.first(lambda: _finish(run))
    if progress.reason == "diverged":
        raise TrainingError(
            f"{run.path}: the loss exploded after step {progress.step}",
            expected="a loss that falls",
            fix=f"the weights of step {progress.best_step} are kept; train again with a lower --lr",
        )
    if not certificate.held:
        raise TrainingError(
            f"{run.path}: {certificate.sentence()}",
            expected="the same figures whatever way a model is used",
            fix=f"the run is kept; please report what is in {run.path / CERTIFICATE}",
        )


def _finish(run: Run) -> None:
    """Remove what only going on needs; its plan is done."""
    state = run.path / CHECKPOINT
    with contextlib.suppress(OSError):
        # The checkpoint last: as long as it is there, a killed process can be gone on with.
        for each in state.parent.iterdir():
            if each != state:
                each.unlink()
    shutil.rmtree(state.parent, ignore_errors=True)


@contextlib.contextmanager
def _going_on(run: Run) -> Iterator[None]:
    """Say how to go on where the disk refuses what a training writes, if there is a checkpoint."""
    try:
        yield
    except BundleError as error:
        if isinstance(error.__cause__, OSError) and run.has(CHECKPOINT):
            error.fix += f"; then recurra resume {run.path} goes on from the last checkpoint"
        raise


def _certified(model: Model[Any, Any], data: Any) -> Certificate:
    """The certificate, which the report tells of too."""
    found, run = model.certify(data), model.run
    summary = {"held": found.held, "sentence": found.sentence()}
    run.write_json(REPORT, run.read_json(REPORT) | {"certificate": summary})
    return found

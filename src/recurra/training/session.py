"""One training from a budget to its end, and going on with one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

import torch
from torch import nn

from recurra.bundle import Run
from recurra.errors import OptionError, counted
from recurra.training import processes
from recurra.training.budget import TrainingOptions
from recurra.training.callbacks import Callback
from recurra.training.checkpoint import Progress
from recurra.training.loop import Settings, TrainingTask, train
from recurra.training.plan import REPORTS, Clock, Plan
from recurra.training.precision import Precision, measure
from recurra.training.time_budget import calibrate

TrainState = TypeVar("TrainState")

FEWEST: Final = 100
"""Steps below which a network has hardly learnt anything; or a pass, where that is less."""

_CHECKS: Final = 5  # on the selection part, from which on their curve tells something


def device_of(name: str) -> torch.device:
    """The device of this name; "auto" is the best there is.

    Raises:
        OptionError: no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = processes.own(torch.device(name))
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise OptionError(
            f"--device {name}: {str(error).splitlines()[0]}", expected="auto, cpu, cuda or mps"
        ) from error
    return device


def precision_of(name: str, device: torch.device, *, small: bool = False) -> Precision:
    """The precision of this name; "auto" is measured.

    Args:
        small: the layers are too small for bfloat16 to be worth it on a CPU.
    """
    if small and name == "auto" and device.type == "cpu":
        return Precision(False, "the kernels of layers this small run in float32")
    if name == "auto":
        return measure(device)
    return Precision(name == "bfloat16", "as asked")


def begin(
    training_task: TrainingTask[TrainState],
    network: nn.Module,
    options: TrainingOptions,
    settings: Settings,
    precision: Precision,
    run: Run,
    callback: Callback,
    clock: Clock,
    *,
    reserve: float,
) -> Progress:
    """Plan a training by its options, and train.

    Args:
        reserve: seconds of the budget that the report needs.
    """
    if options.steps is not None:
        plan = Plan(options.steps, min(REPORTS, options.steps))
    elif options.epochs is not None:
        steps = max(1, round(options.epochs * training_task.steps_an_epoch))
        plan = Plan(steps, min(REPORTS, steps))
    else:
        assert options.seconds is not None
        most = training_task.most_steps
        plan = calibrate(
            training_task,
            network,
            precision,
            clock,
            budget=options.seconds,
            reserve=reserve,
            most=most,
        )
        if options.threads is None and processes.count() == 1:
            plan = replace(plan, threads=torch.get_num_threads())
        if plan.steps == most:
            callback.says(f"{most:,} steps, the most that are taken for so much data")
        elif plan.steps < (fewest := min(FEWEST, math.ceil(training_task.steps_an_epoch))):
            needed = options.seconds + (fewest - plan.steps) * plan.step_seconds
            given, enough = options.seconds / 60, math.ceil(needed / 30) / 2
            callback.says(
                f"{counted(plan.steps, 'step')} fit into {counted(given, 'minute')} here, too few "
                f"to learn from: {counted(enough, 'minute')} would do"
            )
    return train(training_task, network, plan, settings, precision, run, callback, clock)


def selected(run: Run, step: int, metric: str) -> dict[str, Any]:
    """What chose the weights of a step: the score by a metric, and the teacher-forced loss there.

    Both are None where nothing chose.
    """
    line = next((each for each in run.history() if each["step"] == step), {})
    return {"metric": metric, "score": line.get("score"), "nats_a_piece": line.get("select")}


def facts(
    progress: Progress, epochs: float, settings: dict[str, Any], history: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """How a training went, as plain values and in one sentence.

    Args:
        epochs: passes over the training part that the progress amounts to.
        settings: those of the run's configuration.
        history: the report points.
    """
    ends = {
        "completed": "to the end of its plan",
        "early": "until the selection part stopped improving",
        "stopped": "until a callback ended it",
        "diverged": "until its loss exploded",
        "": "until it was interrupted",
    }
    sentence = (
        f"Trained for {counted(progress.step, 'step')} ({epochs:.1f} passes over the training "
        f"part) in {progress.seconds / 60:.1f} minutes, {ends[progress.reason]}; the weights are "
        f"those of step {progress.best_step:,}. Large products ran in "
        f"{'bfloat16' if settings['bfloat16'] else 'float32'}, this evaluation in float32."
    )
    if progress.reason == "completed" and (ahead := outlook(progress.plan, history)):
        sentence += f" {ahead}"
    return {
        "step": progress.step,
        "best_step": progress.best_step,
        "epochs": epochs,
        "reason": progress.reason,
        "seconds": round(progress.seconds, 1),
        "plan": progress.plan.to_json(),
        "sentence": sentence,
    }


def outlook(plan: Plan, history: Sequence[dict[str, Any]]) -> str:
    """What more time would bring, as far as the curve of the selection part tells; "" if nothing.

    The rate falls to 0 towards the end, which lowers a loss by itself; but where the lowest came
    well before the end, a longer training would have learnt by heart for longer.
    """
    costs = [
        (line["step"], -line["score"] if line.get("score") is not None else line["select"])
        for line in history
        if line["select"] is not None
    ]
    if len(costs) < _CHECKS:
        return ""
    best = min(costs, key=lambda each: each[1])[0]
    if plan.share(best) < 0.7 * plan.share(costs[-1][0]):
        return f"The selection part was best at step {best:,}: more time would bring nothing."
    if best < costs[-1][0]:
        return ""
    capped = plan.steps == plan.most
    return "What chose improved to the last check: " + (
        "more --steps may help." if capped else "more time is likely to help."
    )

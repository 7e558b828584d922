"""One training from a budget to its end, and going on with one."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from recurra.bundle import Run
from recurra.errors import OptionError
from recurra.training.budget import TrainingOptions
from recurra.training.calibration import calibrate
from recurra.training.checkpoint import Progress
from recurra.training.loop import Settings, Trainee, Watcher, train
from recurra.training.plan import REPORTS, Clock, Plan
from recurra.training.precision import Precision, measure

Carry = TypeVar("Carry")


def device_of(name: str) -> torch.device:
    """The device of this name; "auto" is the best there is.

    Raises:
        OptionError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise OptionError(
            f"--device {name}: {str(error).splitlines()[0]}", expected="auto, cpu, cuda or mps"
        ) from error
    return device


def precision_of(name: str, device: torch.device) -> Precision:
    """The precision of this name; "auto" is measured."""
    if name == "auto":
        return measure(device)
    return Precision(name == "bfloat16", "as asked")


def begin(
    trainee: Trainee[Carry],
    network: nn.Module,
    options: TrainingOptions,
    settings: Settings,
    precision: Precision,
    run: Run,
    watcher: Watcher,
    clock: Clock,
    *,
    steps_an_epoch: float,
    most_epochs: float,
    reserve: float,
) -> Progress:
    """Plan a training by its options, and train.

    Args:
        steps_an_epoch: steps in a pass over the training part.
        most_epochs: passes beyond which more time would not help.
        reserve: seconds of the budget that the report needs.
    """
    if options.steps is not None:
        plan = Plan(options.steps, min(REPORTS, options.steps))
    elif options.epochs is not None:
        steps = max(1, round(options.epochs * steps_an_epoch))
        plan = Plan(steps, min(REPORTS, steps))
    else:
        assert options.seconds is not None
        most = max(1, int(most_epochs * steps_an_epoch))
        plan = calibrate(
            trainee,
            network,
            precision,
            clock,
            budget=options.seconds,
            reserve=reserve,
            most=most,
        )
        if plan.steps == most:
            watcher.says(
                f"the data are small: {most_epochs:g} passes take less than the time given"
            )
    return train(trainee, network, plan, settings, precision, run, watcher, clock)

"""A time budget becomes a number of steps: a few steps are taken on a copy and timed."""

from __future__ import annotations

import copy
import statistics
import time
from typing import Final, TypeVar

import torch
from torch import nn

from recurra.training import processes
from recurra.training.loop import Settings, TrainingTask, seeded
from recurra.training.optimiser import Rates, build, clip, peaks, set_rates
from recurra.training.plan import REPORTS, Clock, Plan
from recurra.training.precision import Precision
from recurra.training.schedule import rate

TrainState = TypeVar("TrainState")

_SHARE: Final = 0.04
"""The share of the budget that report points may take."""


def calibrate(
    training_task: TrainingTask[TrainState],
    network: nn.Module,
    precision: Precision,
    clock: Clock,
    *,
    budget: float,
    reserve: float,
    most: int | None = None,
) -> Plan:
    """The plan that uses up the budget.

    Args:
        budget: seconds, of which the clock has used some already.
        reserve: seconds kept for the report at the end.
        most: steps that are never exceeded: a cap of the task's.
    """
    trial = copy.deepcopy(network).train()
    step = step_seconds(training_task, trial, precision, within=0.03 * budget)
    start = time.perf_counter()
    processes.first(
        lambda: (
            training_task.select(trial),
            training_task.score(trial),
            training_task.sample(trial),
        )
    )
    select = time.perf_counter() - start
    left = max(0.0, budget - reserve - clock.elapsed())
    reports = max(3, min(REPORTS, int(_SHARE * left / select)))
    steps = max(reports, int((left - reports * select) / step))
    plan = Plan(
        min(steps, most) if most else steps,
        reports,
        budget,
        reserve,
        step_seconds=step,
        report_seconds=select,
        most=most,
    )
    return processes.first(lambda: plan)


def step_seconds(
    training_task: TrainingTask[TrainState],
    trial: nn.Module,
    precision: Precision,
    *,
    within: float,
) -> float:
    """What a training step takes: the median of some, which change the network they are tried on.

    Args:
        within: seconds after which four are enough, and after three times as many, two.
    """
    optimisers, train_state = build(trial, Rates()), training_task.first()
    seconds: list[float] = []
    begun = time.perf_counter()

    def goes_on() -> bool:
        spent, count = time.perf_counter() - begun, len(seconds)
        return count < 2 or (count < 4 and spent < 3 * within) or (count < 12 and spent < within)

    # The first steps are slower: memory is fetched, kernels are chosen.
    while processes.first(goes_on):
        start = time.perf_counter()
        train_state = _step(training_task, trial, optimisers, train_state, precision, len(seconds))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def tried(
    training_task: TrainingTask[TrainState],
    network: nn.Module,
    rates: Rates,
    precision: Precision,
    *,
    seconds: float,
    most: int | None = None,
) -> float:
    """The selection loss after a short training of its own, of so many seconds or `most` steps.

    What it is after a tenth of the time says which of several networks is worth all of it.
    """
    optimisers, train_state = build(network, rates), training_task.first()
    highest = peaks(optimisers)
    start, number, done = time.perf_counter(), 0, 0.0
    network.train()
    while done < 1.0:
        set_rates(optimisers, highest, rate(done))
        train_state = _step(training_task, network, optimisers, train_state, precision, number)
        number += 1
        done = (time.perf_counter() - start) / seconds
        if most is not None:
            done = max(done, number / most)
    return training_task.select(network).mean


def _step(
    training_task: TrainingTask[TrainState],
    network: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    train_state: TrainState,
    precision: Precision,
    number: int,
) -> TrainState:
    """One step as the loop takes it; returns the training state after it."""
    with seeded(0, number), precision(next(network.parameters()).device):
        loss = training_task.loss(network, train_state)
    loss.backward()
    processes.summed(network, loss.total)
    clip(network.parameters(), Settings.clip)
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return loss.train_state

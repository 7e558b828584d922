"""A time budget becomes a number of steps: a few steps are taken on a copy and timed."""

from __future__ import annotations

import copy
import statistics
import time
from typing import TypeVar

from torch import nn

from recurra.training.loop import Settings, Trainee, seeded
from recurra.training.optimiser import Rates, build, clip
from recurra.training.plan import REPORTS, Clock, Plan
from recurra.training.precision import Precision

Carry = TypeVar("Carry")

_SHARE = 0.04
"""The share of the budget that report points may take."""


def calibrate(
    trainee: Trainee[Carry],
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
        most: steps that are never exceeded, since more would not help.
    """
    trial = copy.deepcopy(network).train()
    step = step_seconds(trainee, trial, precision, within=0.03 * budget)
    start = time.perf_counter()
    trainee.select(trial)
    select = time.perf_counter() - start
    left = max(0.0, budget - reserve - clock.elapsed())
    reports = max(3, min(REPORTS, int(_SHARE * left / select)))
    steps = max(reports, int((left - reports * select) / step))
    return Plan(
        min(steps, most) if most else steps, reports, budget, reserve, step_seconds=step, most=most
    )


def step_seconds(
    trainee: Trainee[Carry], trial: nn.Module, precision: Precision, *, within: float
) -> float:
    """What a training step takes: the median of some, which change the network they are tried on.

    Args:
        within: seconds after which no more than the fewest that tell are tried.
    """
    optimisers, carry = build(trial, Rates()), trainee.first()
    device = next(trial.parameters()).device
    seconds: list[float] = []
    until = time.perf_counter() + within
    # The first steps are slower: memory is fetched, kernels are chosen.
    while len(seconds) < 4 or (len(seconds) < 12 and time.perf_counter() < until):
        start = time.perf_counter()
        with seeded(0, len(seconds)), precision(device):
            loss = trainee.loss(trial, carry)
        loss.mean.backward()  # type: ignore[no-untyped-call]
        clip(trial.parameters(), Settings.clip)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        carry = loss.carry
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])

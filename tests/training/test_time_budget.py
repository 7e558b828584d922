from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from recurra.judge.loss import LossSum
from recurra.training import plan, time_budget
from recurra.training.loop import Loss
from recurra.training.plan import REPORTS, Clock
from recurra.training.precision import Precision
from recurra.training.time_budget import calibrate, step_seconds
from toys import Toy, TrainState, line

FLOAT32 = Precision(False, "as asked")


class Slow(Toy):
    """Steps of 0.1 s and selections of 0.4 s, on a clock of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.steps = 0

    def loss(self, network: nn.Module, train_state: TrainState) -> Loss[TrainState]:
        # The first steps fetch memory.
        self.now += 0.9 if self.steps == 0 else 0.1
        self.steps += 1
        return super().loss(network, train_state)

    def select(self, network: nn.Module) -> LossSum:
        self.now += 0.4
        return super().select(network)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    training_task = Slow()
    clock = SimpleNamespace(perf_counter=lambda: training_task.now)
    monkeypatch.setattr(time_budget, "time", clock)
    monkeypatch.setattr(plan, "time", clock)
    return training_task


def planned(
    training_task: Any, budget: float, reserve: float, most: int | None = None
) -> plan.Plan:
    found = calibrate(
        training_task, line(), FLOAT32, Clock(), budget=budget, reserve=reserve, most=most
    )
    assert (found.budget, found.reserve) == (budget, reserve)
    return found


@pytest.mark.parametrize("budget", [60.0, 600.0, 3000.0])
def test_a_plan_uses_the_budget_up(slow: Slow, budget: float) -> None:
    found = planned(slow, budget, 7.0)
    assert found.step_seconds == pytest.approx(0.1)
    took = slow.now + found.steps * 0.1 + found.reports * 0.4 + 7.0
    assert budget - 0.5 <= took <= budget
    assert 3 <= found.reports <= REPORTS
    if found.reports > 3:
        assert found.reports * 0.4 <= 0.05 * budget
    # What is timed is a small share of the time.
    assert slow.now < max(0.1 * budget, 3.0)


@pytest.mark.parametrize(("within", "tried"), [(0.1, 2), (0.4, 4), (1.4, 6), (60.0, 12)])
def test_a_step_is_the_median_of_some(slow: Slow, within: float, tried: int) -> None:
    assert step_seconds(slow, line(), FLOAT32, within=within) == pytest.approx(0.1)
    assert slow.steps == tried


def test_a_step_is_timed_with_the_clipping(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    def clipped(*_: Any) -> None:
        slow.now += 0.3

    monkeypatch.setattr(time_budget, "clip", clipped)
    assert step_seconds(slow, line(), FLOAT32, within=1.0) == pytest.approx(0.4)


def test_no_time_is_still_a_plan(slow: Slow) -> None:
    found = planned(slow, 1.0, 5.0)
    assert found.steps == found.reports == 3


def test_a_plan_never_exceeds_what_would_help(slow: Slow) -> None:
    assert planned(slow, 3000.0, 0.0, most=50).steps == 50


def test_calibration_leaves_network_chance_and_carry_alone() -> None:
    network, training_task = line(), Toy()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.eval()
    chance = torch.get_rng_state()
    start = time.perf_counter()
    calibrate(training_task, network, FLOAT32, Clock(), budget=1.0, reserve=0.0)
    assert time.perf_counter() - start < 1.0
    assert torch.equal(torch.get_rng_state(), chance)
    assert not network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(p.grad is None for p in network.parameters())

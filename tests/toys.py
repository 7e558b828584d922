"""The smallest training there is: a line fitted to points, with a state carried along."""

from __future__ import annotations

import math
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recurra.judge.loss import LossSum
from recurra.training.callbacks import Callback
from recurra.training.loop import Loss
from recurra.training.plan import Plan


@dataclass(frozen=True)
class TrainState:
    at: int
    memory: Tensor
    finishing: bool = False


@dataclass
class Toy:
    """Fits y = 3x + 1; `selects` are the selection losses to tell, the true ones without any.

    `scores` choose in their place.

    At the step of each name something happens: an error, a Ctrl-C, a loss that is no number.
    """

    selects: Sequence[float] = ()
    scores: Sequence[float] = ()
    bad_at: int | None = None
    bad: float = math.nan
    crash_at: int | None = None
    interrupt_at: int | None = None
    empty_at: int | None = None
    unit: str = "points"
    ceiling: float = 1e4
    steps_an_epoch: float = 10.0
    most_steps: int = 1000
    asked: list[int] = field(default_factory=list)
    finished_at: list[int] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def first(self) -> TrainState:
        return TrainState(0, torch.zeros(4, 1))

    def loss(self, network: nn.Module, train_state: TrainState) -> Loss[TrainState]:
        at = train_state.at
        if at == self.crash_at:
            raise RuntimeError("the power is gone")
        if at == self.interrupt_at:
            signal.raise_signal(signal.SIGINT)
        points = np.random.default_rng((at, train_state.finishing)).standard_normal((4, 1))
        x = torch.from_numpy(points).float()
        off = (network(x) - 3 * x - 1) ** 2 + 0.01 * train_state.memory
        mean = off.mean()
        count = 4
        if at == self.bad_at:
            mean = mean * self.bad
        if at == self.empty_at:
            mean, count = mean * 0.0, 0
        after = TrainState(at + 1, 0.9 * train_state.memory + off.detach(), train_state.finishing)
        return Loss((mean,), LossSum(mean.item() * count, count), after)

    def select(self, network: nn.Module) -> LossSum:
        self.asked.append(len(self.asked))
        if self.selects:
            return LossSum(self.selects[len(self.asked) - 1], 1)
        with torch.no_grad():
            x = torch.linspace(-1, 1, 9)[:, None]
            network.eval()
            off = (network(x) - 3 * x - 1) ** 2
            network.train()
        return LossSum(float(off.sum()), 9)

    def score(self, network: nn.Module) -> float | None:
        return self.scores[len(self.asked) - 1] if self.scores else None

    def sample(self, network: nn.Module) -> str | None:
        return None

    def finish(self, train_state: TrainState) -> TrainState:
        self.finished_at.append(train_state.at)
        return TrainState(train_state.at, torch.zeros(4, 1), True)

    def pack(self, train_state: TrainState) -> Mapping[str, Tensor]:
        return {
            "at": torch.tensor([train_state.at, train_state.finishing]),
            "memory": train_state.memory,
        }

    def unpack(self, arrays: Mapping[str, Tensor]) -> TrainState:
        at, finishing = arrays["at"].tolist()
        return TrainState(at, arrays["memory"], bool(finishing))


def line() -> nn.Module:
    """A network with dropout, the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))


@dataclass
class Witness(Callback):
    """Notes what it is told."""

    events: list[str] = field(default_factory=list)
    lines: list[Mapping[str, Any]] = field(default_factory=list)
    bests: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)

    def begins(self, plan: Plan, step: int) -> None:
        self.events.append(f"begins {step}")

    def stepped(self, step: int, loss: float, count: int, seconds: float) -> None:
        assert seconds > 0
        self.steps.append(step)

    def revised(self, plan: Plan) -> None:
        self.plans.append(plan)

    def reported(self, line: Mapping[str, Any], plan: Plan, best: bool) -> None:
        self.lines.append(line)
        if best:
            self.bests.append(line["step"])

    def says(self, message: str) -> None:
        self.said.append(message)

    def ends(self) -> None:
        self.events.append("ends")

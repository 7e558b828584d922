"""The training of lab stock written with torch.nn: a peer, and the time of both."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from recurra.labs.training.full_batch import Regressor, descend
from recurra.nn import LSTM

ROWS, WINDOW, FEATURES, HIDDEN = 505, 7, 5, 10
RATE, STEPS = 0.01, 500


class Seconds(NamedTuple):
    """Training times of each repeat, and by how much the two trained networks differ."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]
    apart: float

    @property
    def ratio(self) -> float:
        """The peer's fastest time over our fastest."""
        return min(self.peer) / min(self.ours)


@final
class TorchRegressor(nn.Module):
    """torch's LSTM and a linear head on its last output, as a practitioner writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(FEATURES, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Predictions (B, 1) of windows x (B, T, F)."""
        output, _ = self.layer(x)
        found: Tensor = self.head(output[:, -1])
        return found


def train_torch(x: Tensor, y: Tensor, steps: int = STEPS) -> nn.Module:
    """The plain loop."""
    model = TorchRegressor()
    criterion = nn.MSELoss()
    adam = torch.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(steps):
        adam.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        adam.step()
    return model


def train_ours(x: Tensor, y: Tensor, steps: int = STEPS) -> nn.Module:
    """The lab's: the same settings, the same steps."""
    model = Regressor(LSTM(FEATURES, HIDDEN))
    for _ in descend(model, x, y, rate=RATE, steps=steps):
        pass
    return model


def stock_seconds(repeats: int = 5, steps: int = STEPS) -> Seconds:
    """Train both in turn, from the same first weights, on windows as many as lab stock has."""
    generator = torch.Generator().manual_seed(0)
    days = torch.randn(ROWS + WINDOW, FEATURES, generator=generator).cumsum(0)
    days = (days - days.amin(0)) / (days.amax(0) - days.amin(0))
    x = days[:-1].unfold(0, WINDOW, 1).transpose(1, 2).contiguous()
    y = days[WINDOW:, -1:].clone()
    ways: tuple[Callable[[Tensor, Tensor, int], Any], ...] = (train_ours, train_torch)
    times: tuple[list[float], list[float]] = ([], [])
    said: list[Tensor] = []
    with torch.random.fork_rng(devices=[]):
        for way in ways:
            way(x, y, 10)  # what only the first steps take
        for repeat in range(repeats):
            for way, found in zip(ways, times, strict=True):
                torch.manual_seed(repeat)
                start = time.perf_counter()
                model = way(x, y, steps)
                found.append(time.perf_counter() - start)
                with torch.no_grad():
                    said.append(model(x))
    apart = max(float((a - b).abs().max()) for a, b in zip(said[::2], said[1::2], strict=True))
    return Seconds(tuple(times[0]), tuple(times[1]), apart)

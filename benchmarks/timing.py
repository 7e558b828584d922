"""Steps timed in turn, so that what else runs on the machine slows all of them alike."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import torch

Step = Callable[[], object]


def interleaved(ways: list[Step], seconds: float) -> list[list[float]]:
    """Return milliseconds of each way, one after the other in turn, in about `seconds` for each."""
    # Repeated where one step is too short for the clock; what runs between is not counted.
    repeats = []
    for way in ways:
        way()
        start = time.perf_counter()
        way()
        repeats.append(max(1, min(50, round(2e-3 / max(time.perf_counter() - start, 1e-6)))))
    between = torch.randn(256, 256)
    times: list[list[float]] = [[] for _ in ways]
    end = time.perf_counter() + seconds * len(ways)
    while time.perf_counter() < end or len(times[0]) < 3:
        for way, repeat, found in zip(ways, repeats, times, strict=True):
            torch.mm(between, between)
            start = time.perf_counter()
            for _ in range(repeat):
                way()
            found.append((time.perf_counter() - start) / repeat * 1e3)
    return times


def product_rate() -> float:
    """The machine's own float32 rate, GFLOP/s: the best of some large products."""
    a = torch.randn(1024, 1024)
    best = math.inf
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(a, a)
        best = min(best, time.perf_counter() - start)
    return 2 * 1024**3 / best / 1e9


def without_gradients(call: Step) -> Step:
    """The same in torch's inference mode."""

    def step() -> object:
        with torch.inference_mode():
            return call()

    return step


def quartiles(times: list[float]) -> tuple[float, float, float]:
    """Return the quartiles of times."""
    low, middle, high = statistics.quantiles(times, n=4)
    return low, middle, high


def span(quartiles: tuple[float, float, float]) -> str:
    """Return the outer two of them as text."""
    return f"({quartiles[0]:.3f}-{quartiles[2]:.3f})"

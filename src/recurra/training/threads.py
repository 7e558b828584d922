"""How many threads torch trains with: as many as there are, fewer where cores are busy."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch import nn

_ROUNDS: Final = 5


@contextmanager
def threads_put_back() -> Iterator[None]:
    """Let what is inside set torch's threads, which are one number for the whole process."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def quickest_threads() -> int:
    """As many threads as torch has now, half of them, or one: what a small recurrent step asks for.

    Threads wait for each other at every time step. Where other work keeps the cores busy, two
    are ten times slower than one.
    """
    most = torch.get_num_threads()
    taken: dict[int, list[float]] = {count: [] for count in (most, most // 2, 1) if count}
    with torch.random.fork_rng(()):  # the weights that it draws are no part of the training
        layer, inputs = nn.LSTM(128, 128), torch.zeros(32, 32, 128)
    try:
        for _ in range(_ROUNDS):
            for count, seconds in taken.items():
                torch.set_num_threads(count)
                start = time.perf_counter()
                layer(inputs)[0].sum().backward()
                seconds.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(most)
    medians = {count: statistics.median(seconds[1:]) for count, seconds in taken.items()}
    best = min(medians, key=lambda count: medians[count])
    # What is nearly as quick is noise: larger networks make more of more threads.
    return best if medians[best] < 0.7 * medians[most] else most

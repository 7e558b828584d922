"""Networks that have no weight in common, trained at the same time, each on threads of its own.

A step of a few rows is too small a thing for several threads to share: two networks side by side on
a thread each take two thirds of the time that they take one after the other on two threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TypeVar

import torch

from recurra.core.dropout import drawn_from

T = TypeVar("T")


def together(
    works: Sequence[Callable[[], T]], device: torch.device, *, drops: bool = False
) -> list[T]:
    """What each of `works` gives: at the same time on a CPU of several threads, else one by one.

    They train: gradients are recorded, and products run in the precision of where this is called.

    Args:
        drops: they drop at random, each by a generator of its own that follows from torch's state
            of chance here and from nothing that the others do. Nothing else in them may be random
            (see `core.dropout.drawn_from`).
    """
    if drops:
        seeds = torch.randint(2**63 - 1, (len(works),)).tolist()
        works = [partial(_drawn, seed, work) for seed, work in zip(seeds, works, strict=True)]
    threads = torch.get_num_threads()
    workers = min(len(works), threads)
    if device.type != "cpu" or workers < 2:
        return [work() for work in works]
    in_bfloat16, kind = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def run(work: Callable[[], T]) -> T:
        # A thread begins without the context that it is started in.
        with torch.autocast("cpu", kind, enabled=in_bfloat16):
            return work()

    return list(_crew(workers, threads // workers).map(run, works))


def _drawn(seed: int, work: Callable[[], T]) -> T:
    with drawn_from(seed):
        return work()


@cache
def _crew(workers: int, threads: int) -> ThreadPoolExecutor:
    """Python threads for which torch uses so many threads each."""
    here, ready = torch.get_num_threads(), threading.Barrier(workers + 1)

    def begin() -> None:
        torch.get_num_threads()  # or torch, once it first asks, sets this thread's to all there are
        torch.set_num_threads(threads)
        ready.wait()

    crew = ThreadPoolExecutor(workers, "recurra-member", begin)
    for _ in range(workers):
        crew.submit(int)  # starts one: none of those before it is ready yet
    ready.wait()
    torch.set_num_threads(here)  # for threads that are yet to come, it was changed above
    return crew


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_crew.cache_clear)  # a child has none of the threads

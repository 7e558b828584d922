"""How many threads a network in use may take."""

from __future__ import annotations

import os


def available() -> int:
    """The cores that this process may run on, or OMP_NUM_THREADS where that is less."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # where a process cannot be bound to cores
        cores = os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdecimal() and int(asked) else cores

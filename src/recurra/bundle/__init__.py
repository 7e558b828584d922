"""A trained model on disk: the only reader and writer of a run's folder. No torch, no pickle.

Every file is written aside, flushed to the disk and renamed, so that a crash at any byte leaves
the last good one in place. Arrays and JSON carry a digest of what they hold, and which run they
were written for: damage, and files of another run, are found when they are read.
"""

from __future__ import annotations

from recurra.bundle.arrays import Arrays, type_names
from recurra.bundle.run import (
    CARD,
    CHECKPOINT,
    CONFIG,
    FORMAT,
    HISTORY,
    INPUT,
    REPORT,
    VOCABULARY,
    WEIGHTS,
    Run,
    free_path,
)

__all__ = [
    "CARD",
    "CHECKPOINT",
    "CONFIG",
    "FORMAT",
    "HISTORY",
    "INPUT",
    "REPORT",
    "VOCABULARY",
    "WEIGHTS",
    "Arrays",
    "Run",
    "free_path",
    "type_names",
]

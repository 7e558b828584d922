"""Ids of a text too long for memory: in an unnamed file, mapped into memory where they are read."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from recurra.data.streams import Ids

_AT_ONCE: Final = 1 << 22  # ids counted at a time


def smallest(size: int) -> np.dtype[Any]:
    """The smallest whole numbers that hold the ids below `size`."""
    return np.min_scalar_type(max(size - 1, 0))


def stored(ids: Iterable[npt.NDArray[Any]], size: int, beside: Path | None = None) -> Ids:
    """Write ids (N,) below `size` one after the other, and map them all, read-only.

    The file is gone with the array, or with this process, however it ends.

    Args:
        ids: some at a time.
        size: V.
        beside: a folder on the disk that has the room; the system's own for such files otherwise.
    """
    kind = smallest(size)
    folder = beside if beside is not None and beside.is_dir() else None
    with tempfile.TemporaryFile(prefix=".recurra-ids-", dir=folder) as file:
        count = 0
        for each in ids:
            file.write(each.astype(kind).tobytes())
            count += len(each)
        file.flush()
        if not count:
            return np.empty(0, kind)
        return np.memmap(file, kind, "r", shape=(count,))


def released(ids: Ids) -> None:
    """Let go of the memory that mapped ids have come to take; they are read from the file again."""
    if isinstance(ids, np.memmap) and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        held: Any = ids
        held._mmap.madvise(mmap.MADV_DONTNEED)


def counted(ids: Ids, size: int) -> npt.NDArray[np.int64]:
    """How often each of the ids below `size` occurs in ids (N,); never all of them in memory."""
    total = np.zeros(size, np.int64)
    for start in range(0, len(ids), _AT_ONCE):
        total += np.bincount(ids[start : start + _AT_ONCE], minlength=size)
        released(ids)
    return total

"""Passages that stand in another text too, word for word: windows compared by hashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

WIDTH: Final = 50
"""Characters from which a passage that comes again is hardly chance."""

_BLOCK: Final = 1 << 20  # characters of known text that are looked through at a time
_BASE: Final = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_FILTER_BITS: Final = 20


def repeated(text: str, known: Iterable[str], width: int = WIDTH) -> npt.NDArray[np.bool_]:
    """Which characters (T,) of a text lie in passages of `width` that a known text holds too.

    Exact: windows are found by hash (Karp & Rabin 1987), then compared letter by letter. The known
    text is gone through once, in constant memory.

    Args:
        known: the other text in pieces, cut anywhere.
    """
    count = len(text) - width + 1
    if count < 1:
        return np.zeros(len(text), np.bool_)
    up, down = powers(max(_BLOCK + width, len(text)))
    values, firsts, places = np.unique(
        windows(prefixes(text, up), width, down), return_index=True, return_inverse=True
    )
    met = np.zeros(len(values), np.bool_)
    for block in _overlapping(known, width):
        theirs = windows(prefixes(block, up), width, down)
        maybe = likely(theirs, values)
        found = np.searchsorted(values, theirs[maybe]).clip(max=len(values) - 1)
        right = (values[found] == theirs[maybe]) & ~met[found]
        for value, at in zip(found[right].tolist(), maybe[right].tolist(), strict=True):
            if not met[value]:
                met[value] = text.startswith(block[at : at + width], firsts[value])
    begins = met[places.reshape(-1)]
    depth = np.zeros(len(text) + 1, np.int64)
    depth[:count] += begins
    depth[width : width + count] -= begins
    return np.cumsum(depth)[:-1] > 0


def without_repeats(text: str, width: int = WIDTH, most: float = 0.1) -> str:
    """A text without the paragraphs of which more than a share have stood in earlier ones.

    However lines are broken and set in: blanks count as one.
    """
    paragraphs = text.split("\n\n")
    plain = [" ".join(each.split()) for each in paragraphs]
    joined = "\n".join(plain)
    up, down = powers(len(joined))
    hashes = windows(prefixes(joined, up), min(width, len(joined)), down)
    _, firsts, places = np.unique(hashes, return_index=True, return_inverse=True)
    first = firsts[places.reshape(-1)]  # where each window stands first
    kept, at = [], 0
    for paragraph, each in zip(paragraphs, plain, strict=True):
        count = max(0, len(each) - width + 1)  # no window goes into the next paragraph
        if np.count_nonzero(first[at : at + count] < at) <= most * count:
            kept.append(paragraph)
        at += len(each) + 1
    return "\n\n".join(kept)


def _overlapping(known: Iterable[str], width: int) -> Iterator[str]:
    """The known text in blocks, each with the last `width - 1` characters of the one before."""
    held = ""
    for piece in known:
        for start in range(0, len(piece), _BLOCK):
            held = held[max(0, len(held) - width + 1) :] + piece[start : start + _BLOCK]
            if len(held) >= width:
                yield held


# -- hashes ----------------------------------------------------------------------------------------


def likely(hashes: Hashes, of: Hashes) -> npt.NDArray[np.int64]:
    """Where in `hashes` one stands that may be among others: all of these, and a few besides."""
    shift = np.uint64(64 - _FILTER_BITS)
    maybe = np.zeros(1 << _FILTER_BITS, np.bool_)
    maybe[of >> shift] = True
    return np.flatnonzero(maybe[hashes >> shift])


def powers(count: int) -> tuple[Hashes, Hashes]:
    """The powers 0..count - 1 of the base and of its inverse, modulo 2**64."""
    rows = []
    for base in (_BASE, pow(_BASE, -1, 1 << 64)):
        row = np.full(count, base, np.uint64)
        row[:1] = 1
        rows.append(np.multiply.accumulate(row))
    return rows[0], rows[1]


def prefixes(text: str, up: Hashes) -> Hashes:
    """Sums (T + 1,) of mixed character times power over the first 0..T characters."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    codes = (codes + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
    codes ^= codes >> np.uint64(31)
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(codes * up[: len(codes)], out=sums[1:])
    return sums


def windows(sums: Hashes, length: int, inverses: Hashes) -> Hashes:
    """The hash of every window of this length; the same wherever the window stands."""
    count = len(sums) - length
    hashes: Hashes = (sums[length:] - sums[:count]) * inverses[:count]
    return hashes

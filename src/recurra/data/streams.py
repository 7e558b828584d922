"""A long sequence as a batch of contiguous streams, read bptt after bptt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.integer[Any]]


@final
@dataclass(frozen=True)
class Cursor:
    """Where the streams stand: which pass over the sequence, and how far into it."""

    epoch: int = 0
    position: int = 0


@final
@dataclass(frozen=True)
class Chunk:
    """One bptt of every stream.

    `inputs` and `targets` are (B, T), the targets one step ahead; `fresh` where the streams have
    just begun, so that no state may be carried into them; `following` is the next cursor;
    `resets` (B, T), where there are cuts, where no state may be carried into an input.
    """

    inputs: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    fresh: bool
    following: Cursor
    resets: npt.NDArray[np.bool_] | None = None


@final
class Streams:
    """A sequence (N,) cut into B streams of equal length that are read side by side.

    Each pass starts at a random place, as on a ring, so that no pass cuts the sequence where
    another did; chunks vary in length around `bptt` (Merity et al., 2017, arXiv:1708.02182,
    section 5.1), so that no place is always the last that gradients flow into. All of it follows
    from (seed, cursor) alone.

    Args:
        ids: the sequence (N,), at least 2 long.
        batch: B, lowered where the sequence is too short for it.
        bptt: mean steps of a bptt.
        cuts: places (C,), ascending, before which a state ends; None for none.
        silent: places that are read and are no targets: 0 stands there in their place.
    """

    def __init__(
        self,
        ids: Ids,
        *,
        batch: int,
        bptt: int,
        seed: int,
        cuts: npt.NDArray[np.int64] | None = None,
        silent: range = range(0),
    ) -> None:
        self.ids = ids
        self.silent = silent
        self.cuts = cuts
        self.batch = max(1, min(batch, (len(ids) - 1) // max(2, min(bptt, 16))))
        self.length = (len(ids) - 1) // self.batch
        self.bptt = min(bptt, self.length)
        self.seed = seed

    def read(self, cursor: Cursor) -> Chunk:
        """The bptt at this cursor."""
        left = self.length - cursor.position
        draw = np.random.default_rng((self.seed, cursor.epoch, cursor.position))
        steps = int(draw.integers(self.bptt * 3 // 4, self.bptt * 5 // 4 + 1))
        # A rest too short to be worth a step joins the last bptt.
        steps = left if left - steps < self.bptt // 4 else max(1, steps)
        start = int(np.random.default_rng((self.seed, cursor.epoch)).integers(len(self.ids)))
        firsts = start + cursor.position + self.length * np.arange(self.batch)
        window = firsts[:, None] + np.arange(steps + 1)
        taken = np.take(self.ids, window, mode="wrap").astype(np.int64, copy=False)
        inputs, targets = taken[:, :-1], taken[:, 1:]
        if self.silent:
            ahead = window[:, 1:] % len(self.ids)
            unheard = (ahead >= self.silent.start) & (ahead < self.silent.stop)
            targets = np.where(unheard, 0, targets)
        end = cursor.position + steps
        following = Cursor(cursor.epoch + 1, 0) if end >= self.length else Cursor(cursor.epoch, end)
        resets = None if self.cuts is None else among(window[:, :-1] % len(self.ids), self.cuts)
        return Chunk(inputs, targets, cursor.position == 0, following, resets)


def among(places: npt.NDArray[np.int64], cuts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which of the places, of any shape, are among the ascending cuts (C,)."""
    if not len(cuts):
        return np.zeros(places.shape, np.bool_)
    found = np.minimum(np.searchsorted(cuts, places), len(cuts) - 1)
    hit: npt.NDArray[np.bool_] = cuts[found] == places
    return hit

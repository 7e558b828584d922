"""Strips of handwritten digits side by side, and the digits as text."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recurra.errors import DataError, MissingExtra
from recurra.tasks.captions.generators.drawn import Drawn, Pixels, randomness

Rows = NDArray[np.int64]

ENLARGED: Final = 3
"""How many times larger scikit-learn's digits of 8 x 8 are drawn, smoothly."""

SHARES: Final = (0.7, 0.1)
"""How much of each digit's pictures trains, and how much chooses; the others report."""


class Parts(NamedTuple):
    """Rows of digits that train, choose and report: none is in two."""

    train: Rows
    select: Rows
    test: Rows


@dataclass(frozen=True, eq=False)
class Digits:
    """Draws strips of digits, each from the rows that may be drawn, all of them equally often.

    `Digits(images, labels, rows)` of MNIST's 28 x 28 makes strips of 28 x 140. Without rows all
    may be drawn.

    Args:
        images: (N, h, w), bytes, as they stand: nothing between digits.
        labels: (N,), 0 to 9.

    Raises:
        DataError: images and labels that do not belong together, rows that are not there.
    """

    images: Pixels
    labels: NDArray[np.integer[Any]]
    rows: Rows | None = None
    length: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        shape = self.images.shape
        if self.images.dtype != np.uint8 or len(shape) != 3 or shape[:1] != self.labels.shape:
            raise DataError(
                f"digits {shape} of {self.images.dtype} with labels {self.labels.shape}",
                expected="bytes (N, h, w) with labels (N,)",
            )
        if not len(self._rows) or self._rows.min() < 0 or self._rows.max() >= len(self.images):
            raise DataError(f"rows of digits that are not there: there are {len(self.images):,}")
        if self.length < 1:
            raise DataError(f"a strip of {self.length} digits", expected="1 or more")

    @cached_property
    def _rows(self) -> Rows:
        return np.arange(len(self.images)) if self.rows is None else self.rows

    def drawn_rows(self, number: int) -> Rows:
        """The rows (length,) of the digits that the strip of this number shows."""
        chosen = randomness(self.seed, number).integers(0, len(self._rows), self.length)
        return self._rows[chosen]

    def draw(self, number: int) -> Drawn:
        """The strip of this number, (h, length * w)."""
        rows = self.drawn_rows(number)
        strip = np.concatenate(list(self.images[rows]), axis=1)
        return Drawn(strip, "".join(map(str, self.labels[rows].tolist())))


def scikit_learn() -> tuple[Pixels, Rows]:
    """The digits (1797, 24, 24), white on black, that come with scikit-learn, and their labels.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    try:
        load = importlib.import_module("sklearn.datasets").load_digits
    except ImportError as error:
        raise MissingExtra(
            "the digits come with scikit-learn, which is not installed",
            fix='pip install "recurra[captions]", or give digits of your own',
        ) from error
    found = load()
    images = np.asarray(found.images, np.float64)
    enlarge = _linear(images.shape[1], ENLARGED)
    images = enlarge @ images @ enlarge.T
    return np.rint(images * (255 / 16)).astype(np.uint8), np.asarray(found.target, np.int64)


def parts(seed: int) -> Parts:
    """Which of scikit-learn's digits train, choose and report; every digit in the same shares.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    _, labels = scikit_learn()
    order = np.argsort(randomness(seed, 0).random(len(labels)), kind="stable")
    found: tuple[list[Rows], list[Rows], list[Rows]] = ([], [], [])
    for digit in range(10):
        rows = order[labels[order] == digit]
        cuts = np.rint(np.cumsum(SHARES) * len(rows)).astype(int)
        for part, some in zip(found, np.split(rows, cuts), strict=True):
            part.append(some)
    return Parts(*(np.sort(np.concatenate(part)) for part in found))


def _linear(size: int, times: int) -> NDArray[np.float64]:
    """What enlarges a side: (times * size, size), each row between its two nearest pixels."""
    at = np.clip((np.arange(times * size) + 0.5) / times - 0.5, 0, size - 1)
    near: NDArray[np.float64] = 1 - np.abs(at[:, None] - np.arange(size))
    return np.maximum(near, 0)

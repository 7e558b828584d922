"""The known example that is most like each of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def most_alike(
    alike: Callable[[slice], NDArray[Any]], asked: int, known: int, *, at_once: int
) -> Rows:
    """The known row most like each of those asked (N,), the first of equals; -1 where none is.

    Args:
        alike: some of those asked -> how like each known row they are, (n, known); 0 is not at all.
        at_once: similarities that exist at a time.
    """
    found = np.full(asked, -1, np.int64)
    step = max(1, at_once // max(known, 1))
    for first in range(0, asked, step):
        part = slice(first, first + step)
        shares = alike(part)
        best = shares.argmax(1)
        found[part] = np.where(shares[np.arange(len(best)), best] > 0, best, -1)
    return found

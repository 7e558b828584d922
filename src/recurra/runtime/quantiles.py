"""Quantiles that forecasts are told by, and those of sample paths."""

from __future__ import annotations

from typing import Final

import numpy as np

from recurra.runtime.state import Array

LEVELS: Final = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Levels of the quantiles: the median, and the ends of the intervals of 50, 80 and 95 %."""


def path_quantiles(paths: Array) -> Array:
    """Quantiles (B, H, Q) at LEVELS of sample paths (B, H, count); linear between samples."""
    order = np.sort(paths, -1)
    last = paths.shape[-1] - 1
    places = np.array(LEVELS) * last
    below = np.floor(places).astype(np.int64)
    low, high = order[..., below], order[..., np.minimum(below + 1, last)]
    found: Array = low + (places - below).astype(paths.dtype) * (high - low)
    return found

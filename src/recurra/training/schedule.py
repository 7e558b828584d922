"""The learning rate over a training, as a function of how far it has come."""

from __future__ import annotations

import math


def rate(progress: float, *, warm_up: float = 0.1) -> float:
    """The factor on the learning rate: a straight warm-up, then half a cosine down to 0.

    Args:
        progress: share of the planned steps that is done, 0 to 1.
        warm_up: share of the planned steps over which the rate rises.

    Cosine: Loshchilov and Hutter, 2017 (arXiv:1608.03983), without restarts.
    """
    if progress < warm_up:
        return progress / warm_up
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (progress - warm_up) / (1.0 - warm_up))))

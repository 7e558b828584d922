"""The trained network of a model, as torch has it; and its weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from recurra.bundle import WEIGHTS
from recurra.tasks.model import Model


def in_torch(model: Model[Any, Any]) -> Any:
    """The network that was trained, in evaluation mode."""
    return model._trained()


def same_weights(one: Model[Any, Any], other: Model[Any, Any]) -> bool:
    """Whether two runs hold the same weights, to the last bit."""
    mine, theirs = (each.run.read_arrays(WEIGHTS)[0] for each in (one, other))
    return mine.keys() == theirs.keys() and all(
        np.array_equal(mine[name], theirs[name], equal_nan=True) for name in mine
    )

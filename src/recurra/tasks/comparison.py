"""What all tasks' certificates ask of a model: its network in torch, and how near it has to be."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from recurra.errors import MissingExtra
from recurra.runtime.certificate import NARROW, TOLERANCE
from recurra.tasks.model import Model


def by_torch(model: Model[Any, Any], ask: str) -> Callable[..., Any] | str:
    """What asks a model's network in torch, of the task's `trainer`; or why there is none."""
    try:
        network = model._trained()
    except MissingExtra as error:
        return error.got
    return partial(getattr(model.task.part("trainer"), ask), network)


def tolerance(model: Model[Any, Any]) -> float:
    """How far from torch a model may be, by what it keeps its weights in."""
    return TOLERANCE if model._weights == "float32" else NARROW

"""What all tasks' certificates ask of a model: its network in torch, and how near it has to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recurra.errors import MissingExtra
from recurra.runtime.certificate import NARROW, TOLERANCE
from recurra.tasks.model import Model


def by_torch(model: Model[Any], ask: str) -> Callable[..., Any] | str:
    """The method of a model's trainer that asks its network in torch; or why there is none."""
    try:
        found: Callable[..., Any] = getattr(model._trainer(), ask)
    except MissingExtra as error:
        return error.got
    return found


def tolerance(model: Model[Any]) -> float:
    """How far from torch a model may be, by what it keeps its weights in."""
    return TOLERANCE if model._weights == "float32" else NARROW

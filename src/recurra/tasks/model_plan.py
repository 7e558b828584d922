"""A task's plan: a network, and how it is going to be trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from recurra.training.optimiser import Rates


@final
@dataclass(frozen=True)
class ModelPlan:
    """What is going to be trained, and how.

    Args:
        architecture: what the network is made from, as plain values.
        settings: what the training task needs beside the data, as plain values.
        rates: peak rates of the optimisers.
        finish, patience, back: see `recurra.training.loop.Settings`.
        reason: why this one, in a few words.
    """

    architecture: dict[str, Any]
    settings: dict[str, Any]
    rates: Rates
    reason: str
    finish: float = 0.0
    patience: int = 5
    back: bool = False

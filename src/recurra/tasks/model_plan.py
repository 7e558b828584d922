"""A task's plan: a network, and how it is going to be trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar, final

from recurra.errors import counted
from recurra.training.budget import TrainingOptions
from recurra.training.optimiser import Rates

Size = TypeVar("Size", bound=Any)

NARROWEST: Final = 64
"""Units that a network is never narrower than for want of time."""


def overridden(size: Size, options: TrainingOptions, *, slower: float = 10.0) -> Size:
    """A task's sizes (a dataclass), options of the same names in their place where given.

    Args:
        slower: by how much less than the matrices all else learns, where a rate is given.
    """
    common = {each.name for each in fields(TrainingOptions)}  # its `steps` are no size
    given = {
        each.name: value
        for each in fields(size)
        if each.name not in common and (value := getattr(options, each.name, None)) is not None
    }
    if options.lr is not None:
        given["rates"] = Rates(options.lr, options.lr / slower)
    return replace(size, **given)


@final
@dataclass(frozen=True)
class Members:
    """How many networks are averaged: as many as asked for, or as the time allows.

    Args:
        asked: how many were asked for.
        steps: those that each of them should have.
        share: of the time, that their steps may take.
        most: members that a time budget is spent on.
        fewest: steps below which one of half the width says more; 0 where that is not known.
    """

    asked: int | None
    steps: int
    share: float
    most: int
    fewest: int = 0

    def narrowed(
        self, sizes: dict[str, Any], seconds: float, step: Callable[[dict[str, Any]], float]
    ) -> dict[str, Any]:
        """Sizes of an architecture, halved until a time allows the fewest steps.

        Args:
            seconds: the time budget.
            step: sizes -> what a step takes.
        """
        while sizes["hidden"] >= 2 * NARROWEST:
            if self.share * seconds >= self.fewest * step(sizes):
                break
            sizes = sizes | {key: sizes[key] // 2 for key in ("hidden", "embedding")}
        return sizes

    def within(self, seconds: float | None, step: Callable[[float], float]) -> tuple[int, str]:
        """How many, and why in a few words.

        Args:
            seconds: the time budget.
            step: seconds to measure for -> what a step of one member takes.
        """
        if self.asked is not None:
            return self.asked, "as asked"
        if seconds is None:
            return 1, "without a time to spend"
        fit = int(self.share * seconds / (step(0.03 * seconds) * self.steps))
        time = counted(seconds / 60, "minute")
        if fit < 2:
            return 1, f"what {time} allow{'s' if seconds == 60 else ''}"
        return min(fit, self.most), f"{counted(self.steps, 'step')} each fit into {time}"


@final
@dataclass(frozen=True)
class ModelPlan:
    """What is going to be trained, and how.

    Args:
        architecture: what the network is made from, as plain values.
        settings: what the training task needs beside the data, as plain values.
        rates: peak rates of the optimisers.
        reason: why this one, in a few words.
        finish, patience, back: see `recurra.training.loop.Settings`.
        members: how many the architecture's one member becomes; None where it has them already.
    """

    architecture: dict[str, Any]
    settings: dict[str, Any]
    rates: Rates
    reason: str = ""
    finish: float = 0.0
    patience: int = 5
    back: bool = False
    members: Members | None = None

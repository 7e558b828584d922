"""What all tasks' certificates ask of a model: its network in torch, and how near it has to be.

And what becomes of a model's figures on its own data when its weights are rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import MissingExtra
from recurra.judge.bootstrap import block_bootstrap
from recurra.runtime.certificate import NARROW, TOLERANCE
from recurra.tasks.model import Model
from recurra.tasks.task import IN_INT8


def by_torch(model: Model[Any, Any], ask: str) -> Callable[..., Any] | str:
    """What asks a model's network in torch, of the task's `trainer`; or why there is none."""
    if model._weights == "int8":
        return IN_INT8
    try:
        network = model._trained()
    except MissingExtra as error:
        return error.got
    return partial(getattr(model.task.part("trainer"), ask), network)


def tolerance(model: Model[Any, Any]) -> float:
    """How far from torch a model may be, by what it keeps its weights in."""
    return TOLERANCE if model._weights == "float32" else NARROW


@final
@dataclass(frozen=True)
class Change:
    """What a model costs and decides before and after its weights were rounded.

    Args:
        unit: what costs are: "nats a token".
        note: on what.
        before, after: the mean costs.
        low, high: 95 % of what the difference of the means may as well be; None where unknown.
        alike, decisions: so many of so many decisions are the same.
    """

    unit: str
    note: str
    before: float
    after: float
    low: float | None
    high: float | None
    alike: int
    decisions: int

    def to_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)

    def sentences(self) -> list[str]:
        """It as people read it."""
        difference = f"{self.after - self.before:+.4f}"
        if self.low is not None and self.high is not None:
            difference += f" ({self.low:+.4f} to {self.high:+.4f})"
        found = [f"{self.unit}: {self.before:.4f} before, {self.after:.4f} after, {difference}"]
        if self.decisions:
            share = self.alike / self.decisions
            found.append(f"decisions alike: {self.alike:,} of {self.decisions:,} ({share:.2%})")
        return [*found, f"on {self.note}"]


def change(
    unit: str,
    note: str,
    costs: Sequence[Iterable[NDArray[Any]]],
    decided: Sequence[Sequence[Any] | NDArray[Any]] = ((), ()),
) -> Change:
    """A change of costs (N,), in pieces, and of decisions, each before and after."""
    before, after = (
        np.concatenate([np.ravel(c).astype(np.float64) for c in each]) for each in costs
    )
    finite = np.isfinite(before) & np.isfinite(after)
    before, after = before[finite], after[finite]
    interval = block_bootstrap(after - before)
    low, high = (interval.low, interval.high) if interval.known else (None, None)
    alike = sum(bool(np.all(a == b)) for a, b in zip(*decided, strict=True))
    return Change(
        unit, note, float(before.mean()), float(after.mean()), low, high, alike, len(decided[0])
    )

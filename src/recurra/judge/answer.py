"""What a run answers with: of all that was compared, the simplest that is as good within noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra.errors import DataError, OptionError

NETWORK: Final = "network"
"""The candidate that a run answers with by itself, whatever else there is."""

WEIGHTS: Final = tuple(tenths / 10 for tenths in range(1, 10))
"""What a network may weigh in the mean of it and a baseline."""


@final
@dataclass(frozen=True)
class Choice:
    """What was chosen, and what it rests on.

    Args:
        name: of the chosen one.
        costs: the mean cost of each that was compared, the simplest first.
        best: the one of the least mean cost.
        behind: by how much the chosen one's mean cost is above the best's.
        error: the standard error of that difference; 0 where the best is chosen, without end
            where it is not known.
    """

    name: str
    costs: Mapping[str, float]
    best: str
    behind: float
    error: float

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values; the error is null where it is not known."""
        error = self.error if math.isfinite(self.error) else None
        return asdict(self) | {"costs": dict(self.costs), "error": error}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Choice:
        """The choice that `to_json` gave."""
        error = math.inf if facts["error"] is None else float(facts["error"])
        return cls(**{**facts, "error": error})


def choose(costs: Mapping[str, npt.ArrayLike], *, groups: npt.ArrayLike | None = None) -> Choice:
    """The simplest candidate whose mean cost is within one standard error of the least.

    The rule of one standard error (Breiman, Friedman, Olshen & Stone 1984, section 3.4.3), here of
    the paired difference to the best: candidates that err on the same examples need far fewer of
    them than two figures with an error each. What is compared may not have been trained on these
    examples, nor have stopped early by them.

        choose({"naive": naive, "theta": theta, "network": network}, groups=series).name

    Args:
        costs: of each candidate, what each example costs, (N,), lower is better; the simplest
            candidate first.
        groups: which examples go together, (N,): windows of a series, rows of a user. Groups are
            independent of each other; without them each example is.

    Raises:
        OptionError: there is no candidate.
        DataError: there is no example, shapes differ, or a cost is not finite.
    """
    if not costs:
        raise OptionError("no candidate", expected="at least one to choose from")
    values = {name: np.asarray(each, np.float64) for name, each in costs.items()}
    shape = next(iter(values.values())).shape
    for name, each in values.items():
        if each.ndim != 1 or each.shape != shape or not each.size:
            raise DataError(
                f"costs of {name} of shape {each.shape}",
                expected="a row of at least one value, as long for each candidate",
            )
        if not np.isfinite(each).all():
            raise DataError(f"a cost of {name} is not finite", expected="finite values")
    which = np.arange(shape[0]) if groups is None else np.unique(groups, return_inverse=True)[1]
    if which.shape != shape:
        raise DataError(f"groups of shape {which.shape}", expected=f"one for each of {shape[0]:,}")
    means = {name: float(each.mean()) for name, each in values.items()}
    best = min(means, key=lambda name: means[name])
    for name, each in values.items():
        difference = each - values[best]
        error = _standard_error(difference, which)
        if name == best or means[name] - means[best] <= error:
            return Choice(name, means, best, means[name] - means[best], error)
    raise AssertionError("the best is within any error of itself")


def _standard_error(difference: npt.NDArray[np.float64], groups: npt.NDArray[np.intp]) -> float:
    """Of the mean of values, of which those of a group go together (Liang & Zeger 1986)."""
    if not difference.any():
        return 0.0
    sums = np.bincount(groups, difference - difference.mean())
    if len(sums) < 2:
        return math.inf  # one group says nothing of how much groups differ
    return float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()) / len(difference))

"""What is done to logits before a token is chosen: temperature, top-k, top-p, penalties.

Laws: a row is the same whatever is beside it; of equals the token with the lower id is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError, RecurraError

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

LogitsProcessor = Callable[[Numbers, Integers], Numbers]
"""(logits (B, V), recent (B, R)) -> logits (B, V), new ones; `recent` are the last tokens, oldest
first."""

_LEAST_TEMPERATURE = 1e-260
"""Below this every difference between logits is infinite already, and dividing would overflow."""


def temperature(value: float) -> LogitsProcessor:
    """Divide the logits by `value`: below 1 surer, above 1 bolder.

    Raises:
        OptionError: not a finite number above 0 (for 0, take `greedy`).
    """
    divisor = checked_temperature(value)

    def apply(logits: Numbers, recent: Integers) -> Numbers:
        del recent
        # From the largest down: a tiny temperature then gives -inf, and never inf - inf.
        most = checked(logits.max(-1, keepdims=True))
        found: Numbers = (logits - most) / divisor
        return found

    return apply


def checked_temperature(value: float) -> float:
    """What logits are divided by at this temperature.

    Raises:
        OptionError: not a finite number above 0.
    """
    if not (value > 0 and math.isfinite(value)):
        raise OptionError(f"temperature = {value}", expected="a number above 0, or 0 for greedy")
    return max(value, _LEAST_TEMPERATURE)


def top_k(k: int) -> LogitsProcessor:
    """Keep the `k` likeliest tokens; of equals, those with the lower ids (Fan et al. 2018).

    Raises:
        OptionError: k is below 1.
    """
    if k < 1:
        raise OptionError(f"top-k = {k}", expected="1 or more")

    def apply(logits: Numbers, recent: Integers) -> Numbers:
        del recent
        if k >= logits.shape[-1]:
            return logits
        beyond = (-logits).argsort(axis=1, kind="stable")[:, k:]
        found = logits.copy()
        found[_rows(logits), beyond] = -math.inf
        return found

    return apply


def top_p(p: float) -> LogitsProcessor:
    """Keep the likeliest tokens that together reach the probability `p`, one at least.

    Nucleus sampling: Holtzman et al. 2020, arXiv:1904.09751.

    Raises:
        OptionError: p is not above 0, or above 1.
    """
    if not 0 < p <= 1:
        raise OptionError(f"top-p = {p}", expected="above 0 and at most 1")

    def apply(logits: Numbers, recent: Integers) -> Numbers:
        del recent
        if p == 1:
            return logits
        rows, order = _rows(logits), (-logits).argsort(axis=1, kind="stable")
        ordered = logits[rows, order]
        weights = np.exp(ordered - ordered[:, :1])
        reached = np.add.accumulate(weights, axis=1)
        # What the likelier ones reach without this one: never too much for the first.
        ordered[reached - weights >= p * reached[:, -1:]] = -math.inf
        found = np.empty_like(logits)
        found[rows, order] = ordered
        return found

    return apply


def repetition_penalty(penalty: float, window: int) -> LogitsProcessor:
    """Make the tokens among the last `window` less likely, by a factor on their logits.

    Logits above 0 are divided by `penalty`, those below multiplied: Keskar et al. 2019 (CTRL),
    arXiv:1909.05858, section 4.1. It reads the model's own logits, so it comes before the others.

    Raises:
        OptionError: the penalty is not a finite number above 0, or the window below 1.
    """
    if not (penalty > 0 and math.isfinite(penalty)):
        raise OptionError(
            f"repetition penalty = {penalty}", expected="a number above 0; 1 changes nothing"
        )
    if window < 1:
        raise OptionError(f"repetition window = {window}", expected="1 token or more")

    def apply(logits: Numbers, recent: Integers) -> Numbers:
        last = recent[:, -window:]
        if last.shape[1] == 0:
            return logits
        rows, found = _rows(logits), logits.copy()
        scores = logits[rows, last]
        found[rows, last] = np.where(scores > 0, scores / penalty, scores * penalty)
        return found

    return apply


def _rows(logits: Numbers) -> Integers:
    """(B, 1), which picks (B, k) places out of (B, V): `take_along_axis` is slow."""
    return np.arange(len(logits))[:, None]


def exclude(tokens: Sequence[int]) -> LogitsProcessor:
    """Leave out these tokens: the unknown, padding."""
    fixed = np.array(sorted(set(tokens)), np.int64)

    def apply(logits: Numbers, recent: Integers) -> Numbers:
        del recent
        if not len(fixed):
            return logits
        found = logits.copy()
        found[:, fixed] = -math.inf
        return found

    return apply


def compose(*processors: LogitsProcessor) -> LogitsProcessor:
    """One processor after the other, the first one first."""

    def apply(logits: Numbers, recent: Integers) -> Numbers:
        for each in processors:
            logits = each(logits, recent)
        return logits

    return apply


def checked(most: Numbers) -> Numbers:
    """The highest score of each row, where it is finite; else a score is no number, or all are out.

    Raises:
        RecurraError: one is not finite.
    """
    if not np.isfinite(most).all():
        raise not_numbers()
    return most


def not_numbers() -> RecurraError:
    """The fault of a model whose scores cannot be ranked."""
    return RecurraError(
        "the model's scores are not numbers, or leave no token to choose",
        expected="finite scores",
        fix="the training diverged or the run was damaged: train again at a lower rate",
    )

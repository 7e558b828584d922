"""How sure a mean of dependent values is: the block bootstrap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra.errors import DataError, OptionError

FEWEST: Final = 10
"""Below so many values, or blocks, an interval would promise what it cannot keep."""

_AT_ONCE: Final = 1 << 20  # blocks drawn at a time


@final
@dataclass(frozen=True)
class Interval:
    """A figure and where it may as well lie; unbounded where there was too little to tell."""

    low: float
    high: float
    estimate: float
    level: float = 0.95

    @property
    def known(self) -> bool:
        """Whether there was enough to tell."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def to_json(self) -> dict[str, Any]:
        """Its fields; the ends are null where they are not known."""
        low, high = (self.low, self.high) if self.known else (None, None)
        return {"low": low, "high": high, "estimate": self.estimate, "level": self.level}


def default_block(n: int) -> int:
    """The block length for `n` values: 200, or the cube root of n where that is more.

    The cube root is the rate that Künsch (1989) and Hall, Horowitz & Jing (1995) find for the
    variance of a mean. The 200 are for text: a few lines, within which surprise goes together.
    Never more than a tenth of n.
    """
    return max(1, min(max(200, math.ceil(math.cbrt(n))), n // FEWEST))


def block_bootstrap(
    difference: npt.ArrayLike,
    *,
    block: int | None = None,
    repeats: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The percentile interval of the mean of `difference` (T,), neighbours drawn together.

    The circular block bootstrap of Politis & Romano (1992), after Künsch (1989): each repeat lays
    blocks of consecutive values, which may run over the end into the beginning, one after
    another until there are T. Blocks of one are the ordinary bootstrap, for independent values.

    Args:
        difference: one value a character, example or window; positive where the model is better.
        block: values a block; `default_block` unless given.
        repeats: how often a mean is drawn.
        seed: of the draws; the same seed gives the same interval.
        level: how much of the means lies inside.

    Raises:
        DataError: there is no value, or one is not finite.
        OptionError: block, repeats or level out of range.
    """
    values = np.asarray(difference, np.float64)
    if values.ndim != 1 or not values.size:
        raise DataError(f"values of shape {values.shape}", expected="a row of at least one value")
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise DataError(
            f"value {wrong[0]:,} is {values[wrong[0]]}", expected="finite values throughout"
        )
    n = values.size
    length = default_block(n) if block is None else block
    if not 1 <= length <= n:
        raise OptionError(f"block = {length}", expected=f"from 1 to the {n} values there are")
    if repeats < 1:
        raise OptionError(f"repeats = {repeats}", expected="1 or more")
    if not 0 < level < 1:
        raise OptionError(f"level = {level}", expected="a share between 0 and 1")
    mean = float(values.mean())
    if n // length < FEWEST:
        return Interval(-math.inf, math.inf, mean, level)
    # Around the mean, so that long sums of small differences keep their digits.
    around = values - mean
    reach = np.concatenate([[0.0], np.cumsum(np.concatenate([around, around[:length]]))])
    whole, rest = divmod(n, length)
    generator = np.random.default_rng(seed)
    means = np.empty(repeats)
    group = max(1, _AT_ONCE // (whole + 1))
    for first in range(0, repeats, group):
        drawn = min(group, repeats - first)
        starts = generator.integers(0, n, (drawn, whole + 1))
        sums = (reach[starts[:, :whole] + length] - reach[starts[:, :whole]]).sum(1)
        sums += reach[starts[:, whole] + rest] - reach[starts[:, whole]]
        means[first : first + drawn] = sums / n
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean + float(low), mean + float(high), mean, level)

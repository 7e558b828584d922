"""How sure a figure is: bootstraps of means and of counts, and the interval of a share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra.errors import DataError, OptionError

FEWEST: Final = 10
"""Below so many values, or blocks, an interval would promise what it cannot keep."""

_AT_ONCE: Final = 1 << 20  # blocks, or counts of draws, at a time

Floats = npt.NDArray[np.float64]


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
    _check_level(level)
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


def share(right: int, n: int, *, level: float = 0.95) -> Interval:
    """The share of independent examples that are right, with Wilson's (1927) score interval.

    Unlike a bootstrap's it does not end at the share itself where that is 0 or 1.

    Raises:
        OptionError: the level is out of range, or there are not 0 to n that are right.
    """
    _check_level(level)
    if not 0 <= right <= n or not n:
        raise OptionError(f"{right} right of {n}", expected="from 0 to n of at least one example")
    if n < FEWEST:
        return Interval(-math.inf, math.inf, right / n, level)
    from statistics import NormalDist  # with decimal and fractions: not at every start

    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (right + z * z / 2) / (n + z * z)
    half = z * math.sqrt(right * (n - right) / n + z * z / 4) / (n + z * z)
    # Exactly 0 or 1 where the share is, which rounding would miss.
    low, high = middle - half if right else 0.0, middle + half if right < n else 1.0
    return Interval(low, high, right / n, level)


def _drawn(
    generator: np.random.Generator, times: npt.NDArray[np.int64] | None, n: int, repeats: int
) -> Floats:
    """How often each example, or row of several examples, is among n drawn: (repeats, rows)."""
    if times is not None:
        return generator.multinomial(n, times / n, repeats).astype(np.float64)
    rows = [np.bincount(generator.integers(0, n, n), minlength=n) for _ in range(repeats)]
    return np.array(rows, np.float64)


def _drawn_in_blocks(generator: np.random.Generator, n: int, block: int, repeats: int) -> Floats:
    """How often each of n rows in a circle is in blocks of neighbours, n in all: (repeats, n)."""
    whole, rest = divmod(n, block)
    ends = np.zeros((repeats, n + block + 1))  # +1 where a block begins, -1 behind its end
    rows = np.arange(repeats)[:, None]
    starts = generator.integers(0, n, (repeats, whole + 1))
    lengths = np.full(whole + 1, block)
    lengths[whole] = rest
    np.add.at(ends, (rows, starts), 1)
    np.add.at(ends, (rows, starts + lengths), -1)
    often = ends.cumsum(1)[:, :-1]
    often[:, :block] += often[:, n:]  # over the end into the beginning
    return often[:, :n]


def counts_bootstrap(
    counts: npt.ArrayLike,
    figure: Callable[[Floats], Floats],
    *,
    times: npt.ArrayLike | None = None,
    block: int = 1,
    repeats: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The percentile interval of a figure of summed counts, as F1 is: examples drawn, then summed.

    For the difference of two models' figures give the counts of both: each draw takes the same
    examples for both, which is what makes it paired (Efron & Tibshirani 1993, chapter 13).

    Args:
        counts: what each independent example counts, (N, S); of dependent ones, their sum.
        figure: from sums (R, S) of counts to R figures.
        times: how many examples have each row of counts, (N,); one, unless given.
        block: rows that are drawn together, where they stand in order and neighbours depend on
            each other, as in `block_bootstrap`.
        repeats: how often as many examples are drawn as there are.
        seed: of the draws; the same seed gives the same interval.
        level: how much of the figures lies inside.

    Raises:
        DataError: there is no example, or shapes do not fit.
        OptionError: block, repeats or level out of range, or blocks of rows with `times`.
    """
    values = np.asarray(counts, np.float64)
    if values.ndim != 2 or not len(values):
        raise DataError(f"counts of shape {values.shape}", expected="a row for each example")
    often = np.ones(len(values), np.int64) if times is None else np.asarray(times, np.int64)
    if often.shape != values.shape[:1] or often.min() < 0 or not often.any():
        raise DataError(f"times of shape {often.shape}", expected="how often each row occurs")
    if block < 1 or (block > 1 and times is not None):
        raise OptionError(f"block = {block}", expected="1 or more, and 1 with `times`")
    if repeats < 1:
        raise OptionError(f"repeats = {repeats}", expected="1 or more")
    _check_level(level)
    n = int(often.sum())
    estimate = float(figure((often @ values)[None])[0])
    if n // block < FEWEST:
        return Interval(-math.inf, math.inf, estimate, level)
    generator = np.random.default_rng(seed)
    found = np.empty(repeats)
    group = max(1, _AT_ONCE // len(values))
    for first in range(0, repeats, group):
        few = min(group, repeats - first)
        if block > 1:
            drawn = _drawn_in_blocks(generator, n, block, few)
        else:
            drawn = _drawn(generator, None if times is None else often, n, few)
        found[first : first + len(drawn)] = figure(drawn @ values)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), estimate, level)


def paired_shares(
    model: npt.ArrayLike,
    baseline: npt.ArrayLike,
    *,
    repeats: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """By how much a model is right more often than a baseline on the same independent examples.

    The paired bootstrap, after one example more in which the model alone is right, and one in
    which the baseline alone is: what Bonett & Price (2012) do to Wald's interval. The plain one
    takes four examples without a counterexample for a proof; McNemar's exact test takes six, and
    this does.

    Args:
        model: whether the model is right, (N,).
        baseline: whether the baseline is, (N,).
        repeats: how often as many examples are drawn as there are.
        seed: of the draws; the same seed gives the same interval.
        level: how much of the differences lies inside.

    Raises:
        DataError: there is no example, or shapes differ.
        OptionError: repeats or level out of range.
    """
    first, second = np.asarray(model, np.bool_), np.asarray(baseline, np.bool_)
    if first.ndim != 1 or first.shape != second.shape or not first.size:
        raise DataError(
            f"answers of shape {first.shape} and {second.shape}",
            expected="two rows of the same length, of at least one",
        )
    n = len(first)
    more, less = int((first & ~second).sum()), int((second & ~first).sum())
    found = counts_bootstrap(
        [[1.0], [-1.0], [0.0]],
        lambda sums: sums[:, 0] / (n + 2),
        times=[more + 1, less + 1, n - more - less],
        repeats=repeats,
        seed=seed,
        level=level,
    )
    if n < FEWEST:
        return Interval(-math.inf, math.inf, (more - less) / n, level)
    return replace(found, estimate=(more - less) / n)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise OptionError(f"level = {level}", expected="a share between 0 and 1")

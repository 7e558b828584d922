"""Which part of the data trains, which one chooses, and which one reports."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import final

from recurra.errors import DataError, OptionError


@final
@dataclass(frozen=True)
class Split:
    """Three stretches of the data, in this order and with nothing between them."""

    train: range
    select: range
    test: range


def contiguous(
    n: int,
    *,
    select: float = 0.05,
    test: float = 0.10,
    least: int = 2,
    name: str = "the text",
    unit: str = "characters",
) -> Split:
    """Cut 0..n-1: the last `test` share reports, the `select` share before it chooses.

    Args:
        n: how many items there are, in `unit`.
        select: the share of the whole that chooses (early stopping, settings).
        test: the share of the whole that reports.
        least: how many items each part must have.
        name: what is cut, for messages.
        unit: what is counted, for messages; plural, ending in s.

    Raises:
        OptionError: a share is not between 0 and 1, or nothing is left to train on.
        DataError: there are too few items.
    """
    for option, share in (("select", select), ("test", test)):
        if not 0 < share < 1:
            raise OptionError(
                f"{option} = {share}", expected="a share of the whole, between 0 and 1"
            )
    # Through their decimals, so that 0.1 is a tenth and 1,115,394 characters give 111,540.
    chosen, reported = Fraction(str(float(select))), Fraction(str(float(test)))
    if chosen + reported >= 1:
        raise OptionError(
            f"select = {select} and test = {test} leave nothing to train on",
            expected="shares whose sum is below 1",
        )
    if n <= 0:
        raise DataError(f"{name} is empty", expected=f"a number of {unit}")
    split = _cut(n, chosen, reported)
    if _smallest(split) < least:
        # Where a part's share is a whole number of items, rounding cannot take one from it.
        needed = math.ceil(least / min(chosen, reported, 1 - chosen - reported))
        have = f"one {unit.removesuffix('s')}" if n == 1 else f"{n:,} {unit}"
        raise DataError(
            f"{name} has {have}: too few to train, choose and test on",
            expected=f"at least {needed:,} {unit}; a model learns little from fewer than 100,000",
            fix="give more text: several files or a folder",
        )
    return split


def _cut(n: int, select: Fraction, test: Fraction) -> Split:
    first, second = int(n * (1 - select - test)), int(n * (1 - test))
    return Split(range(first), range(first, second), range(second, n))


def _smallest(split: Split) -> int:
    return min(len(split.train), len(split.select), len(split.test))

"""Parts made of whole groups, drawn or given: what trains, what chooses, what reports."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from recurra.data.splits import Rows
from recurra.errors import DataError, counted


def whole_groups(
    rows: Rows,
    groups: Rows,
    share: float,
    *,
    random: np.random.PCG64,
    most: int,
    name: str,
    unit: str,
    group: str,
) -> tuple[Rows, Rows]:
    """Draw a part of some rows, a group whole or not at all: the rows that are left, and the part.

    A function of its arguments on every version of NumPy: of the generator's raw output alone.

    Args:
        rows: those to draw from (N,).
        groups: the group of each row of the data, any whole numbers.
        share: the share of the rows to draw, about.
        random: what draws; it goes on from one part to the next.
        most: rows that are never exceeded, unless every group is larger than that.
        name, unit, group: for messages: what is cut, what a row is, what a group is.

    Raises:
        DataError: the rows are of one group.
    """
    numbers = np.unique(groups[rows], return_inverse=True)[1].reshape(-1)
    sizes = np.bincount(numbers)
    if len(sizes) < 2:
        raise DataError(
            f"{name}: {counted(len(rows), unit)} of {counted(len(sizes), group)}: too few "
            f"{group}s to train, choose and test on",
            expected=f"at least 3 different {group}s: the {unit}s of one are kept in one part",
            fix=f"give more data; look whether the right column was taken as the {group}",
        )
    order = np.argsort(np.atleast_1d(random.random_raw(len(sizes))), kind="stable")
    left = min(max(1, round(len(rows) * share)), most)
    taken = np.zeros(len(sizes), bool)
    free = max(1, len(sizes) // 2)  # where one group has most rows, others train beside it
    for each in order.tolist():
        if not left or not free:
            break
        if sizes[each] <= left:
            taken[each] = True
            left, free = left - int(sizes[each]), free - 1
    if not taken.any():  # all are too large: the smallest of them
        taken[order[np.argmin(sizes[order])]] = True
    drawn = taken[numbers]
    return rows[~drawn], rows[drawn]


def parts(
    origin: Mapping[str, Any],
    count: int,
    groups: Rows,
    same: Rows,
    *,
    salt: int,
    select: float,
    most: int,
    name: str,
    unit: str,
    group: str,
) -> tuple[Rows, Rows, Rows, dict[str, int]]:
    """Draw the parts that are not given, and take out of given ones what stands in another too.

    Args:
        origin: by what `seed` is drawn and what `share` reports; `valid` and `test`, the first and
            the last row but one of a given part, or None.
        count: rows to draw from, which come first.
        groups: of each row; those of one are in one part, where it is drawn.
        same: rows with one of these numbers are alike.
        salt: a number of the task, mixed with the seed.
        select: the share of what does not report that chooses.
        most, name, unit, group: see `whole_groups`.

    Returns:
        The rows that train, that choose and that report; and how many were taken out:
        "valid_removed", "test_removed".

    Raises:
        DataError: there are too few groups, or nothing is left of a part.
    """
    random = np.random.PCG64(np.random.SeedSequence((origin["seed"], salt)))
    draw = partial(whole_groups, random=random, most=most, name=name, unit=unit, group=group)
    valid, test = origin["valid"], origin["test"]
    learn = np.arange(count)
    learn, tests = (learn, np.arange(*test)) if test else draw(learn, groups, origin["share"])
    learn, selects = (learn, np.arange(*valid)) if valid else draw(learn, groups, select)
    seen = np.isin(same[selects], same[learn])
    reported = np.isin(same[tests], same[np.concatenate([learn, selects])])
    selects, tests = selects[~seen], tests[~reported]
    for rows, whose in ((selects, "chooses"), (tests, "reports")):
        if not len(rows):
            raise DataError(
                f"{name}: nothing is left of the part that {whose}: all its {unit}s stand in "
                "another part too",
                expected=f"{unit}s that the model has not learnt from",
                fix="give others, or none: a part is drawn then",
            )
    removed = {"valid_removed": int(seen.sum()), "test_removed": int(reported.sum())}
    return learn, selects, tests, removed

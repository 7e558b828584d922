"""Which steps of a week there are: opening hours, trading days; found, and told in words."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ordinals = NDArray[np.int64]

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_MOST: Final = 7 * 24 * 60  # steps of a week that are told apart
_FULL: Final = 0.7  # share of the open steps that rows stand for, at least
_CHANCE: Final = 1e-3  # that as many steps have no row, were all of them open


def open_steps(steps: Ordinals, groups: Ordinals, per_week: int) -> tuple[int, ...]:
    """The steps of a week that rows stand for, ascending; none where that is all, or unsure.

    Each closed step has been passed twice, and most of the open ones are there.

    Args:
        steps: (N,) counted from a Monday on, ascending within each series.
        groups: (N,) which series each is of, one after the other.
        per_week: steps of a week.
    """
    if per_week > _MOST:
        return ()
    seen = np.bincount(steps % per_week, minlength=per_week) > 0
    if seen.all():
        return ()
    begins = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    first, last = steps[begins], steps[np.append(begins[1:], len(steps)) - 1]
    if int((last - first).max()) < 2 * per_week:
        return ()
    found = tuple(np.flatnonzero(seen).tolist())
    there = (counted(last, found, per_week) - counted(first, found, per_week) + 1).sum()
    full = min(0.99, len(steps) / there)
    # Of how many steps of a week all rows would be missing by chance, and whether more are.
    by_chance = per_week * (1 - full) ** (int((last - first + 1).sum()) / per_week)
    closed = per_week - len(found)
    sure = closed * math.log(by_chance) - math.lgamma(closed + 1) < math.log(_CHANCE)
    return found if full >= _FULL and sure else ()


def counted(steps: Ordinals, opened: tuple[int, ...], per_week: int) -> Ordinals:
    """How many open steps lie before each step (N,), from a Monday on."""
    found: Ordinals = steps // per_week * len(opened) + np.searchsorted(opened, steps % per_week)
    return found


def within(steps: Ordinals, opened: tuple[int, ...], per_week: int) -> NDArray[np.bool_]:
    """Which steps (N,) are open."""
    return np.isin(steps % per_week, opened)


def steps_at(counts: Ordinals, opened: tuple[int, ...], per_week: int) -> Ordinals:
    """The steps (N,) before which so many open ones lie."""
    found: Ordinals = counts // len(opened) * per_week + np.array(opened)[counts % len(opened)]
    return found


def season(opened: tuple[int, ...], per_day: int) -> int:
    """Open steps of a day, where all open days have as many; else those of a week."""
    each = set(np.unique(np.array(opened) // per_day, return_counts=True)[1].tolist())
    return each.pop() if len(each) == 1 and each != {1} else len(opened)


def described(opened: tuple[int, ...], per_day: int, minutes: float) -> str:
    """In words: "Monday to Friday 09:00 to 17:00".

    Args:
        opened: steps of a week.
        per_day: steps of a day.
        minutes: from midnight to the first step of a day.
    """
    hours: dict[tuple[int, ...], list[int]] = {}
    for day in range(7):
        turns = tuple(each % per_day for each in opened if each // per_day == day)
        if turns:
            hours.setdefault(turns, []).append(day)
    if len(hours) > 2:
        return f"{len(opened)} of the {7 * per_day} steps of a week"
    return "; ".join(_days(days) + _hours(turns, per_day, minutes) for turns, days in hours.items())


def _days(days: list[int]) -> str:
    if len(days) == 7:
        return "every day"
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{DAYS[days[0]]} to {DAYS[days[-1]]}"
    return ", ".join(DAYS[day] for day in days)


def _hours(turns: tuple[int, ...], per_day: int, minutes: float) -> str:
    if len(turns) == per_day:
        return ""

    def clock(turn: int) -> str:
        at = int(turn * 1440 / per_day + minutes)
        return f"{at // 60:02}:{at % 60:02}"

    runs = np.split(np.array(turns), np.flatnonzero(np.diff(turns) > 1) + 1)
    if len(runs) > 3:
        return f" {len(turns)} times a day"
    return " " + " and ".join(
        clock(run[0]) + (f" to {clock(run[-1])}" if len(run) > 1 else "") for run in runs
    )

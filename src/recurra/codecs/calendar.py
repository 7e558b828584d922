"""What the calendar says of a step: hour, weekday, season; known of any step, nothing fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.frequency import DAY, Frequency, Ordinals

_HOUR = DAY // 24


_DAYS: Final = {
    "minute": 1 / 24,
    "hour": 1.0,
    "weekday": 7.0,
    "day of the year": 365.25,
    "month": 365.25,
}
"""How long each turn takes."""

FEW: Final = 1000
"""Training steps below which a season is left to the values: a calendar would learn it by heart."""


def worth(frequency: Frequency, start: int, steps: int, *, period: int, total: int) -> list[str]:
    """The turns that training can learn from: it sees them twice, and not by heart.

    Args:
        start, steps: ordinal and steps of the longest series' training part.
        period: steps of a season.
        total: training steps of all series.
    """
    turns = turns_of(frequency)
    if not turns:
        return []
    stamps = frequency.stamps(np.array([start, start + period, start + steps]))
    season, span = (stamps[1:] - stamps[0]) / np.timedelta64(1, "D")
    return [
        turn
        for turn in turns
        if span >= 2 * _DAYS[turn]
        and not (total < FEW and abs(season - _DAYS[turn]) < 0.05 * _DAYS[turn])
    ]


def features(
    frequency: Frequency, ordinals: Ordinals, turns: Sequence[str] | None = None
) -> NDArray[np.float32]:
    """Where steps (n,) stand in each turn that varies at this frequency, (n, C) float32.

    Sine and cosine of the angle: of the minute in the hour below half an hour, of the hour in the
    day below a day, of the weekday and the day in the year below a week, of the day in the year for
    weeks, of the month for months and quarters; none (C = 0) for years and numbered steps.

    Args:
        turns: some of those, by their names; None: all of them.
    """
    turns = turns_of(frequency) if turns is None else turns
    found = np.empty((len(ordinals), 2 * len(turns)), np.float32)
    if not len(turns):
        return found
    stamps = frequency.stamps(ordinals)
    for number, turn in enumerate(turns):
        angle = 2 * np.pi * _share(stamps, turn)
        found[:, 2 * number] = np.sin(angle)
        found[:, 2 * number + 1] = np.cos(angle)
    return found


def turns_of(frequency: Frequency) -> tuple[str, ...]:
    """The turns that vary at this frequency."""
    if frequency.unit in ("step", "Y"):
        return ()
    if frequency.unit in ("M", "Q"):
        return ("month",)
    if frequency.unit == "B":
        return ("weekday", "day of the year")
    step = frequency.step
    day = ("hour",) if step < DAY else ()
    hour = ("minute",) if step <= _HOUR // 2 else ()
    week = ("weekday",) if step % (7 * DAY) else ()
    return (*hour, *day, *week, "day of the year")


def _share(stamps: NDArray[np.datetime64] | Ordinals, turn: str) -> NDArray[np.float64]:
    """How much of a turn has passed at each stamp, from 0 to below 1."""
    micros = stamps.astype(np.int64)
    if turn == "minute":
        return micros % _HOUR / _HOUR
    if turn == "hour":
        return micros % DAY / DAY
    if turn == "weekday":
        return (micros // DAY + 3) % 7 / 7
    years = stamps.astype("datetime64[Y]")
    if turn == "month":
        months = stamps.astype("datetime64[M]") - years.astype("datetime64[M]")
        passed: NDArray[np.float64] = months.astype(np.int64) / 12
        return passed
    begins, ends = (each.astype("datetime64[D]").astype(np.int64) for each in (years, years + 1))
    found: NDArray[np.float64] = (micros // DAY - begins) / (ends - begins)
    return found

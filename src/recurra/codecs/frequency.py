"""What lies between two steps of a series: inferred from its stamps, checked, counted along."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final, Self, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs import opening
from recurra.errors import BundleError, DataError, OptionError

Ordinals = NDArray[np.int64]
Stamps = NDArray[np.datetime64] | Ordinals
"""Moments as datetime64[us]; whole numbers where the unit is "step"."""

_MICROSECONDS: Final = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "D": 86_400_000_000,
    "W": 604_800_000_000,
}
_MONTHS: Final = {"M": 1, "Q": 3, "Y": 12}
DAY: Final = _MICROSECONDS["D"]

_NAMES: Final = {
    "us": "microsecond",
    "ms": "millisecond",
    "s": "second",
    "min": "minute",
    "h": "hour",
    "D": "day",
    "B": "business day",
    "W": "week",
    "M": "month",
    "Q": "quarter",
    "Y": "year",
    "step": "step",
}
_SINGLE: Final = {"h": "hourly", "D": "daily", "W": "weekly"} | {
    "M": "monthly",
    "Q": "quarterly",
    "Y": "yearly",
    "B": "every business day",
    "step": "numbered steps",
}
_WORDS: Final = {
    "us": ("U",),
    "ms": ("L",),
    "s": ("S", "sec"),
    "min": ("T", "t", "minutely"),
    "h": ("H", "hourly"),
    "D": ("d", "daily"),
    "B": ("b",),
    "W": ("w", "weekly"),
    "M": ("MS", "ME", "mo", "monthly"),
    "Q": ("q", "QS", "QE", "quarterly"),
    "Y": ("y", "YS", "YE", "A", "AS", "yearly", "annual"),
}
_ALIASES: Final = {word: unit for unit, words in _WORDS.items() for word in words}


@final
@dataclass(frozen=True)
class Frequency:
    """A grid of steps in time; the number of a step on it is its ordinal.

    Args:
        unit: "us", "ms", "s", "min", "h", "D", "B" (Monday to Friday), "W", "M", "Q", "Y"; "step"
            for whole numbers, or where there is no time column.
        count: units of a step: 15 with "min" for every quarter of an hour.
        anchor: what the unit leaves open. Units of fixed length: microseconds from the beginning of
            1970 to the first step after it ("step": from 0; "B": time of day). M, Q and Y: the day
            in the month, 31 for the last one, and 100 for each month by which a step begins later
            than one counted from the beginning of 1970. A stamp belongs to the months of its step,
            whatever its day and time of day.
        opened: the steps of a week, from Monday on, that there are: opening hours; empty for all.
            Only where steps are days or parts of them.
    """

    unit: str
    count: int
    anchor: int
    opened: tuple[int, ...] = ()

    # -- where it comes from -----------------------------------------------------------------------

    @classmethod
    def infer(
        cls, stamps: Stamps, groups: NDArray[np.int64] | None = None, given: str | None = None
    ) -> Self:
        """The grid that most of the stamps lie on; `off` says which do not.

        Args:
            stamps: (N,) in any order; the same one twice does no harm.
            groups: (N,) which series each is of; nothing is concluded from one to another.
            given: what is known of it already: "h", "15min", "D", "B", "W", "M", "Q", "Y", or as
                pandas and polars write them.

        Raises:
            DataError: no series has two stamps, and nothing was told.
            OptionError: `given` is no frequency, or one of dates where stamps are numbers.
        """
        numbered = stamps.dtype.kind in "iu"
        if given is not None:
            unit, count = _parsed(given)
            if numbered != (unit == "step"):
                raise OptionError(
                    f"--frequency {given}: the times are {'numbers' if numbered else 'dates'}",
                    expected="a frequency of dates for dates, and none for numbers",
                )
            return cls(unit, count, _anchor(stamps, unit, count))
        groups = np.zeros(len(stamps), np.int64) if groups is None else groups
        inside = np.diff(groups) == 0
        if (np.diff(groups) < 0).any() or (np.diff(stamps).astype(np.int64)[inside] < 0).any():
            order = np.lexsort((stamps, groups))
            stamps, groups = stamps[order], groups[order]
            inside = np.diff(groups) == 0
        if not (inside & (np.diff(stamps).astype(np.int64) > 0)).any():
            raise DataError(
                "each series has one step: nothing says what lies between two",
                expected="series of two steps and more",
                fix="name it: --frequency D; or name the column of the series with --id, if another"
                " was taken for it",
            )
        if numbered:
            count = _base(np.diff(stamps).astype(np.int64)[inside])
            return cls("step", count, _anchor(stamps, "step", count))
        unit, count = _unit(stamps, inside)
        found = cls(unit, count, _anchor(stamps, unit, count))
        if unit not in _MICROSECONDS or DAY % found.step:
            return found
        steps = found._from_monday(stamps)
        return replace(found, opened=opening.open_steps(steps, groups, 7 * found._per_day))

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        opened = {"opened": list(self.opened)} if self.opened else {}
        return {"unit": self.unit, "count": self.count, "anchor": self.anchor} | opened

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` wrote.

        Raises:
            BundleError: it is none.
        """
        try:
            opened = tuple(value["opened"]) if "opened" in value else ()
            found = cls(value["unit"], value["count"], value["anchor"], opened)
            whole = all(type(each) is int for each in (found.count, found.anchor, *opened))
            if not (whole and found.count > 0 and found.unit in _NAMES):
                raise ValueError
            if opened and not (0 <= min(opened) <= max(opened) < 7 * found._per_day):
                raise ValueError
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                "the frequency is damaged", expected='"unit", "count" and "anchor"'
            ) from error
        return found

    # -- steps and stamps --------------------------------------------------------------------------

    @property
    def step(self) -> int:
        """Length of a step: microseconds, months (M, Q, Y), business days (B) or numbers (step)."""
        return self.count * (_MICROSECONDS | _MONTHS).get(self.unit, 1)

    @property
    def _per_day(self) -> int:
        return DAY // self.step

    def _from_monday(self, stamps: Stamps) -> Ordinals:
        """Steps (N,), open or not, from a Monday on: 1970 began with a Thursday."""
        found: Ordinals = (stamps.astype(np.int64) - self.anchor) // self.step + 3 * self._per_day
        return found

    def off(self, stamps: Stamps) -> NDArray[np.bool_]:
        """Which stamps (N,) lie beside the grid."""
        found: NDArray[np.bool_]
        if self.unit in _MONTHS:
            found = (_months(stamps) - self.anchor // 100) % self.step != 0
        elif self.unit == "B":
            micros = stamps.astype(np.int64)
            days = (micros - self.anchor) // DAY + 3
            found = ((micros - self.anchor) % DAY != 0) | (days % 7 > 4)
            found |= (days // 7 * 5 + days % 7) % self.count != 0
        else:
            found = (stamps.astype(np.int64) - self.anchor) % self.step != 0
            if self.opened:
                steps = self._from_monday(stamps)
                found |= ~opening.within(steps, self.opened, 7 * self._per_day)
        return found

    def ordinals(self, stamps: Stamps) -> Ordinals:
        """The steps (N,) that the stamps stand for, int64.

        Raises:
            DataError: a stamp lies beside the grid.
        """
        off = np.flatnonzero(self.off(stamps))
        if len(off):
            raise DataError(
                f"{stamps[off[0]]} lies beside the steps",
                expected=f"steps that are {self.description}",
            )
        found: Ordinals
        if self.unit in _MONTHS:
            found = (_months(stamps) - self.anchor // 100) // self.step
        elif self.unit == "B":
            days = (stamps.astype(np.int64) - self.anchor) // DAY + 3  # from a Monday on
            found = (days // 7 * 5 + days % 7) // self.count
        elif self.opened:
            steps = self._from_monday(stamps)
            found = opening.counted(steps, self.opened, 7 * self._per_day)
        else:
            found = (stamps.astype(np.int64) - self.anchor) // self.step
        return found

    def stamps(self, ordinals: Ordinals) -> Stamps:
        """The stamps (N,) of steps: datetime64[us], or int64 where the unit is "step"."""
        if self.unit in _MONTHS:
            months = (ordinals * self.step + self.anchor // 100).astype("datetime64[M]")
            begins = months.astype("datetime64[D]")
            last = ((months + 1).astype("datetime64[D]") - begins).astype(np.int64)
            days = np.minimum(self.anchor % 100, last) - 1
            dates: Stamps = (begins + days).astype("datetime64[us]")
            return dates
        if self.unit == "B":
            steps = ordinals * self.count
            days = steps // 5 * 7 + steps % 5 - 3
            return (days * DAY + self.anchor).astype("datetime64[us]")
        if self.opened:
            steps = opening.steps_at(ordinals, self.opened, 7 * self._per_day)
            ordinals = steps - 3 * self._per_day
        found: Ordinals = ordinals * self.step + self.anchor
        return found if self.unit == "step" else found.astype("datetime64[us]")

    # -- what it means -----------------------------------------------------------------------------

    @property
    def season(self) -> int:
        """Steps of the usual period; 1 where there is none."""
        if self.opened:
            return opening.season(self.opened, self._per_day)
        units = {"s": 3600, "min": 1440, "h": 24, "D": 7, "B": 5, "W": 52, "M": 12, "Q": 4}
        whole = units.get(self.unit, 1)
        if self.unit == "W":
            return max(1, round(whole / self.count))
        return whole // self.count if whole % self.count == 0 else 1

    @property
    def description(self) -> str:
        """In words: "hourly", "every 15 minutes", "hourly, Monday to Friday 09:00 to 17:00"."""
        words = _SINGLE.get(self.unit) or f"every {_NAMES[self.unit]}"
        if self.count > 1:
            words = f"every {self.count} {_NAMES[self.unit]}s"
        if self.opened:
            minutes = self.anchor / _MICROSECONDS["min"]
            words += ", " + opening.described(self.opened, self._per_day, minutes)
        return words

    @property
    def alias(self) -> str:
        """As --frequency takes it, without opening hours: "h", "15min"."""
        return f"{self.count if self.count > 1 else ''}{self.unit}"

    def same(self, other: Frequency) -> bool:
        """Whether steps are as long as those of another."""
        return (self.unit, self.count) == (other.unit, other.count)


def _parsed(text: str) -> tuple[str, int]:
    """Unit and count out of words."""
    match = re.fullmatch(r"\s*([0-9]{0,6})\s*([A-Za-z ]+?)(-[A-Za-z0-9-]+)?\s*", text)
    word = match[2] if match else ""
    unit = next(
        (
            _ALIASES.get(each, each)
            for each in (word, word.lower(), _of_name(word.lower()))
            if _ALIASES.get(each, each) in _NAMES
        ),
        None,
    )
    if match is None or unit is None or word == "m" or match[1].strip("0") == "" != match[1]:
        raise OptionError(
            f"--frequency {text}",
            expected="s, min, h, D, B (business days), W, M, Q or Y, with a number before it where "
            "a step has several: 15min",
            fix="min for minutes, M for months" if word == "m" else "",
        )
    return _normal(unit, int(match[1] or 1))


def _of_name(word: str) -> str:
    names = {name: unit for unit, name in _NAMES.items()}
    return names.get(word) or names.get(word.removesuffix("s"), "")


def _normal(unit: str, count: int) -> tuple[str, int]:
    """The longest unit that a step is a multiple of, so that one grid has one name."""
    for units in (_MICROSECONDS, _MONTHS):
        if unit in units:
            step = units[unit] * count
            longest = next(each for each in reversed(units) if step % units[each] == 0)
            return longest, step // units[longest]
    return unit, count


def _base(gaps: Ordinals) -> int:
    """The step that most gaps are multiples of."""
    gaps = gaps[gaps > 0]
    if gaps.min() == gaps.max():
        return int(gaps[0])
    values, counts = np.unique(gaps, return_counts=True)
    usual = int(values[counts.argmax()])
    if (values % usual == 0).all():
        return usual
    # Without a usual gap, what divides all of them, unless most of those steps would be missing.
    finest = int(np.gcd.reduce(values))
    dense = 2 * counts.sum() >= int((values // finest * counts).sum())
    return finest if dense and 2 * counts.max() < counts.sum() else usual


def _unit(stamps: NDArray[Any], inside: NDArray[np.bool_]) -> tuple[str, int]:
    """Unit and count of sorted moments; `inside` says of each gap whether it is in one series."""
    gaps = np.diff(stamps).astype(np.int64)[inside]
    gaps = gaps[gaps > 0]
    step = _base(gaps)
    if np.median(gaps) > 27 * DAY:
        months = _months(stamps)
        between = np.diff(months)[inside]
        day, last = _days(stamps)
        even = (day == np.minimum(day.max(), last)).all()
        # Thirty days lie between some firsts of months: the same day in each of them says more.
        if even or (gaps % step != 0).any():
            return _normal("M", _base(between) if (between > 0).any() else 1)
    if step == DAY:
        weekday = ((stamps.astype(np.int64) // DAY) + 3) % 7
        weekends = np.count_nonzero(gaps == 3 * DAY)
        if (weekday < 5).all() and weekends >= 2:
            return "B", 1
    return _normal("us", step)


def _anchor(stamps: Stamps, unit: str, count: int) -> int:
    """What most stamps have beyond whole steps."""
    if unit in _MONTHS:
        day, last = _days(stamps)
        in_month = 31 if (day == last).all() else int(day.max())
        if (day != np.minimum(in_month, last)).any():
            # Last business days differ, and are meant as ends of months.
            in_month = 31 if np.median(last - day) <= 3 else _commonest(day)
        return _commonest(_months(stamps) % (_MONTHS[unit] * count)) * 100 + in_month
    step = DAY if unit == "B" else count * _MICROSECONDS.get(unit, 1)
    return _commonest(stamps.astype(np.int64) % step)


def _commonest(values: Ordinals) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()])


def _months(stamps: Stamps) -> Ordinals:
    """Months from the beginning of 1970 on."""
    return stamps.astype("datetime64[M]").astype(np.int64)


def _days(stamps: Stamps) -> tuple[Ordinals, Ordinals]:
    """The day in the month of each stamp, and that of the last one in its month."""
    months = stamps.astype("datetime64[M]")
    begins = months.astype("datetime64[D]")
    day = (stamps.astype("datetime64[D]") - begins).astype(np.int64) + 1
    return day, ((months + 1).astype("datetime64[D]") - begins).astype(np.int64)

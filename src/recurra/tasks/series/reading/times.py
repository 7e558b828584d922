"""Which columns of a table are the time, and several of them as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recurra.data.columns import Column, Texts
from recurra.data.date_formats import monday, month_of, stamps_of
from recurra.data.datetimes import datetimes, looks_like_datetimes, meant_as_times
from recurra.data.frames import Frame
from recurra.data.tables import like
from recurra.errors import DataError, OptionError

TIME_COLUMNS: Final = ("ds", "date", "datetime", "timestamp", "time")
NUMBERED_COLUMNS: Final = ("year", "step", "t")
NONE: Final = "none"
"""As --time: rows are steps, in the order they stand in."""

_PARTS: Final = ("year", "month", "day", "hour", "minute", "second")
_WORDS: Final = {
    "year": ("yr", "yyyy", "jahr", "année", "annee", "ano", "año", "anno", "연도", "年"),
    "quarter": ("qtr", "quartal", "trimestre", "분기"),
    "month": ("mon", "mo", "mm", "monat", "mois", "mes", "mese", "월", "月"),
    "week": ("wk", "woche", "semaine", "semana"),
    "day": ("dd", "dom", "tag", "jour", "dia", "día", "giorno", "일", "日"),
    "hour": ("hr", "hh", "stunde", "heure", "hora", "ora", "시", "時"),
    "minute": ("min", "mi"),
    "second": ("sec", "ss"),
}
_ROLES: Final = {word: role for role, words in _WORDS.items() for word in (role, *words)}
_CLOCKS: Final = ("time", "clock", "zeit", "uhrzeit", *(w for w in _ROLES if _ROLES[w] == "hour"))
_NAMED: Final = frozenset(("date", "datum", "fecha", "data", "period", "ds", *_ROLES))
_CLOCK: Final = re.compile(r"\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?: ?[AaPp][Mm])?")
_BROKEN: Final = np.datetime64("NaT", "us")


def found_times(
    frame: Frame, free: Sequence[str], id_: str | None, *, strict: bool = True
) -> list[str]:
    """The columns among some that say the time: one, several that do together, or none.

    Args:
        frame: the table.
        free: the columns that are nothing else.
        id_: the column that says the series, if there is one.
        strict: whether to refuse what is meant as times, and cannot be read.

    Raises:
        DataError: a column is meant as times, and cannot be read.
    """
    called = [name for word in TIME_COLUMNS for name in free if name.lower() == word]
    dates = called[:1] or _first_date(frame, free)
    if dates and _are_clocks(frame, dates[0]):
        dates = [*_first_date(frame, free), *dates]
    elif dates and _again(frame, dates[0], id_):
        clocks = [name for name in free if name.lower() in _CLOCKS and name not in dates]
        dates += [name for name in clocks if _are_clocks(frame, name)][:1]
    if dates:
        return dates
    roles = {_ROLES[name.lower()]: name for name in reversed(free) if name.lower() in _ROLES}
    chains = (_PARTS, ("year", "quarter"), ("year", "week", "day", "hour"))
    parts = max(([roles[each] for each in _begun(chain, roles)] for chain in chains), key=len)
    if len(parts) > 1:
        return parts
    numbered = [name for word in NUMBERED_COLUMNS for name in free if name.lower() == word]
    numbered = [name for name in numbered if frame.columns[name].kind != "other"]
    numbered = [name for name in numbered if frame.share_of_numbers(name) == 1]
    if strict and not numbered:
        _none_is_meant(frame, free)
    return numbered[:1]


def _first_date(frame: Frame, free: Sequence[str]) -> list[str]:
    return next(([name] for name in free if looks_like_datetimes(frame, name)), [])


def _begun(chain: Sequence[str], roles: dict[str, str]) -> list[str]:
    """The links of a chain up to the first that is missing."""
    missing = [at for at, each in enumerate(chain) if each not in roles]
    return list(chain[: missing[0] if missing else None])


def _again(frame: Frame, name: str, id_: str | None) -> bool:
    """Whether a series has several rows of one date."""
    codes = frame.columns[name].texts.codes
    if id_ is not None:
        codes = codes + frame.columns[id_].texts.codes * (int(codes.max(initial=0)) + 1)
    return len(np.unique(codes)) < len(codes)


def _are_clocks(frame: Frame, name: str) -> bool:
    """Whether a column holds times of day: 09:30, or hours."""
    column = frame.columns[name]
    if column.kind not in ("text", "number"):
        return False
    head = column.first_texts(20)
    if name.lower() in _CLOCKS and all(re.fullmatch(r"\d{1,2}(\.0)?", each) for each in head):
        values = frame.numbers(name)
        return bool(head) and bool((values[~np.isnan(values)] <= 24).all())
    return bool(head) and all(map(_CLOCK.fullmatch, head))


def _none_is_meant(frame: Frame, free: Sequence[str]) -> None:
    """Refuse to take rows as steps where a column is meant as their times."""
    for name in free:
        if frame.columns[name].kind != "text":
            continue
        named = name.lower() in _NAMED and not frame.share_of_numbers(name) > 0
        if meant_as_times(frame, name) or (
            named and 10 * len(frame.columns[name].texts.once) > 9 * len(frame)
        ):
            texts = frame.columns[name].texts
            row = int(np.flatnonzero(~frame.missing(name))[0])
            raise DataError(
                f"{frame.where(row)}: column {name!r} looks like times, and {texts[row]!r} is none "
                "that can be read",
                expected="dates as 2024-01-31, 2024-01-31T12:30 or 2024-01; or whole numbers",
                fix=f'say how they are written: --time "{name}" --time-format "%b %Y"; or --time '
                f"{NONE}, where rows are steps in the order they stand in",
            )


# -- several as one --------------------------------------------------------------------------------


def parts_of(columns: Sequence[str], name: str) -> list[str]:
    """The columns that a name stands for: itself, or those that commas join."""
    if like(columns, name) is not None:
        return [name]
    return [each.strip() for each in name.split(",") if each.strip()]


def with_time(
    frame: Frame, names: Sequence[str], time_format: str | None = None
) -> tuple[Frame, str]:
    """The frame with one column of times out of several, and what that is called.

    A date and a time of day; or year, month, day, hour, minute and second, as far as there are
    columns: in this order, where their names do not say it. Of a year also quarters, or ISO weeks.

    Raises:
        DataError: a value is no part of a date; the row is named.
        OptionError: the columns are no such parts.
    """
    if len(names) == 1:
        return frame, names[0]
    name = ",".join(names)
    first = frame.columns[names[0]]
    dated = first.kind == "date" or looks_like_datetimes(frame, names[0])
    if dated and len(names) == 2 and _of_texts(frame, names[1]):
        column = _with_clock(frame, names)
    elif time_format is not None and not dated:
        column = _texts_of(frame, names, [frame.texts(each).once for each in names])
    else:
        column = _of_parts(frame, names, dated, time_format)
    return Frame(frame.name, {**frame.columns, name: column}, frame.where, frame.header), name


def _of_texts(frame: Frame, name: str) -> bool:
    head = frame.columns[name].first_texts(20)
    return frame.columns[name].kind == "text" and all(map(_CLOCK.fullmatch, head))


def _with_clock(frame: Frame, names: Sequence[str]) -> Column:
    """Dates with the time of day behind them; 18.00.00 as 18:00:00."""
    days, clocks = (frame.texts(each).once for each in names)
    if frame.columns[names[0]].kind == "date":
        days = [each[:10] for each in days]
    return _texts_of(frame, names, [days, [each.replace(".", ":") for each in clocks]])


def _texts_of(frame: Frame, names: Sequence[str], once: Sequence[Sequence[str]]) -> Column:
    """The texts of several columns with a blank between them, each different one once."""
    codes = np.stack([frame.texts(name).codes for name in names])
    pairs, at = np.unique(codes, axis=1, return_inverse=True)
    joined = [
        None if min(pair) < 0 else " ".join(o[c] for o, c in zip(once, pair, strict=True))
        for pair in pairs.T.tolist()
    ]
    return Column("text", given=Texts(at.reshape(-1), [""] * len(joined)).changed(joined))


def _of_parts(frame: Frame, names: Sequence[str], dated: bool, time_format: str | None) -> Column:
    roles = _roles(names, dated)
    none = np.zeros(len(frame), np.int64)
    parts = {role: _part(frame, name, role) for name, role in zip(names, roles, strict=True)}
    lacking = np.any([frame.missing(name) for name in names], axis=0)
    hour = parts.pop("hour", none)
    later = (hour == 24).astype(np.int64)  # the hour that ends the day
    minute, second = (parts.pop(each, none) for each in ("minute", "second"))
    if dated:
        read = datetimes(frame, names[0], time_format=time_format).stamps
        days = read.astype("datetime64[D]").astype("datetime64[us]")
        zeroth = stamps_of(none + 1970, none + 1, none + 1, hour % 24, minute, second, none)
        stamps = days + (zeroth - np.datetime64("1970-01-01", "us"))
    else:
        year, month, day = parts["year"], parts.get("month", none + 1), parts.get("day", none + 1)
        if "quarter" in parts:
            month = np.where((parts["quarter"] - 1) // 4 == 0, 3 * parts["quarter"] - 2, 0)
        if "week" in parts:
            year, month, day = _of_weeks(year, parts["week"], day)
        stamps = stamps_of(year, month, day, hour % 24, minute, second, none)
    stamps = stamps + later * np.timedelta64(1, "D")
    wrong = np.flatnonzero((np.isnat(stamps) | (hour > 24)) & ~lacking)
    if len(wrong):
        row = int(wrong[0])
        said = ", ".join(f"{name} {frame.columns[name].value(row)}" for name in names)
        raise DataError(
            f"{frame.where(row)}: {said}: no such time",
            expected=f"{', '.join(roles)} that the calendar has",
            fix="correct it, or name other columns with --time",
        )
    return Column("date", np.where(lacking, _BROKEN, stamps))


def _roles(names: Sequence[str], dated: bool) -> list[str]:
    """What each column is: by their names, else by their order."""
    order = ("date", "hour", "minute", "second") if dated else _PARTS
    found = [_ROLES.get(name.lower(), "") for name in names]
    if dated:
        found[0] = "date"
    if not all(found) or found[0] != order[0] or len(set(found)) < len(found):
        found = list(order[: len(names)])
    if len(found) < len(names):
        raise OptionError(
            f"--time {','.join(names)}", expected=f"at most {len(order)}: {', '.join(order)}"
        )
    return found


def _part(frame: Frame, name: str, role: str) -> NDArray[np.int64]:
    """The whole numbers (N,) of a part of a date; months may have names, 0 where missing."""
    if role == "date":
        return np.zeros(len(frame), np.int64)
    if role == "month" and frame.share_of_numbers(name) == 0:
        texts = frame.texts(name)
        return np.array([*map(month_of, texts.once), 0], np.int64)[texts.codes]
    values = frame.numbers(name)
    broken = np.flatnonzero(values != np.floor(values))
    broken = broken[~np.isnan(values[broken])]
    if len(broken):
        row = int(broken[0])
        raise DataError(
            f"{frame.where(row)}: column {name!r}: {frame.columns[name].value(row)} is no {role}",
            expected=f"whole numbers in the columns of {role}s",
        )
    return np.nan_to_num(values).astype(np.int64)


def _of_weeks(
    year: NDArray[np.int64], week: NDArray[np.int64], day: NDArray[np.int64]
) -> tuple[NDArray[np.int64], ...]:
    weeks, at = np.unique(np.stack([year, week, day]), axis=1, return_inverse=True)
    days = np.array([monday(*each) for each in weeks.T.tolist()], np.int64)
    return tuple(days[at.reshape(-1)].T)

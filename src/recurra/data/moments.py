"""Moments out of a column: dates and times of many spellings, years, seconds, plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.frequency import DAY, Ordinals, Stamps
from recurra.data.frames import Frame, kept
from recurra.errors import DataError

if TYPE_CHECKING:
    import polars

_DATES: Final = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y"),
    *("%Y%m%d", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"),
)
_TIMES: Final = (
    *("", " %H:%M:%S%.f", "T%H:%M:%S%.f", " %H:%M", "T%H:%M", " %I:%M:%S %p", " %I:%M %p"),
    "T%H%M%S",
)
# A month has no day that polars could read: one is put behind it.
_MONTHS: Final = ("%Y-%m", "%Y/%m", "%Y.%m", "%b %Y", "%B %Y", "%b-%Y", "%m/%Y", "%m.%Y", "%Y %b")
_QUARTER: Final = r"^(\d{4})[- ]?[Qq]([1-4])$"
_ZONE: Final = r"^(.*\d:?\d\d(?:\.\d+)?)\s*(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)$"

_EXPECTED: Final = "dates as 2024-01-31, 2024-01-31T12:30 or 2024-01; or whole numbers"
_HEAD: Final = 200  # values by which a spelling is chosen
_YEAR: Final = 365.25 * DAY


@final
@dataclass(frozen=True, eq=False)
class Moments:
    """The moment of each row: (N,) datetime64[us], or int64 where times are numbers.

    `zone` says what became of a zone: None where there was none; "UTC" where they were turned to
    it; "+09:00" where all have that offset, and are kept so; "local" where offsets change with the
    season, and each is kept in its own. `spelt` is how they are written.
    """

    stamps: Stamps
    zone: str | None
    spelt: str


def looks_like_moments(frame: Frame, name: str) -> bool:
    """Whether the first values of a column are dates."""
    column = frame.columns[name]
    if column.dtype.is_temporal():
        return column.dtype not in (_polars().Time, _polars().Duration)
    if column.dtype != _polars().String:
        return False
    head = _unzoned(frame.texts(name).drop_nulls().head(20))[0]
    if not len(head) or _whole(head):
        return False
    spelling, count = _spelling(head)
    return count > 0 and not _second_reading(head, spelling, _read(head, spelling))[1].null_count()


def moments(frame: Frame, name: str, zone: str | None = "any") -> Moments:
    """The moments that a column holds.

    Args:
        frame: the table.
        name: the column.
        zone: what became of the zone in the training; "any" decides.

    Raises:
        DataError: a value is missing or no date, zones are mixed, a date can be read in two ways,
            or there is a zone where training had none; the row is named.
    """
    column = frame.columns[name]
    missing = np.flatnonzero(frame.missing(name))
    if len(missing):
        more = f" (and in {len(missing) - 1:,} more rows)" if len(missing) > 1 else ""
        raise DataError(
            f"{frame.where(int(missing[0]))}: no time in column {name!r}{more}",
            expected="a time in every row",
            fix="drop these rows, or name another column with --time",
        )
    if column.dtype.is_temporal():
        return _of_dates(frame, name, zone)
    if column.dtype.is_numeric():
        numbers = frame.numbers(name)
        broken = np.flatnonzero(numbers != np.floor(numbers))
        if len(broken):
            raise _no_date(frame, name, int(broken[0]))
        return _of_numbers(column.cast(_polars().Int64).to_numpy(), name)
    texts = frame.texts(name)
    # A panel has the same moments again and again: each is read once.
    polars = _polars()
    once = texts.unique(maintain_order=True)
    at = texts.replace_strict(once, polars.int_range(len(once), eager=True)).to_numpy()
    first = np.full(len(once), len(at))
    np.minimum.at(first, at, np.arange(len(at)))
    if _whole(once):
        return _spread(_of_numbers(once.cast(polars.Int64).to_numpy(), name), at)
    bare, offsets = _unzoned(once)
    if offsets is not None and np.isnan(offsets).any():
        none = np.isnan(offsets)
        zoned, bare_one = int(first[~none].min()), int(first[none].min())
        raise DataError(
            f"{frame.where(bare_one)}: column {name!r}: {texts[bare_one]!r} has no time zone, but "
            f"{texts[zoned]!r} ({frame.where(zoned)}) has one",
            expected="times that all have a zone, or none of them",
        )
    spelling, _ = _spelling(bare.head(_HEAD))
    stamps = _read(bare, spelling)
    if stamps.null_count():
        spelling, stamps = _second_reading(bare, spelling, stamps)
    wrong = np.flatnonzero(stamps.is_null().to_numpy())
    if len(wrong):
        raise _no_date(frame, name, int(first[wrong].min()))
    other = {"%m": "%d", "%d": "%m"}.get(spelling[:2])
    if other and spelling[2:3] in "/-" and spelling[3:5] == other:
        swapped = other + spelling[2] + spelling[:2] + spelling[5:]
        if not _read(bare, swapped).null_count():
            raise DataError(
                f"{frame.where(0)}: column {name!r}: {texts[0]!r}: day or month first? No row says",
                expected="a date that can be read in one way",
                fix="write them as 2024-01-31",
            )
    local: NDArray[Any] = stamps.to_numpy().astype("datetime64[us]")
    if offsets is None:
        return _spread(_without_zone(frame, name, zone, Moments(local, None, spelling)), at)
    minutes = offsets.astype(np.int64)
    return _zoned(frame, name, zone, local[at], minutes[at], spelling)


def _spread(found: Moments, at: NDArray[np.int64]) -> Moments:
    return Moments(found.stamps[at], found.zone, found.spelt)


def _polars() -> Any:
    import polars  # there is a frame, hence polars

    return polars


def _no_date(frame: Frame, name: str, row: int) -> DataError:
    return DataError(
        f"{frame.where(row)}: column {name!r}: {str(frame.columns[name][row])[:40]!r} is no date",
        expected=_EXPECTED,
        fix="correct it, or name another column with --time",
    )


# -- text ---------------------------------------------------------------------------------------


def _whole(texts: polars.Series) -> bool:
    """Whether all are whole numbers."""
    return bool(texts.str.contains(r"^[+-]?\d{1,18}$").all())


def _spelling(texts: polars.Series) -> tuple[str, int]:
    """The spelling that reads most of these texts, and how many it reads."""
    quarters = int(texts.str.contains(_QUARTER).sum())
    best, count = "quarter", quarters
    for spelling in (*_MONTHS, *map("".join, product(_DATES, _TIMES))):
        read = len(texts) - _read(texts, spelling).null_count()
        if read > count:
            best, count = spelling, read
    return best, count


def _second_reading(
    texts: polars.Series, spelling: str, stamps: polars.Series
) -> tuple[str, polars.Series]:
    """What reads all: some dates have a time of day, or the first can be read in two ways."""
    date = max((each for each in _DATES if spelling.startswith(each)), key=len, default="")
    filled = stamps
    for time in _TIMES if date else ():
        filled = filled.zip_with(filled.is_not_null(), _read(texts, date + time))
    if not filled.null_count():
        return spelling, filled
    failed = texts.filter(stamps.is_null()).head(_HEAD)
    other, _ = _spelling(failed)
    read = _read(texts, other)
    return (spelling, stamps) if read.null_count() else (other, read)


def _read(texts: polars.Series, spelling: str) -> polars.Series:
    """The moments of texts (N,), null where one is not spelt so."""
    if spelling == "quarter":
        parts = texts.str.extract_groups(_QUARTER).struct.unnest()
        months = parts["2"].replace_strict(
            ["1", "2", "3", "4"], ["01", "04", "07", "10"], default=None
        )
        texts, spelling = parts["1"] + "-" + months, "%Y-%m"
    if spelling in _MONTHS:
        texts, spelling = texts + "@1", spelling + "@%d"
    # polars reads "24-01-31" as the year 24.
    years = r"(?:^|[^0-9])[0-9]{4}(?:[^0-9]|$)" if spelling[:6] != "%Y%m%d" else r"^[0-9]{8}"
    read = texts.str.to_datetime(spelling, strict=False, time_unit="us")
    return kept(read, texts.str.contains(years).fill_null(False))


def _unzoned(texts: polars.Series) -> tuple[polars.Series, NDArray[np.float64] | None]:
    """Texts without their zones, and the offset of each in minutes (NaN: none), if any has one."""
    polars = _polars()
    timed = texts.str.contains(":") | texts.str.contains(r"T\d{6}")
    parts = texts.str.extract_groups(_ZONE).struct.unnest()
    zones = kept(parts["2"], timed.fill_null(False))
    if zones.null_count() == len(zones):
        return texts, None
    bare = polars.DataFrame({"bare": parts["1"], "text": texts, "zone": zones}).select(
        polars.when(polars.col("zone").is_null()).then("text").otherwise("bare")
    )
    digits = zones.str.replace(":", "")
    minutes = digits.str.slice(1, 2).cast(polars.Float64, strict=False) * 60
    minutes += digits.str.slice(3, 2).cast(polars.Float64, strict=False).fill_null(0)
    offsets = minutes.fill_null(0).to_numpy().copy()
    offsets[zones.str.starts_with("-").fill_null(False).to_numpy()] *= -1
    offsets[zones.is_null().to_numpy()] = np.nan
    return bare.to_series(), offsets


# -- dates and numbers --------------------------------------------------------------------------


def _of_dates(frame: Frame, name: str, zone: str | None) -> Moments:
    """The moments of a column that holds dates already."""
    polars = _polars()
    column = frame.columns[name]
    if column.dtype in (polars.Time, polars.Duration):
        raise DataError(
            f"{frame.where(0)}: column {name!r} holds {column.dtype}", expected=_EXPECTED
        )
    if getattr(column.dtype, "time_zone", None) is None:
        stamps = column.cast(polars.Datetime("us")).to_numpy()
        found = Moments(stamps.astype("datetime64[us]"), None, "dates")
        return _without_zone(frame, name, zone, found)
    local = column.dt.replace_time_zone(None).cast(polars.Datetime("us")).to_numpy()
    instant = (
        column.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(polars.Datetime("us"))
    )
    local = local.astype("datetime64[us]")
    minutes = (local - instant.to_numpy().astype("datetime64[us]")).astype(np.int64) // 60_000_000
    return _zoned(frame, name, zone, local, minutes, "dates")


def _of_numbers(numbers: Ordinals, name: str) -> Moments:
    """Whole numbers: years, days as 20240131, seconds of the clock, or steps as they are."""
    low, high = int(numbers.min()), int(numbers.max())
    if low >= 1000 and high <= 2999 and "year" in name.lower():
        return Moments((numbers - 1970).astype("datetime64[Y]").astype("datetime64[us]"), None, "Y")
    if low >= 1800_01_01 and high <= 2200_12_31:
        texts = _polars().Series(numbers).cast(_polars().String)
        days = _read(texts, "%Y%m%d")
        if not days.null_count():
            return Moments(days.to_numpy().astype("datetime64[us]"), None, "%Y%m%d")
    for digits, unit, micros in ((10, "seconds", 1_000_000), (13, "milliseconds", 1_000)):
        if 10 ** (digits - 1) <= low and high < 4 * 10 ** (digits - 1):
            stamps = (numbers * micros).astype("datetime64[us]")
            return Moments(stamps, None, f"{unit} since 1970")
    return Moments(numbers.astype(np.int64), None, "numbers")


# -- zones --------------------------------------------------------------------------------------


def _without_zone(frame: Frame, name: str, zone: str | None, found: Moments) -> Moments:
    if zone in ("any", None):
        return found
    raise DataError(
        f"{frame.where(0)}: column {name!r}: {frame.columns[name][0]} has no time zone",
        expected=f"times with one: those of the training had ({zone})",
    )


def _zoned(
    frame: Frame, name: str, zone: str | None, local: NDArray[Any], minutes: Ordinals, spelt: str
) -> Moments:
    """Local times (N,) with their offsets from UTC (N,), in minutes, brought to one clock."""
    instants = local - minutes.astype("timedelta64[m]")
    if zone is None:
        raise DataError(
            f"{frame.where(0)}: column {name!r}: {frame.columns[name][0]} has a time zone",
            expected="times without one, as in the training",
        )
    if zone not in ("any", "UTC", "local"):
        return Moments(instants + _offset(zone), zone, spelt)
    offsets = np.unique(minutes)
    if zone == "any" and len(offsets) == 1:
        return Moments(local, _told(int(offsets[0])), spelt)
    order = np.argsort(instants, kind="stable")
    changes = int((np.diff(minutes[order]) != 0).sum())
    years = float((instants.max() - instants.min()).astype(np.int64)) / _YEAR
    # Summer time is an hour (on Lord Howe Island half of one), and comes and goes once a year.
    if offsets[-1] - offsets[0] > 120 or changes > 2 * years + 2:
        row = int(np.flatnonzero(minutes != minutes[0])[0])
        raise DataError(
            f"{frame.where(row)}: column {name!r}: {frame.columns[name][row]} is of another time "
            f"zone than {frame.columns[name][0]} ({frame.where(0)})",
            expected="times of one zone: offsets that change with summer time at most",
            fix="bring all times to one zone, best to UTC",
        )
    daily = len(np.unique(local.astype(np.int64) % DAY)) == 1
    if zone == "local" or (zone == "any" and daily):
        return Moments(local, "local", spelt)
    return Moments(instants, "UTC", spelt)


def _told(minutes: int) -> str:
    """An offset in words."""
    if not minutes:
        return "UTC"
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _offset(zone: str) -> np.timedelta64:
    minutes = 60 * int(zone[1:3]) + int(zone[4:6])
    return np.timedelta64(-minutes if zone.startswith("-") else minutes, "m")

"""Tables -> rows: which column is the time, the series, the target, and what each row says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.frequency import Stamps
from recurra.data import decimals
from recurra.data.datetimes import datetimes
from recurra.data.frames import Frame
from recurra.data.tables import like
from recurra.errors import DataError, OptionError
from recurra.tasks.series.options import EXOGENOUS
from recurra.tasks.series.panel import Counts
from recurra.tasks.series.reading.times import NONE, TIME_COLUMNS, found_times, with_time

ID_COLUMNS: Final = ("unique_id", "id", "series", "series_id", "item_id")
ALL: Final = "all"


@final
@dataclass(frozen=True)
class Reading:
    """The columns that were named, as the command line gives them; what is None is found.

    Args:
        header: whether the first line of a file names its columns; None: what it looks like.
        decimal: what stands before decimals; None: what reads a whole column.
        time_format: how times are written; None: what reads all of them.
        zone: what became of a time zone in the training; "any" decides.
        spelt: how the times of the training are written.
        exact: names are given one by one, and what has none is not looked for.
        by_rows: the first and last column of the steps, where each row of a table was a series.
    """

    target: str | tuple[str, ...] | None = None
    time: str | tuple[str, ...] | None = None
    id: str | tuple[str, ...] | None = None
    futr_exog: str | tuple[str, ...] | None = None
    hist_exog: str | tuple[str, ...] | None = None
    stat_exog: str | tuple[str, ...] | None = None
    header: bool | None = None
    decimal: str | None = None
    time_format: str | None = None
    zone: str | None = "any"
    spelt: str | None = None
    exact: bool = False
    by_rows: tuple[str, str] | None = None


@final
@dataclass(frozen=True, eq=False)
class Rows:
    """What the rows of a frame say: N of them, or N = k times as many for k series side by side.

    Args:
        frame: whence they are, its covariates among it.
        row: (N,) row of the frame.
        series: (N,) number of the series, in the order of their first rows.
        ids: (S,) their names.
        stamps: (N,) moments, or numbers.
        values: (N,) targets; NaN where missing.
        columns: which column is what; what became of a time zone.
    """

    frame: Frame
    row: Counts
    series: Counts
    ids: tuple[str, ...]
    stamps: Stamps
    values: NDArray[np.float64]
    columns: dict[str, Any] = field(default_factory=dict)

    def where(self, number: int) -> str:
        """Where a row stands, for messages; which series, where there are several."""
        where = self.frame.where(int(self.row[number]))
        return (
            where if len(self.ids) == 1 else f"{where} (series {self.ids[self.series[number]]!r})"
        )


def rows_of(frame: Frame, reading: Reading) -> Rows:
    """Find the columns of a frame, and read them.

    Raises:
        OptionError: a column that was named does not exist, or is to be two things.
        DataError: no column, or several, could be the target; a value is broken, the row is named.
    """
    if reading.decimal is not None:
        frame = with_decimal(frame, reading.decimal)
    taken = _taken(frame, reading)
    target = _targets(frame, reading, [name for names in taken.values() for name in names])
    columns: dict[str, Any] = {"target": target} | {kind: taken[kind] for kind in EXOGENOUS}
    time = None
    if taken["time"]:
        frame, time = with_time(frame, taken["time"], reading.time_format)
    columns["time"] = time
    id_ = columns["id"] = next(iter(taken["id"]), None)
    used = {*target, *(name for names in taken.values() for name in names)}
    columns["unused"] = [name for name in frame.columns if name not in used]
    if not frame.header:
        columns["header"] = False
    if reading.by_rows is not None:
        columns["by_rows"] = list(reading.by_rows)
    if len(target) > 1:
        _wide_only(target, id_, taken["stat_exog"])
    frame, columns["decimal"] = _settled(frame, [*target, *_exogenous(taken)], reading.decimal)
    count, wide = len(frame), len(target)
    if id_ is None:
        series, ids = np.repeat(np.arange(wide), count), tuple(target)
    else:
        series, ids = _series(frame, id_)
    if time is None:
        stamps: Stamps = _turns(series)
        columns["zone"], columns["spelt"] = None, None
    else:
        found = datetimes(
            frame, time, reading.zone, time_format=reading.time_format, usual=reading.spelt
        )
        stamps = np.concatenate([found.stamps] * wide)  # type: ignore[assignment,unused-ignore]
        columns["zone"], columns["spelt"] = found.zone, found.spelt
    values = np.concatenate([frame.numbers(name) for name in target])
    return Rows(frame, np.tile(np.arange(count), wide), series, ids, stamps, values, columns)


def known_names(asked: Mapping[str, Any]) -> list[str]:
    """Names that columns of a table may be expected to have: the usual ones, those asked for."""
    given = [asked[kind] for kind in ("target", "time", "id", *EXOGENOUS) if asked[kind]]
    names = [name for each in given for name in ([each] if isinstance(each, str) else each)]
    parts = [part.strip() for each in names for part in each.split(",")]
    return [*TIME_COLUMNS, *ID_COLUMNS, "y", *names, *parts]


def with_decimal(frame: Frame, mark: str) -> Frame:
    """The frame, its numbers written with this mark before decimals.

    Raises:
        OptionError: it is none.
    """
    if mark not in (".", ","):
        raise OptionError(f"--decimal {mark}", expected=". or ,")
    return frame.with_decimal("," if mark == "," else ".")


def _exogenous(taken: dict[str, list[str]]) -> list[str]:
    return [name for kind in EXOGENOUS for name in taken[kind]]


def _settled(frame: Frame, names: Sequence[str], asked: str | None) -> tuple[Frame, str | None]:
    """The frame, and the mark that columns which are not plain have before decimals, if there are.

    What one of them says, holds for those that can be read in two ways.
    """
    if asked is not None:
        return frame, asked
    written = {name: frame.columns[name].written for name in names}
    marks = {each.mark for each in written.values() if each is not None and each.other is None}
    if len(marks) != 1:
        return frame, None
    mark = marks.pop()
    others = [
        name
        for name in names
        if frame.columns[name].kind == "text"
        and decimals.numbers(_texts(frame, name), mark) is not None
    ]
    return frame.with_decimal(mark, others), mark


def _texts(frame: Frame, name: str) -> list[str]:
    return frame.texts(name).once


def _taken(frame: Frame, reading: Reading) -> dict[str, list[str]]:
    """Which columns are the time, the series and covariates."""
    found = {
        kind: [] if given is None else _listed(frame, given, kind.removesuffix("_exog"))
        for kind in ("time", "id", *EXOGENOUS)
        for given in [getattr(reading, kind)]
        if kind != "time" or not _no_time(frame, given)
    }
    if len(found["id"]) > 1:
        raise OptionError(f"--id {reading.id}", expected="one column")
    names = [name for each in found.values() for name in each]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise OptionError(
            f"column {twice!r} is to be two things",
            expected="a column once among --time, --id, --futr, --hist and --stat",
        )
    found.setdefault("time", [])
    if reading.exact:
        return found
    taken = set(names)
    if reading.target is not None and reading.target != ALL:
        taken |= set(_listed(frame, reading.target, "target"))
    free = [name for name in frame.columns if name not in taken]
    if reading.id is None:
        found["id"] = [name for name in _called(free, ID_COLUMNS) if _repeats(frame, name)][:1]
        free = [name for name in free if name not in found["id"]]
    if reading.time is None:
        found["time"] = found_times(frame, free, next(iter(found["id"]), None))
    return found


def _no_time(frame: Frame, given: str | tuple[str, ...] | None) -> bool:
    """Whether rows are told to be steps; a column may be called so."""
    return given == NONE and like(frame.columns, NONE) is None


def _listed(frame: Frame, given: str | tuple[str, ...], what: str) -> list[str]:
    """Columns out of names joined by commas; a name may hold commas itself."""
    if isinstance(given, tuple):
        return [frame.pick(name, what) for name in given]
    if like(frame.columns, given) is not None:
        return [frame.pick(given, what)]
    names = [frame.pick(each.strip(), what) for each in given.split(",") if each.strip()]
    if not names:
        raise OptionError(f"--{what} {given!r}", expected="names of columns, joined by commas")
    return list(dict.fromkeys(names))


def _called(free: Sequence[str], likely: Sequence[str]) -> list[str]:
    """Those columns that have a likely name, likeliest first."""
    return [name for word in likely for name in free if name.lower() == word]


def _repeats(frame: Frame, name: str) -> bool:
    """Whether a column may name series: a row number says another thing in each row."""
    column = frame.columns[name]
    if column.values is not None and column.values.dtype.kind == "f":
        return False
    return len(column.texts.once) + bool(column.missing.any()) < len(frame)


def _numeric(frame: Frame, name: str) -> float:
    return 0.0 if frame.columns[name].kind == "other" else frame.share_of_numbers(name)


def _targets(frame: Frame, reading: Reading, taken: Sequence[str]) -> list[str]:
    free = [name for name in frame.columns if name not in taken]
    if reading.target is not None and (
        reading.target != ALL or like(frame.columns, ALL) is not None  # a column may be called so
    ):
        target = _listed(frame, reading.target, "target")
        double = next((name for name in target if name in taken), None)
        if double is not None:
            raise OptionError(
                f"column {double!r} is to be the target and something else",
                expected="a column once among --target, --time, --id, --futr, --hist and --stat",
            )
        return target
    if reading.target is None and (named := _called(free, ["y"])):
        return [frame.pick(named[0], "target")]
    shares = {name: _numeric(frame, name) for name in free}
    numeric = [name for name, share in shares.items() if share > 0.5]
    numeric = numeric or [name for name, share in shares.items() if np.isnan(share)]
    listed = ", ".join(map(repr, frame.columns))
    if not numeric:
        raise DataError(
            f"{frame.name}: no column of numbers to forecast: it has {listed}",
            expected="a column y, or the one that --target names",
        )
    if len(numeric) > 1 and reading.target is None:
        some = ",".join(numeric[:2])
        raise DataError(
            f"{frame.name}: which column is the target? Numbers are in "
            + ", ".join(map(repr, numeric)),
            expected="a column y, or one column of numbers alone",
            fix=f"name it: --target {numeric[-1]}; or several, a series each: --target {some} or "
            f"--target {ALL}",
        )
    return numeric


def _wide_only(target: Sequence[str], id_: str | None, static: Sequence[str]) -> None:
    if id_ is not None:
        raise OptionError(
            f"--target {','.join(target)}: several, and column {id_!r} says the series",
            expected="one target where a column says which series a row is of",
        )
    if static:
        raise OptionError(
            f"--stat {','.join(static)}: the series stand side by side",
            expected="columns that hold for a whole series where each row is of one",
        )


def _series(frame: Frame, name: str) -> tuple[Counts, tuple[str, ...]]:
    """The number of each row's series, in the order of their first rows, and their names."""
    texts = frame.columns[name].texts
    empty = np.array([not each for each in texts.once] + [True])
    missing = np.flatnonzero(empty[texts.codes])
    if len(missing):
        more = f" (and in {len(missing) - 1:,} more rows)" if len(missing) > 1 else ""
        raise DataError(
            f"{frame.where(int(missing[0]))}: no value in column {name!r}{more}",
            expected="the name of a series in every row",
            fix="fill them, or drop these rows",
        )
    order = np.argsort(texts.first_rows(), kind="stable")
    if np.array_equal(order, np.arange(len(order))):
        return texts.codes, tuple(texts.once)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return place[texts.codes], tuple(texts.once[at] for at in order.tolist())


def _turns(series: Counts) -> Counts:
    """How many rows of its series stand before each row (N,)."""
    order = np.argsort(series, kind="stable")
    counts = np.bincount(series)
    found = np.empty(len(series), np.int64)
    found[order] = np.arange(len(series)) - np.repeat(np.cumsum(counts) - counts, counts)
    return found

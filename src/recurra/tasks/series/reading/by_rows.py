"""Tables with a row for each series, as M4's and web traffic's are, made long."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.data.columns import Column, Texts
from recurra.data.date_formats import other_readings, read_all, time_like
from recurra.data.frames import Frame
from recurra.tasks.series.reading.from_files import ALL, ID_COLUMNS, Reading, with_decimal
from recurra.tasks.series.reading.times import found_times

LEAST: Final = 8
"""Columns of steps from which a table is taken to have a row for each series."""

_NUMBERED: Final = re.compile(r"(.*?)(\d{1,9})", re.S)
_DAYS: Final = re.compile(r"\d{8}")
_YEARS: Final = range(1500, 2200)


def long_of(frame: Frame, reading: Reading, least: int = LEAST) -> tuple[Frame, Reading]:
    """A table with a row for each series made long, and how it is read then; others as they are.

    Such a table has columns that are numbered, or dates, and before them at least one that says
    another thing in each row; and none that is a time. Values missing behind the last are dropped.

    Args:
        frame: the table.
        reading: the columns that were named; where that is more than the series, nothing is done.
        least: columns of steps, at least.
    """
    asked = (reading.time, reading.futr_exog, reading.hist_exog)
    if reading.target not in (None, ALL) or any(each is not None for each in asked):
        return frame, reading
    if reading.decimal is not None:
        frame = with_decimal(frame, reading.decimal)
    steps, stamps = _steps(frame, least)
    before = frame.names[: len(frame.names) - len(steps)]
    few = sum(_is_number(frame, name) for name in before) < len(steps)
    if not (steps and before and few) or found_times(frame, before, None, strict=False):
        return frame, reading
    id_, frame = _id(frame, before, reading.id)
    if id_ is None:
        return frame, reading
    values = np.stack([frame.numbers(name) for name in steps], 1)
    there = ~np.isnan(values)
    # One step of those that have none: a series without any value, and counted as such.
    lengths = np.where(there.any(1), len(steps) - there[:, ::-1].argmax(1), 1)
    row = np.repeat(np.arange(len(frame)), lengths)
    step = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    columns = {name: _taken(frame.columns[name], row) for name in {**dict.fromkeys(before), id_: 0}}
    target = _free("y", columns)
    columns[target] = Column("number", values[row, step])
    time = "none"
    if stamps is not None:
        time = _free("year" if stamps.dtype.kind == "i" else "ds", columns)
        columns[time] = Column("number" if stamps.dtype.kind == "i" else "date", stamps[step])

    def where(at: int) -> str:
        return f"{frame.where(int(row[at]))}, column {steps[step[at]]!r}"

    read = replace(reading, target=target, time=time, id=id_, by_rows=(steps[0], steps[-1]))
    return Frame(frame.name, columns, where, frame.header), read


def _steps(frame: Frame, least: int) -> tuple[list[str], NDArray[Any] | None]:
    """The columns at the end that are steps, and their moments; None where they have none."""
    names = frame.names
    dated = [time_like([name]) or _DAYS.fullmatch(name) for name in names]
    begin = len(names) - next(
        (at for at, each in enumerate(reversed(dated)) if not each), len(names)
    )
    if len(names) - begin >= least:
        spelling, stamps = read_all(names[begin:])
        whole = not np.isnat(stamps).any() and not other_readings(names[begin:], spelling, stamps)
        if whole and (np.diff(stamps).astype(np.int64) > 0).all():
            return names[begin:], stamps
    begin, after = len(names), None
    for at in range(len(names) - 1, -1, -1):
        match = _NUMBERED.fullmatch(names[at])
        here = (match[1], int(match[2])) if match else None
        if here is None or (after is not None and here != (after[0], after[1] - 1)):
            break
        begin, after = at, here
    # The first of the numbered columns may hold the names: M4's V1.
    while begin < len(names) and not _is_number(frame, names[begin]):
        begin += 1
    if len(names) - begin < least:
        return [], None
    if not all(_is_number(frame, name) for name in names[begin:]):
        return [], None
    if names[begin].isdigit() and {int(names[begin]), int(names[-1])} <= set(_YEARS):
        return names[begin:], int(names[begin]) + np.arange(len(names) - begin)
    return names[begin:], None


def _is_number(frame: Frame, name: str) -> bool:
    """Whether a column holds numbers, or nothing."""
    column = frame.columns[name]
    return column.kind != "other" and not frame.share_of_numbers(name) < 1


def _id(frame: Frame, before: Sequence[str], asked: Any) -> tuple[str | None, Frame]:
    """The column that says another thing in each row; several that do together, as one."""
    if asked is not None:
        return (frame.pick(asked, "id") if isinstance(asked, str) else asked[0]), frame
    texts = [
        name
        for name in before
        if not _is_number(frame, name) or name.lower() in ID_COLUMNS
        if frame.columns[name].kind != "other"
    ]
    for name in texts:
        if not frame.missing(name).any() and len(frame.columns[name].texts.once) == len(frame):
            return name, frame
    joined = list(zip(*(frame.columns[name].texts.to_list() for name in texts), strict=True))
    if len(texts) < 2 or len(set(joined)) < len(frame):
        return None, frame
    name = ",".join(texts)
    column = Column("text", given=["/".join(each or "" for each in row) for row in joined])
    return name, Frame(frame.name, {**frame.columns, name: column}, frame.where, frame.header)


def _taken(column: Column, row: NDArray[np.int64]) -> Column:
    """A column with its values at some rows."""
    if column.values is not None:
        offsets = None if column.offsets is None else column.offsets[row]
        return Column(column.kind, column.values[row], offsets)
    if column.kind == "other":
        return Column("other", given=[None] * len(row), description=column.description)
    return Column("text", given=Texts(column.texts.codes[row], column.texts.once))


def _free(name: str, columns: dict[str, Column]) -> str:
    while name in columns:
        name += "_"
    return name

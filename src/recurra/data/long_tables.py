"""Sequences of numbers out of a table that has a row for each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.data.sequences import Sequences, Values, not_finite, number_of
from recurra.data.tables import Table
from recurra.errors import DataError


def from_long(
    table: Table,
    *,
    sequence: str,
    label: str | None,
    time: str | None = None,
    group: str | None = None,
    channels: Sequence[str] | None = None,
) -> Sequences:
    """The sequences of a table that has a row for each step; columns are given by their names.

    Rows whose `sequence` is the same are one sequence, in the order of `time` or, without it, of
    the file; `label` and `group` are the same in all of them. All other columns are channels,
    unless they are named.

    Raises:
        OptionError: a column does not exist.
        DataError: a value is missing or no number, times are equal, labels of a sequence differ.
    """
    ids = table.column(sequence, "sequence")
    special = {table.pick(sequence, "sequence")}
    special |= {table.pick(label, "label")} if label else set()
    special |= {table.pick(time, "time")} if time else set()
    special |= {table.pick(group, "group")} if group else set()
    if channels is None:
        channels = [each for each in table.columns if each not in special]
    if not channels:
        raise DataError(
            f"{table.name}: no columns beside {', '.join(map(repr, sorted(special)))}",
            expected="a column of numbers for each channel",
        )
    index: dict[str, int] = {}
    codes = np.array([index.setdefault(each, len(index)) for each in ids], np.int64)
    values = np.stack([_numbers(table, each) for each in channels], axis=1)
    if time is None:
        order = np.argsort(codes, kind="stable")
    else:
        times = _times(table, time)
        order = np.lexsort((times, codes))
        same = (np.diff(codes[order]) == 0) & (times[order][1:] == times[order][:-1])
        if same.any():
            first, again = sorted(int(row) for row in order[np.flatnonzero(same)[0] :][:2])
            raise DataError(
                f"{table.where(again)}: the same time as in {table.unit} {table.lines[first]:,}, "
                f"{table.columns[table.pick(time, 'time')][again]!r}",
                expected="each time once in a sequence",
            )
    stops = np.cumsum(np.bincount(codes))
    parts = np.split(order, stops[:-1])
    firsts = [int(part.min()) for part in parts]
    labels = _of_each(table, table.column(label, "label"), label, codes, firsts) if label else []
    return Sequences(
        table.name,
        [values[part] for part in parts],
        labels,
        [table.lines[first] for first in firsts],
        table.unit,
        tuple(channels),
        _of_each(table, table.column(group, "group"), group, codes, firsts) if group else None,
        list(index),
    )


def _numbers(table: Table, name: str) -> Values:
    """The values of a column, (N,) float32."""
    texts = table.column(name, "channel")
    try:
        if not all(map(str.isascii, texts)) or any("_" in each for each in texts):
            raise ValueError
        values = np.array(list(map(float, texts)))
    except ValueError:
        row = next(row for row, each in enumerate(texts) if number_of(each) is None)
        what = f"{texts[row][:40]!r} is no number" if texts[row].strip() else "empty"
        raise DataError(
            f"{table.where(row)}: column {name!r}: {what}",
            expected="numbers in every column but those of sequence, time, label and group",
            fix="fill it, or leave that column out of the file",
        ) from None
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(single))
    if len(wrong):
        place = f"{table.where(int(wrong[0]))}: column {name!r}"
        raise not_finite(float(values[wrong[0]]), place)
    return single


def _times(table: Table, name: str) -> NDArray[Any]:
    """The times of a column: numbers, or dates as ISO 8601 writes them."""
    texts = table.column(name, "time")
    if all(each.isascii() and each.isdigit() and len(each) < 20 for each in texts):
        whole = [int(each) for each in texts]
        if max(whole) < 2**63:
            return np.array(whole)  # nanoseconds: as floats some would be the same
    dates = number_of(texts[0]) is None
    found = [_seconds(each) if dates else number_of(each) for each in texts]
    times = np.array(found, np.float64)  # None is NaN
    wrong = np.flatnonzero(~np.isfinite(times))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{table.where(row)}: column {name!r}: {texts[row][:40]!r} is no time",
            expected="numbers in all rows, or dates in all of them: 2024-01-31 or 2024-01-31T12:30",
        )
    return times


def _seconds(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan


def _of_each(
    table: Table, values: list[str], name: str, codes: NDArray[np.int64], firsts: list[int]
) -> list[str]:
    """The value that all rows of a sequence share, for each sequence."""
    found = [values[first] for first in firsts]
    for row, code in enumerate(codes.tolist()):
        if values[row] != found[code]:
            raise DataError(
                f"{table.where(row)}: column {name!r} is {values[row]!r}, but {found[code]!r} in "
                f"{table.unit} {table.lines[firsts[code]]:,} of the same sequence",
                expected="one value for all rows of a sequence",
            )
    return found

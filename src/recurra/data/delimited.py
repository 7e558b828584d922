"""Rows of text: CSV, and the two kinds of files that are called TSV."""

from __future__ import annotations

import csv
import io
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Final, Literal

from recurra.errors import DataError

Rows = tuple[list[str], list[list[str | None]], list[int]]
"""Column names; the values of each column; the line that each row begins on."""

Row = tuple[int, list[str]]
"""The line that a row begins on, and its fields."""

_AT_ONCE: Final = 256  # rows turned into columns at a time: before Python's collector looks at them

_DECIMAL: Final = re.compile(r"(?<=[0-9]),(?=[0-9])")

HEAD: Final = 1 << 16
"""Characters of a table that say what is between its fields."""


def read_csv(text: str, name: str, *, header: bool = True) -> Rows:
    """Read comma-separated values (RFC 4180); by semicolons, tabs or bars where rows have those.

    Blank lines are skipped. Without a header columns are called by their numbers, from 1 on.

    Raises:
        DataError: a row has too few or too many fields, or quotes are out of place; the line is
            named.
    """
    return _quoted(text, name, delimiter_of(text), header)


def csv_rows(text: str, name: str) -> list[Row]:
    """The rows that `read_csv` reads, the names first, however many fields each has.

    Raises:
        DataError: quotes are out of place; the line is named.
    """
    with _any_length():
        return list(_csv_rows(text, name, delimiter_of(text)))


def delimiter_of(text: str) -> str:
    """What stands between the fields of a table: `,`, `;`, a tab or `|`.

    What cuts most rows into as many fields as the first line, and into many. Where commas are
    decimal marks, spreadsheets write semicolons, and names may hold commas then: those between
    digits do not count beside others, and of equals a comma comes late.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    inside = [each for each in "\t;,|" if each in first]
    worth = {}
    for each in inside if len(inside) > 1 else ():
        cut = _DECIMAL.sub("", text[:HEAD]) if each == "," else text
        widths = [len(row) for row in head_rows(cut, each)]
        same = widths.count(widths[0]) - 1 if widths and widths[0] > 1 else 0
        if same:
            worth[each] = same / len(widths) * math.log(widths[0])
    if worth:
        return max(worth, key=lambda each: worth[each])
    return next((each for each in ",;\t|" if each in first), ",")


def head_rows(text: str, delimiter: str) -> list[list[str]]:
    """The rows of a table's beginning, without the last one, which may be cut."""
    head = text[:HEAD]
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    rows: list[list[str]] = []
    try:
        rows.extend(row for row in reader if row)
    except csv.Error:  # which is told when all of it is read
        return rows
    return rows if len(head) == len(text) else rows[:-1]


def fields_of(line: str, delimiter: str = ",") -> list[str]:
    """The fields of one line; all of it where it is not the one row of a table."""
    with _any_length(), suppress(csv.Error):
        rows = list(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter))
        if len(rows) < 2:  # carriage returns end rows too
            return rows[0] if rows else []
    return [line]


def _quoted(text: str, name: str, delimiter: str, header: bool) -> Rows:
    with _any_length():
        return _gathered(_csv_rows(text, name, delimiter), name, header)


def _csv_rows(text: str, name: str, delimiter: str) -> Iterator[Row]:
    """The rows that are not blank, each with the line that it begins on."""
    # newline="" keeps the line ends that stand within quotes.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _broken(text, name, delimiter, begins, reader.line_num, error) from None
        if row:
            yield begins, row
        begins = reader.line_num + 1


_limit_lock = threading.Lock()


@contextmanager
def _any_length() -> Iterator[None]:
    """Lift csv's limit on the length of a field (131,072), which is one for the whole process."""
    with _limit_lock:
        before = csv.field_size_limit(2**31 - 1)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _broken(
    text: str, name: str, delimiter: str, begins: int, line: int, error: csv.Error
) -> DataError:
    opened = _open_quote(text, delimiter, begins)
    if "unexpected end" in str(error) and opened is not None:
        return DataError(
            f"{name}, line {opened:,}: a quote is opened here and never closed",
            expected='fields in quotes that end with a quote; a quote inside is written ""',
            fix="close it, or double it where it belongs to the text",
        )
    if "expected after" in str(error):
        within = f" of the row that begins on line {begins:,}" if line > begins else ""
        return DataError(
            f"{name}, line {line:,}: a quoted field{within} goes on after its closing quote",
            expected=f'{delimiter!r} or the end of the line there; a quote inside is written ""',
            fix="double the quotes that belong to the text",
        )
    return DataError(f"{name}, line {line:,}: {error}", expected="comma-separated values")


def _open_quote(text: str, delimiter: str, begins: int) -> int | None:
    """The line of the quote that is never closed, in the row that begins on line `begins`."""
    lines = list(io.StringIO(text, newline=""))[begins - 1 :]
    row = "".join(lines)
    quoted = re.compile(rf'(?:^|{re.escape(delimiter)})"([^"]*(?:""[^"]*)*)("?)')
    for match in quoted.finditer(row):
        if not match[2]:
            before = row[: match.start(1)]
            return begins + len(list(io.StringIO(before, newline=""))) - 1
    return None


# -- TSV ----------------------------------------------------------------------------------------

# Two kinds of file are called TSV. As registered with IANA, fields are taken literally: a quote is
# a character like any other. pandas, polars and R write CSV with tabs: a field that holds a tab, a
# line end or a quote stands in quotes, and quotes inside are doubled. No single field can tell, so
# the file as a whole does: it is of the second kind where it nowhere breaks those rules, that is
# where its column names all stand in quotes, or where every quote in it belongs to a field in
# quotes that had to be (a review that merely stands in quotes need not be, and a pandas-written
# file would hold it as """..."""). Quotes that open in one field and close in a later one by
# accident show in that the fields come out right without them.
_QUOTED = re.compile(r'(?:^|(?<=[\t\r\n]))"([^"]*(?:""[^"]*)*)"(?=[\t\r\n]|\Z)')


def read_tsv(text: str, name: str, *, header: bool = True) -> Rows:
    """Read tab-separated values, literal or quoted, whichever the whole file is; else `read_csv`.

    Raises:
        DataError: a row has too few or too many fields; the line is named.
    """
    quotes = _quotes(text)
    if quotes == "around":
        return _quoted(text, name, "\t", header)
    try:
        return _gathered(_tsv_rows(text), name, header)
    except DataError:
        if quotes == "inside":
            raise
    return _quoted(text, name, "\t", header)


def tsv_rows(text: str, name: str, *, names: bool) -> list[Row]:
    """The rows that `read_tsv` reads, however many fields each has.

    Args:
        text: rows.
        name: what it is called in messages.
        names: whether the first row holds names.

    Raises:
        DataError: quotes are out of place; the line is named.
    """
    quotes = _quotes(text, names=names)
    if quotes != "around":
        rows = list(_tsv_rows(text))
        if quotes == "inside" or len({len(row) for _, row in rows}) < 2:
            return rows
    with _any_length():
        return list(_csv_rows(text, name, "\t"))


def _quotes(text: str, *, names: bool = True) -> Literal["inside", "around", "either"]:
    """Whether quotes belong to the fields of a TSV file, or stand around them."""
    if '"' not in text:
        return "inside"
    head = text.lstrip("\r\n")
    head = head[: head.find("\n") + 1] or head
    if names and all(_QUOTED.fullmatch(each) for each in head.rstrip("\r\n").split("\t")):
        return "around"
    spans = False

    def without(match: re.Match[str]) -> str:
        nonlocal spans
        held = match[1]
        spans = spans or "\t" in held or "\n" in held
        needed = not held or any(each in held for each in '\t\r\n"')
        return "" if needed else match[0]

    if '"' in _QUOTED.sub(without, text):
        return "inside"
    return "either" if spans else "around"


def _tsv_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if line:
            yield number, line.split("\t")


# -- rows to columns ----------------------------------------------------------------------------


def _gathered(rows: Iterator[Row], name: str, header: bool) -> Rows:
    """The columns of rows whose first holds the names, or is one like the others."""
    begins, names = next(rows, (1, []))
    if header:
        names = [each.strip() for each in names]
    else:
        rows = chain([(begins, names)], rows)
        names = [str(number) for number in range(1, len(names) + 1)]
    columns: list[list[str | None]] = [[] for _ in names]
    lines: list[int] = []
    held: list[list[str]] = []
    width = len(names)
    for number, row in rows:
        if len(row) != width:
            have = "1 field" if len(row) == 1 else f"{len(row)} fields"
            first = f"the header names {width} columns" if header else f"the first has {width}"
            raise DataError(
                f"{name}, line {number:,}: {have}, but {first}",
                expected=f"{width} fields in every row",
                fix="a field that holds a separator stands in quotes (CSV) or cannot be (TSV)"
                if len(row) > width
                else "mend that line",
            )
        lines.append(number)
        held.append(row)
        if len(held) == _AT_ONCE:
            _append(columns, held)
            held = []
    _append(columns, held)
    return names, columns, lines


def _append(columns: list[list[str | None]], rows: list[list[str]]) -> None:
    for column, values in zip(columns, zip(*rows, strict=True), strict=bool(rows)):
        column.extend(values)

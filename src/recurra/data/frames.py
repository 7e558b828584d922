"""Columns of tables of millions of rows; what is not plain, `tables` reads and explains."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.data import decimals
from recurra.data.columns import MISSING, WIDEST, Column, Fields, Places, Texts
from recurra.data.decimals import Mark
from recurra.data.delimited import HEAD, delimiter_of, fields_of, head_rows
from recurra.data.encodings import BOM, foreign
from recurra.data.files import bytes_of, decoded, with_newlines
from recurra.data.first_lines import is_number, names_columns, unsure
from recurra.data.frame_columns import column_of
from recurra.data.tables import (
    EXPECTED,
    Table,
    check_names,
    named,
    no_rows,
    parquet_frame,
    read_table,
    table_of,
)
from recurra.errors import DataError, did_you_mean


@final
@dataclass(frozen=True)
class _Head:
    """How many lines stand before the first row, the column names, and what is between them."""

    skipped: int
    names: list[str]
    delimiter: str
    header: bool


_NEWLINE: Final = 10
_RETURN: Final = 13
_PIECE: Final = 1 << 18


@final
@dataclass(frozen=True, eq=False)
class Frame:
    """Columns of equal length, by name, in the order of the file.

    `columns` holds text where the file says no types. `where` says where a row stands, for
    messages. Where a file has no `header`, columns are called by their numbers.
    """

    name: str
    columns: Mapping[str, Column]
    where: Callable[[int], str]
    header: bool = True

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self.columns)

    def pick(self, name: str, what: str) -> str:
        """The column called `name`; `what` is the option that names it.

        Raises:
            OptionError: there is none.
            DataError: it holds more than plain values.
        """
        found = named(self.columns, name, what, self.name)
        column = self.columns[found]
        if column.kind == "other" and what != "time":  # which says what it wants
            raise DataError(
                f"{self.where(0)}: column {found!r} holds {column.description}",
                expected=f"numbers, dates or text as --{what}",
            )
        return found

    def missing(self, name: str) -> NDArray[np.bool_]:
        """Which rows (N,) have no value in a column."""
        return self.columns[name].missing

    def numbers(self, name: str) -> NDArray[np.float64]:
        """The values (N,) of a column; NaN where there are none.

        Raises:
            DataError: a value is no number, or infinite; the row is named.
        """
        column = self.columns[name]
        values, wrong = column.cast
        if column.written is not None and column.written.other is not None:
            raise self._two_numbers(name)
        if len(wrong):
            row = int(wrong[0])
            text = column.value(row)
            raise DataError(
                f"{self.where(row)}: column {name!r}: {text[:40]!r} is no number",
                expected="numbers, or nothing where one is missing",
                fix="correct it, or leave it empty"
                if decimals.number(text, ".") is decimals.number(text, ",")
                else "one mark before decimals in all rows: --decimal , or --decimal .",
            )
        infinite = np.flatnonzero(np.isinf(values))
        if len(infinite):
            row = int(infinite[0])
            more = f" (and in {len(infinite) - 1:,} more rows)" if len(infinite) > 1 else ""
            raise DataError(
                f"{self.where(row)}: column {name!r}: {column.value(row)} is infinite{more}",
                expected="finite numbers, or nothing where one is missing",
                fix="correct it, or leave it empty",
            )
        return values

    def _two_numbers(self, name: str) -> DataError:
        """What is said of numbers that a decimal comma would make others."""
        column = self.columns[name]
        assert column.written is not None
        assert column.written.other is not None
        others = column.written.other
        at = next(at for at, each in enumerate(column.written.values) if each != others[at])
        text = [each for each in column.texts.once if each.lower() not in MISSING][at]
        row = column.texts.to_list().index(text)
        return DataError(
            f"{self.where(row)}: column {name!r}: {text!r} is {column.written.values[at]:.12g} or "
            f"{others[at]:.12g}, and no row says which",
            expected="numbers that can be read in one way",
            fix="say what stands before decimals: --decimal , or --decimal .",
        )

    def with_decimal(self, mark: Mark, names: Iterable[str] | None = None) -> Frame:
        """The same with this mark before decimals in some of the columns of text; None: in all."""
        chosen = set(self.columns if names is None else names)
        columns = {
            name: replace(each, decimal=mark) if name in chosen and each.kind == "text" else each
            for name, each in self.columns.items()
        }
        return Frame(self.name, columns, self.where, self.header)

    def share_of_numbers(self, name: str) -> float:
        """The share of a column's values that are numbers; NaN where there are none at all."""
        values, wrong = self.columns[name].cast
        given = int((~np.isnan(values)).sum()) + len(wrong)
        return 1 - len(wrong) / given if given else np.nan

    def texts(self, name: str) -> Texts:
        """The values (N,) of a column as text without blanks around it; none where missing."""
        found = self.columns[name].texts
        some = [None if each.lower() in MISSING else each for each in found.once]
        return found.changed(some) if None in some else found


def read_frame(path: Path, *, header: bool | None = None, known: Collection[str] = ()) -> Frame:
    """Read a table by its suffix: CSV, TSV, JSON lines, Parquet.

    Lines before the column names that begin with # are skipped; where no names follow, the last of
    them holds the names, if it has as many.

    Args:
        path: the file.
        header: whether the first line of CSV and TSV names the columns; None: what it looks like.
        known: names that columns may be expected to have.

    Raises:
        DataError: another suffix, no such file, not UTF-8, no rows, or broken; the line is named.
        MissingExtra: Parquet, and polars is not installed.
    """
    suffix = path.suffix.lower()
    data = bytes_of(path, EXPECTED)
    if suffix == ".parquet":
        return _parquet(data, path)
    if suffix in (".csv", ".tsv", ".tab"):
        data = with_newlines(data.removeprefix(BOM))
        if foreign(data[:8192]):
            return of_table(read_table(path))  # which says what it is
        head = _head(data, path, header, known)
        found = _csv(data, path, head)
        return of_table(_slowly(data, path, head)) if found is None else found
    return of_table(read_table(path))  # JSON lines; or it says what it is not


def of_table(table: Table) -> Frame:
    """The columns of a table."""
    columns = {
        name: Column("other", given=[None] * len(each), description="lists or objects")
        if name in table.nested
        else Column("text", given=each)
        for name, each in table.columns.items()
    }
    return Frame(table.name, columns, table.where, table.header)


def stacked(frames: Sequence[Frame]) -> Frame:
    """Several frames as one, a row after the other.

    Raises:
        DataError: a column of the first is in another one missing.
    """
    if len(frames) == 1:
        return frames[0]
    names = frames[0].names
    for each in frames[1:]:
        for name in names:
            if name not in each.columns:
                raise DataError(
                    f"{each.name}: no column {name!r}, which {frames[0].name} has",
                    expected=f"the same columns in all files: {', '.join(map(repr, names))}",
                    fix=did_you_mean(name, each.names),
                )
    columns = dict(frames[0].columns)
    for each in frames[1:]:
        columns = {name: columns[name].then(each.columns[name]) for name in names}
    ends = np.cumsum([len(each) for each in frames])

    def where(row: int) -> str:
        at = int(np.searchsorted(ends, row, "right"))
        return frames[at].where(row - (int(ends[at - 1]) if at else 0))

    return Frame(frames[0].name, columns, where, frames[0].header)


# -- CSV ----------------------------------------------------------------------------------------


def _csv(data: bytes, path: Path, head: _Head) -> Frame | None:
    """The columns of plain CSV or TSV; None where a closer look is needed."""
    skipped, names, delimiter = head.skipped, head.names, head.delimiter
    begins = _nth_line(data, skipped)
    if data and not data[begins:].strip():
        raise no_rows(str(path))
    if b'"' in data or b"\0" in data or not names:
        return None
    if not data.isascii():
        decoded(data, str(path))  # all of it is UTF-8
    size = len(data) + (not data.endswith(b"\n"))
    buffer = np.frombuffer(data + b"\n" + bytes(WIDEST), np.uint8)
    ends = _ends(buffer, begins, size, ord(delimiter))
    width = len(names)
    if len(ends) % width:
        return None
    kinds = buffer[ends].reshape(-1, width)
    # Rows that are too short, and blank lines, are seen by this.
    if (kinds[:, -1] != _NEWLINE).any() or (kinds[:, :-1] == _NEWLINE).any():
        return None
    ends = ends.reshape(-1, width)
    last = ends[:, -1] - (buffer[ends[:, -1] - 1] == _RETURN)
    first = np.concatenate([np.array([begins], ends.dtype), ends[:-1, -1] + 1])
    if width == 1 and (last <= first).any():
        return None  # blank lines
    check_names(names, str(path))
    columns = {}
    for at, name in enumerate(names):
        starts = ends[:, at - 1] + 1 if at else first
        stops = last if at == width - 1 else ends[:, at]
        columns[name] = Column("text", given=Fields(buffer, starts, stops))
    return Frame(str(path), columns, lambda row: f"{path}, line {skipped + 1 + row:,}", head.header)


def _ends(buffer: NDArray[np.uint8], begins: int, size: int, delimiter: int) -> Places:
    """Where fields end: at delimiters and line ends. Piece by piece, which stay in the cache."""
    # There are many: half the width is half the memory that has to be found for them.
    narrow = np.int32 if size < 2**31 else np.int64
    found = [np.zeros(0, narrow)]
    for start in range(begins, size, _PIECE):
        piece = buffer[start : min(size, start + _PIECE)]
        breaks = piece == _NEWLINE
        breaks |= piece == delimiter
        found.append((np.flatnonzero(breaks) + start).astype(narrow))
    return np.concatenate(found)


def _slowly(data: bytes, path: Path, head: _Head) -> Table:
    """A table read by Python's own means, which name the line of what is wrong."""
    decoded(data, str(path))
    rest = data[_nth_line(data, head.skipped) :].decode()
    if not head.header:
        return table_of(rest, path, first=head.skipped + 1, header=False)
    names = io.StringIO()
    csv.writer(names, delimiter=head.delimiter).writerow(head.names)
    text = names.getvalue().strip("\r\n") + "\n" + rest
    return table_of(text, path, first=head.skipped)


def _head(data: bytes, path: Path, header: bool | None, known: Collection[str]) -> _Head:
    skipped, comment, at, begins = 0, "", 0, 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        line = data[at:end].decode("utf-8", "replace").strip("\r\n")
        skipped, at, begins = skipped + 1, end, at
        if line.strip() and not line.startswith("#"):
            break
        comment = line.lstrip("# ") or comment
    else:
        line = ""
    text = data[begins : begins + 4 * HEAD].decode("utf-8", "replace")
    delimiter = delimiter_of(text) if path.suffix.lower() == ".csv" else "\t"
    names = _fields(line, delimiter)
    if header is None and line:
        _, *rows = head_rows(text, delimiter) or [[]]
        header = names_columns(names, rows, known)
        in_comment = _fields(comment, delimiter)
        if header is not True and len(in_comment) == len(names):
            return _Head(skipped - 1, in_comment, delimiter, True)
        if header is None and any(map(is_number, names)):  # words alone are names
            raise unsure(f"{path}, line {skipped:,}", line, known)
    if header is False:
        names = [str(number) for number in range(1, len(names) + 1)]
        return _Head(skipped - 1, names, delimiter, False)
    return _Head(skipped, names, delimiter, True)


def _fields(line: str, delimiter: str) -> list[str]:
    return [each.strip() for each in fields_of(line, delimiter)]


def _nth_line(data: bytes, number: int) -> int:
    """The byte at which line `number` (from 0) begins."""
    at = 0
    for _ in range(number):
        at = data.find(b"\n", at) + 1 or len(data)
    return at


# -- Parquet ------------------------------------------------------------------------------------


def _parquet(data: bytes, path: Path) -> Frame:
    found = parquet_frame(data, str(path))
    columns = {each.name: column_of(each) for each in found.get_columns()}
    return Frame(str(path), columns, lambda row: f"{path}, row {row + 1:,}")

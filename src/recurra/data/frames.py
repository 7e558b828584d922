"""Columns of tables, of millions of rows through polars; what it refuses, `tables` explains.

Without polars all but Parquet is read by `tables`: more slowly, and the same.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from recurra.data.columns import Column, joined, text_column
from recurra.data.encodings import BOM, foreign
from recurra.data.files import bytes_of, decoded
from recurra.data.tables import EXPECTED, Table, check_names, no_rows, read_table, table_of
from recurra.errors import DataError, OptionError, did_you_mean

if TYPE_CHECKING:
    import polars


@final
@dataclass(frozen=True, eq=False)
class Frame:
    """Columns of equal length, by name, in the order of the file.

    They hold text where the file says no types. `where` says where a row stands, for messages.
    """

    name: str
    columns: Mapping[str, Column]
    where: Callable[[int], str]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def like(self, name: str) -> str | None:
        """The column that is called so; the case matters only where several differ by it alone."""
        if name in self.columns:
            return name
        return next((each for each in self.columns if each.lower() == name.lower()), None)

    def pick(self, name: str, what: str) -> str:
        """The column called `name`; `what` is the option that names it.

        Raises:
            OptionError: there is none.
            DataError: it holds more than plain values.
        """
        found = self.like(name)
        if found is None:
            raise OptionError(
                f"--{what} {name}: {self.name} has no such column",
                expected=f"one of its columns: {', '.join(map(repr, self.columns))}",
                fix=did_you_mean(name, self.columns) or f"--{what} followed by one of them",
            )
        kind = self.columns[found].kind
        if kind not in ("text", "numbers", "truth", "moments"):
            raise DataError(
                f"{self.where(0)}: column {found!r} holds {kind}",
                expected=f"numbers, dates or text as --{what}",
            )
        return found

    def numbers(self, name: str) -> NDArray[np.float64]:
        """The values (N,) of a column; NaN where there are none.

        Raises:
            DataError: a value is no number, or infinite; the row is named.
        """
        column = self.columns[name]
        values, wrong = column.numbers
        if len(wrong):
            row = int(wrong[0])
            text = str(column[row])
            raise DataError(
                f"{self.where(row)}: column {name!r}: {text[:40]!r} is no number",
                expected="numbers, or nothing where one is missing",
                fix="a decimal point in place of the comma"
                if text.replace(",", "").strip().isdigit()
                else "correct it, or leave it empty",
            )
        infinite = np.flatnonzero(np.isinf(values))
        if len(infinite):
            row = int(infinite[0])
            more = f" (and in {len(infinite) - 1:,} more rows)" if len(infinite) > 1 else ""
            raise DataError(
                f"{self.where(row)}: column {name!r}: {column[row]} is infinite{more}",
                expected="finite numbers, or nothing where one is missing",
                fix="correct it, or leave it empty",
            )
        return values

    def share_of_numbers(self, name: str) -> float:
        """The share of a column's values that are numbers; NaN where there are none at all."""
        values, wrong = self.columns[name].numbers
        given = int((~np.isnan(values)).sum()) + len(wrong)
        return 1 - len(wrong) / given if given else np.nan

    def texts(self, name: str) -> tuple[list[str], NDArray[np.int64]]:
        """The different texts of a column, without blanks around them, and each row's (N,).

        -1 is where there is none.
        """
        once, at = self.columns[name].coded
        return once, np.where(self.columns[name].missing, -1, at)


def read_frame(path: Path) -> Frame:
    """Read a table by its suffix: CSV, TSV, JSON lines, Parquet.

    Lines before the column names that begin with # are skipped; where no names follow, the last of
    them holds the names.

    Raises:
        DataError: another suffix, no such file, not UTF-8, no rows, or broken; the line is named.
        MissingExtra: Parquet, and polars is not installed.
    """
    suffix = path.suffix.lower()
    data = bytes_of(path, EXPECTED)
    fast = {".csv": _csv, ".tsv": _csv, ".tab": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines}
    if suffix == ".parquet":
        return _parquet(data, path)
    if suffix in fast:
        found = fast[suffix](data, path)
        return of_table(_slowly(data, path)) if found is None else found
    return of_table(read_table(path))  # which says what it is not


def of_table(table: Table) -> Frame:
    """The columns of a table; those that hold more than plain values are left out."""
    columns = {
        name: text_column(each) for name, each in table.columns.items() if name not in table.nested
    }
    return Frame(table.name, columns, table.where)


def stacked(frames: Sequence[Frame]) -> Frame:
    """Several frames as one, a row after the other.

    Raises:
        DataError: a column of the first is in another one missing.
    """
    if len(frames) == 1:
        return frames[0]
    names = list(frames[0].columns)
    for each in frames[1:]:
        for name in names:
            if name not in each.columns:
                raise DataError(
                    f"{each.name}: no column {name!r}, which {frames[0].name} has",
                    expected=f"the same columns in all files: {', '.join(map(repr, names))}",
                    fix=did_you_mean(name, each.columns),
                )
    ends = np.cumsum([len(each) for each in frames])

    def where(row: int) -> str:
        at = int(np.searchsorted(ends, row, "right"))
        return frames[at].where(row - (int(ends[at - 1]) if at else 0))

    columns = {name: joined([each.columns[name] for each in frames]) for name in names}
    return Frame(frames[0].name, columns, where)


def of_polars(column: polars.Series) -> Column:
    """A column of polars."""
    import polars

    size, kind = len(column), column.dtype
    if kind.is_temporal() and kind not in (polars.Time, polars.Duration):
        bare = column
        if getattr(kind, "time_zone", None) is not None:
            bare = column.dt.replace_time_zone(None)
            utc = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
            minutes = (bare - utc).dt.total_minutes().fill_null(0).to_numpy()
            stamps = bare.cast(polars.Datetime("us")).to_numpy()
            return Column(size, lambda: stamps, "moments", minutes)
        return Column(size, lambda: bare.cast(polars.Datetime("us")).to_numpy(), "moments")
    if kind.is_nested() or kind in (polars.Binary, polars.Object, polars.Time, polars.Duration):
        return Column(size, lambda: column.to_numpy(), str(kind))
    if kind.is_numeric():
        if kind.is_integer() and kind != polars.UInt64 and not column.null_count():
            return Column(size, lambda: column.cast(polars.Int64).to_numpy(), "numbers")
        real = column.cast(polars.Float64)
        return Column(size, lambda: real.fill_null(np.nan).to_numpy(), "numbers")
    if kind == polars.Boolean and not column.null_count():
        return Column(size, lambda: column.to_numpy(), "truth")
    return Column(size, lambda: column.cast(polars.String).to_numpy(), "text")


# -- CSV ----------------------------------------------------------------------------------------


def _csv(data: bytes, path: Path) -> Frame | None:
    """The columns of plain CSV or TSV; None where a closer look is needed."""
    data = data.removeprefix(BOM)
    if foreign(data[:8192]):
        return None
    skipped, names, delimiter = _head(data, path)
    if delimiter == "\t" and b'"' in data:
        return None
    begins = _nth_line(data, skipped)
    if skipped:
        decoded(data[:begins], str(path))  # the names as well are UTF-8
    if data and not data[begins:].strip():
        raise no_rows(str(path))
    columns = _quietly(
        lambda polars: polars.read_csv(
            data[begins:],
            has_header=False,
            separator=delimiter,
            infer_schema=False,
            new_columns=names,
        )
    )
    if columns is None or columns.width != len(names):
        return None
    # Rows that are too short, and blank lines, are filled up with nothing: they are seen by this.
    if data.count(delimiter.encode(), begins) != columns.height * (columns.width - 1):
        return None
    check_names(names, str(path))
    lines = data.count(b"\n", begins) + (not data.endswith(b"\n"))

    def where(row: int) -> str:
        if lines == columns.height:
            return f"{path}, line {skipped + 1 + row:,}"
        return _slowly(data, path).where(row)  # rows of several lines

    return Frame(str(path), _columns(columns), where)


def _slowly(data: bytes, path: Path) -> Table:
    """A table read by Python's own means, which name the line of what is wrong."""
    if path.suffix.lower() not in (".csv", ".tsv", ".tab") or foreign(data[:8192]):
        return read_table(path)
    decoded(data, str(path))
    data = data.removeprefix(BOM)
    skipped, names, delimiter = _head(data, path)
    head = io.StringIO()
    csv.writer(head, delimiter=delimiter).writerow(names)
    rest = data[_nth_line(data, skipped) :].decode()
    text = head.getvalue().strip("\r\n") + "\n" + rest
    return table_of(text, path, first=skipped)


def _head(data: bytes, path: Path) -> tuple[int, list[str], str]:
    """How many lines stand before the first row, the column names, and what is between them."""
    skipped, comment, at = 0, "", 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        line = data[at:end].decode("utf-8", "replace").strip("\r\n")
        skipped, at = skipped + 1, end
        if line.strip() and not line.startswith("#"):
            break
        comment = line.lstrip("# ") or comment
    else:
        line = ""
    delimiter = next((each for each in ",;\t" if each in line), ",")
    if path.suffix.lower() != ".csv":
        delimiter = "\t"
    names = _fields(line, delimiter)
    if any(any(map(str.isalpha, name)) for name in names) or not line:
        return skipped, names, delimiter
    in_comment = _fields(comment, delimiter)
    if len(in_comment) == len(names):
        return skipped - 1, in_comment, delimiter
    raise DataError(
        f"{path}, line {skipped:,}: no column names: {line[:60]!r}",
        expected="a line of column names, then rows",
        fix="write the names above the first row: date,y",
    )


def _fields(line: str, delimiter: str) -> list[str]:
    return [each.strip() for each in next(csv.reader([line], delimiter=delimiter), [])]


def _nth_line(data: bytes, number: int) -> int:
    """The byte at which line `number` (from 0) begins."""
    at = 0
    for _ in range(number):
        at = data.find(b"\n", at) + 1 or len(data)
    return at


# -- JSON lines, Parquet ------------------------------------------------------------------------


def _json_lines(data: bytes, path: Path) -> Frame | None:
    columns = _quietly(lambda polars: polars.read_ndjson(data, infer_schema_length=None))
    if columns is None or not columns.height:
        return None
    check_names(columns.columns, str(path))
    lines = data.count(b"\n") + (not data.endswith(b"\n"))

    def where(row: int) -> str:
        if lines == columns.height:
            return f"{path}, line {row + 1:,}"
        return read_table(path).where(row)

    return Frame(str(path), _columns(columns), where)


def _parquet(data: bytes, path: Path) -> Frame:
    columns = _quietly(lambda polars: polars.read_parquet(io.BytesIO(data)))
    if columns is None:
        return of_table(read_table(path))  # which says what is wrong with it
    if not columns.height:
        raise no_rows(str(path))
    check_names(columns.columns, str(path))
    return Frame(str(path), _columns(columns), lambda row: f"{path}, row {row + 1:,}")


def _columns(frame: polars.DataFrame) -> dict[str, Column]:
    return {each.name: of_polars(each) for each in frame.get_columns()}


def _quietly(read: Callable[[Any], polars.DataFrame]) -> polars.DataFrame | None:
    """What polars reads; None where it refuses, or is not installed."""
    try:
        import polars

        return read(polars)
    except BaseException as error:
        # What its Rust half panics with is no Exception.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            return None
        raise

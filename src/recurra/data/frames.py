"""Columns of tables of millions of rows, through polars; what it refuses, `tables` explains."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.data.encodings import BOM, foreign
from recurra.data.files import bytes_of, decoded
from recurra.data.tables import EXPECTED, Table, check_names, no_rows, read_table, table_of
from recurra.errors import DataError, MissingExtra, OptionError, did_you_mean

if TYPE_CHECKING:
    import polars

MISSING: Final = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-"})
"""Texts, in lower case, that stand for a number that is not there."""


@final
@dataclass(frozen=True, eq=False)
class Frame:
    """Columns of equal length, by name, in the order of the file.

    `columns` holds text where the file says no types. `where` says where a row stands, for
    messages.
    """

    name: str
    columns: polars.DataFrame
    where: Callable[[int], str]

    def __len__(self) -> int:
        return self.columns.height

    def like(self, name: str) -> str | None:
        """The column that is called so; the case matters only where several differ by it alone."""
        names = self.columns.columns
        if name in names:
            return name
        return next((each for each in names if each.lower() == name.lower()), None)

    def pick(self, name: str, what: str) -> str:
        """The column called `name`; `what` is the option that names it.

        Raises:
            OptionError: there is none.
            DataError: it holds more than plain values.
        """
        found = self.like(name)
        names = self.columns.columns
        if found is None:
            raise OptionError(
                f"--{what} {name}: {self.name} has no such column",
                expected=f"one of its columns: {', '.join(map(repr, names))}",
                fix=did_you_mean(name, names) or f"--{what} followed by one of them",
            )
        kind = self.columns[found].dtype
        if kind.is_nested() or kind in (_polars().Binary, _polars().Object):
            raise DataError(
                f"{self.where(0)}: column {found!r} holds {kind}",
                expected=f"numbers, dates or text as --{what}",
            )
        return found

    def missing(self, name: str) -> NDArray[np.bool_]:
        """Which rows (N,) have no value in a column."""
        column = self.columns[name]
        found = column.is_null()
        if column.dtype == _polars().String:
            found |= column.str.strip_chars().str.to_lowercase().is_in(list(MISSING))
        elif column.dtype.is_float():
            found |= column.is_nan()
        return found.fill_null(True).to_numpy()

    def numbers(self, name: str) -> NDArray[np.float64]:
        """The values (N,) of a column; NaN where there are none.

        Raises:
            DataError: a value is no number, or infinite; the row is named.
        """
        values, wrong = self._cast(name)
        if len(wrong):
            row = int(wrong[0])
            text = str(self.columns[name][row])
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
                f"{self.where(row)}: column {name!r}: {self.columns[name][row]} is infinite{more}",
                expected="finite numbers, or nothing where one is missing",
                fix="correct it, or leave it empty",
            )
        return values

    def share_of_numbers(self, name: str) -> float:
        """The share of a column's values that are numbers; NaN where there are none at all."""
        values, wrong = self._cast(name)
        given = int((~np.isnan(values)).sum()) + len(wrong)
        return 1 - len(wrong) / given if given else np.nan

    def _cast(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """A column as numbers (N,), NaN where that fails, and the rows of values that are none."""
        polars = _polars()
        column = self.columns[name]
        if column.dtype == polars.String:
            column = column.str.strip_chars()
        elif not (column.dtype.is_numeric() or column.dtype == polars.Boolean):
            return np.full(len(self), np.nan), np.flatnonzero(~self.missing(name))
        cast = column.cast(polars.Float64, strict=False)
        failed = np.flatnonzero((cast.is_null() & column.is_not_null()).to_numpy())
        values = cast.fill_null(np.nan).to_numpy().astype(np.float64)
        if len(failed):
            words = column.gather(failed).str.to_lowercase()
            failed = failed[~words.is_in(list(MISSING)).to_numpy()]
        return values, failed

    def texts(self, name: str) -> polars.Series:
        """The values (N,) of a column as text without blanks around it; null where missing."""
        polars = _polars()
        found = self.columns[name].cast(polars.String).str.strip_chars()
        return kept(found, ~found.str.to_lowercase().is_in(list(MISSING)))


def read_frame(path: Path) -> Frame:
    """Read a table by its suffix: CSV, TSV, JSON lines, Parquet.

    Lines before the column names that begin with # are skipped; where no names follow, the last of
    them holds the names.

    Raises:
        DataError: another suffix, no such file, not UTF-8, no rows, or broken; the line is named.
        MissingExtra: polars is not installed.
    """
    _polars()
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
    columns = {name: each for name, each in table.columns.items() if name not in table.nested}
    polars = _polars()
    return Frame(
        table.name,
        polars.DataFrame(columns, schema=dict.fromkeys(columns, polars.String)),
        table.where,
    )


def kept(values: polars.Series, which: polars.Series) -> polars.Series:
    """The values (N,) where `which` (N,) is true; null elsewhere."""
    polars = _polars()
    found: Any = polars.select(polars.when(which).then(values)).to_series()
    return found  # type: ignore[no-any-return,unused-ignore]


def stacked(frames: Sequence[Frame]) -> Frame:
    """Several frames as one, a row after the other.

    Raises:
        DataError: a column of the first is in another one missing.
    """
    if len(frames) == 1:
        return frames[0]
    polars = _polars()
    names = frames[0].columns.columns
    for each in frames[1:]:
        for name in names:
            if name not in each.columns.columns:
                raise DataError(
                    f"{each.name}: no column {name!r}, which {frames[0].name} has",
                    expected=f"the same columns in all files: {', '.join(map(repr, names))}",
                    fix=did_you_mean(name, each.columns.columns),
                )
    parts = [each.columns.select(names) for each in frames]
    for name in names:
        kinds = {part[name].dtype for part in parts}
        if len(kinds) > 1 and not all(kind.is_numeric() for kind in kinds):
            parts = [part.with_columns(polars.col(name).cast(polars.String)) for part in parts]
    ends = np.cumsum([len(each) for each in frames])

    def where(row: int) -> str:
        at = int(np.searchsorted(ends, row, "right"))
        return frames[at].where(row - (int(ends[at - 1]) if at else 0))

    return Frame(frames[0].name, polars.concat(parts, how="vertical_relaxed"), where)


def _polars() -> Any:
    try:
        import polars
    except ImportError as error:
        raise MissingExtra(
            "tables of series are read by polars, which is not installed",
            fix='pip install "recurra[series]"',
        ) from error
    return polars


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
        lambda: _polars().read_csv(
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

    return Frame(str(path), columns, where)


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
    columns = _quietly(lambda: _polars().read_ndjson(data, infer_schema_length=None))
    if columns is None or not columns.height:
        return None
    check_names(columns.columns, str(path))
    lines = data.count(b"\n") + (not data.endswith(b"\n"))

    def where(row: int) -> str:
        if lines == columns.height:
            return f"{path}, line {row + 1:,}"
        return read_table(path).where(row)

    return Frame(str(path), columns, where)


def _parquet(data: bytes, path: Path) -> Frame:
    columns = _quietly(lambda: _polars().read_parquet(io.BytesIO(data)))
    if columns is None:
        return of_table(read_table(path))  # which says what is wrong with it
    if not columns.height:
        raise no_rows(str(path))
    check_names(columns.columns, str(path))
    return Frame(str(path), columns, lambda row: f"{path}, row {row + 1:,}")


def _quietly(read: Callable[[], polars.DataFrame]) -> polars.DataFrame | None:
    """What polars reads; None where it refuses."""
    try:
        return read()
    except BaseException as error:
        # What its Rust half panics with is no Exception.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            return None
        raise

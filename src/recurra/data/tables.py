"""Tables with named columns out of files: CSV, TSV, JSON lines, Parquet; all values as text."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

from recurra.data.delimited import delimiter_of, head_rows, read_csv, read_tsv
from recurra.data.files import bytes_of, decoded, with_newlines
from recurra.data.first_lines import names_columns
from recurra.data.first_lines import unsure as unsure_of
from recurra.errors import DataError, MissingExtra, OptionError, did_you_mean

TABLE_SUFFIXES: Final = frozenset({".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet"})

EXPECTED: Final = "a table: .csv, .tsv, .tab, .jsonl, .ndjson or .parquet"


@final
@dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length, by name, in the order of the file.

    `lines` is where each row stands in the file, counted in `unit` from 1 (a row of several lines:
    where it begins). A value is None where the file says null, or where a JSON object has no such
    key. `nested` are the columns that hold more than plain values, and the first row that does.
    Where a file has no `header`, columns are called by their numbers; `unsure` is what is said
    where its first line was taken for one and nothing shows that it is.
    """

    name: str
    columns: dict[str, list[str | None]]
    lines: Sequence[int]
    unit: str = "line"
    nested: dict[str, int] = field(default_factory=dict)
    header: bool = True
    unsure: DataError | None = None

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """Where a row stands, for messages."""
        return f"{self.name}, {self.unit} {self.lines[row]:,}"

    def pick(self, name: str | None, what: str, likely: Sequence[str] = ()) -> str:
        """The column called `name`, or, where that is None, the first of `likely` that exists.

        The case of letters does not matter where no column is spelt exactly so.

        Args:
            name: the column that was asked for.
            what: what the column is for, which is also the option that names it: "label".
            likely: the names to look for, likeliest first.

        Raises:
            OptionError: there is no column `name`.
            DataError: none of the likely columns exists.
        """
        if name is not None:
            picked = named(self.columns, name, what, self.name)
            if self.unsure is not None and picked.lower() != name.lower():
                raise self.unsure
            return picked
        for each in likely:
            found = like(self.columns, each)
            if found is not None:
                return found
        raise DataError(
            f"{self.name}: which column is the {what}? It has {', '.join(map(repr, self.columns))}",
            expected=f"a column called {', '.join(likely[:4])} ...",
            fix=f"name it: --{what} COLUMN"
            + ("" if self.unsure is None else "; or --no-header, if the first line is a row"),
        )

    def texts(self, name: str) -> list[str]:
        """The values of a column; empty ones where there are none.

        Raises:
            DataError: one that is not plain.
        """
        if name in self.nested:
            raise DataError(
                f"{self.where(self.nested[name])}: column {name!r} holds a list, an object or "
                "bytes",
                expected="text, or a number",
            )
        return [value or "" for value in self.columns[name]]

    def column(self, name: str, what: str) -> list[str]:
        """The values of the column that `pick` finds, none of them missing.

        Raises:
            OptionError: there is no such column.
            DataError: a row has no value there, or one that is not plain.
        """
        found = self.pick(name, what)
        self.texts(found)
        values = self.columns[found]
        if None in values:
            missing = values.index(None)
            count = values.count(None)
            more = f" (and in {count - 1:,} more rows)" if count > 1 else ""
            raise DataError(
                f"{self.where(missing)}: no value in column {found!r}{more}",
                expected=f"a {what} in every row",
                fix="drop these rows, or fill them",
            )
        return values  # type: ignore[return-value]


def like(columns: Iterable[str], name: str) -> str | None:
    """The column that is called so; the case matters only where several differ by it alone."""
    columns = list(columns)
    if name in columns:
        return name
    return next((each for each in columns if each.lower() == name.lower()), None)


def named(columns: Iterable[str], name: str, what: str, table: str) -> str:
    """The column that was asked for by `name`, as `like` finds it, or by its number from 1 on.

    Args:
        columns: what the columns of the table are called.
        name: the column that was asked for.
        what: the option that names it: "label".
        table: what the table is called.

    Raises:
        OptionError: there is none.
    """
    columns = list(columns)
    found = like(columns, name)
    if found is None and name.isascii() and name.isdigit() and len(name) < 9:
        found = dict(enumerate(columns, 1)).get(int(name))
    if found is None:
        raise OptionError(
            f"--{what} {name}: {table} has no such column",
            expected=f"one of its columns: {', '.join(map(repr, columns))}",
            fix=did_you_mean(name, columns) or f"--{what} followed by one of them",
        )
    return found


def read_table(
    path: Path,
    *,
    header: bool | None = None,
    known: Collection[str] = (),
    opened: str | None = None,
) -> Table:
    """Read a table by its suffix.

    Args:
        path: CSV, TSV, JSON lines or Parquet.
        header: whether the first line of CSV and TSV names the columns; None: what it looks like.
        known: names that columns may be expected to have.
        opened: a column of objects whose keys are columns themselves: "translation".

    Raises:
        DataError: another suffix, no such file, not UTF-8, no rows, or broken; the line is named.
        MissingExtra: Parquet, and polars is not installed.
    """
    name, suffix = str(path), path.suffix.lower()
    data = bytes_of(path, EXPECTED)
    if suffix == ".parquet":
        return _of_parquet(data, name, opened)
    text = "" if suffix not in TABLE_SUFFIXES else decoded(with_newlines(data), name)
    if suffix in (".csv", ".tsv", ".tab"):
        unsure = None
        if header is None:
            first, *rows = head_rows(text, "\t" if suffix != ".csv" else delimiter_of(text)) or [[]]
            header = names_columns(first, rows, known)
            if header is None:
                unsure = unsure_of(f"{name}, line 1", ",".join(first), known)
        return table_of(text, path, header=header is not False, unsure=unsure)
    if suffix in (".jsonl", ".ndjson"):
        return _of_json_lines(text, name, opened)
    raise DataError(f"{name}: suffix {suffix!r} says nothing of its form", expected=EXPECTED)


def table_of(
    text: str,
    path: Path,
    *,
    first: int = 1,
    header: bool = True,
    unsure: DataError | None = None,
) -> Table:
    """The table in the text of a CSV or TSV file.

    Args:
        text: a line of column names, and rows.
        path: says by its suffix which of the two it is.
        first: the line of the file that the first line of the text is.
        header: whether there is a line of names.
        unsure: what is said where that is not sure.

    Raises:
        DataError: no rows, or broken; the line is named.
    """
    name = str(path)
    read = read_csv if path.suffix.lower() == ".csv" else read_tsv
    # Blank lines above the names, so that the lines of messages are those of the file.
    names, values, lines = read("\n" * (first - 1) + text, name, header=header)
    check_names(names, name)
    if not lines:
        raise no_rows(name)
    columns = dict(zip(names, values, strict=True))
    return Table(name, columns, lines, header=header, unsure=unsure)


def check_names(names: Sequence[str], name: str) -> None:
    """Refuse columns without a name, or two of one name.

    Raises:
        DataError: there are such.
    """
    if not names:
        raise DataError(f"{name}: no column names", expected="a line of column names, then rows")
    seen: set[str] = set()
    for number, each in enumerate(names, 1):
        if not each:
            raise DataError(
                f"{name}: column {number} has no name",
                expected="a name for every column",
                fix="name it; pandas leaves out its index with to_csv(..., index=False)",
            )
        if each in seen:
            raise DataError(
                f"{name}: two columns are called {each!r}", expected="a name for each of them"
            )
        seen.add(each)


def no_rows(name: str) -> DataError:
    """What is said of a table without rows."""
    return DataError(f"{name}: no rows", expected="column names, and rows below them")


# -- JSON lines ---------------------------------------------------------------------------------


def _of_json_lines(text: str, name: str, opened: str | None) -> Table:
    columns: dict[str, list[str | None]] = {}
    lines: list[int] = []
    nested: dict[str, int] = {}
    # Whole numbers stay as they are written; Python would refuse those of thousands of digits.
    decoder = json.JSONDecoder(parse_int=str)
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(" \t\r")
        if not line:
            continue
        row = _object(line, decoder, f"{name}, line {number:,}")
        if opened is not None and isinstance(row.get(opened), dict):
            row |= row.pop(opened)
        for key, value in row.items():
            column = columns.get(key)
            if column is None:
                column = columns[key] = []
            if len(column) < len(lines):  # rows before this one had no such key
                column.extend([None] * (len(lines) - len(column)))
            if isinstance(value, dict | list):
                nested.setdefault(key, len(lines))
            column.append(_json_text(value))
        lines.append(number)
    if not lines:
        raise no_rows(name)
    check_names(list(columns) or [""], name)
    for column in columns.values():
        column.extend([None] * (len(lines) - len(column)))
    return Table(name, columns, lines, nested=nested)


def _object(line: str, decoder: json.JSONDecoder, where: str) -> dict[str, Any]:
    try:
        value = decoder.decode(line)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{where}, column {error.colno:,}: not JSON: {error.msg}",
            expected='one object a line: {"text": "...", "label": "..."}',
        ) from None
    except RecursionError:
        raise DataError(
            f"{where}: brackets within brackets, too deep to read", expected="a flat object"
        ) from None
    if not isinstance(value, dict):
        raise DataError(
            f"{where}: not an object", expected='one object a line: {"text": "...", "label": "..."}'
        )
    if "\\u" in line:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(
                f"{where}: half a character (\\u{ord(error.object[error.start]):04x} alone)",
                expected="surrogates in pairs",
            ) from None
    return value


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)


# -- Parquet ------------------------------------------------------------------------------------


def parquet_frame(data: bytes, name: str) -> Any:
    """The frame of polars in a Parquet file, of one row at least.

    Raises:
        DataError: it is none, or damaged.
        MissingExtra: polars is not installed.
    """
    try:
        import polars
    except ImportError as error:
        raise MissingExtra(
            f"{name}: Parquet is read by polars, which is not installed",
            fix='pip install "recurra[all]"; or write the table as CSV',
        ) from error
    if not (data.startswith(b"PAR1") and data.endswith(b"PAR1")):
        raise DataError(f"{name}: not a Parquet file", expected="PAR1 at its beginning and end")
    try:
        frame = polars.read_parquet(io.BytesIO(data))
    except BaseException as error:
        # What its Rust half panics with is no Exception.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            what = (str(error).splitlines() or [""])[0]
            raise DataError(f"{name}: damaged: {what}", expected="a Parquet file") from error
        raise
    if not frame.width or not len(frame):
        raise no_rows(name)
    check_names(frame.columns, name)
    return frame


def _of_parquet(data: bytes, name: str, opened: str | None) -> Table:
    frame = parquet_frame(data, name)
    import polars  # which is there by now

    if opened is not None and frame.schema.get(opened) == polars.Struct:
        inner = frame[opened].struct.unnest()
        frame = frame.drop(opened, *(set(inner.columns) & set(frame.columns)))
        frame = frame.hstack(inner)

    columns: dict[str, list[str | None]] = {}
    nested: dict[str, int] = {}
    for series in frame.get_columns():
        if series.dtype.is_nested() or series.dtype in (polars.Binary, polars.Object):
            columns[series.name] = [None] * len(series)
            nested[series.name] = 0
        else:
            columns[series.name] = series.cast(polars.String).to_list()
    return Table(name, columns, range(1, len(frame) + 1), "row", nested)

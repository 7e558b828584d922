"""Files -> pairs: tables with columns, lines with a tab, two parallel files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Final, final

from recurra.data.delimited import Row, csv_rows, delimiter_of, head_rows, tsv_rows
from recurra.data.files import STANDARD_INPUT, given_once, lined
from recurra.data.first_lines import names_columns, unsure
from recurra.data.source_locations import Places
from recurra.data.tables import TABLE_SUFFIXES, Table, read_table
from recurra.errors import DataError, OptionError, counted
from recurra.tasks.pairs.columns import SOURCES, TARGETS, named, picked
from recurra.tasks.pairs.splits import Pairs, called, checked

EXPECTED: Final = (
    "a table (.tsv, .csv, .jsonl, .parquet, or .txt with a tab between source and target), or two "
    "parallel files: train.en train.de"
)


TRANSLATION: Final = "translation"
"""The column of Hugging Face's data sets that holds a text for each language."""


@final
@dataclass(frozen=True)
class Reading:
    """How files are read: the columns that were named, whether sides change places, and whether
    the first lines of tables name their columns (None: what they look like)."""

    source: str | None = None
    target: str | None = None
    reverse: bool = False
    header: bool | None = None


@final
@dataclass(frozen=True, eq=False)
class Found:
    """The pairs of some files, what was taken as source and target, and what was found."""

    name: str
    pairs: Pairs
    files: tuple[Path, ...]
    columns: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def pairs_of(sources: Sequence[str | Path], reading: Reading) -> Found:
    """Read tables, or two parallel files.

    Raises:
        DataError: a file is missing, broken, not UTF-8 or of no known form; a line has no
            separator; parallel files differ in length; no pair has both sides.
        OptionError: a column does not exist, or columns are named where there are none.
        MissingExtra: a file needs a package that is not installed.
    """
    if any(str(each) == STANDARD_INPUT for each in sources):
        raise DataError("pairs are not read from standard input", expected=EXPECTED)
    files = tuple(Path(each) for each in sources)
    given_once(files)
    plain = {file: _text(file) for file in files if file.suffix.lower() not in TABLE_SUFFIXES}
    parallel = {file: text for file, text in plain.items() if not _is_tabbed(text)}
    if len(files) == len(parallel) == 2:
        found = _of_parallel(files, list(plain.values()), reading)
    elif len(files) > 1 and parallel:
        raise DataError(
            f"{next(iter(parallel))}: no tab in its lines, and {counted(len(files), 'file')} in "
            "all",
            expected=EXPECTED,
        )
    else:
        found = reduce(_joined, (_of_table(file, plain.get(file), reading) for file in files))
    if not reading.reverse:
        return found
    columns = dict(zip(found.columns, reversed(found.columns.values()), strict=True))
    return Found(found.name, found.pairs.reversed, files, columns, found.counts)


def _text(file: Path) -> str:
    # Read once, since a pipe cannot be read twice.
    return lined(file, EXPECTED)


def _is_tabbed(text: str) -> bool:
    """Whether the first lines are such of a table: most with a tab between two texts."""
    lines = [line for line in text[: 1 << 16].split("\n")[:100] if line.strip()]
    return 2 * sum("\t" in line.strip() for line in lines) > len(lines)


def _joined(one: Found, other: Found) -> Found:
    counts = Counter(one.counts) + Counter(other.counts)
    files = one.files + other.files
    return Found(called(files), one.pairs.followed_by(other.pairs), files, one.columns, counts)


def _found(
    files: Sequence[Path],
    sides: Sequence[Sequence[str]],
    where: Places,
    columns: dict[str, str],
    counts: dict[str, int],
) -> Found:
    """The pairs that have both sides, and how many have not."""
    pairs = checked(sides[0], sides[1], where)
    counts["empty"] = len(where) - len(pairs)
    return Found(called(files), pairs, tuple(files), columns, counts)


# -- tables ------------------------------------------------------------------------------------


def _of_table(file: Path, text: str | None, reading: Reading) -> Found:
    suffix = file.suffix.lower()
    if text is None and suffix not in (".csv", ".tsv", ".tab"):
        return _of_named(file, read_table(file, opened=TRANSLATION), reading)
    name = str(file)
    text = _text(file) if text is None else text
    names = _has_names(text, suffix, reading, name)
    rows = csv_rows(text, name) if suffix == ".csv" else tsv_rows(text, name, names=names)
    rows = [(line, row) for line, row in rows if any(map(_filled, row))]
    first, width = (0, 1), 0
    columns = {"source": "first column", "target": "second column"}
    if rows and (names or reading.source is not None or reading.target is not None):
        header = [str(number) for number in range(1, len(rows[0][1]) + 1)]
        if names:
            header = [each.strip() for each in rows.pop(0)[1]]
        source, target = picked(header, reading, name)
        first, width = (header.index(source), header.index(target)), len(header)
        columns = {"source": f"column {source!r}", "target": f"column {target!r}"}
    if not rows:
        raise DataError(f"{name}: no pairs", expected=EXPECTED)
    _all_wide(rows, max(first) + 1, width, name, "\t" if suffix != ".csv" else None)
    sides, trimmed = _trimmed([[row[side] for _, row in rows] for side in first])
    counts = {
        "blank_lines": sum(not line.strip(" \t\r,;") for line in _lines(text)),
        "further": 0 if width else sum(len(row) > 2 for _, row in rows),
        "trimmed": trimmed,
        "headerless": int(suffix == ".csv" and not names),
    }
    where = Places(((file.name, "line", [line for line, _ in rows]),))
    return _found([file], sides, where, columns, counts)


def _filled(text: str) -> bool:
    return bool(text) and not text.isspace()


def _has_names(text: str, suffix: str, reading: Reading, name: str) -> bool:
    """Whether the first line holds the names of columns; pairs with a tab mostly have none."""
    if reading.header is not None:
        return reading.header
    delimiter = delimiter_of(text) if suffix == ".csv" else "\t"
    line = next((each for each in text.split("\n") if each.strip()), "")
    if suffix != ".csv":
        return named([each.strip(' "\r') for each in line.split("\t")], reading)
    header, *rows = head_rows(text, delimiter) or [[]]
    # Of one column it is told that another one lacks.
    found = len(header) < 2 or named(header, reading) or names_columns(header, rows)
    if found is None:
        raise unsure(f"{name}, line 1", line, (*SOURCES[:2], *TARGETS[:2]))
    return found


def _all_wide(rows: Sequence[Row], least: int, width: int, name: str, tab: str | None) -> None:
    """Refuse rows of too few fields, or of more than there are names."""
    wrong = [(line, row) for line, row in rows if len(row) < least or (width and len(row) > width)]
    if not wrong:
        return
    line, row = wrong[0]
    more = f" (and {counted(len(wrong) - 1, 'more such line')})" if len(wrong) > 1 else ""
    if tab and len(row) == 1:
        raise DataError(
            f"{name}, line {line:,}: no separator: {row[0][:60]!r}{more}",
            expected="a source, a tab and a target in every line; or two parallel files: "
            "train.en train.de",
            fix="put a tab in, or drop these lines"
            if len(wrong) < len(rows)
            else "give the file of the other language too; as a part: --test twice, --valid twice",
        )
    raise DataError(
        f"{name}, line {line:,}: {counted(len(row), 'field')}, but "
        + (f"the first line names {counted(width, 'column')}" if width else f"{least} are needed")
        + more,
        expected="as many fields in every row as there are columns",
        fix="a field that holds a separator stands in quotes (CSV) or cannot be (TSV)"
        if len(row) > least
        else "mend these lines, or drop them",
    )


def _of_named(file: Path, table: Table, reading: Reading) -> Found:
    source, target = picked(list(table.columns), reading, str(file))
    sides, trimmed = _trimmed([table.texts(each) for each in (source, target)])
    where = Places(((file.name, table.unit, table.lines),))
    columns = {"source": f"column {source!r}", "target": f"column {target!r}"}
    return _found([file], sides, where, columns, {"trimmed": trimmed})


def _trimmed(sides: Sequence[Sequence[str]]) -> tuple[list[list[str]], int]:
    """Sides without blanks around them, and how many had some."""
    found = [[text.strip() for text in side] for side in sides]
    changed = sum(
        sum(map(str.__ne__, kept, (text.removesuffix("\r") for text in side)))
        for kept, side in zip(found, sides, strict=True)
    )
    return found, changed


# -- parallel files ----------------------------------------------------------------------------


def _of_parallel(files: Sequence[Path], texts: Sequence[str], reading: Reading) -> Found:
    for option in ("source", "target"):
        if getattr(reading, option) is not None:
            raise OptionError(
                f"--{option} {getattr(reading, option)}",
                expected="a column only where there are columns; of parallel files the first "
                "holds the sources",
            )
    raw = [_lines(text) for text in texts]
    lengths = [len(lines) for lines in raw]
    if lengths[0] != lengths[1]:
        raise _unequal(files, raw)
    kept = [row for row, both in enumerate(zip(*raw, strict=True)) if any(_filled(t) for t in both)]
    if not kept:
        raise DataError(f"{files[0]}: only blank lines", expected="a text on each line")
    sides, trimmed = _trimmed([[lines[row] for row in kept] for lines in raw])
    both = f"{files[0].name} and {files[1].name}"
    where = Places(((both, "line", [row + 1 for row in kept]),))
    columns = {"source": files[0].name, "target": files[1].name}
    counts = {"blank_lines": lengths[0] - len(kept), "trimmed": trimmed}
    return _found(files, sides, where, columns, counts)


def _lines(text: str) -> list[str]:
    """The lines without those that are blank at the end."""
    lines = text.split("\n")
    while lines and not _filled(lines[-1]):
        lines.pop()
    return lines


def _unequal(files: Sequence[Path], raw: Sequence[Sequence[str]]) -> DataError:
    counts = [len(lines) for lines in raw]
    alone = next(
        (
            (row, int(not _filled(second)))
            for row, (first, second) in enumerate(zip(*raw, strict=False))
            if _filled(first) != _filled(second)
        ),
        None,
    )
    hint = (
        f"; the first line that is empty in one alone: {files[alone[1]].name}, line "
        if alone
        else ""
    )
    return DataError(
        f"{files[0]} has {counted(counts[0], 'line')}, {files[1]} has {counts[1]:,}"
        + (f"{hint}{alone[0] + 1:,}" if alone else ""),
        expected="parallel files: line by line the same in both languages",
        fix="look where they come apart; blank lines at the end do not matter",
    )

"""Files -> examples: tables, one file a class, .ts, NumPy archives, long tables, CoNLL."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Final, final

from recurra.data.files import STANDARD_INPUT, given_once, is_folder, lined
from recurra.data.long_tables import from_long
from recurra.data.sequences import Sequences, read_npz
from recurra.data.source_locations import Places
from recurra.data.tables import TABLE_SUFFIXES, Table, read_table
from recurra.data.tagged import read_conll
from recurra.data.ts import read_ts
from recurra.errors import DataError, OptionError
from recurra.tasks.labels.examples import Examples, numbers, texts, tokens

TEXT_COLUMNS: Final = (
    *("text", "document", "sentence", "review", "question", "content", "body", "message"),
    *("comment", "utterance", "query", "tweet", "description", "title", "name", "Q", "input", "x"),
)
LABEL_COLUMNS: Final = (
    *("label", "class", "category", "sentiment", "target", "intent", "language", "emotion"),
    *("topic", "tag", "labels", "y", "output"),
)

_TAGGED_SUFFIXES: Final = frozenset({".conll", ".conllu", ".iob", ".iob2", ".bio", ".bioes"})

READ_SUFFIXES: Final = TABLE_SUFFIXES | _TAGGED_SUFFIXES | {".ts", ".npz"}
"""How files are called that hold examples; what is called otherwise is a file where it is there."""

_EXPECTED: Final = (
    "a table (.csv, .tsv, .jsonl, .parquet), a .ts or .npz file, a folder or several files with "
    "one file a class, or CoNLL with --tag"
)


@final
@dataclass(frozen=True)
class Reading:
    """How files are read: the columns that were named, and whether steps are tagged."""

    text: str | None = None
    label: str | None = None
    group: str | None = None
    sequence: str | None = None
    time: str | None = None
    tag: bool = False
    tag_column: str | None = None
    layout: str | None = None
    header: bool | None = None

    @property
    def known(self) -> list[str]:
        """Names that a table's columns may have."""
        asked = (self.text, self.label, self.group, self.sequence, self.time)
        return [*TEXT_COLUMNS, *LABEL_COLUMNS, *(each for each in asked if each is not None)]


@final
@dataclass(frozen=True, eq=False)
class Found:
    """The examples of some files, and what was found on the way.

    `columns` says which column was taken as what.
    """

    examples: Examples
    files: tuple[Path, ...]
    counts: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)


def examples_of(
    sources: Sequence[str | Path],
    reading: Reading,
    *,
    groups_needed: bool = True,
    likely: Mapping[str, str] | None = None,
) -> Found:
    """Read files of one form, or the files of a folder as one file a class.

    Args:
        sources: files of one form, or folders.
        reading: the columns that were named.
        groups_needed: whether the column of groups has to exist, where one is named.
        likely: columns that are looked for first: "text" and "label" of those trained on.

    Raises:
        DataError: a file is missing, broken, empty, of no known form or of another than the first.
        OptionError: a column does not exist, or an option does not suit the form.
        MissingExtra: a file needs a package that is not installed.
    """
    if any(str(each) == STANDARD_INPUT for each in sources):
        raise DataError("labels are not read from standard input", expected=_EXPECTED)
    paths = [Path(each) for each in sources]
    folders = [is_folder(path, _EXPECTED) for path in paths]
    if any(folders):
        files = [
            file
            for path, folder in zip(paths, folders, strict=True)
            for file in (in_folder(path) if folder else [path])
        ]
        form = "classes"
    else:
        files, form = paths, _form(paths, reading)
    given_once(files)
    _suits(reading, form)
    if form == "classes":
        return _of_classes(files)
    read: dict[str, Callable[[Path], Found]] = {
        "table": lambda path: _of_table(path, reading, groups_needed, likely or {}),
        "long": lambda path: _of_long(path, reading, groups_needed, likely or {}),
        "ts": lambda path: _of_sequences(read_ts(path), path),
        "npz": lambda path: _of_sequences(read_npz(path, reading.layout), path),
        "tagged": lambda path: _of_tagged(path, reading),
    }
    return reduce(_joined, map(read[form], files))


def _form(paths: Sequence[Path], reading: Reading) -> str:
    if reading.tag or reading.tag_column is not None:
        return "tagged"
    forms = {form_of(path, reading) for path in paths}
    if len(forms) > 1:
        first = next(each for each in paths if form_of(each, reading) != form_of(paths[0], reading))
        raise DataError(
            f"{paths[0]} and {first}: two kinds of files",
            expected="files of one kind: " + _EXPECTED,
        )
    form = forms.pop()
    if form == "classes" and len(paths) == 1:
        raise DataError(f"{paths[0]}: one file, and nothing says its labels", expected=_EXPECTED)
    return form


def form_of(path: Path, reading: Reading) -> str:
    """Which of the forms a file is of."""
    suffix = path.suffix.lower()
    if suffix in TABLE_SUFFIXES:
        return "table" if reading.sequence is None else "long"
    if suffix in (".ts", ".npz"):
        return suffix[1:]
    return "tagged" if suffix in _TAGGED_SUFFIXES else "classes"


_OPTIONS: Final = {
    "table": {"text", "label", "group"},
    "long": {"label", "group", "sequence", "time"},
    "tagged": {"text"},
}


def _suits(reading: Reading, form: str) -> None:
    for name in ("text", "label", "group", "sequence", "time"):
        value = getattr(reading, name)
        if value is not None and name not in _OPTIONS.get(form, ()):
            raise OptionError(
                f"--{name} {value}",
                expected="a column of a long table: --sequence names which sequence a row is of"
                if form == "table"
                else "a column only where there are columns: tables"
                if form != "long"
                else "with --sequence no texts: all other columns are channels",
            )


def _joined(one: Found, other: Found) -> Found:
    counts = Counter(one.counts) + Counter(other.counts)
    return Found(
        one.examples.followed_by(other.examples), one.files + other.files, counts, one.columns
    )


# -- tables -------------------------------------------------------------------------------------


def _of_table(
    path: Path, reading: Reading, groups_needed: bool, likely: Mapping[str, str]
) -> Found:
    table = read_table(path, header=reading.header, known=reading.known)
    label = label_column(table, reading, likely)
    group = _group(table, reading, groups_needed)
    taken = {"label": label} if group is None else {"label": label, "group": group}
    columns = {"text": text_column(table, reading, likely, set(taken.values()))} | taken
    if len(set(columns.values())) < len(columns):
        raise OptionError(
            f"{path}: one column is to be two of " + str(columns).strip("{}"),
            expected="a column each for --text, --label and --group",
        )
    labels, trimmed = _labels(table.column(columns["label"], "label"))
    examples = texts(
        table.column(columns["text"], "text"),
        labels,
        Places(((path.name, table.unit, table.lines),)),
        None if group is None else table.columns[group],
    )
    counts = {"trimmed_labels": trimmed} | ({} if table.header else {"headerless": 1})
    return Found(examples, (path,), counts, columns)


def label_column(table: Table, reading: Reading, likely: Mapping[str, str]) -> str:
    """The column of the labels."""
    return table.pick(reading.label, "label", _first(likely, "label", LABEL_COLUMNS))


def text_column(
    table: Table, reading: Reading, likely: Mapping[str, str], taken: Collection[str]
) -> str:
    """The column of the texts, of those that are not taken."""
    free = [name for name in table.columns if name not in taken]
    if reading.text is None and len(free) == 1:
        return free[0]
    known = {name.lower() for name in free}
    names = _first(likely, "text", TEXT_COLUMNS)
    return table.pick(reading.text, "text", [each for each in names if each.lower() in known])


def _first(likely: Mapping[str, str], what: str, names: Sequence[str]) -> Sequence[str]:
    return [likely[what], *names] if what in likely else names


def _group(table: Table, reading: Reading, needed: bool) -> str | None:
    if reading.group is None or (not needed and reading.group not in table.columns):
        return None
    return table.pick(reading.group, "group")


def _labels(values: Sequence[str]) -> tuple[list[str], int]:
    """Labels without blanks around them, and how many had some."""
    trimmed = [unicodedata.normalize("NFC", each.strip()) for each in values]
    return trimmed, sum(map(str.__ne__, trimmed, values))


# -- one file a class ---------------------------------------------------------------------------


def in_folder(folder: Path) -> list[Path]:
    """The files of a folder, a class each."""
    files = sorted(
        path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")
    )
    files = [path for path in files if path.stem.upper() not in ("README", "LICENSE", "LICENCE")]
    other = next((path for path in files if form_of(path, Reading()) != "classes"), None)
    if other is not None:
        raise DataError(
            f"{other}: in a folder, which is read as one file of texts a class",
            expected=_EXPECTED,
            fix=f"give the file itself: {other}",
        )
    if len(files) < 2:
        raise DataError(
            f"{folder}: holds {'one file' if files else 'no files'}",
            expected="a file for each class, a text on each line: positive.txt, negative.txt",
        )
    return files


def _of_classes(files: Sequence[Path]) -> Found:
    names = _class_names(files)
    inputs: list[str] = []
    labels: list[str] = []
    parts: list[tuple[str, str, list[int]]] = []
    blank = 0
    for path, name in zip(files, names, strict=True):
        lines = [line.strip() for line in lined(path).split("\n")]
        if not lines[-1]:
            lines.pop()  # what follows the last line end is no line
        kept = [number for number, line in enumerate(lines, 1) if line]
        blank += len(lines) - len(kept)
        inputs += [lines[number - 1] for number in kept]
        labels += [name] * len(kept)
        parts.append((path.name, "line", kept))
    if not inputs:
        raise DataError(f"{files[0]}: only blank lines", expected="a text on each line")
    examples = texts(inputs, labels, Places(tuple(parts)))
    return Found(examples, tuple(files), {"blank_lines": blank})


def _class_names(files: Sequence[Path]) -> list[str]:
    """The class of each file: its name without suffix, or the suffix where only that differs."""
    stems = [unicodedata.normalize("NFC", path.stem) for path in files]
    if len(set(stems)) == len(stems):
        return stems
    suffixes = [path.suffix.removeprefix(".") for path in files]
    if len(set(stems)) == 1 and len(set(suffixes)) == len(suffixes) and all(suffixes):
        return suffixes
    twice = next(each for each in stems if stems.count(each) > 1)
    raise DataError(
        f"two files are called {twice!r}, which names a class",
        expected="a file for each class, named like it: positive.txt, negative.txt",
    )


# -- numbers and tags ---------------------------------------------------------------------------


def _of_long(path: Path, reading: Reading, groups_needed: bool, likely: Mapping[str, str]) -> Found:
    table = read_table(path, header=reading.header, known=reading.known)
    assert reading.sequence is not None
    label = label_column(table, reading, likely)
    group = _group(table, reading, groups_needed)
    found = _of_sequences(
        from_long(table, sequence=reading.sequence, label=label, time=reading.time, group=group),
        path,
    )
    found.columns["label"] = label
    if not table.header:
        found.counts["headerless"] = 1
    return found


def _of_sequences(read: Sequences, path: Path) -> Found:
    labels, trimmed = _labels(read.labels)
    where = Places(((path.name, read.unit, read.places),))
    examples = numbers(read.values, labels, where, read.groups, read.channels)
    return Found(examples, (path,), {"trimmed_labels": trimmed})


def _of_tagged(path: Path, reading: Reading) -> Found:
    read = read_conll(path, token=reading.text, tag=reading.tag_column)
    where = Places(((path.name, "line", read.lines),))
    counts = {"comments": read.comments, "blank_tokens": read.blank}
    return Found(tokens(read.tokens, read.tags, where, tagged=True), (path,), counts)

"""Sentences with a tag for each token, out of CoNLL files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from recurra.data.files import lined
from recurra.errors import DataError, OptionError, counted

_EXPECTED: Final = "a token and its tag on each line, a blank line after each sentence"
_BLANK: Final = " \t\r"

UNIVERSAL: Final = (
    *("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc"),
)
"""The columns of CoNLL-U (universaldependencies.org/format.html)."""


@final
@dataclass(frozen=True, eq=False)
class Tagged:
    """Sentences as tokens, their tags, and the line that each sentence begins on.

    Args:
        at: the line of each token.
        between: what stands between columns: a tab, or a blank.
        comments: lines that were left out as comments.
        blank: tokens that are a blank.
    """

    name: str
    tokens: list[tuple[str, ...]]
    tags: list[tuple[str, ...]]
    lines: list[int]
    at: list[tuple[int, ...]]
    between: str
    comments: int = 0
    blank: int = 0


@final
@dataclass(frozen=True)
class _Row:
    number: int
    columns: list[str]


def read_conll(
    path: Path, *, token: str | None = None, tag: str | None = None, tagged: bool = True
) -> Tagged:
    """Read a CoNLL file: a token a line, its tag in the last column, blank lines between sentences.

    Columns are separated by tabs where the first line of a token has one, else by blanks. Lines
    of blanks and tabs alone are blank lines, -DOCSTART- is left out, and so are comments: lines
    that begin with "# " or "## " and are no row of columns, or end in what is no other token's
    tag. In CoNLL-U the token is the form, the tag that of `upos`, and ranges (1-2) and empty nodes
    (1.1) are left out.

    Args:
        token: the column of the tokens, by its number (from 1, or from the end: -1), or in CoNLL-U
            by its name; the first without.
        tag: that of the tags.
        tagged: whether there have to be tags; where not, there may be, and they are left alone.

    Raises:
        DataError: not UTF-8, no tokens, a line with one column or with another number of columns
            than the lines before it; the line is named.
        OptionError: there is no such column.
    """
    name = str(path)
    # No str.splitlines: it ends lines at characters that tokens of the web hold.
    content = lined(path, "a CoNLL file").split("\n")
    first = next((each for each in content if each.strip(_BLANK) and not _is_hash(each)), "")
    tabs = "\t" in first.strip(_BLANK)
    sentences, comments = _sentences(content, name, tabs, len(_columns(first, tabs)), tagged)
    if not sentences:
        raise DataError(f"{name}: no tokens", expected=_EXPECTED)
    width = len(sentences[0][0].columns)
    universal = _is_universal(path, sentences[0])
    names = UNIVERSAL if universal else ()
    word = _column(token, width, "text", name, names) if token else int(universal)
    last = UNIVERSAL.index("upos") if universal else width - 1
    its = _column(tag, width, "tag-column", name, names) if tag else last
    if universal:  # ranges and empty nodes stand for no word of their own
        kept = [[row for row in rows if row.columns[0].isdigit()] for rows in sentences]
        sentences = [rows for rows in kept if rows]
    blank = 0
    for row in (row for rows in sentences for row in rows):
        if tagged and not row.columns[its].strip(_BLANK):
            raise DataError(f"{name}, line {row.number:,}: the tag is empty", expected=_EXPECTED)
        if not row.columns[word].strip(_BLANK):
            row.columns[word] = " "
            blank += 1
    return Tagged(
        name,
        [tuple(row.columns[word].strip(_BLANK) or " " for row in rows) for rows in sentences],
        [tuple(row.columns[its].strip(_BLANK) for row in rows) for rows in sentences],
        [rows[0].number for rows in sentences],
        [tuple(row.number for row in rows) for rows in sentences],
        "\t" if tabs else " ",
        comments,
        blank,
    )


def _sentences(
    content: Sequence[str], name: str, tabs: bool, likely: int, tagged: bool
) -> tuple[list[list[_Row]], int]:
    """The rows of each sentence, of one number of columns, and how many lines are comments."""
    sentences: list[list[_Row]] = []
    rows: list[_Row] = []
    width = comments = 0
    shown = (each.rstrip(_BLANK) for each in content if not _is_hash(each))
    ends = {_columns(each, tabs)[-1] for each in shown} - {""}
    for number, line in enumerate([*content, ""], 1):
        line = line.removesuffix("\r")
        if not line.strip(_BLANK):
            if rows:
                sentences.append(rows)
            rows = []
            continue
        if line.startswith("-DOCSTART-"):
            continue
        columns = _columns(line, tabs)
        if _is_hash(line) and ends:
            # A row of the token # has its columns, and ends in a tag that others have, or in #.
            last = line.split()[-1]
            row = len(columns) > 1 if tabs else len(columns) == likely
            known = last in ends or last.startswith("#")
            if not (row and tabs) and not (known and (row or tabs)):
                comments += 1
                continue
        if tagged and len(columns) < 2:
            raise DataError(
                f"{name}, line {number:,}: one column, {line.strip(_BLANK)[:40]!r}",
                expected=_EXPECTED + (", a tab between them" if tabs else ""),
            )
        if width and len(columns) != width:
            first = (sentences[0] if sentences else rows)[0].number
            raise DataError(
                f"{name}, line {number:,}: {counted(len(columns), 'column')}, line {first:,} has "
                f"{width}",
                expected="the same columns on every line",
            )
        width = len(columns)
        rows.append(_Row(number, columns))
    return sentences, comments


def _is_hash(line: str) -> bool:
    """Whether a line begins as comments do, or is of the token #."""
    return re.match(r"#+\s", line) is not None


def _columns(line: str, tabs: bool) -> list[str]:
    if tabs:
        return line.split("\t")
    found = [each for each in line.strip("\r").split(" ") if each]
    # Where a line begins with a blank its token is one, and a blank stands behind it.
    return ["", *found] if line.startswith(" ") and len(found) == 1 else found or [""]


def _is_universal(path: Path, rows: Sequence[_Row]) -> bool:
    """Whether a file is CoNLL-U, by its suffix, or by ten columns of which the first counts."""
    if path.suffix.lower() in (".conllu", ".conll-u"):
        return True
    return len(rows[0].columns) == len(UNIVERSAL) and rows[0].columns[0].split("-")[0] == "1"


def _column(given: str, width: int, option: str, file: str, names: Sequence[str]) -> int:
    """The place of a column that is given by its number, or by one of these names."""
    if given.lower() in names[:width]:
        return names.index(given.lower())
    if re.fullmatch("-?[0-9]{1,4}", given) and 1 <= abs(int(given)) <= width:
        return int(given) - 1 if int(given) > 0 else width + int(given)
    named = f", or {', '.join(names)}" if names else ""
    raise OptionError(
        f"--{option} {given}: {file} has {counted(width, 'column')}",
        expected=f"a number from 1 to {width}, or from -1 to -{width} from the end{named}",
    )

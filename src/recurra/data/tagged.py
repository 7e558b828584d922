"""Sentences with a tag for each token, out of CoNLL files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from recurra.data.files import lined
from recurra.errors import DataError

_EXPECTED: Final = "a token and its tag on each line, a blank line after each sentence"
_BLANK: Final = " \t\r"


@final
@dataclass(frozen=True, eq=False)
class Tagged:
    """Sentences as tokens, their tags, and the line that each sentence begins on."""

    name: str
    tokens: list[tuple[str, ...]]
    tags: list[tuple[str, ...]]
    lines: list[int]


def read_conll(path: Path) -> Tagged:
    """Read a CoNLL file: a token a line, its tag in the last column, blank lines between sentences.

    Columns are separated by tabs where the first line of a token has one, else by blanks. Lines
    of blanks and tabs alone are blank lines, -DOCSTART- is left out, and so are, between tabs,
    comments: lines that begin with "# " and have no tab.

    Raises:
        DataError: not UTF-8, no tokens, a line with one column or with another number of columns
            than the lines before it; the line is named.
    """
    name = str(path)
    text = lined(path, "a CoNLL file")
    tokens: list[tuple[str, ...]] = []
    tags: list[tuple[str, ...]] = []
    lines: list[int] = []
    sentence: list[tuple[str, str]] = []
    begins, width, first = 0, 0, 0
    # No str.splitlines: it ends lines at characters that tokens of the web hold.
    content = text.split("\n")
    shows = (each for each in content if each.strip(_BLANK) and not each.startswith("# "))
    tabs = "\t" in next(shows, "").strip(_BLANK)
    for number, line in enumerate([*content, ""], 1):
        line = line.removesuffix("\r")
        if not line.strip(_BLANK):
            if sentence:
                tokens.append(tuple(token for token, _ in sentence))
                tags.append(tuple(tag for _, tag in sentence))
                lines.append(begins)
                sentence = []
            continue
        if tabs and line.startswith("# ") and "\t" not in line and _is_prose(line):
            continue
        if line.startswith("-DOCSTART-"):
            continue
        columns = line.split("\t") if tabs else [each for each in line.split(" ") if each]
        if len(columns) < 2:
            raise DataError(
                f"{name}, line {number:,}: one column, {line.strip(_BLANK)[:40]!r}",
                expected=_EXPECTED + (", a tab between them" if tabs else ""),
            )
        width, first = width or len(columns), first or number
        if len(columns) != width:
            raise DataError(
                f"{name}, line {number:,}: {len(columns)} columns, line {first:,} has {width}",
                expected="the same columns on every line",
            )
        token, tag = columns[0].strip(_BLANK), columns[-1].strip(_BLANK)
        if not token or not tag:
            raise DataError(
                f"{name}, line {number:,}: the {'tag' if token else 'token'} is empty",
                expected=_EXPECTED,
            )
        if not sentence:
            begins = number
        sentence.append((token, tag))
    if not tokens:
        raise DataError(f"{name}: no tokens", expected=_EXPECTED)
    return Tagged(name, tokens, tags, lines)


def _is_prose(line: str) -> bool:
    """Whether a line that begins with "# " is a comment and not the token # with its tag."""
    return len(line.split()) > 2

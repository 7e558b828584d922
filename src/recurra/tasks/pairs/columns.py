"""Which columns of a table hold the source and the target, by what they are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from recurra.data import tables
from recurra.errors import DataError, OptionError

if TYPE_CHECKING:
    from recurra.tasks.pairs.from_files import Reading

SOURCES: Final = ("source", "src", "question", "q", "input", "prompt", "original", "query")
TARGETS: Final = (
    *("target", "tgt", "trg", "answer", "a", "output", "response", "reply", "completion"),
    *("translation", "summary"),
)

_LANGUAGES: Final = frozenset(
    re.findall(
        "[a-z]+",
        """
        ar bg bn ca cs cy da de el en es et eu fa fi fr ga he hi hr hu id is it ja ka ko lt lv mk
        mn ms nb nl no pl pt ro ru sk sl sq sr sv sw ta te th tl tr uk ur uz vi yue zh ara bul ben
        cat ces cym dan deu ger ell eng spa est fas fin fra fre heb hin hrv hun ind isl ita jpn
        kat kor lit lav mon nld dut nor pol por ron rus slk slv srp swe tam tha tur ukr vie zho
        chi cmn arabic bulgarian bengali catalan chinese croatian czech danish dutch english
        estonian finnish french georgian german greek hebrew hindi hungarian icelandic indonesian
        italian japanese korean latin latvian lithuanian norwegian persian polish portuguese
        romanian russian serbian slovak slovenian spanish swahili swedish tamil thai turkish
        ukrainian urdu vietnamese
        """,
    )
)

_OTHERS: Final = frozenset(
    ("id", "index", "label", "text", "document", "sentence", "context", "category", "score", "lang")
)
"""Names of columns that tell a line of names from a pair, though not which column is which."""


def named(header: Sequence[str], reading: Reading) -> bool:
    """Whether a first line holds column names: those asked for, or such that are known."""
    asked = [each for each in (reading.source, reading.target) if each and not each.isdigit()]
    if asked:
        return all(tables.like(header, each) is not None for each in asked)
    names = [each.lower() for each in header]
    sure = [each for each in names if len(each) > 1 and each in (*SOURCES, *TARGETS, *_OTHERS)]
    return _known(header) is not None or len(sure) > 1 or all(map(_is_language, names))


def picked(header: Sequence[str], reading: Reading, name: str) -> tuple[str, str]:
    """The columns of source and target.

    Args:
        header: what the columns are called.
        reading: those that were asked for.
        name: what the table is called.

    Raises:
        OptionError: a column that was asked for does not exist, or is to be both.
        DataError: nothing says which they are; or two have one name.
    """
    twice = next((each for each in header if header.count(each) > 1), None)
    if twice is not None:
        raise DataError(
            f"{name}: two columns are called {twice!r}", expected="a name for each of them"
        )
    if len(header) < 2:
        raise DataError(
            f"{name}: one column, {header[0]!r}",
            expected="a column for the source and one for the target",
        )
    source, target = (
        None if asked is None else tables.named(header, asked, side, name)
        for side, asked in (("source", reading.source), ("target", reading.target))
    )
    if source is not None and source == target:
        raise OptionError(
            f"{name}: column {source!r} is to be both source and target",
            expected="a column each for --source and --target",
        )
    if source is not None and target is not None:
        return source, target
    if source is None and target is None:
        found = _known(header) or (tuple(header) if len(header) == 2 else None)
        if found is not None:
            return found[0], found[1]
        raise _which(header, "source", name)
    missing, known = ("source", SOURCES) if source is None else ("target", TARGETS)
    free = [each for each in header if each not in (source, target)]
    other = _only(free, known) or (free[0] if len(free) == 1 else None)
    if other is None:
        raise _which(header, missing, name)
    return (other, target) if target is not None else (source or "", other)


def _known(header: Sequence[str]) -> tuple[str, str] | None:
    """Source and target by known names; of two languages the first is the source."""
    found = [
        next((each for name in known if (each := tables.like(header, name)) is not None), None)
        for known in (SOURCES, TARGETS)
    ]
    if found[0] is not None and found[1] is not None:
        return found[0], found[1]
    languages = _languages(header)
    return (languages[0], languages[1]) if len(languages) == 2 else None


def _languages(header: Sequence[str]) -> list[str]:
    """The columns that are called as languages; "id" beside others is a number, not Indonesian."""
    found = [each for each in header if _is_language(each)]
    return found if len(header) == 2 else [each for each in found if each.lower() != "id"]


def _only(free: Sequence[str], known: Sequence[str]) -> str | None:
    """The column of a known name among these, or the only one that is called as a language."""
    for name in known:
        if (found := tables.like(free, name)) is not None:
            return found
    languages = [each for each in free if _is_language(each) and each.lower() != "id"]
    return languages[0] if len(languages) == 1 else None


def _is_language(name: str) -> bool:
    """Whether a column is called as a language: en, en-US, eng, English."""
    first, *rest = re.split("[-_]", name.strip().lower())
    return first in _LANGUAGES and len(rest) < 3


def _which(header: Sequence[str], side: str, name: str) -> DataError:
    return DataError(
        f"{name}: which column is the {side}? It has {', '.join(map(repr, header))}",
        expected="columns called source and target, question and answer, or en and de",
        fix="name them: --source COLUMN --target COLUMN",
    )

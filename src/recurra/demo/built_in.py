"""What the demos learn from: data that Python and the extras carry, some of it kept unseen."""

from __future__ import annotations

import random
import sys
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from recurra.data.files import TextSource

if TYPE_CHECKING:
    from recurra.tasks.captions.generators.drawn import Drawn

# Blocks whose names are all alike, but for a number or a code.
_NUMBERED: Final = (
    *("CJK ", "HANGUL SYLL", "TANGUT", "NUSHU", "KHITAN", "CUNEIFORM", "EGYPTIAN", "ANATOLIAN"),
    *("YI SYLL", "BAMUM", "VARIATION", "LINEAR", "VAI ", "SIGNWRITING"),
)

LANGUAGES: Final = (
    *("cs", "da", "de", "en", "es", "et", "fi", "fr", "hu", "id"),
    *("it", "lt", "nl", "no", "pl", "pt", "ro", "sv", "tr", "vi"),
)

WEEKS: Final = 52


def character_names() -> TextSource:
    """The names of Unicode's characters, a line each, in an order that is drawn."""
    names = (unicodedata.name(chr(code), "") for code in range(sys.maxunicode + 1))
    found = [name for name in names if name and not name.startswith(_NUMBERED)]
    random.Random(0).shuffle(found)
    return TextSource("\n".join(found) + "\n", f"unicode-{unicodedata.unidata_version}-names")


def _unseen(key: str) -> bool:
    return crc32(key.encode()) % 10 == 0


Named = tuple[list[str], list[str], list[str]]
"""Names, the language of each, and what each names: what shares it belongs together."""


def names_by_language() -> tuple[Named, Named]:
    """Countries and languages as 20 languages call them: those to learn from, those kept unseen.

    A name that two languages share says nothing, and is left out.
    """
    from babel import Locale

    rows: dict[str, tuple[str, str] | None] = {}
    for code in LANGUAGES:
        own = Locale.parse(code)
        for kind, listed in (("country", own.territories), ("language", own.languages)):
            for key, name in listed.items():
                said = (str(own.english_name), f"{kind} {key}")
                again = rows.get(name, said)
                rows[name] = said if again and again[0] == said[0] else None
    parts: tuple[Named, Named] = ([], [], []), ([], [], [])
    for name, row in sorted(rows.items(), key=lambda each: crc32(each[0].encode())):
        if row:
            for column, value in zip(parts[_unseen(row[1])], (name, *row), strict=True):
                column.append(value)
    return parts


Pairs = list[tuple[str, str]]


def dates() -> tuple[Pairs, Pairs]:
    """Dates in English, each with the same in Korean: to learn from, and of days kept unseen."""
    from recurra.tasks.pairs.dates import dates

    pairs, days = dates(0)
    parts: tuple[Pairs, Pairs] = [], []
    for *pair, day in zip(pairs.sources, pairs.targets, days.tolist(), strict=True):
        parts[_unseen(str(day))].append((pair[0], pair[1]))
    return parts


def carbon_dioxide() -> tuple[Any, Any]:
    """The air of Mauna Loa, week by week, as frames of pandas; the last year kept unseen."""
    from statsmodels.datasets import co2

    frame = co2.load_pandas().data.rename_axis("week").reset_index()
    return frame[:-WEEKS], frame[-WEEKS:]


def displays() -> tuple[Sequence[Drawn], Sequence[Drawn]]:
    """Scans of clean seven-segment displays: to learn from, and others, drawn apart, unseen."""
    from recurra.tasks.captions.generators.display_settings import EASY
    from recurra.tasks.captions.generators.displays import Displays

    drawn = [(Displays(seed, EASY), count) for seed, count in enumerate((600, 200))]
    known, unseen = ([each.draw(k) for k in range(count)] for each, count in drawn)
    return known, unseen

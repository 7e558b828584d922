"""Odd names that come again and again: each rings once, and is counted after that."""

from __future__ import annotations

from typing import Final, final

from recurra.tasks.text.anomaly import NAME, Line

MOST: Final = 100_000
"""Names that are remembered, and words of usual lines: the first ones."""

LONGEST: Final = 200
"""Characters of a name or a line that is remembered: memory has a bound."""

SHOWN: Final = 5
"""Names that are shown with their counts, those that came most often."""


@final
class Repeats:
    """Which lines are odd for no more than a name that was odd before.

    A name is a word that no line below the limit has had. A line that would be usual but for such a
    name does not ring again where that has rung, nor one that is as odd otherwise as the lines were
    that the name has rung in: what follows a strange name is surprising too. Nor does a line that
    has rung word for word.

    Args:
        limit: the score above which a line rings.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.counts: dict[str, int] = {}  # by name, or line: how often it came after it had rung
        self._otherwise: dict[str, float] = {}  # how odd what rang was but for the name
        self._usual: set[str] = set()

    def again(self, line: Line) -> str | None:
        """The name that has rung before, where a line is odd for that alone; it is counted."""
        if line.score <= self.limit:
            if len(self._usual) < MOST:
                self._usual.update(word for word in _words(line.text) if word not in self.counts)
            return None
        key = line.name if line.name and line.name not in self._usual else line.text
        if len(key) > LONGEST:
            return None
        if key in self.counts and (key == line.text or line.otherwise <= self._otherwise[key]):
            self.counts[key] += 1
            return key
        if key in self.counts or len(self.counts) < MOST:
            self.counts.setdefault(key, 0)
            self._otherwise[key] = max(self.limit, line.otherwise + 1.0)
        return None

    def summary(self) -> str:
        """How often what had rung came again, in a clause; nothing where nothing did."""
        found = sorted(((n, key) for key, n in self.counts.items() if n), reverse=True)
        if not found:
            return ""
        named = ", ".join(f"{key[:40]!r} {n:,}" for n, key in found[:SHOWN])
        more = f" and {len(found) - SHOWN:,} others" if len(found) > SHOWN else ""
        return (
            f"; lines odd for what had rung already: {sum(n for n, _ in found):,} ({named}{more})"
        )


def _words(text: str) -> list[str]:
    return [word for word in NAME.findall(text) if len(word) <= LONGEST]

"""Text for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size

from recurra.console.guard import written_out

WIDTH: Final = 79

_JOINERS: Final = "\u200c\u200d"  # they belong to words and emoji, and move no text


def filled(lines: Sequence[str]) -> Iterator[str]:
    """Lines no wider than a terminal, broken between words."""
    for line in lines:
        if cell_len(line) <= WIDTH:
            yield line
            continue
        so_far = ""
        for word in filter(None, line.split(" ")):
            if so_far and cell_len(so_far) + 1 + cell_len(word) > WIDTH:
                yield so_far
                so_far = ""
            so_far += f" {word}" if so_far else word
        yield so_far


def percent(share: float | None) -> str:
    """A share of one: 83.7 %."""
    return "-" if share is None else f"{100 * share:.1f} %"


def printable(text: str) -> str:
    """A text with what would move the terminal's cursor or its other text written out."""
    return "".join(
        each if each.isprintable() or each in _JOINERS else written_out(each) for each in text
    )


def fitted(text: str, width: int, *, tail: bool = False) -> str:
    """A text made printable, and no wider than so many columns: its beginning, or its end."""
    text = printable(text)
    if cell_len(text) <= width:
        return text
    if tail:
        kept = set_cell_size(text[::-1], max(width - 1, 0)).rstrip()[::-1]
        return "…" + kept
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…"

"""Where attention lay, as blocks of a terminal: a row a written piece, a column a read one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from rich.cells import cell_len, set_cell_size

from recurra.console.shades import LEGEND, block
from recurra.console.text import WIDTH, fitted, printable

TALL: Final = 12
"""Lines that the pieces read may take, one letter below the other."""

LABEL: Final = 18
"""Columns of a written piece."""

MOST: Final = 160
"""Pieces of either side up to which there is a picture in a terminal."""


def blocks(source: Sequence[str], pieces: Sequence[str], attention: Any) -> list[str]:
    """The lines of a picture in 80 columns; sources that are wider follow in bands.

    Args:
        source: the pieces that were read, S of them.
        pieces: the pieces that were written, T of them.
        looked: shares (T, S); a row or a column more is that of the end; (T, 0) where they were
            too many to be kept.
    """
    weights = np.asarray(attention, np.float64)
    if max(len(source), len(pieces)) > MOST:
        return [f"(too long to be shown: {len(source):,} pieces read, {len(pieces):,} written)"]
    if weights.ndim != 2 or not weights.any():
        return ["(nothing to show: this model looks back through one fixed vector)"]
    across, down = labels(source, weights.shape[1]), labels(pieces, weights.shape[0])
    names = [fitted(each, LABEL) for each in down]
    left = max(map(cell_len, names), default=0) + 1
    wide = (WIDTH - left) // 2
    lines: list[str] = []
    for first in range(0, len(across), wide):
        part = slice(first, first + wide)
        if lines:
            lines.append("")
        lines += _header(across[part], left)
        for name, row in zip(names, weights[:, part].tolist(), strict=True):
            lines.append((set_cell_size(name, left) + "".join(map(block, row))).rstrip())
    return [*lines, "", LEGEND]


def labels(pieces: Sequence[str], count: int) -> list[str]:
    """Pieces as they are shown, `count` of them; what is beyond their number is the end.

    The blank before a word is left out; where words have one, a piece that goes on with a word
    has a hyphen before it.
    """
    words = any(len(piece) > 1 and piece.startswith(" ") for piece in pieces)
    found = []
    for place, piece in enumerate(pieces[:count]):
        inside = words and place > 0 and not piece.startswith(" ") and piece[:1].isalnum()
        bare = piece.removeprefix(" ") if len(piece) > 1 else piece
        # A blank by itself would not be seen.
        # Joined emoji are as wide as each terminal likes: they are shown one by one.
        shown = printable(bare).replace(" ", "␣").replace("\u200d", "")
        found.append(("-" if inside else "") + (shown or "␣"))
    return found + ["(end)"] * (count - len(found))


def letters(text: str) -> list[str]:
    """A text as what stands in one place each: a letter with the marks on it."""
    found: list[str] = []
    for each in text:
        if cell_len(each) == 0 and found:
            found[-1] += each
        else:
            found.append(each)
    return found


def _header(names: Sequence[str], left: int) -> list[str]:
    """The pieces read, written downwards, so that each stands on its column."""
    columns = [letters(each) for each in names]
    columns = [each if len(each) <= TALL else [*each[: TALL - 1], "⋮"] for each in columns]
    height = max(map(len, columns), default=0)
    lines = []
    for line in range(height):
        cells = [
            each[line - height + len(each)] if line >= height - len(each) else ""
            for each in columns
        ]
        lines.append((" " * left + "".join(map(_two, cells))).rstrip())
    return lines


def _two(letter: str) -> str:
    """A letter in two columns, a narrow one at the right."""
    return " " * (2 - cell_len(letter)) + letter

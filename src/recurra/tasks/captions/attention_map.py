"""Where attention lay on a picture, as blocks of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from rich.cells import set_cell_size

from recurra.console.shades import LEGEND, block
from recurra.console.text import WIDTH, fitted, printable

LABEL: Final = 16
"""Columns of a piece, where the picture is one row of columns."""


def blocks(pieces: Sequence[str], attention: Any) -> list[str]:
    """The lines of a picture in 80 columns: a grid for each piece, side by side.

    A picture that was read by its columns has a line for each piece.

    Args:
        pieces: that were written, T of them.
        attention: (T, R, C), or more than T, of which the last is the end's.
    """
    weights = np.asarray(attention, np.float64)[: len(pieces)]
    if not weights.size or not weights.any():
        return ["(nothing to show)"]
    _, rows, columns = weights.shape
    names = [printable(piece.strip()) or "␣" for piece in pieces]
    if rows == 1:
        fit = max(1, (WIDTH - LABEL - 1) // 2)
        every = -(-columns // fit)  # columns that share a block, where there are too many
        lines = []
        for name, row in zip(names, weights[:, 0], strict=True):
            sums = np.add.reduceat(row, np.arange(0, columns, every))
            lines.append(set_cell_size(fitted(name, LABEL), LABEL + 1) + "".join(map(block, sums)))
        return [*lines, "", LEGEND]
    wide = 2 * columns
    beside = max(1, (WIDTH + 2) // (wide + 2))
    found: list[str] = []
    for first in range(0, len(names), beside):
        some = range(first, min(first + beside, len(names)))
        if found:
            found.append("")
        found.append("  ".join(set_cell_size(fitted(names[k], wide), wide) for k in some).rstrip())
        found += [
            "  ".join("".join(map(block, weights[k, row])) for k in some) for row in range(rows)
        ]
    return [*found, "", LEGEND]

"""Shares as blocks of a terminal: the fuller, the more."""

from __future__ import annotations

from typing import Final

SHADES: Final = ((0.75, "██"), (0.5, "▓▓"), (0.25, "▒▒"), (0.05, "░░"), (0.0, " ·"))
"""From which weight on a block is so full; each is two columns wide, as wide letters are."""

LEGEND: Final = "░░ from 5 %, ▒▒ from 25 %, ▓▓ from 50 %, ██ from 75 %"


def block(share: float) -> str:
    """The block of a share of one, two columns wide."""
    return next((block for least, block in SHADES if share >= least), SHADES[-1][1])

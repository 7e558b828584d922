"""How a picture is drawn and written: one style, and letters of any script."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from recurra.bundle import Run
from recurra.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
"""Of Okabe and Ito's colours, which people who see few colours tell apart."""


def figure(width: float = 6.4, height: float = 4.0) -> Figure:
    """An empty picture, in inches.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(
            "matplotlib is not installed", fix='pip install "recurra[show]"'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def write(run: Run, name: str, drawn: Figure) -> str:
    """Write a picture into the run; returns its name."""
    content = io.BytesIO()
    drawn.savefig(content, format="png", dpi=120)
    run.write_bytes(name, content.getvalue())
    return name


def font_for(texts: Iterable[str]) -> str | None:
    """The family of an installed font that has all letters of the texts; None without one."""
    wanted = {ord(letter) for text in texts for letter in text if not letter.isspace()}
    from matplotlib import font_manager

    default = font_manager.FontProperties().get_family()
    first = font_manager.findfont(font_manager.FontProperties(family=default))
    if wanted <= _letters(first):
        return str(font_manager.get_font(first).family_name)
    for entry in font_manager.fontManager.ttflist:
        if wanted <= _letters(entry.fname):
            return entry.name
    return None


@lru_cache(256)
def _letters(file: str) -> frozenset[int]:
    from matplotlib import font_manager

    try:
        found: Any = font_manager.get_font(file).get_charmap()
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(found)

"""How a picture is drawn and written: one style, in the colours of a page or of a file."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from recurra.bundle import Run
from recurra.console.text import printable
from recurra.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
GREEN: Final = "#009e73"
"""Of Okabe and Ito's colours, which people who see few colours tell apart."""

GREY: Final = "#555555"

CHART: Final = (4.8, 2.8)
"""Inches of a chart on a page: on a phone 400 pixels wide its letters are 11 pixels high."""

_OF_PAGE: Final = {
    "#000000": "currentColor",
    "#ffffff": "var(--ground, #fff)",
    GREY: "var(--soft, currentColor)",
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
    GREEN: "var(--green)",
}
"""Colours that a page has its own of, for light and dark."""


@final
@dataclass(frozen=True)
class Picture:
    """A picture in a run: its file; what is seen there; what it is, for those who cannot see it.

    One without a caption is not on the page, which shows the same in letters of its own.
    """

    name: str
    caption: str = ""
    label: str = ""


def figure(width: float = 6.4, height: float = 4.0) -> Figure:
    """An empty picture, in inches.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise MissingExtra(
            "matplotlib is not installed", fix='pip install "recurra[show]"'
        ) from error
    engine = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    return Figure(figsize=(width, height), layout=engine)


def titled(axes: Axes, text: str) -> None:
    """Say above a panel what its curves are, or are of; no text out of data moves another."""
    axes.set_title(printable(text)[:50], loc="left", fontsize=10, parse_math=False)


def write(run: Run, name: str, drawn: Figure, caption: str = "", label: str = "") -> Picture:
    """Write a picture into the run, of the form that its name ends in: .svg or .png."""
    content, form = io.BytesIO(), name.rpartition(".")[2]
    undated = {"Date": None} if form == "svg" else None
    with _drawing(name):
        drawn.savefig(content, format=form, dpi=120, metadata=undated)
    run.write_bytes(name, content.getvalue())
    return Picture(name, caption, label)


@contextlib.contextmanager
def _drawing(salt: str) -> Iterator[None]:
    """Draw a box for a letter that no font has, and say nothing: data hold letters of all kinds.

    In SVG letters are left to who shows it. The salt keeps names inside apart from those of other
    pictures of a page.
    """
    from matplotlib import rc_context

    with warnings.catch_warnings(), rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def fonts_for(texts: Iterable[str]) -> tuple[list[str], set[str]]:
    """Families of fonts that together have as many letters of the texts as can be had.

    The first that has a letter draws it. Beside the installed fonts there is that of package
    koreanize-matplotlib, where it is installed.

    Returns:
        The families, the usual one first, and the letters that none of them has.
    """
    wanted = {ord(letter) for text in texts for letter in text if letter.isprintable()}
    from matplotlib import font_manager

    default = font_manager.FontProperties().get_family()
    first = font_manager.findfont(font_manager.FontProperties(family=default))
    families = [str(font_manager.get_font(first).family_name)]
    wanted -= _letters(first)
    if wanted:
        known = [(entry.name, entry.fname) for entry in _installed()]
        while wanted:
            name, file = max(known, key=lambda font: len(wanted & _letters(font[1])))
            if not wanted & _letters(file):
                break
            families.append(name)
            wanted -= _letters(file)
    return families, {chr(code) for code in wanted}


def _installed() -> list[Any]:
    """The fonts that matplotlib finds, and those of a package that brings Korean ones."""
    from matplotlib import font_manager

    package = find_spec("koreanize_matplotlib")  # not imported: that would change every picture
    for folder in (package and package.submodule_search_locations) or []:
        for file in sorted(Path(folder).glob("fonts/NanumGothic.ttf")):
            if all(entry.fname != str(file) for entry in font_manager.fontManager.ttflist):
                font_manager.fontManager.addfont(str(file))
    # That of last resort has a box for every letter there is.
    fonts = font_manager.fontManager.ttflist
    return [entry for entry in fonts if not entry.name.startswith("Last Resort")]


@lru_cache(4096)
def _letters(file: str) -> frozenset[int]:
    from matplotlib import font_manager

    try:
        found: Any = font_manager.get_font(file).get_charmap()
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(found)


def svg(drawn: Figure, label: str) -> str:
    """A picture as part of a page, in the page's font and colours.

    Args:
        label: what it shows, for those who cannot see it.
    """
    content = io.StringIO()
    with _drawing(label):
        drawn.savefig(content, format="svg", transparent=True)
    return inline(content.getvalue(), label)


def inline(file: str, label: str) -> str:
    """What `write` wrote as SVG, as part of a page; see `svg`."""
    # What comes before the picture is for files of their own, and says where they are defined.
    text = re.sub(r"^.*?(?=<svg)|<metadata>.*?</metadata>", "", file, flags=re.S)
    text = re.sub(r' (?:xmlns(?::xlink)?|version)="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'<(g|svg) id="[^"]*"', r"<\1", text)
    text = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r"<svg \1>", text, count=1)
    for colour, of_page in _OF_PAGE.items():
        text = text.replace(colour, of_page)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)

"""Where the fonts are that other packages bring."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recurra.errors import MissingExtra, unknown

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

KOREAN: Final = ("NanumGothicLight", "NanumGothic", "NanumGothicBold", "NanumGothicExtraBold")
"""Weights of one font, from koreanize-matplotlib."""

LATIN: Final = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold"),
)
"""Fonts that matplotlib brings."""

_FROM: Final = {
    **dict.fromkeys(KOREAN, ("koreanize_matplotlib", "fonts")),
    **dict.fromkeys(LATIN, ("matplotlib", "mpl-data/fonts/ttf")),
}
"""The package of each font, and the folder in it."""


def font_file(name: str) -> Path:
    """The file of a font.

    Raises:
        OptionError: a font that none of these packages brings.
        MissingExtra: the package that brings it is not installed.
    """
    if name not in _FROM:
        raise unknown("font", name, tuple(_FROM))
    package, folder = _FROM[name]
    spec = find_spec(package)  # not imported: that would change every picture of matplotlib's
    for root in (spec and spec.submodule_search_locations) or []:
        file = Path(root) / folder / f"{name}.ttf"
        if file.exists():
            return file
    raise MissingExtra(
        f"the font {name} comes with {package.replace('_', '-')}, which is not installed",
        fix='pip install "recurra[captions]"',
    )


@lru_cache(256)
def font(name: str, size: float) -> FreeTypeFont:
    """A font of so many pixels, its letters placed one after the other.

    Raises:
        OptionError, MissingExtra: as `font_file`.
    """
    from PIL import ImageFont

    # Pillow's own layout: the same whatever libraries for scripts are installed.
    file = str(font_file(name))
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)

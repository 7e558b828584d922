"""Printed lines of text, grey, of about 32 pixels' height and of ragged width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from recurra.errors import OptionError, unknown
from recurra.tasks.captions.generators.drawn import (
    Drawn,
    Pixels,
    need_pillow,
    noise,
    randomness,
    to_pixels,
)
from recurra.tasks.captions.generators.fonts import KOREAN, LATIN, font, font_file
from recurra.tasks.captions.generators.syllables import COMMON

Script = Literal["korean", "latin"]

LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Of Latin lines: without I, O, 0 and 1, which some fonts write like l, o and one another."""

SIGNS: Final[dict[Script, str]] = {"korean": COMMON, "latin": LETTERS}
"""What lines are written with, each sign as likely as any other."""

FONTS: Final[dict[Script, tuple[str, ...]]] = {"korean": KOREAN, "latin": LATIN}
"""The fonts of each script."""

HEIGHT: Final = 32
"""Pixels, give or take `_TALLER`."""

_TALLER: Final = 3
_WORDS: Final[dict[Script, tuple[int, int]]] = {"korean": (1, 5), "latin": (2, 8)}
"""Signs between two blanks, at least and at most."""

_SIZES: Final = (17, 22)
"""Pixels of the font, in halves."""

_TILT: Final = 1.9
"""Degrees to either side, at most: less where a line is so long that it would leave the picture."""


@dataclass(frozen=True)
class Lines:
    """Draws lines of 5 to 20 signs with blanks between, as words have them.

    Images are (H, W). `Lines(fonts=("NanumGothic",))` keeps to one weight, so that others report.

    Raises:
        OptionError: a script or font that is not known, lengths that are none.
        MissingExtra: Pillow, or a package that brings the fonts, is not installed.
    """

    seed: int = 0
    script: Script = "korean"
    fonts: tuple[str, ...] = ()
    """By name, as `fonts.KOREAN` and `fonts.LATIN` have them; without any, all of the script's."""
    lengths: tuple[int, int] = (5, 20)
    """Signs of a line without its blanks, at least and at most."""

    def __post_init__(self) -> None:
        if self.script not in SIGNS:
            raise unknown("script", self.script, tuple(SIGNS))
        if not 1 <= self.lengths[0] <= self.lengths[1]:
            raise OptionError(f"lengths={self.lengths}", expected="1 or more, the lesser first")
        need_pillow()
        for name in self._fonts:
            if self.script == "korean" and name in LATIN:
                raise OptionError(f"font {name!r} has no Korean letters")
            font_file(name)

    @property
    def _fonts(self) -> tuple[str, ...]:
        return self.fonts or FONTS[self.script]

    def text(self, number: int) -> str:
        """The text of this number, without its picture."""
        return self._text(randomness(self.seed, number))

    def draw(self, number: int) -> Drawn:
        """The line of this number."""
        random = randomness(self.seed, number)
        text = self._text(random)
        name = self._fonts[int(random.random() * len(self._fonts))]
        return Drawn(_print(random, text, name), text)

    def _text(self, random: np.random.Generator) -> str:
        signs = SIGNS[self.script]
        count = int(random.integers(self.lengths[0], self.lengths[1] + 1))
        line = [signs[i] for i in random.integers(0, len(signs), count).tolist()]
        words, (least, most) = [], _WORDS[self.script]
        while line:
            size = int(random.integers(least, most + 1))
            words.append("".join(line[:size]))
            del line[:size]
        return " ".join(words)


def _print(random: np.random.Generator, text: str, name: str) -> Pixels:
    """The picture (H, W) of a text: dark on light or the other way round, never cut."""
    from PIL import Image, ImageDraw, ImageFilter

    chance = random.random(12)
    size = _SIZES[0] + int(chance[0] * (2 * (_SIZES[1] - _SIZES[0]) + 1)) / 2
    letters = font(name, size)
    left, top, right, bottom = letters.getbbox(text)
    wide, tall = right - left, bottom - top
    height = HEIGHT + round(_TALLER * (2 * chance[1] - 1))
    # A tilted line is taller by its rise; it must fit, with two pixels to spare.
    spare = max(0.0, height - 4 - tall)
    most = min(np.deg2rad(_TILT), np.arcsin(min(1.0, spare / wide)))
    tilt = most * (2 * chance[2] - 1)
    ends = 3 + 9 * chance[3:5]
    width = int(np.ceil(wide + ends.sum()))
    ink = Image.new("L", (int(wide) + 2, int(tall) + 2))
    ImageDraw.Draw(ink).text((1 - left, 1 - top), text, fill=255, font=letters)
    # Where the line's middle comes to lie; then from pixels of the picture back to the ink.
    free = (spare - wide * abs(np.sin(tilt))) * (chance[5] - 0.5)
    middle = np.array([ends[0] + wide / 2, height / 2 + free])
    cos, sin = np.cos(tilt), np.sin(tilt)
    home = np.array([wide, tall]) / 2 + 1 - np.array([[cos, sin], [-sin, cos]]) @ middle
    matrix = (cos, sin, home[0], -sin, cos, home[1])
    placed = ink.transform(
        (width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
    )
    blurred = placed.filter(ImageFilter.GaussianBlur(0.1 + 0.45 * float(chance[6])))
    cover = np.asarray(blurred, np.float32) / 255
    paper = 190 + 60 * chance[7] + 12 * (chance[8] - 0.5) * np.linspace(-1, 1, width)
    grey = 20 + 65 * chance[9]
    values = (paper + (grey - paper) * cover).astype(np.float32)
    values += noise(random, values.shape, 1 + 6 * chance[10])
    return to_pixels(255 - values if chance[11] < 0.1 else values)

"""Scenes of one to five coloured shapes, and a sentence that tells what is where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError, unknown
from recurra.tasks.captions.generators.drawn import (
    Drawn,
    Floats,
    Shown,
    need_pillow,
    noise,
    randomness,
    to_pixels,
)
from recurra.tasks.captions.generators.grammar import (
    COLOURS,
    LANGUAGES,
    PLACES,
    SHAPES,
    Language,
    spans,
)

Points = NDArray[np.float64]
Pairs = Literal["known", "held_out", "all"]

SIDE: Final = 64
"""Pixels of a scene's height and width."""

MOST: Final = 5
"""Objects of a scene, at most."""

HELD_OUT: Final = {
    "red": "star",
    "orange": "circle",
    "yellow": "ring",
    "green": "triangle",
    "blue": "diamond",
    "purple": "cross",
    "pink": "square",
    "black": "circle",
}
"""Colours with the shape that is never shown in that colour where only known pairs are."""

RGB: Final = {
    "red": (205, 25, 30),
    "orange": (245, 135, 20),
    "yellow": (245, 220, 20),
    "green": (25, 150, 55),
    "blue": (25, 75, 210),
    "purple": (125, 40, 160),
    "pink": (250, 145, 195),
    "black": (25, 25, 28),
}

_FINE: Final = 4
"""Objects are drawn this many times larger, then reduced: their edges become smooth."""

_TURN: Final = 12.0
"""Degrees by which an object is turned at most: a square stays a square, and no diamond."""

_RADII: Final = (7.0, 9.6)
"""Pixels from the centre to the farthest corner; a place is 21 wide, so none leaves its own."""

_SHADE: Final = 14.0
"""How far red, green and blue of an object lie from its colour's, at most."""


@dataclass(frozen=True)
class Scenes:
    """Draws scenes: `Scenes(seed=0).draw(7)` is always the same one.

    Images are (64, 64, 3). What `Drawn.shown` lists are the objects, in the sentence's order.

    Raises:
        OptionError: a language or a kind of pairs that is not known.
        MissingExtra: Pillow is not installed.
    """

    seed: int = 0
    language: Language = "en"
    pairs: Pairs = "all"
    """known: no pair of `HELD_OUT` is shown; held_out: in every scene one at least; all: any."""
    most: int = MOST
    """Objects of a scene, at most."""

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise unknown("language", self.language, LANGUAGES)
        if self.pairs not in ("known", "held_out", "all"):
            raise unknown("kind of pairs", self.pairs, ("known", "held_out", "all"))
        if not 1 <= self.most <= len(PLACES):
            raise OptionError(f"most={self.most}", expected=f"1 to {len(PLACES)} objects")
        need_pillow()

    def draw(self, number: int) -> Drawn:
        """The scene of this number."""
        random = randomness(self.seed, number)
        count = int(random.integers(1, self.most + 1))
        # The first places of a random order, then in reading order.
        places = np.sort(np.argsort(random.random(len(PLACES)), kind="stable")[:count])
        kinds = self._kinds(random, count)
        canvas = _background(random)
        facts, boxes = [], []
        chances = random.random((count, 7))
        for place, (colour, shape), chance in zip(places.tolist(), kinds, chances, strict=True):
            facts.append((colour, shape, _PLACES[place]))
            boxes.append(_place(canvas, colour, shape, place, chance))
        canvas += noise(random, canvas.shape, 2.0 + 3.0 * float(random.random()))
        text, named = spans(facts, self.language)
        shown = tuple(
            Shown(f"{colour} {shape}", place, box, span)
            for (colour, shape, place), box, span in zip(facts, boxes, named, strict=True)
        )
        return Drawn(to_pixels(canvas), text, shown)

    def _kinds(self, random: np.random.Generator, count: int) -> list[tuple[str, str]]:
        """Colour and shape of each object."""
        every, known, held_out = _pairs()
        allowed = known if self.pairs == "known" else every
        found = [allowed[i] for i in random.integers(0, len(allowed), count).tolist()]
        if self.pairs == "held_out":
            one = int(random.integers(0, len(held_out)))
            found[int(random.integers(0, count))] = held_out[one]
        return found


_PLACES: Final = tuple(PLACES)


@cache
def _pairs() -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str]]]:
    """Colours with shapes: all, those that are not held out, those that are."""
    every = list(product(COLOURS, SHAPES))
    return every, [p for p in every if HELD_OUT[p[0]] != p[1]], list(HELD_OUT.items())


def _background(random: np.random.Generator) -> Floats:
    """A light ground (64, 64, 3): nearly grey, a little darker towards one side."""
    tone, tint, slope = random.random(), random.random(3), random.random(2)
    colour = (205 + 35 * tone + 10 * (tint - 0.5)).astype(np.float32)
    along = np.linspace(-1, 1, SIDE, dtype=np.float32)
    down, right = (8 * (slope - 0.5)).astype(np.float32)
    ground: Floats = (down * along[:, None] + right * along)[..., None] + colour
    return ground


def _place(
    canvas: Floats, colour: str, shape: str, place: int, chance: Points
) -> tuple[int, int, int, int]:
    """Draws an object into a scene; returns its box."""
    from PIL import Image, ImageDraw

    radius = _RADII[0] + (_RADII[1] - _RADII[0]) * float(chance[0])
    angle = np.deg2rad(_TURN * (2 * float(chance[1]) - 1))
    cos, sin = radius * np.cos(angle), radius * np.sin(angle)
    outline, hole = _outlines()[shape]
    corners = outline @ np.array([[cos, sin], [-sin, cos]])
    # The whole object moves within its place, whose middle it need not hit.
    width = SIDE / 3
    low, high = corners.min(0), corners.max(0)
    corner = np.array([place % 3, place // 3]) * width
    # Half a pixel stays free on either side, so that neighbours never touch.
    centre = corner + 0.5 - low + (width - 1 - (high - low)) * chance[2:4]
    left, top = np.floor(centre + low).astype(int).tolist()
    right, bottom = np.ceil(centre + high).astype(int).tolist()
    shift = centre - (left, top)
    fine = Image.new("L", (_FINE * (right - left), _FINE * (bottom - top)))
    pen = ImageDraw.Draw(fine)
    pen.polygon((_FINE * (corners + shift) - 0.5).ravel().tolist(), fill=255)
    if hole:
        pen.polygon((_FINE * (hole * corners + shift) - 0.5).ravel().tolist(), fill=0)
    cover = np.asarray(fine.reduce(_FINE), np.float32)[..., None] / 255
    paint = np.array(RGB[colour], np.float32) + _SHADE * (2 * chance[4:7] - 1).astype(np.float32)
    region = canvas[top:bottom, left:right]
    region += (paint - region) * cover
    return left, top, right, bottom


@cache
def _outlines() -> dict[str, tuple[Points, float]]:
    """Corners (C, 2) of each shape about its centre, right and down, none farther than 1 from it.

    With each, how large its hole is, as a part of the shape.
    """
    square = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]) / np.sqrt(2)
    arm = 0.36  # half a cross's arm is wide
    cross = [[-arm, -1], [arm, -1], [arm, -arm], [1, -arm], [1, arm], [arm, arm]]
    cross = cross + [[-x, -y] for x, y in cross]
    return {
        "circle": (0.92 * _wheel(40), 0.0),
        "square": (square, 0.0),
        "triangle": (_wheel(3), 0.0),
        "cross": (np.array(cross) / np.hypot(1, arm), 0.0),
        "star": (_wheel(10) * np.where(np.arange(10) % 2, 0.42, 1.0)[:, None], 0.0),
        "diamond": (_wheel(4) * (0.68, 1), 0.0),
        "ring": (0.96 * _wheel(40), 0.56),
    }


def _wheel(count: int) -> Points:
    """Points (count, 2) on the circle of radius 1, the first at the top."""
    angles = 2 * np.pi * np.arange(count) / count
    return np.stack([np.sin(angles), -np.cos(angles)], 1)

"""Photographs of seven-segment displays, and the reading as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recurra.tasks.captions.generators import camera
from recurra.tasks.captions.generators.camera import Random, between
from recurra.tasks.captions.generators.display_settings import HARD, Hardness, Range
from recurra.tasks.captions.generators.drawn import Drawn, Floats, need_pillow, randomness

Points = NDArray[np.float64]

SEGMENTS: Final = {
    "0": "abcdef", "1": "bc", "2": "abged", "3": "abgcd", "4": "fgbc",
    "5": "afgcd", "6": "afgedc", "7": "abc", "8": "abcdefg", "9": "abcdfg",
    "-": "g", " ": "",
}  # fmt: skip
"""Which segments are lit: a at the top, then clockwise to f; g in the middle."""

OTHER_WAYS: Final = {"6": "fgedc", "7": "abcf", "9": "abcfg"}
"""Some displays write these digits so."""

DIGITS: Final = (3, 6)
"""Digits of a reading, at least and at most."""

_FINE: Final = 3
"""Segments are drawn this many times larger, then reduced: their edges become smooth."""

_DIODES: Final = ((255, 40, 30), (255, 140, 20), (60, 255, 70), (60, 150, 255), (235, 240, 255))
_CRYSTALS: Final = ((170, 182, 150), (186, 190, 184), (140, 165, 120), (150, 175, 190))
_FRAMES: Final = ((28, 28, 30), (70, 72, 76), (150, 150, 148), (205, 203, 196), (60, 80, 110))


@dataclass(frozen=True)
class Displays:
    """Draws displays of 3 to 6 digits, some with a minus, some with a point: "-12.5".

    Images are (H, W, 3), of unequal sizes.

    Raises:
        MissingExtra: Pillow is not installed.
    """

    seed: int = 0
    hardness: Hardness = HARD

    def __post_init__(self) -> None:
        need_pillow()

    def draw(self, number: int) -> Drawn:
        """The display of this number."""
        random = randomness(self.seed, number)
        text = _reading(random)
        height = between(random, self.hardness.height)
        segments, lit, window = _layout(random, text)
        to_picture, size = _view(random, self.hardness, window, height)
        segments = to_picture(segments)
        covers = Covers(
            _cover(segments[lit], size),
            _cover(segments[~lit], size),
            _cover(to_picture(window[None]), size),
        )
        make = _crystals if random.random() < 0.5 else _diodes
        picture = make(random, self.hardness, covers, height)
        return Drawn(camera.photograph(random, self.hardness, picture, height), text)


class Covers(NamedTuple):
    """How much of each pixel (H, W) is covered, 0 to 1."""

    lit: Floats
    unlit: Floats
    window: Floats


def _reading(random: Random) -> str:
    """What the display shows: every digit as likely as any other."""
    count = int(random.integers(DIGITS[0], DIGITS[1] + 1))
    digits = "".join(map(str, random.integers(0, 10, count).tolist()))
    point, sign = int(random.integers(1, count)), random.random(2)
    if sign[0] < 0.6:
        digits = f"{digits[:point]}.{digits[point:]}"
    return f"-{digits}" if sign[1] < 0.25 else digits


def _layout(random: Random, text: str) -> tuple[Points, NDArray[np.bool_], Points]:
    """Segments (cells, 8, 6, 2), which are lit (cells, 8), and the window (4, 2).

    A digit is 1 high; all lies about the window's middle, right and down.
    """
    width = between(random, (0.48, 0.62))
    thick, gap = between(random, (0.1, 0.16)), between(random, (0.0, 0.04))
    pitch = width + between(random, (0.24, 0.38))
    slant = between(random, (0.0, 0.16))
    other = {sign: way for sign, way in OTHER_WAYS.items() if random.random() < 0.3}
    blanks, room = int(random.integers(0, 2)), between(random, (0.15, 0.4))
    signs = " " * blanks + text.replace(".", "")
    shown = [(SEGMENTS | other)[sign] for sign in signs]
    if "." in text:
        shown[-1 - len(text.partition(".")[2])] += "p"
    lit = np.array([[name in names for name in "abcdefgp"] for names in shown])
    cells = np.zeros((len(signs), 1, 1, 2))
    cells[:, 0, 0, 0] = pitch * np.arange(len(signs))
    segments = _segments(width, thick, gap) + cells
    segments[..., 0] += slant * (0.5 - segments[..., 1])
    left, right = -room - slant / 2, len(signs) * pitch + room - 0.1 + slant / 2
    top, bottom = -room, 1 + room
    window = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return segments - window.mean(0), lit, window - window.mean(0)


def _segments(width: float, thick: float, gap: float) -> Points:
    """Hexagons (8, 6, 2): the segments a to g of a cell, and its point."""
    half = thick / 2
    x, y = (half, width - half), (half, 0.5, 1 - half)
    left, right = [[x[0], each] for each in y], [[x[1], each] for each in y]
    starts = np.array([left[0], right[0], right[1], left[2], left[1], left[0], left[1]])
    ends = np.array([right[0], right[1], right[2], right[2], left[2], left[1], right[1]])
    along = (ends - starts) / np.linalg.norm(ends - starts, axis=1, keepdims=True)
    across = half * along[:, ::-1]
    starts, ends, inner = starts + gap * along, ends - gap * along, half * along
    corners = [starts, starts + inner + across, ends - inner + across]
    corners += [ends, ends - inner - across, starts + inner - across]
    angles = np.arange(6) * (2 * np.pi / 6)
    point = 0.72 * thick * np.stack([np.cos(angles), np.sin(angles)], 1)
    point += (width + 0.14, 1 - 0.72 * thick)
    return np.concatenate([np.stack(corners, 1), point[None]])


def _view(
    random: Random, hardness: Hardness, window: Points, height: float
) -> tuple[Callable[[Points], Points], tuple[int, int]]:
    """From the display's points (..., 2) to pixels, and the picture's size (H, W)."""
    turn = np.deg2rad(_either(random, hardness.turn))
    ends = np.array([_either(random, hardness.perspective) for _ in range(2)])
    ends /= (window[1, 0], 2 * window[2, 1])  # half as much from top to bottom
    rotation = height * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])

    def flat(points: Points) -> Points:
        seen: Points = (points / (1 + points @ ends)[..., None]) @ rotation
        return seen

    corners = flat(window)
    margins = height * np.array([between(random, hardness.margin) for _ in range(4)])
    low = corners.min(0) - margins[:2]
    width, tall = np.ceil(corners.max(0) + margins[2:] - low).astype(int).tolist()
    return (lambda points: flat(points) - low), (tall, width)


def _cover(polygons: Points, size: tuple[int, int]) -> Floats:
    """How much of each pixel (H, W) some polygons (P, C, 2) cover, 0 to 1."""
    from PIL import Image, ImageDraw

    fine = Image.new("L", (_FINE * size[1], _FINE * size[0]))
    pen = ImageDraw.Draw(fine)
    for corners in (_FINE * polygons - 0.5).reshape(len(polygons), -1).tolist():
        pen.polygon(corners, fill=255)
    return np.asarray(fine.reduce(_FINE), np.float32) / np.float32(255)


def _crystals(random: Random, hardness: Hardness, covers: Covers, height: float) -> Floats:
    """Dark segments on a light ground (H, W, 3), of 255, which throw a shadow."""
    ground = _colour(random, _CRYSTALS, 14)
    contrast, faint = between(random, hardness.contrast), between(random, hardness.faint)
    shadow = camera.moved(covers.lit, 0.05 * height, 0.06 * height)
    dark = covers.lit + faint * covers.unlit + 0.18 * (1 - covers.lit) * shadow
    face = ground * (1 - contrast * dark)[..., None]
    return camera.shone_on(random, hardness, _framed(random, face, covers.window, height))


def _diodes(random: Random, hardness: Hardness, covers: Covers, height: float) -> Floats:
    """Glowing segments on a dark ground (H, W, 3), of 255."""
    colour = _colour(random, _DIODES, 12)
    bright, faint = between(random, hardness.glow), between(random, hardness.faint)
    ground = np.float32(between(random, (8, 38)))
    face = ground + (0.5 * faint * covers.unlit)[..., None] * (0.5 * colour + 64)
    around = camera.shone_on(random, hardness, _framed(random, face, covers.window, height))
    halo = camera.softened(covers.lit, 0.12 * height)
    # The middle of what glows is whiter: it is too bright for its own colour.
    white = (60 * bright * covers.lit * halo)[..., None]
    glow = (bright * (0.9 * covers.lit + 0.45 * halo) * covers.window)[..., None]
    return around + colour * glow + white


def _framed(random: Random, face: Floats, window: Floats, height: float) -> Floats:
    """The window's face within its frame, whose edge is lighter or darker."""
    frame = _colour(random, _FRAMES, 12)
    edge = camera.softened(window, 0.05 * height)
    line = edge * (1 - edge) * np.float32(360 * (random.random() - 0.5))
    found: Floats = frame + (face - frame) * window[..., None] + line[..., None]
    return found


def _colour(random: Random, among: Sequence[tuple[int, int, int]], variation: float) -> Floats:
    """One of some colours, and a little beside it."""
    chosen = np.array(among[int(random.integers(0, len(among)))], np.float32)
    return np.clip(chosen + variation * (2 * random.random(3) - 1), 0, 255).astype(np.float32)


def _either(random: Random, ends: Range) -> float:
    """As far as this, to one side or the other."""
    found = between(random, ends)
    return found if random.random() < 0.5 else -found

"""A true picture with its text, and what draws them without end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recurra.errors import MissingExtra

Pixels = NDArray[np.uint8]
"""A picture: (H, W) grey, or (H, W, 3) red, green, blue."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Shown:
    """Something that is in a picture and named by its text."""

    name: str
    """What it is, in English, whatever language the text is in: "red circle"."""
    place: str
    box: tuple[int, int, int, int]
    """Left, top, right, bottom in pixels; the last two lie outside."""
    span: tuple[int, int]
    """Where the text names it: the first character, and the one after the last."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture and what is true of it."""

    image: Pixels
    text: str
    shown: tuple[Shown, ...] = ()
    """What its text names, in the text's order; empty for strips, whose text is what they show."""

    def words(self, shown: Shown) -> tuple[int, ...]:
        """The words of the text, by their numbers between blanks, that name what is shown."""
        first = self.text.count(" ", 0, shown.span[0])
        return tuple(range(first, first + 1 + self.text.count(" ", *shown.span)))


class Generator(Protocol):
    """Draws true pictures, as many as are asked for."""

    def draw(self, number: int) -> Drawn:
        """The picture of this number (0 and up): always the same, whatever was drawn before."""
        ...


def draw_many(generator: Generator, numbers: Iterable[int]) -> Iterator[Drawn]:
    """The pictures of these numbers, one after the other, as they are asked for.

    >>> pictures = draw_many(Scenes(seed=0), range(1000))  # doctest: +SKIP
    """
    return (generator.draw(number) for number in numbers)


def randomness(seed: int, number: int) -> np.random.Generator:
    """The random numbers of one picture: of no other, and of no global state.

    Of NumPy's generator only `random` and `integers` and the raw output are used, which have not
    changed between its versions.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, number))))


def noise(random: np.random.Generator, shape: tuple[int, ...], deviation: float) -> Floats:
    """Noise of mean 0, nearly normal: the sum of four bytes, far cheaper than normal values."""
    count = int(np.prod(shape))
    raw = np.atleast_1d(random.bit_generator.random_raw(-(-count // 2)))
    bytes_ = raw.astype("<u8", copy=False).view(np.uint8)[: 4 * count].reshape(4, count)
    found: Floats = bytes_.sum(0, dtype=np.int16).astype(np.float32).reshape(shape)
    found -= 2 * 255
    found *= np.float32(deviation / np.sqrt(4 * (256**2 - 1) / 12))
    return found


def to_pixels(values: Floats) -> Pixels:
    """Values of 0 to 255 as bytes, what lies outside cut."""
    found: Pixels = np.clip(values + np.float32(0.5), 0, 255).astype(np.uint8)
    return found


def need_pillow() -> None:
    """Whether pictures can be drawn at all.

    Raises:
        MissingExtra: Pillow is not installed.
    """
    if find_spec("PIL") is None:
        raise MissingExtra(
            "pictures are drawn by Pillow, which is not installed",
            fix='pip install "recurra[captions]"',
        )

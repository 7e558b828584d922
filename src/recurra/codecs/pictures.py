"""Pictures as bytes, brought to one size, and as a network's numbers."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.picture_files import (
    SUFFIXES,
    Pixels,
    content_of,
    from_bytes,
    from_value,
    is_large,
    need_pillow,
)
from recurra.errors import BundleError

__all__ = [
    "SUFFIXES",
    "PictureForm",
    "Pixels",
    "bounded",
    "content_of",
    "from_bytes",
    "from_value",
    "is_large",
    "need_pillow",
    "resized",
    "side_by_side",
]

T = TypeVar("T")

LONGEST: Final = 2048
"""Pixels of a side of what a network reads, at most."""

_SAMPLE: Final = 2_000
"""Pictures that a form's mean and deviation are taken from, at most."""


def side_by_side(read: Callable[[int], T], count: int) -> list[T]:
    """What `read` gives for 0, 1, ..., by several threads: Pillow decodes outside Python's lock.

    Raises:
        Exception: what `read` raised first, by number; the rest is not begun.
    """
    # What is to be warned of belongs to the whole process. Set here, where one thread runs: threads
    # that each set it, as `from_bytes` does, undo one another's.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
        try:
            return list(pool.map(read, range(count)))
        finally:
            pool.shutdown(cancel_futures=True)


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """A picture (height, width, C), antialiased where that is smaller.

    Raises:
        MissingExtra: Pillow is not installed.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    pillow = need_pillow()
    image = pillow.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    found = np.array(image.resize((width, height), pillow.Resampling.BILINEAR), np.uint8)
    return found.reshape(height, width, pixels.shape[2])


def bounded(pixels: Pixels, area: int) -> Pixels:
    """A picture of at most `area` pixels, reduced in proportion; never enlarged.

    Raises:
        MissingExtra: it is too large, and Pillow is not installed.
    """
    height, width, _ = pixels.shape
    if height * width <= area:
        return pixels
    scale = math.sqrt(area / (height * width))
    high, wide = max(1, int(height * scale)), max(1, int(width * scale))
    # A line of pixels cannot become thinner.
    return resized(pixels, min(high, area // wide or 1), min(wide, area // high or 1))


@final
@dataclass(frozen=True)
class PictureForm:
    """What a model's pictures are brought to.

    Without a `width` pictures are strips: each of this height, its width in proportion, up to
    `longest` columns. With a width they are boxes: each is reduced in proportion until it fits
    into (height, width), and never enlarged. No picture is squashed: a strip that would be too
    long becomes less high. `mean` and `deviation` are of values from 0 to 1.

    Raises:
        BundleError: numbers that make no sense.
    """

    channels: Literal[1, 3]
    height: int
    width: int | None
    longest: int = LONGEST
    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        sizes = (self.height, self.longest, 1 if self.width is None else self.width)
        numbers = (self.mean, self.deviation)
        right = (
            self.channels in (1, 3)
            and all(type(each) is int and 0 < each <= LONGEST for each in sizes)
            and all(isinstance(each, int | float) and math.isfinite(each) for each in numbers)
            and self.deviation > 0
        )
        if not right:
            raise BundleError(
                f"no form of pictures: {self}", expected=f"sizes from 1 to {LONGEST:,}"
            )

    @classmethod
    def learn(
        cls, pictures: Sequence[Pixels], *, height: int, width: int | None, longest: int = LONGEST
    ) -> PictureForm:
        """The form of training pictures: in colour where one is, mean and deviation their own."""
        colour = any(each.shape[2] == 3 for each in pictures)
        form = cls(3 if colour else 1, height, width, longest)
        counts = np.zeros(256, np.int64)
        for each in pictures[:: -(-len(pictures) // _SAMPLE) or 1]:
            counts += np.bincount(form.scaled(each).reshape(-1), minlength=256)
        values = np.arange(256) / 255
        mean = float(counts @ values / max(counts.sum(), 1))
        spread = math.sqrt(float(counts @ (values - mean) ** 2 / max(counts.sum(), 1)))
        # Of blank pictures nothing is to be had; they become zeros.
        return cls(form.channels, height, width, longest, mean, spread if spread > 1e-6 else 1.0)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """The height and width that a picture of these is brought to."""
        if self.width is None:
            scale = min(self.height / height, self.longest / width)
        else:
            scale = min(1.0, self.height / height, self.width / width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def scaled(self, pixels: Pixels) -> Pixels:
        """A picture (H, W, C) with this form's channels and size."""
        if pixels.shape[2] > self.channels:
            # As Pillow weighs them (ITU-R 601-2).
            weights = np.array([19595, 38470, 7471], np.uint32)
            pixels = ((pixels @ weights + 0x8000) >> 16).astype(np.uint8)[..., None]
        pixels = resized(pixels, *self.size(*pixels.shape[:2]))
        if pixels.shape[2] < self.channels:
            pixels = np.repeat(pixels, self.channels, axis=2)
        return pixels

    def numbers(
        self, pictures: Sequence[Pixels], multiple: tuple[int, int] = (1, 1)
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Pictures as a network reads them, zeros below and to the right of each.

        Args:
            pictures: such as `scaled` gives.
            multiple: what height and width of the batch are rounded up to.

        Returns:
            Numbers (B, H, W, C) of mean 0 and deviation 1, about; and the heights and widths
            (B, 2) without zeros. Strips have the form's height, rounded up, at least.
        """
        sizes = np.array([each.shape[:2] for each in pictures], np.int64).reshape(-1, 2)
        most = sizes.max(0, initial=1)
        if self.width is None:
            most[0] = max(most[0], self.height)
        high, wide = (-(-int(n) // by) * by for n, by in zip(most, multiple, strict=True))
        table = ((np.arange(256) / 255 - self.mean) / self.deviation).astype(np.float32)
        found = np.zeros((len(pictures), high, wide, self.channels), np.float32)
        for row, each in zip(found, pictures, strict=True):
            row[: each.shape[0], : each.shape[1]] = table[each]
        return found, sizes

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> PictureForm:
        """The form that was written.

        Raises:
            BundleError: it is damaged.
        """
        if not isinstance(value, Mapping):
            raise BundleError(f"no form of pictures: {value!r}", expected="an object")
        try:
            return cls(**value)
        except TypeError:
            raise BundleError(
                f"no form of pictures: {dict(value)}", expected="height, width and the rest"
            ) from None

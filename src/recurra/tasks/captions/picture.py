"""A picture of the data: small enough that all of them stay in memory, and known by its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final, final

import numpy as np

from recurra.codecs.pictures import Pixels, bounded, content_of, from_bytes, is_large

MEMORY: Final = 2**30
"""Bytes that all pictures take, at most, about."""


def area_of(pictures: int) -> int:
    """Pixels that each of so many pictures may have."""
    return max(1, min(2**18, MEMORY // (3 * max(1, pictures))))


@final
@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of its bounded size, and what is known of it."""

    pixels: Pixels
    name: str
    """Its file, or "picture 7"."""
    key: str
    """The digest of what it was before it was bounded: equal pictures have one."""

    @classmethod
    def of(cls, pixels: Pixels, name: str, area: int) -> Picture:
        """A picture of pixels, bounded."""
        return cls(bounded(pixels, area), name, key_of(pixels))

    @classmethod
    def in_file(
        cls, path: str | PathLike[str], where: str, area: int
    ) -> tuple[Picture, tuple[str, ...]]:
        """The picture in a file, bounded, and what was done to it that people are told.

        Raises:
            DataError: it cannot be read, or is no picture.
            MissingExtra: Pillow is not installed.
        """
        content = content_of(path, where)
        pixels, notes = from_bytes(content, where, enough=area)
        # What is not decoded whole is known by its bytes, whatever size it was decoded at.
        key = hashlib.sha256(content).hexdigest() if is_large(content) else key_of(pixels)
        return cls(bounded(pixels, area), Path(path).name, key), notes


def key_of(pixels: Pixels) -> str:
    """The digest of a picture's size and pixels."""
    digest = hashlib.sha256(str(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()

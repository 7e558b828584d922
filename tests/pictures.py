"""Pictures for tests: made-up ones, and files of them that are broken on purpose."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from recurra.codecs.pictures import Pixels


def some(seed: int, height: int = 12, width: int = 16, channels: int = 3) -> Pixels:
    """A picture that is like no other, without fine detail."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (3, 4, channels), np.uint8)
    return np.kron(small, np.ones((height // 3, width // 4, 1), np.uint8))


def image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def png(pixels: Pixels) -> bytes:
    return saved(image(pixels), "PNG")


def turned(orientation: int) -> Image.Exif:
    """EXIF data that say how a camera was held."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def header(width: int, height: int) -> bytes:
    """A PNG that says its size, and has no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def folder(path: Path, count: int, first: int = 0) -> Path:
    """`count` pictures, no two equal, called p0.png, p1.png, ..."""
    path.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        (path / f"p{number}.png").write_bytes(png(some(number)))
    return path

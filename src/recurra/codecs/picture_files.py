"""Pictures out of files' bytes and Python values, whatever form they have there."""

from __future__ import annotations

import io
import math
import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import DataError, MissingExtra

Pixels = NDArray[np.uint8]
"""A picture (H, W, C): C is 1, grey, or 3, red, green and blue."""

MOST: Final = 100_000_000
"""Pixels of a picture that is read."""

FORMATS: Final = ("PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "HEIF")
"""What is read, by Pillow's names, as far as it is there: HEIF needs pillow_heif to be registered.

Not what starts other programs, as EPS does.
"""

SUFFIXES: Final = frozenset(
    (*(".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"), ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
)
"""What pictures' files are called, in small letters."""

_LARGE: Final = 2**18
"""Bytes of a JPEG from which on it may be decoded smaller."""

EXPECTED: Final = "a picture: PNG, JPEG, GIF, WebP, BMP, TIFF or PPM"


def from_bytes(
    content: bytes, where: str, *, enough: int | None = None
) -> tuple[Pixels, tuple[str, ...]]:
    """The picture in a file's content, upright, on white where it is transparent.

    Args:
        content: of a file of one of `FORMATS`.
        where: what the file is called in messages.
        enough: pixels that the picture need not have more of, by much: a large JPEG (`is_large`)
            is then decoded at a half, a quarter or an eighth of its size, which takes less time.

    Returns:
        The picture, grey where all its channels are equal; and what was done to it that people
        are notes, a few words each.

    Raises:
        DataError: it is no picture, truncated, without pixels, or has too many.
        MissingExtra: Pillow is not installed.
    """
    if not content:
        raise DataError(f"{where}: the file is empty", expected=EXPECTED)
    pillow = need_pillow()
    with warnings.catch_warnings():
        # Pillow warns of what is broken in a file beside its pixels, and of many pixels.
        warnings.simplefilter("ignore")
        image = _opened(pillow, content, where)
        if enough is not None and is_large(content):
            scale = min(1.0, math.sqrt(enough / (image.width * image.height)))
            image.draft(None, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
        return _guarded(lambda: _of_image(pillow, image, where, first=True), where)


def is_large(content: bytes) -> bool:
    """Whether these are the bytes of a JPEG that need not be decoded whole."""
    return len(content) > _LARGE and content.startswith(b"\xff\xd8")


def content_of(path: str | os.PathLike[str], where: str) -> bytes:
    """The bytes of a picture's file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise DataError(
            f"{where}: cannot be read: {why}", expected=f"the path of {EXPECTED}"
        ) from error


def from_value(value: Any, where: str) -> tuple[Pixels, tuple[str, ...]]:
    """The picture that a Python value is, as `from_bytes` gives it.

    Args:
        value: a path, an image of Pillow's, or an array (H, W) or (H, W, 1, 3 or 4) of bytes, of
            16 bits, of truth values, or of numbers from 0 to 1.
        where: what it is called in messages.

    Raises:
        DataError: it is none of these, or as `from_bytes`.
        MissingExtra: Pillow is needed and not installed.
    """
    if isinstance(value, str | os.PathLike):
        place = f"{where}: {value}" if where else str(value)
        return from_bytes(content_of(value, place), place)
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(value, pillow.Image):
        _check_size(value.width, value.height, where)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _guarded(lambda: _of_image(pillow, value, where, first=False), where)
    return _of_array(value, where)


def need_pillow() -> Any:
    """Pillow's module of images.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import PIL.Image
    except ImportError as error:
        raise MissingExtra(
            "pictures are read by Pillow, which is not installed",
            fix='pip install "recurra[captions]"',
        ) from error
    return PIL.Image


def _opened(pillow: Any, content: bytes, where: str) -> Any:
    """The image of a file, its header read and nothing more."""
    pillow.init()
    known = [each for each in FORMATS if each in pillow.OPEN]
    try:
        image = pillow.open(io.BytesIO(content), formats=known)
    except pillow.DecompressionBombError as error:  # from twice its own limit on
        count = re.search(r"\d+", str(error))
        what = f"{int(count[0]):,} pixels" if count else "too many pixels"
        raise _too_large(what, where) from None
    except pillow.UnidentifiedImageError:
        foreign = content[4:8] == b"ftyp"
        raise DataError(
            f"{where}: " + ("HEIC or AVIF" if foreign else "no picture, or a damaged one"),
            expected=EXPECTED,
            fix="convert it to JPEG; telephones can be told to take those" if foreign else "",
        ) from None
    except Exception as error:
        raise _damaged(where, error) from error
    _check_size(image.width, image.height, where)
    return image


def _check_size(width: int, height: int, where: str) -> None:
    if width * height > MOST:
        raise _too_large(f"{width:,} x {height:,} pixels", where)
    if width < 1 or height < 1:
        raise DataError(
            f"{where}: a picture of {width} x {height} pixels", expected="a pixel at least"
        )


def _too_large(what: str, where: str) -> DataError:
    return DataError(
        f"{where}: {what}", expected=f"at most {MOST:,} pixels", fix="reduce the picture first"
    )


def _damaged(where: str, error: Exception) -> DataError:
    why = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(
        f"{where}: truncated or damaged: {why}",
        expected=EXPECTED,
        fix="put a whole copy in its place, or drop it",
    )


def _guarded(
    read: Callable[[], tuple[Pixels, tuple[str, ...]]], where: str
) -> tuple[Pixels, tuple[str, ...]]:
    """What is read; whatever Pillow raises over a broken file is said in a sentence."""
    try:
        return read()
    except DataError:
        raise
    except Exception as error:  # OSError, SyntaxError, struct.error, EOFError, zlib.error, ...
        raise _damaged(where, error) from error


def _of_image(
    pillow: Any, image: Any, where: str, *, first: bool
) -> tuple[Pixels, tuple[str, ...]]:
    from PIL import ImageOps

    notes = []
    # A telephone's JPEG may carry a preview as its second frame (MPO): that is no animation.
    if image.format in ("GIF", "WEBP", "PNG", "TIFF") and getattr(image, "is_animated", False):
        what = "page of several" if image.format == "TIFF" else "frame of an animation"
        notes.append(f"first {what}" if first else f"one {what}")
        if first:
            image.seek(0)
    image.load()
    if image.getexif().get(0x0112, 1) in range(2, 9):
        image = ImageOps.exif_transpose(image)
        notes.append("turned upright, as its EXIF data say")
    mode = image.mode
    if mode.startswith(("I", "F")):
        pixels, how = _deep(np.asarray(image), where)
        return pixels, (*notes, *how)
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getextrema()[3][0] < 255:
            notes.append("laid on white where it is transparent")
        image = pillow.alpha_composite(pillow.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB")
    elif mode == "1":
        image = image.convert("L")
    elif mode not in ("L", "RGB"):
        if mode == "CMYK":
            notes.append("CMYK turned into RGB")
        image = image.convert("RGB")
    return _plain(np.array(image, np.uint8)), tuple(notes)


def _deep(values: NDArray[Any], where: str) -> tuple[Pixels, tuple[str, ...]]:
    """Grey of more than 8 bits: scaled, not cut."""
    if values.dtype.kind == "f":
        return _of_array(values, where)
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"{where}: grey values from {values.min():,} to {values.max():,}",
            expected="8 or 16 bits a value: 0 to 255, or to 65,535",
        )
    return _of_array(values.astype(np.uint16), where)


def _of_array(value: Any, where: str) -> tuple[Pixels, tuple[str, ...]]:
    expected = "a path, an image of Pillow's, or an array (H, W), (H, W, 3) or (H, W, 4)"
    try:
        values = np.asarray(value)
    except Exception as error:
        raise DataError(
            f"{where}: {type(value).__name__}, no picture", expected=expected
        ) from error
    if values.dtype.kind not in "buif":
        raise DataError(f"{where}: {type(value).__name__}, no picture", expected=expected)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4):
        first = values.ndim == 3 and values.shape[0] in (1, 3, 4)
        raise DataError(
            f"{where}: an array of shape {np.shape(value)}",
            expected=expected,
            fix="channels come last: array.transpose(1, 2, 0)" if first else "",
        )
    _check_size(values.shape[1], values.shape[0], where)
    notes = ("16 bits brought to 8",) if values.dtype == np.uint16 else ()
    values = _bytes(values, where)
    if values.shape[2] == 4:
        colour, cover = values[..., :3].astype(np.int32), values[..., 3:].astype(np.int32)
        if cover.min() < 255:
            notes = (*notes, "laid on white where it is transparent")
        values = ((colour * cover + 255 * (255 - cover) + 127) // 255).astype(np.uint8)
    return _plain(values), notes


def _bytes(values: NDArray[Any], where: str) -> Pixels:
    """Values of the types that are read as bytes; a copy."""
    if values.dtype == np.uint8:
        return values.copy()
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint16:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if values.dtype.kind == "f":
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 1:  # neither is true of NaN
            return np.rint(values.astype(np.float64) * 255).astype(np.uint8)
        raise DataError(
            f"{where}: "
            + ("NaN among its values" if np.isnan(low) else f"numbers from {low:g} to {high:g}"),
            expected="numbers from 0, black, to 1, white; or whole ones of type uint8",
            fix="divide by the greatest value, or array.astype(numpy.uint8)",
        )
    raise DataError(
        f"{where}: an array of {values.dtype}",
        expected="uint8, uint16, bool, or numbers from 0 to 1",
        fix="where they go from 0 to 255: array.astype(numpy.uint8)",
    )


def _plain(pixels: NDArray[np.uint8]) -> Pixels:
    """A picture with the axis of its channels, one where all are equal."""
    if pixels.ndim == 2:
        return pixels[..., None]
    if pixels.shape[2] == 3:
        one = pixels[..., :1]
        # Its first row tells most colour pictures at once.
        if (pixels[:1] == one[:1]).all() and (pixels == one).all():
            return one.copy()
    return pixels

"""Python values -> pictures with their texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from os import PathLike
from typing import Any, Final

import numpy as np

from recurra.codecs.pictures import from_value, side_by_side
from recurra.data.frame_columns import several
from recurra.data.source_locations import Places
from recurra.errors import DataError
from recurra.tasks.captions.picture import Picture, area_of
from recurra.tasks.captions.splits import Captioned, checked

_EXPECTED: Final = (
    "X: pictures (paths, images of Pillow's, arrays); y: a text, or several, for each"
)


def captioned_from(X: Any, y: Any) -> tuple[Captioned, dict[str, int]]:
    """Pictures with their texts, and what was found, counted.

    Args:
        X: paths, images of Pillow's or arrays; or one array (N, H, W) or (N, H, W, C).
        y: a text for each, or a list of texts.

    Raises:
        DataError: they are no such, their counts differ, or a text is empty.
        MissingExtra: Pillow is needed and not installed.
    """
    pictures = listed(X)
    described = several(y, "y", _EXPECTED)
    if len(pictures) != len(described):
        raise DataError(
            f"{len(pictures):,} pictures, but texts for {len(described):,}",
            expected="a text, or a list of texts, for each picture",
        )
    owner, texts = [], []
    for row, each in enumerate(described):
        mine = [each] if isinstance(each, str) else each
        if isinstance(mine, bytes) or not isinstance(mine, Iterable):
            raise DataError(f"y[{row}]: {type(each).__name__}, no text", expected=_EXPECTED)
        mine = list(mine)
        if not mine or not all(isinstance(text, str) for text in mine):
            what = "no text" if not mine else f"{mine!r:.60}, no list of texts"
            raise DataError(f"y[{row}]: {what}", expected=_EXPECTED)
        texts += [str(text) for text in mine]
        owner += [row] * len(mine)
    area = area_of(len(pictures))

    def read(row: int) -> tuple[Picture, tuple[str, ...]]:
        each = pictures[row]
        if isinstance(each, str | PathLike):
            return Picture.in_file(each, f"X[{row}]: {each}", area)
        pixels, notes = from_value(each, f"X[{row}]")
        return Picture.of(pixels, f"picture {row + 1}", area), notes

    # An image of Pillow's may stand there twice, and is not to be loaded by two threads at once.
    files = all(isinstance(each, str | PathLike) for each in pictures)
    rows = range(len(pictures))
    read_all = side_by_side(read, len(pictures)) if files else list(map(read, rows))
    counts = Counter(note for _, notes in read_all for note in notes)
    where = Places((("", "X", owner),))
    captioned, found = checked([each for each, _ in read_all], owner, texts, None, where)
    return captioned, {**counts, **found}


def listed(X: Any) -> list[Any]:
    """Pictures one by one.

    Raises:
        DataError: it is a picture alone, or none at all.
    """
    if isinstance(X, np.ndarray) and X.ndim not in (1, 3, 4):
        raise DataError(
            f"X: an array of shape {X.shape}",
            expected="(N, H, W) or (N, H, W, C): pictures one after the other",
            fix="X[None] if this is one picture" if X.ndim == 2 else "",
        )
    return several(X, "X", _EXPECTED)

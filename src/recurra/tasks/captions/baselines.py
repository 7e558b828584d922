"""What a caption has to beat: one text for all, the nearest known picture, an installed OCR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.words import normal
from recurra.errors import counted
from recurra.tasks.captions.ocr import read
from recurra.tasks.nearest import most_alike
from recurra.tasks.stored_baselines import WITHOUT, LeftOut

Pictures = Sequence[NDArray[np.uint8]]
Floats = NDArray[np.float32]

SECONDS: Final = 30.0
"""What an installed OCR may take, unless told otherwise."""

_CELLS: Final = 256  # of a small picture: 16 x 16, or as many in proportion
_AT_ONCE: Final = 1 << 22  # similarities at a time

# Seconds on one slow core, so that what is left out follows from the data and the time alone.
_A_VALUE: Final = 10e-9  # of a picture that is made small
_A_PRODUCT: Final = 0.1e-9  # of a value of a small picture with one of another


@final
@dataclass(frozen=True, eq=False)
class Baseline:
    """What something simple says of the pictures that report.

    Args:
        name: as it reads after "the": "most frequent text".
        note: what it is and what it was given, in a few words.
        predicted: a text for each picture.
        nats: how surprising it finds each true caption, where it can tell.
        false_nats: and each false one.
    """

    name: str
    note: str
    predicted: Sequence[str]
    nats: NDArray[np.float64] | None = None
    false_nats: NDArray[np.float64] | None = None


def caption_baselines(
    learn_pictures: Pictures,
    learn_texts: Sequence[Sequence[str]],
    test_pictures: Pictures,
    *,
    seconds: float = WITHOUT,
    ocr_seconds: float = SECONDS,
) -> tuple[tuple[Baseline, ...], tuple[LeftOut, ...]]:
    """Every baseline, the last an OCR where one is installed; and those that there is no time for.

    Whether the nearest picture has the time is a function of the data and of `seconds` alone: it is
    given all the data, or left out. The time of the OCR is taken by a clock.

    Args:
        learn_pictures: N pictures (H, W, C) of unequal sizes.
        learn_texts: one or several texts of each.
        test_pictures: those that report.
        seconds: what the nearest picture may take on one slow core.
        ocr_seconds: what an installed OCR may take.
    """
    common, times = Counter(normal(x) for each in learn_texts for x in each).most_common(1)[0]
    often = Baseline(
        "most frequent text",
        f"always {common[:60]!r}, which stands {counted(times, 'time')} in training",
        (common,) * len(test_pictures),
    )
    firsts = [each[0] for each in learn_texts]
    nearest = _nearest(learn_pictures, firsts, test_pictures, common, seconds)
    every: list[Baseline | LeftOut] = [often, nearest]
    if (found := read(test_pictures, seconds=ocr_seconds)) is not None:
        name, texts = "installed OCR", found.texts
        every.append(
            LeftOut(name, found.note) if texts is None else Baseline(name, found.note, texts)
        )
    return (
        tuple(each for each in every if isinstance(each, Baseline)),
        tuple(each for each in every if isinstance(each, LeftOut)),
    )


def _nearest(
    known: Pictures, texts: Sequence[str], asked: Pictures, otherwise: str, seconds: float
) -> Baseline | LeftOut:
    """The text of the known picture that is most like the one asked: its small picture's cosine."""
    name = "nearest training picture"
    height, width = _size(known)
    channels = max(each.shape[2] for each in (*known, *asked))
    length = height * width * channels
    cost = _A_VALUE * sum(each.size for each in (*known, *asked))
    cost += _A_PRODUCT * length * len(asked) * len(known)
    if cost > seconds:
        return LeftOut.of(name, f"{len(known):,} known pictures", cost)
    theirs = small_pictures(known, height, width, channels)
    ours = small_pictures(asked, height, width, channels)
    best = most_alike(lambda part: ours[part] @ theirs.T, len(ours), len(theirs), at_once=_AT_ONCE)
    said = [otherwise if place < 0 else texts[place] for place in best.tolist()]
    note = f"pictures of {height} x {width}, cosine; given all {len(known):,} known pictures"
    return Baseline(name, note, tuple(said))


def _size(pictures: Pictures) -> tuple[int, int]:
    """Height and width of small pictures, in the proportion of the middle one of the known."""
    wide = float(np.median([each.shape[1] / each.shape[0] for each in pictures]))
    height = min(max(round((_CELLS / wide) ** 0.5), 1), _CELLS)
    return height, max(_CELLS // height, 1)


def small_pictures(pictures: Pictures, height: int, width: int, channels: int) -> Floats:
    """Pictures of one size as rows of length 1 without their mean, (N, height * width * channels).

    Each value is the mean over an area. A picture of one channel has it as often as others have
    channels; one that is all alike is a row of zeros.
    """
    rows = np.empty((len(pictures), height * width * channels), np.float32)
    for row, picture in zip(rows, pictures, strict=True):
        values = np.tensordot(_areas(picture.shape[0], height), picture.astype(np.float32), 1)
        values = np.einsum("vw,hwc->hvc", _areas(picture.shape[1], width), values, optimize=True)
        row[:] = np.broadcast_to(values, (height, width, channels)).ravel()
    rows -= rows.mean(1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    # Below a thousandth of a grey level it is rounding.
    rows /= np.where(lengths > 1e-3 * rows.shape[1] ** 0.5, lengths, np.inf)
    return rows


@lru_cache(256)  # heights and widths of pictures are mostly alike
def _areas(size: int, cells: int) -> Floats:
    """How much each of `size` pixels in a row has of each of `cells` equal parts, (cells, size)."""
    ends = np.linspace(0, size, cells + 1)[:, None]
    pixels = np.arange(size)
    common = np.minimum(ends[1:], pixels + 1) - np.maximum(ends[:-1], pixels)
    shares: Floats = (np.maximum(common, 0) * (cells / size)).astype(np.float32)
    return shares

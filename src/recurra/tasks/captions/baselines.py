"""What a caption has to beat: one text for all, the nearest known picture, an installed OCR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.words import normal
from recurra.errors import counted
from recurra.tasks.captions.ocr import read
from recurra.tasks.nearest import extent, most_alike, some

Pictures = Sequence[NDArray[np.uint8]]
Floats = NDArray[np.float32]

SECONDS: Final = 30.0
"""What all baselines together may take on one core, unless told otherwise."""

_CELLS: Final = 256  # of a small picture: 16 x 16, or as many in proportion
_LEAST: Final = 100  # known pictures that are looked through, however little time there is
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
    seconds: float = SECONDS,
    say: Callable[[str], object] | None = None,
) -> tuple[Baseline, ...]:
    """Every baseline; the last is an OCR, where one is installed and has the time.

    Half of the time is for the nearest picture, which is a function of the data and of `seconds`
    alone: where there is no time for all known pictures, so many of them are looked through, and
    the note says so. What that leaves is for the OCR, whose time is taken by a clock.

    Args:
        learn_pictures: N pictures (H, W, C) of unequal sizes.
        learn_texts: one or several texts of each.
        test_pictures: those that report.
        say: is told which OCR is installed and left out, and why.
    """
    common, times = Counter(normal(x) for each in learn_texts for x in each).most_common(1)[0]
    often = Baseline(
        "most frequent text",
        f"always {common[:60]!r}, which stands {counted(times, 'time')} in training",
        (common,) * len(test_pictures),
    )
    begun = perf_counter()
    firsts = [each[0] for each in learn_texts]
    nearest = _nearest(learn_pictures, firsts, test_pictures, common, seconds / 2)
    found = read(test_pictures, seconds=max(0.0, seconds - (perf_counter() - begun)))
    if found is None:
        return often, nearest
    if found.texts is None:
        if say is not None:
            say(found.note)
        return often, nearest
    return often, nearest, Baseline("installed OCR", found.note, found.texts)


def _nearest(
    known: Pictures, texts: Sequence[str], asked: Pictures, otherwise: str, seconds: float
) -> Baseline:
    """The text of the known picture that is most like the one asked: its small picture's cosine."""
    height, width = _size(known)
    channels = max(each.shape[2] for each in (*known, *asked))
    length = height * width * channels
    left = seconds - _A_VALUE * sum(each.size for each in asked)
    each_known = _A_VALUE * float(np.mean([p.size for p in known]))
    each_known += _A_PRODUCT * length * len(asked)
    rows = some(len(known), max(_LEAST, int(left / each_known)))
    theirs = small_pictures([known[row] for row in rows.tolist()], height, width, channels)
    ours = small_pictures(asked, height, width, channels)
    best = most_alike(lambda part: ours[part] @ theirs.T, len(ours), len(theirs), at_once=_AT_ONCE)
    said = [otherwise if place < 0 else texts[rows[place]] for place in best.tolist()]
    through = extent(rows, len(known))
    note = f"pictures of {height} x {width}, cosine; looked through {through} known pictures"
    return Baseline("nearest training picture", note, tuple(said))


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

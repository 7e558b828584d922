"""Unknown words of a source put where a translation attended to them (Luong et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.words import word_pattern

Span = tuple[str, int, int, bool]
"""A word, the bytes of UTF-8 from and to, and whether it is known."""


def replaced(
    written: Sequence[bytes],
    attention: NDArray[np.float32],
    widths: NDArray[np.int64],
    words: Sequence[Span],
) -> str:
    """A translation in which what was written for an unknown word is that word.

    A written word is for the source word that its pieces gave more than half of their attention.
    Several for one, side by side, are one.

    Args:
        written: the bytes of each piece of the translation, T of them.
        attention: the attention of each piece, (T, S) or with a row more.
        widths: the bytes that each piece of the source takes up, (S,).
        words: of the source, with the blank that is read before it.
    """
    # Bytes that are no characters, which a model may write, stay the bytes they are.
    text = b"".join(written).decode("utf-8", "surrogateescape")
    spans = [
        (found.start(), found.end(), *_bytes(text, found.start(), found.end()))
        for found in word_pattern().finditer(text)
    ]
    if not words or not spans or all(known for *_, known in words):
        return _readable(text)
    read = _shares(widths, [(begin, end) for _, begin, end, _ in words])
    sizes = np.array([len(each) for each in written], np.int64)
    wrote = _shares(sizes, [each[2:] for each in spans])
    attended = wrote @ attention[: len(written), : len(widths)] @ read.T
    parts, at, last = [], 0, -1
    for (begin, end, *_), shares in zip(spans, attended, strict=True):
        best = int(shares.argmax())
        word, *_, known = words[best]
        if known or shares[best] <= shares.sum() / 2:
            last = -1
            continue
        if best != last:
            parts += [text[at:begin], word]
        at, last = end, best
    return _readable("".join([*parts, text[at:]]))


def _readable(text: str) -> str:
    whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return whole.removeprefix(" ")


def _bytes(text: str, begin: int, end: int) -> tuple[int, int]:
    before = len(text[:begin].encode("utf-8", "surrogateescape"))
    return before, before + len(text[begin:end].encode("utf-8", "surrogateescape"))


def _shares(sizes: NDArray[np.int64], spans: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
    """How many bytes of each piece (N,) each span (W,) has, as shares of the piece, (W, N)."""
    ends = np.cumsum(sizes)
    begins = ends - sizes
    bounds = np.array(spans, np.int64)
    common = np.minimum(ends, bounds[:, 1:]) - np.maximum(begins, bounds[:, :1])
    found: NDArray[np.float64] = np.maximum(common, 0) / np.maximum(sizes, 1)
    return found

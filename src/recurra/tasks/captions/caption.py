"""The verb: pictures in batches of like sizes, each to its best captions, in the order given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.pictures import PictureForm, Pixels
from recurra.codecs.tokenizer import BEGIN, END, UNKNOWN, Tokenizer
from recurra.errors import OptionError
from recurra.runtime.captions import ATTENTION, BLANK, CaptionNetwork
from recurra.search.ctc import alignment, ctc_beam
from recurra.search.decoding import Looking, SearchOptions, chances, write
from recurra.search.hypotheses import Hypothesis

LONGEST: Final = 10_000
"""Pieces of a caption, at most."""

_PICTURES: Final = 128
_PIXELS: Final = 1 << 21
"""Pictures that are read together, and their pixels, padding counted."""


@final
@dataclass(frozen=True, eq=False)
class Caption:
    """A caption, and what is known of it.

    Args:
        text: as people read it.
        score: what ranks it among the best of its picture.
        log_probability: of its pieces and its end, in nats.
        ended: whether the model ended it, or it was cut at its limit.
        pieces: (T,) as people read them.
        attention: (T, R, C) float32: where each piece looked, of R x C equal parts of the picture.
    """

    text: str
    score: float
    log_probability: float
    ended: bool
    pieces: list[str]
    attention: NDArray[np.float32]


def caption(
    network: CaptionNetwork,
    form: PictureForm,
    targets: Tokenizer,
    pictures: Sequence[Pixels],
    how: SearchOptions,
    *,
    longest: int,
) -> list[list[Caption]]:
    """The best captions of each picture, best first, in the order of the pictures.

    Args:
        pictures: as `form` scales them.
        longest: the most pieces of a caption, its end among them.

    Raises:
        OptionError: something is asked of CTC that it does not have.
        RecurraError: the network's scores are not numbers.
    """
    ctc = network.architecture.reading == "ctc"
    if ctc:
        check_ctc(how)
    chance = chances(how, len(pictures))
    found: list[list[Caption]] = [[] for _ in pictures]
    for rows in batches(pictures):
        x, sizes = form.numbers([pictures[row] for row in rows.tolist()], network.multiple)
        grids = network.grids(sizes)
        if ctc:
            written = _spelt(network, targets, how, x, sizes)
        else:
            encoded = network.encode(x, sizes)
            hypotheses = write(
                network.decoder(encoded),
                how,
                [each for row in rows.tolist() for each in chance[row]],
                begin=BEGIN,
                end=END,
                limits=np.full(len(rows), min(longest, how.longest), np.int64),
                excluded=excluded(targets),
                attention=_map,
                coverage=_map,
                sources=encoded.lengths,
            )
            written = [[_caption(one, targets) for one in each] for each in hypotheses]
        for row, (down, across), each in zip(rows.tolist(), grids.tolist(), written, strict=True):
            found[row] = [_laid_out(one, down, across) for one in each]
    return found


def check_ctc(how: SearchOptions) -> None:
    """Check that CTC can write this way.

    Raises:
        OptionError: it cannot.
    """
    asked = {
        "sample": how.sample is not None,
        "coverage-penalty": how.coverage_penalty,
        "no-repeat-ngram": how.no_repeat_ngram,
    }
    for name, value in asked.items():
        if value:
            raise OptionError(
                f"--{name} with a model that reads by CTC",
                expected="--beam and --n-best: each column says a piece or nothing",
            )


def excluded(targets: Tokenizer) -> tuple[int, ...]:
    """The ids that no caption holds."""
    return (BEGIN, UNKNOWN)[: 2 if targets.unit in ("subwords", "characters") else 1]


def batches(pictures: Sequence[Pixels]) -> Iterator[NDArray[np.int64]]:
    """Rows (k,) of like sizes, within what a batch may hold."""
    shapes = np.array([each.shape[:2] for each in pictures], np.int64).reshape(-1, 2)
    order = np.lexsort((shapes[:, 1], shapes[:, 0]))
    start = 0
    while start < len(order):
        ahead = shapes[order[start : start + _PICTURES]]
        area = np.maximum.accumulate(ahead, axis=0).prod(1) * np.arange(1, len(ahead) + 1)
        count = max(1, int((area <= _PIXELS).sum()))
        yield order[start : start + count]
        start += count


def _spelt(
    network: CaptionNetwork,
    targets: Tokenizer,
    how: SearchOptions,
    x: NDArray[np.float32],
    sizes: NDArray[np.int64],
) -> list[list[Caption]]:
    """What the columns of pictures say, by CTC."""
    found = []
    never = (*excluded(targets), END)
    for frames in network.frames(x, sizes).rows():
        each = []
        for one in ctc_beam(frames, how.beam, how.n_best, blank=BLANK, excluded=never):
            tokens = np.array(one.tokens, np.int64)
            attention = np.zeros((len(tokens), len(frames)), np.float32)
            attention[np.arange(len(tokens)), alignment(frames, tokens, BLANK)] = 1.0
            score = one.log_probability / max(1, len(tokens)) ** how.length_penalty
            each.append(_said(one.tokens, targets, score, one.log_probability, True, attention))
        found.append(each)
    return found


def _caption(found: Hypothesis, targets: Tokenizer) -> Caption:
    attention = found.attention
    assert attention is not None
    attention = np.asarray(attention[: len(found.tokens)], np.float32)
    return _said(found.tokens, targets, found.score, found.log_probability, found.ended, attention)


def _said(
    tokens: Sequence[int],
    targets: Tokenizer,
    score: float,
    log_probability: float,
    ended: bool,
    attention: NDArray[np.float32],
) -> Caption:
    ids = list(tokens)
    return Caption(
        targets.decode(ids), score, log_probability, ended, targets.shown(ids), attention
    )


def _laid_out(one: Caption, down: int, across: int) -> Caption:
    """A caption whose attention (T, S) is laid out as its picture is, (T, R, C)."""
    grid = one.attention[:, : down * across].reshape(-1, down, across)
    return Caption(one.text, one.score, one.log_probability, one.ended, one.pieces, grid)


def _map(state: Looking) -> NDArray[Any]:
    return state[ATTENTION]

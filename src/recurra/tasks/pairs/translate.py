"""The verb: texts in batches of like lengths, each to its best translations, in the order given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.tokenizer import BEGIN, END, UNKNOWN, Tokenizer
from recurra.errors import BundleError
from recurra.runtime.ensemble import ATTENTION
from recurra.search.decoding import Decoding, Looking, SearchOptions, chances, write
from recurra.search.hypotheses import Hypothesis
from recurra.tasks.pairs.copying import Span, replaced

Numbers = NDArray[np.int64]
Limit = Callable[[Numbers], Numbers]
"""Pieces of sources (n,) -> the most pieces of their translations (n,)."""

_ROWS: Final = 512
"""Hypotheses that are written together: enough for wide products, few enough for caches."""

_READ: Final = 16_384
"""Source pieces, padding counted, that are read together."""

_CELLS: Final = 2**25
"""Places of a batch times steps read and written, which bounds what is noted of attention."""

MAPPED: Final = 2_000
"""Pieces of a source beyond which no map of attention is told: nobody could look at it."""

_MOST: Final = 1_000
"""Pieces of a translation for each of its source, and beyond them, at most."""


class Translator(Protocol):
    """A network that reads sources, and decodes from what it has read."""

    def encode(self, sources: Sequence[Numbers], /) -> Any:
        """What the decoder reads of B sources, ids (S,) each."""
        ...

    def decoder(self, encoded: Any, /) -> Decoding[Any]:
        """The decoder of what was read."""
        ...


@final
@dataclass(frozen=True)
class Limits:
    """How long translations may get: slope * S + extra pieces, for a source of S.

    Learnt from what trains: half as much again as nearly all of its targets have, and some, so that
    what goes round in circles is stopped and nothing else.
    """

    slope: float
    extra: float

    def __post_init__(self) -> None:
        for each in (self.slope, self.extra):
            if not 0 <= each <= _MOST:
                raise BundleError(f"limits of {each:g}", expected=f"from 0 to {_MOST:,}")

    @classmethod
    def learnt(cls, sources: Numbers, targets: Numbers) -> Limits:
        """From the pieces of sources and their targets, (N,) each."""
        share = float(np.quantile(targets / np.maximum(sources, 1), 0.99))
        return cls(min(1.5 * max(1.0, share), _MOST), 10.0)

    def __call__(self, sources: Numbers) -> Numbers:
        """The most pieces for sources of so many (n,)."""
        found: Numbers = np.ceil(self.slope * sources + self.extra).astype(np.int64)
        return found


@final
@dataclass(frozen=True, eq=False)
class Translation:
    """A translation, and what is known of it.

    Args:
        text: as people read it; unknown words are those of the source that were looked at most.
        score: what ranks it among the best of its text.
        log_probability: of its pieces and its end, in nats.
        ended: whether the model ended it, or it was cut at its limit.
        source, pieces: (S,) and (T,) as people read them.
        looked: (T, S) float32, where each piece looked; zeros where the model does not look,
            and (T, 0) for sources of more than `MAPPED` pieces.
    """

    text: str
    score: float
    log_probability: float
    ended: bool
    source: list[str]
    pieces: list[str]
    attention: NDArray[np.float32]


def translate(
    network: Translator,
    sources: Tokenizer,
    targets: Tokenizer,
    texts: Sequence[str],
    how: SearchOptions,
    *,
    limit: Limit,
    copying: Callable[[str], Sequence[Span]] | None = None,
) -> list[list[Translation]]:
    """The best translations of each text, best first, in the order of the texts.

    It ends for every text: no more steps are taken than `limit` says of its source, nor than
    `how.longest`. A text without pieces has one translation, which is empty.

    Args:
        copying: a text -> its words, of which the unknown ones are put into the translation of
            subwords where it looked at them; see `recurra.tasks.pairs.copying`.

    Raises:
        DataError: a text holds half a character.
        RecurraError: the network's scores are not numbers.
    """
    ids = sources.encode_batch(texts)
    sizes = np.array([len(row) for row in ids], np.int64)
    limits = np.clip(limit(sizes), 1, how.longest)
    nothing = Translation("", 0.0, 0.0, True, [], [], np.zeros((0, 0), np.float32))
    found = [[nothing] for _ in texts]
    chance = chances(how, len(texts))
    for rows in _batches(sizes, limits, how.places):
        read = [np.asarray(ids[row], np.int64) for row in rows.tolist()]
        drawn = [each for row in rows.tolist() for each in chance[row]]
        written = _written(network, read, limits[rows], targets, how, drawn)
        for row, each in zip(rows.tolist(), written, strict=True):
            shown = sources.shown(ids[row], texts[row])
            found[row] = [_translation(one, targets, shown) for one in each]
            if copying is not None and len(shown) <= MAPPED:
                # As it is read: with a blank before it.
                words, widths = copying(f" {texts[row]}"), sources.widths(texts[row])
                found[row] = [
                    replace(one, text=_replaced(hypothesis.tokens, one, targets, widths, words))
                    for one, hypothesis in zip(found[row], each, strict=True)
                ]
    return found


def excluded(targets: Tokenizer) -> tuple[int, ...]:
    """The ids that no translation holds."""
    # What every text can be written in has nothing unknown.
    return (BEGIN, UNKNOWN) if targets.unit == "subwords" else (BEGIN,)


def _batches(sizes: Numbers, limits: Numbers, places: int) -> Iterator[Numbers]:
    """Rows (k,) of like lengths, those without pieces left out, within what a batch may hold."""
    order = np.argsort(sizes, kind="stable")
    order = order[sizes[order] > 0]
    start = 0
    while start < len(order):
        # From the shortest: the last one taken is the longest, and all are padded to it.
        ahead = order[start : start + _ROWS]
        count = np.arange(1, len(ahead) + 1)
        size = sizes[ahead]
        steps = np.maximum.accumulate(limits[ahead])
        fits = (
            (count * places <= _ROWS)
            & (count * size <= _READ)
            & (count * places * size * steps <= _CELLS)
            & ((size > MAPPED) == (size[0] > MAPPED))
        )
        stop = start + max(1, int(np.argmin(np.append(fits, False))))
        yield order[start:stop]
        start = stop


def _written(
    network: Translator,
    ids: list[Numbers],
    limits: Numbers,
    targets: Tokenizer,
    how: SearchOptions,
    chance: Sequence[np.random.Generator],
) -> list[list[Hypothesis]]:
    """The hypotheses of each source, with the map of where they looked, or places if it is long."""
    lengths = np.array([len(row) for row in ids], np.int64)
    return write(
        network.decoder(network.encode(ids)),
        how,
        chance,
        begin=BEGIN,
        end=END,
        limits=limits,
        excluded=excluded(targets),
        attention=_places if int(lengths.max()) > MAPPED else _map,
        coverage=_map,
        sources=lengths,
    )


def _map(state: Looking) -> NDArray[Any]:
    return state[ATTENTION]


def _places(state: Looking) -> NDArray[Any]:
    """The place (R, 1) most looked at, -1 for none: of a long source nothing else is noted."""
    attention = state[ATTENTION]
    return np.where(attention.any(1), attention.argmax(1), -1)[:, None]


def _replaced(
    tokens: Sequence[int],
    found: Translation,
    targets: Tokenizer,
    widths: Numbers,
    words: Sequence[Span],
) -> str:
    return replaced([targets.written[k] for k in tokens], found.attention, widths, words)


def _translation(found: Hypothesis, targets: Tokenizer, source: list[str]) -> Translation:
    attention = found.attention
    assert attention is not None
    if len(source) > MAPPED:
        places, attention = attention[:, 0], np.zeros((len(attention), 0), np.float32)
    else:
        attention = attention[:, : len(source)].astype(np.float32)
        places = np.where(attention.any(1), attention.argmax(1), -1)
    copied = {
        at: source[place]
        for at, (token, place) in enumerate(zip(found.tokens, places.tolist(), strict=True))
        if token == UNKNOWN and place >= 0
    }
    pieces = [copied.get(at, piece) for at, piece in enumerate(targets.shown(found.tokens))]
    text = targets.decode(found.tokens, copied)
    return Translation(
        text, found.score, found.log_probability, found.ended, source, pieces, attention
    )

"""What a text model has to beat: counts of n-grams, and a compressor that knows the text."""

from __future__ import annotations

import lzma
import math
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra.codecs.tokenizer import LOST_BYTE, Tokenizer, learn
from recurra.errors import DataError, OptionError, counted
from recurra.tasks.stored_baselines import LeftOut

Integers = npt.NDArray[np.int64]
Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

LONGEST_ORDER: Final = 8
SHORTEST_ORDER: Final = 2

NGRAM_LIMIT: Final = 20_000_000
"""Characters of known text that n-grams are counted in, the last ones: 15 s and 1.7 GB."""

XZ_LIMIT: Final = 10_000_000
"""Bytes of known text that xz is given, the last ones: half a minute."""

XZ_AGAIN: Final = 300_000
"""Characters of known text up to which xz is asked again for another text: a second."""

XZ: Final = "compressor xz"

NGRAM: Final = "interpolated n-gram"

_A_CHARACTER: Final = {NGRAM: 1.5e-6, XZ: 4e-6}
"""Seconds on one slow core, so that what is left out follows from the text and the time alone."""
_XZ_WINDOW: Final = 1 << 26  # how far back preset 9 looks


@final
@dataclass(frozen=True)
class Baseline:
    """A figure to beat, in nats a character or a byte; `each` (T,) where each has one.

    `order` is that of an n-gram, which is chosen once for a run.
    """

    name: str
    nats: float
    note: str
    each: Floats | None = None
    order: int | None = None

    def saved_by(self, nats: Floats) -> Floats:
        """Nats (T,) that a model with these `nats` (T,) saves at each character or byte.

        A figure that is not known for each counts as the same for all.
        """
        own = self.nats if self.each is None else self.each
        saved: Floats = own - np.asarray(nats, np.float64)
        return saved

    def spread(self, widths: Integers, lost: npt.NDArray[np.bool_]) -> Baseline:
        """The same, from nats a character to nats a byte of UTF-8: see `spread`."""
        if self.each is None:
            whole = self.nats * len(widths) + spelling(widths, lost).sum()
            return replace(self, nats=float(whole / widths.sum()))
        each = spread(self.each, widths, lost)
        return replace(self, nats=float(each.mean()), each=each)


def spelling(widths: Integers, lost: npt.NDArray[np.bool_]) -> Floats:
    """Nats (T,) of spelling out what is unknown: 8 bits for each of its bytes and for its end."""
    return np.where(lost, LOST_BYTE * (widths + 1), 0.0)


def spread(nats: Floats, widths: Integers, lost: npt.NDArray[np.bool_]) -> Floats:
    """Nats of each byte of a text, so that tokens of any kind compare.

    That something is unknown does not say what it is: where figures are a byte's, it is spelt out.

    Args:
        nats: (T,) of tokens; a token's are shared out evenly among its bytes.
        widths: (T,) the tokens' bytes.
        lost: (T,) whether a token is unknown.
    """
    return np.repeat((nats + spelling(widths, lost)) / widths, widths)


@final
@dataclass(frozen=True)
class _Level:
    """Counts of the grams with a context of one length, in the order of their keys.

    A gram's key is `context * V + character`; its place here is the number of the context that
    it is for the characters after it, one level higher.
    """

    keys: Integers
    counts: Floats  # (grams,)
    totals: Floats  # (contexts,) characters seen after each context
    kinds: Floats  # (contexts,) different characters seen after each context


@final
@dataclass(frozen=True)
class NGram:
    """A character n-gram with Witten-Bell interpolation, of any order up to the fitted one.

    p(w | h) = (c(h w) + t(h) p(w | h')) / (c(h) + t(h)), where t(h) counts the different
    characters seen after h, h' is h without its first character, and below the empty context
    stands the uniform distribution over V. Bell, Cleary & Witten 1990, method C; Chen & Goodman
    1998, section 2.4. The unknown, id 0, is a symbol like the others.
    """

    size: int
    levels: tuple[_Level, ...]

    @classmethod
    def fit(cls, ids: Ids, size: int, order: int = LONGEST_ORDER) -> NGram:
        """Count `ids` (T,) out of V = `size` symbols, for contexts of up to `order - 1`.

        A text shorter than the order ends the fit at its own length.

        Raises:
            OptionError: the order is below 1.
            DataError: there are no ids, or one is not below V.
        """
        if order < 1:
            raise OptionError(f"order = {order}", expected="1 or more")
        if not ids.size:
            raise DataError("no text to count n-grams in", expected="at least one character")
        if int(ids.min()) < 0 or int(ids.max()) >= size:
            raise DataError("ids out of the vocabulary", expected=f"ids from 0 to {size - 1}")
        levels: list[_Level] = []
        contexts = np.zeros(len(ids), np.int64)
        number = 1
        for length in range(min(order, len(ids))):
            keys = contexts * size + ids[length:]
            places, unique, counts = _ranked(keys, number * size)
            owner = unique // size
            levels.append(
                _Level(
                    keys=unique,
                    counts=counts,
                    totals=np.bincount(owner, counts, number).astype(np.float64),
                    kinds=np.bincount(owner, minlength=number).astype(np.float64),
                )
            )
            # The gram that ends at t is the context of the character at t + 1.
            contexts, number = places[:-1], len(unique)
        return cls(size, tuple(levels))

    def nats(self, ids: Ids, history: Ids, order: int | None = None) -> Floats:
        """Nats (T,) of each of `ids` (T,), which follow `history`; by the highest order by default.

        Raises:
            OptionError: the order was not fitted.
        """
        order = len(self.levels) if order is None else order
        if not 1 <= order <= len(self.levels):
            raise OptionError(f"order = {order}", expected=f"from 1 to {len(self.levels)}")
        for reached, nats in enumerate(self.each_order(ids, history), start=1):
            if reached == order:
                return nats
        raise AssertionError("each_order ended early")

    def each_order(self, ids: Ids, history: Ids) -> Iterator[Floats]:
        """Nats (T,) of `ids` by the unigram, the bigram and so on, up to the fitted order."""
        kept = min(len(history), len(self.levels) - 1)
        text = np.concatenate([history[len(history) - kept :], ids]).astype(np.int64)
        contexts = np.zeros(len(text), np.int64)  # -1 where the context was never seen
        p = np.full(len(text), 1 / self.size)
        for level in self.levels:
            known = np.flatnonzero(contexts >= 0)
            context = contexts[known]
            keys = context * self.size + text[known]
            places = np.minimum(np.searchsorted(level.keys, keys), len(level.keys) - 1)
            met = level.keys[places] == keys
            kinds = level.kinds[context]
            weight = level.totals[context] + kinds
            followed = weight > 0  # the last context of the known text has nothing after it
            p[known] = np.where(
                followed,
                (np.where(met, level.counts[places], 0) + kinds * p[known])
                / np.where(followed, weight, 1),
                p[known],
            )
            yield -np.log(p[kept:])
            contexts = np.full(len(text), -1, np.int64)
            after = known[met] + 1
            inside = after < len(text)
            contexts[after[inside]] = places[met][inside]


def _ranked(keys: Integers, bound: int) -> tuple[Integers, Integers, Floats]:
    """Each key's place among the different keys, these sorted, and how often each occurs.

    The keys, below `bound`, are sorted with their positions in their low bits, which is several
    times as fast as `argsort`, and up to ten times as `np.unique`; where the bits do not suffice,
    `argsort` it is.
    """
    bits = max(len(keys) - 1, 1).bit_length()
    if bound.bit_length() + bits <= 63:
        ordered = (keys << bits) | np.arange(len(keys))
        ordered.sort()
        order = ordered & ((1 << bits) - 1)
        ordered >>= bits
    else:
        order = np.argsort(keys)
        ordered = keys[order]
    first = np.ones(len(keys), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    places = np.empty(len(keys), np.int64)
    places[order] = np.cumsum(first) - 1
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=len(keys)).astype(np.float64)
    return places, ordered[starts], counts


def text_baselines(
    vocabulary: Tokenizer,
    train: str,
    select: str,
    test: str,
    kept: Sequence[Baseline] = (),
    without: Collection[str] = (),
) -> tuple[Baseline, ...]:
    """Every baseline on `test`, which follows `select`, which follows `train`.

    All of them read characters. Their figures are nats a character where the vocabulary's tokens
    are, and otherwise nats a byte.

    Args:
        kept: those of the run, where another text is scored: what they chose is not chosen again,
            and xz is left out where it would read more than XZ_AGAIN characters for it.
        without: names of those that there is no time for: NGRAM, XZ.

    Raises:
        DataError: a part is empty.
    """
    for name, part in (("training", train), ("selection", select), ("test", test)):
        if not part:
            raise DataError(f"the {name} part is empty", expected="at least one character")
    characters = vocabulary
    if vocabulary.unit != "characters":
        characters = learn([train], "characters")
    trained, selected, scored = map(characters.encode, (train, select, test))
    size = len(characters)
    order = next((each.order for each in kept if each.order), None)
    with ThreadPoolExecutor(1) as beside:  # lzma lets other threads run
        reads = XZ not in without and (not kept or len(train) + len(select) <= XZ_AGAIN)
        compressed = beside.submit(xz, train + select, test) if reads else None
        grams = [] if NGRAM in without else [ngram(trained, selected, scored, size, order)]
        found = [
            *grams,
            unigram(np.concatenate([trained, selected]), scored, size),
            uniform(len(scored), size),
        ]
        if compressed is not None:
            found.insert(len(grams), compressed.result())
    if characters is vocabulary:
        return tuple(found)
    widths, lost = characters.widths(test), scored == characters.lost
    # Of these xz alone needs no character to be known.
    return tuple(each.spread(widths, lost & (each.name != XZ)) for each in found)


def without_time(characters: int, seconds: float) -> tuple[LeftOut, ...]:
    """The baselines that would take longer than this for a text of so many characters."""
    taken = {
        NGRAM: min(characters, NGRAM_LIMIT) * _A_CHARACTER[NGRAM],
        XZ: min(characters, XZ_LIMIT) * _A_CHARACTER[XZ],
    }
    return tuple(
        LeftOut(name, f"{characters:,} characters take it about {counted(round(cost), 'second')}")
        for name, cost in taken.items()
        if cost > seconds
    )


def ngram(train: Ids, select: Ids, test: Ids, size: int, order: int | None = None) -> Baseline:
    """The n-gram whose order is best on `select`, then counted in both and scored on `test`.

    Counting in the selection part too gives it more than a model may have: a baseline may.

    Args:
        order: the one that was chosen before; None to choose one.
    """
    most = min(LONGEST_ORDER, len(train[-NGRAM_LIMIT:]))
    orders = range(SHORTEST_ORDER, most + 1) or range(1, 2)
    if order is None:
        chooser = NGram.fit(train[-NGRAM_LIMIT:], size)
        figures = [float(nats.mean()) for nats in chooser.each_order(select, train)]
        order = min(orders, key=lambda order: figures[order - 1])
        del chooser
    known = np.concatenate([train, select])
    counted = known[-NGRAM_LIMIT:]
    nats = NGram.fit(counted, size, order).nats(test, known)
    note = (
        f"Witten-Bell, order chosen on the selection part from {orders[0]} to {orders[-1]}; "
        f"{_extent(len(counted), len(known), 'characters')}"
    )
    return Baseline(f"interpolated {order}-gram", float(nats.mean()), note, nats, order)


def unigram(known: Ids, scored: Ids, size: int) -> Baseline:
    """How often each character occurs in `known`, and nothing else."""
    counted = known[-NGRAM_LIMIT:]
    nats = NGram.fit(counted, size, 1).nats(scored, known)
    note = f"character frequencies; {_extent(len(counted), len(known), 'characters')}"
    return Baseline("unigram", float(nats.mean()), note, nats)


def uniform(count: int, size: int) -> Baseline:
    """Every one of V = `size` symbols, the unknown among them, as likely as any other."""
    nats = np.full(count, math.log(size))
    return Baseline("uniform guess", math.log(size), f"{size:,} symbols, all as likely", nats)


def xz(known: str, scored: str) -> Baseline:
    """What `xz -9e` needs for `scored` once it has seen `known`."""
    bits, seen, whole = xz_bits(known, scored)
    note = f"xz -9e of both less xz -9e of the known text; {_extent(seen, whole, 'bytes')}"
    return Baseline(XZ, bits * math.log(2), note)


def xz_bits(known: str, scored: str) -> tuple[float, int, int]:
    """Bits a character of `scored`, bytes of `known` that were used, and bytes of it in all.

    The bits are the xz size of both texts less that of `known`. Of `known` at most the last
    XZ_LIMIT bytes are used; all of them lie within its window.

    Raises:
        DataError: there is nothing to score.
    """
    if not scored:
        raise DataError("no text to score", expected="at least one character")
    whole = known.encode("utf-8", "surrogatepass")
    first = whole[-XZ_LIMIT:]
    both = first + scored.encode("utf-8", "surrogatepass")
    with ThreadPoolExecutor(1) as beside:
        before = beside.submit(_xz_size, first)
        after = _xz_size(both)
        return 8 * (after - before.result()) / len(scored), len(first), len(whole)


def _xz_size(data: bytes) -> int:
    # A window no larger than the data gives the same bytes, and takes a tenth of the memory.
    window = min(max(len(data), 4096), _XZ_WINDOW)
    filters: list[dict[str, Any]] = [
        {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": window}
    ]
    return len(lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_NONE, filters=filters))


def _extent(used: int, known: int, unit: str) -> str:
    if used < known:
        return f"given the last {used:,} of the {known:,} {unit} before the scored part"
    return f"given the {known:,} {unit} before the scored part"

"""What a text model is worth: figures on text it never saw, baselines beside them, the verdict."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra.codecs.tokenizer import UNKNOWN, Tokenizer
from recurra.data.passages import WIDTH, repeated
from recurra.data.streams import Ids
from recurra.judge.bootstrap import block_bootstrap
from recurra.judge.verdict import verdict
from recurra.runtime.text import TextNetwork
from recurra.search.sampling import Sampling
from recurra.tasks.text import freerun
from recurra.tasks.text.baselines import Baseline, spread
from recurra.tasks.text.data import Places, TextData
from recurra.tasks.text.generate import write

Nats = np.ndarray[Any, np.dtype[np.float64]]

ONE_STREAM: Final = 2_000_000
"""Tokens up to which a text is read as one stream; longer ones as overlapping pieces."""

_WARM_UP: Final = 2_000


@final
@dataclass(frozen=True)
class Score:
    """Teacher-forced figures: each token given all the true ones before it.

    Args:
        nats: mean nats a token, the unknown ones included.
        a_byte: mean nats a byte of the text's UTF-8, what is unknown spelt out.
        unit: what the tokens are, in the plural.
        tokens: how many were scored.
        characters, bytes: how many of these they are.
        words: what blanks are between, and the ends of lines: what published figures count.
        unknown: how many of the tokens the vocabulary lacks.
        streams: 1 where the state was carried from the first token to the last.
    """

    nats: float
    a_byte: float
    unit: str
    tokens: int
    characters: int
    bytes: int
    words: int
    unknown: int
    streams: int

    @property
    def bits(self) -> float:
        """Bits a token."""
        return self.nats / math.log(2)

    @property
    def perplexity_a_word(self) -> float | None:
        """Perplexity a word, what is unknown counted as that; None for a text of none."""
        if not self.words:
            return None
        return math.exp(min(self.nats * self.tokens / self.words, 700.0))

    def to_json(self) -> dict[str, Any]:
        """The figures as plain values."""
        return {
            "nats": self.nats,
            "bits": self.bits,
            "perplexity": math.exp(min(self.nats, 700.0)),
            "perplexity_a_word": self.perplexity_a_word,
            "nats_a_byte": self.a_byte,
            "bits_a_byte": self.a_byte / math.log(2),
            "unit": self.unit,
            "tokens": self.tokens,
            "characters": self.characters,
            "bytes": self.bytes,
            "words": self.words,
            "unknown": self.unknown,
            "streams": self.streams,
        }


def score(
    network: TextNetwork,
    ids: Ids,
    unknown_rate: float,
    before: int | None = None,
    starts: npt.NDArray[np.int64] | None = None,
) -> tuple[Nats, int]:
    """Nats (N,) of every token, and the number of streams they were read in.

    The state is zero at the start and carried to the end. Texts above ONE_STREAM are cut into
    pieces read side by side, each warmed up on the 2,000 tokens before it.

    Args:
        ids: (N,).
        before: the token before the first, which it is predicted from; without one the
            first token costs log V, as nothing speaks for any.
        starts: where documents begin that are kept apart: there no state is carried on, and the
            ids there, which stand before them, are no tokens: (N - documents,) nats come back.
    """
    inputs, targets, cuts = read_by(ids, before, starts)
    count = len(ids)
    streams = _streams(count)
    if streams == 1:
        cut = None if cuts is None else cuts[None]
        nats = network.token_nll(inputs[None], targets[None], unknown_rate, resets=cut)[0][0]
    else:
        size = -(-count // streams)
        # The first piece has nothing before it, and is read from its start like a whole text.
        firsts = (size * np.arange(streams) - _WARM_UP).clip(min=0)
        held = (firsts[:, None] + np.arange(_WARM_UP + size)).clip(max=count - 1)
        cut = None if cuts is None else cuts[held]
        rows, _ = network.token_nll(inputs[held], targets[held], unknown_rate, resets=cut)
        nats = np.concatenate([rows[0, :size], rows[1:, _WARM_UP:].ravel()])[:count]
    return counted(network.architecture.symbols, nats, before, starts), streams


def read_by(
    ids: Ids, before: int | None, starts: Places | None
) -> tuple[Ids, Ids, npt.NDArray[np.bool_] | None]:
    """Inputs (N,), targets (N,), and where inputs begin a document; arguments as in `score`."""
    first = UNKNOWN if before is None else before
    inputs = np.concatenate([[first], ids[:-1]]).astype(np.int32)
    if starts is None:
        return inputs, ids, None
    cuts = np.zeros(len(ids), np.bool_)
    cuts[starts[starts < len(ids) - 1] + 1] = True
    return inputs, ids, cuts


def counted(symbols: int, nats: Nats, before: int | None, starts: Places | None) -> Nats:
    """Of what ids (N,) cost, what `score` tells: log V for a first token that follows nothing."""
    if before is None:
        nats[0] = math.log(symbols)
    return nats if starts is None else np.delete(nats, starts)


def _streams(count: int) -> int:
    return 1 if count <= ONE_STREAM else min(64, count // (20 * _WARM_UP))


def summary(
    nats: Nats,
    ids: Ids,
    text: str,
    vocabulary: Tokenizer,
    streams: int,
    cuts: Sequence[int] = (0,),
) -> tuple[Score, Nats]:
    """The figures of the nats (N,) that a text's ids (N,) cost, and its nats beside baselines.

    Those are the nats of each character where tokens are characters, and else of each byte.

    Args:
        cuts: characters at which pieces begin that were encoded by themselves.
    """
    parts = zip(cuts, [*cuts[1:], len(text)], strict=True)
    widths = np.concatenate([vocabulary.widths(text[start:end]) for start, end in parts])
    lost = ids == vocabulary.lost
    bytes_ = spread(nats, widths, lost)
    figures = Score(
        nats=float(nats.mean()),
        a_byte=float(bytes_.mean()),
        unit=vocabulary.unit,
        tokens=len(ids),
        characters=len(text),
        bytes=len(bytes_),
        words=len(text.split()) + text.count("\n"),
        unknown=int(lost.sum()),
        streams=streams,
    )
    return figures, nats if vocabulary.unit == "characters" else bytes_


def against(
    nats: Nats, baselines: Sequence[Baseline], unit: str = "nats a character"
) -> dict[str, Any] | None:
    """The verdict against the best of the baselines; None where there are none.

    Args:
        nats: (T,) in the baselines' unit, as `summary` gives them.
        unit: that unit: `beside`.
    """
    if not baselines:
        return None
    best = min(baselines, key=lambda baseline: baseline.nats)
    return verdict(
        float(nats.mean()),
        best.nats,
        block_bootstrap(best.saved_by(nats)),
        name=best.name,
        unit=unit,
    ).to_json()


def copied(
    text: str, known: Iterable[str], nats: Nats, baselines: Sequence[Baseline]
) -> dict[str, Any]:
    """What share of a text stands word for word in a known one, and the figures on the rest.

    Args:
        known: the text before it, in pieces.
        nats: (T,) of its characters, or of its bytes, as `summary` gives them.
    """
    again = repeated(text, known)
    share = float(again.mean())
    if len(nats) != len(text):
        again = np.repeat(again, [len(each.encode()) for each in text])
    rest = ~again
    best = min((b for b in baselines if b.each is not None), key=lambda b: b.nats, default=None)
    found = best and best.each is not None and {"name": best.name, "nats": _mean(best.each, rest)}
    return {"width": WIDTH, "share": share, "nats": _mean(nats, rest), "baseline": found}


def _mean(nats: Nats, which: npt.NDArray[np.bool_]) -> float | None:
    return float(nats[which].mean()) if which.any() else None


def beside(unit: str) -> str:
    """What baselines are compared in where tokens are `unit`."""
    return "nats a character" if unit == "characters" else "nats a byte"


TEMPERATURES: Final = (0.5, 0.8, 1.0)
FREE_LENGTH: Final = 2000


def free_running(network: TextNetwork, read: TextData, *, seed: int = 0) -> list[dict[str, Any]]:
    """What the network writes when left alone, by temperature: figures apart from the scores."""
    texts = [free_text(network, read, t, FREE_LENGTH, seed) for t in TEMPERATURES]
    found = freerun.measure(texts, "".join(read.known()))
    return [
        {
            "temperature": temperature,
            "characters": FREE_LENGTH,
            "known_words": each.known_words if each.words else None,
            "distinct_pairs": each.distinct_pairs,
            "longest_copy": len(each.copied.text),
            "longest_copied": each.copied.text,
            "sample": text[:500],
        }
        for temperature, text, each in zip(TEMPERATURES, texts, found, strict=True)
    ]


def free_text(
    network: TextNetwork, read: TextData, temperature: float, length: int, seed: int = 0
) -> str:
    """So many characters that the network writes without a prompt."""
    text = ""
    for (piece,) in write(
        network,
        read.vocabulary,
        "",
        Sampling(temperature),
        seed=seed,
        apart=read.apart,
        opening=read.opening,
    ):
        text += piece
        if len(text) >= length:
            break
    return text[:length]


def seconds_needed(network: TextNetwork, read: TextData) -> float:
    """How long scoring the test part and writing freely are going to take, from a piece of each."""
    start, piece = time.perf_counter(), read.train[: min(2000, len(read.train))]
    score(network, piece, read.unknown_rate)
    one = (time.perf_counter() - start) / len(piece)
    # Streams side by side take longer a step, but not by as much as there are.
    scoring = one * len(read.test) / min(8, _streams(len(read.test)))
    start = time.perf_counter()
    texts = [free_text(network, read, 1.0, 50)]
    writing = (time.perf_counter() - start) * FREE_LENGTH / 50
    start = time.perf_counter()
    freerun.measure(texts, "".join(read.known()))
    return scoring + len(TEMPERATURES) * writing + 2 * (time.perf_counter() - start)

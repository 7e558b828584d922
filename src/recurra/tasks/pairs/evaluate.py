"""What a translation is worth: what it writes by itself, and what it says of each true piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.tokenizer import BEGIN, END, UNKNOWN, Tokenizer
from recurra.errors import DataError
from recurra.judge.translation import (
    CUTS,
    Counted,
    Metric,
    cut_for,
    deciding,
    paired,
    words_of,
)
from recurra.tasks.pairs.baselines import Baseline

if TYPE_CHECKING:
    from recurra.runtime.pairs import PairNetwork
    from recurra.tasks.pairs.data import Pairs

SHOWN: Final = 5
"""Best sentences, and worst ones, in a report."""

EXAMPLES: Final = 6
"""Sentences whose attention is kept for pictures."""

MOST_PIECES: Final = 40
"""Pieces of either side up to which attention is kept."""

BUCKETS: Final = 6
"""Lengths of sources that are told apart."""

IN_BUCKET: Final = 20
"""Sentences in each of them, at least."""

GRAM: Final = 3
"""Words in a row that count as said again."""

_EXACTLY: Final = 0.05
"""Share of exact matches from which on they have a verdict of their own."""


class Said(Protocol):
    """A translation as it was found; see `recurra.tasks.pairs.translate.Translation`."""

    @property
    def text(self) -> str:
        """As people read it."""

    @property
    def ended(self) -> bool:
        """Whether it came to its end by itself."""

    @property
    def source(self) -> Sequence[str]:
        """The pieces that were read, S of them."""

    @property
    def pieces(self) -> Sequence[str]:
        """The pieces that were written, T of them."""

    @property
    def attention(self) -> Any:
        """Where attention lay: (T, S), or a row more for the end; None where there is none."""


@final
@dataclass(frozen=True)
class Forced:
    """What the model says of true targets, each piece given all true ones before it.

    Args:
        nats: of all pieces together, the ends among them, without label smoothing.
        pieces: how many these are.
        characters: of the targets as they read.
    """

    nats: float
    pieces: int
    characters: int

    def to_json(self) -> dict[str, Any]:
        """What it comes to: nats a piece, nats a character."""
        return {
            "nats_a_piece": self.nats / max(self.pieces, 1),
            "nats_a_character": self.nats / max(self.characters, 1),
            "pieces": self.pieces,
            "characters": self.characters,
        }


@final
@dataclass(frozen=True, eq=False)
class Judged:
    """What a model said of pairs.

    Args:
        pairs: sources and true targets, N of them.
        said: the best translation of each.
        forced: what it says of the true targets; None where that was not asked.
        search: how translations were looked for: {"beam": 5, "length_penalty": 1.0}.
        unknown: shares of the pieces of these pairs that its vocabularies lack, of the sources and
            of the targets; None where every text can be written.
    """

    pairs: Pairs
    said: Sequence[Said]
    forced: Forced | None = None
    search: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if len(self.said) != len(self.pairs) or not len(self.said):
            raise DataError(
                f"{len(self.said):,} translations of {len(self.pairs):,} sources",
                expected="one of each, one at least",
            )

    @property
    def predicted(self) -> list[str]:
        """The translations as they read."""
        return [each.text for each in self.said]


def ids_of(
    sources: Tokenizer, targets: Tokenizer, pairs: Pairs
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Pairs as ids: sources (S,), and targets (T,) from BEGIN to END."""
    return sources.encode_batch(pairs.sources), target_ids(targets, pairs.targets)


def target_ids(targets: Tokenizer, texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """Targets as ids (T,), from BEGIN to END."""
    return [np.concatenate([[BEGIN], row, [END]]) for row in targets.encode_batch(texts)]


def asked(
    network: PairNetwork,
    sources: Tokenizer,
    targets: Tokenizer,
    pairs: Pairs,
    said: Sequence[Said],
    search: Mapping[str, Any],
) -> Judged:
    """What a network says of pairs: what it `said` by itself, and of each true piece."""
    read, true = ids_of(sources, targets, pairs)
    logs = network.log_likelihood(read, true)
    nats = -sum(float(each.sum()) for each in logs)
    pieces = sum(map(len, logs))
    lacking = [
        sum(int((row == UNKNOWN).sum()) for row in rows) / max(1, sum(map(len, rows)))
        for rows in (read, [row[1:] for row in true])
    ]
    return Judged(
        pairs,
        said,
        Forced(nats, pieces, sum(map(len, pairs.targets))),
        search=search,
        unknown=None if targets.unit == "subwords" else (lacking[0], lacking[1]),
    )


def judge(judged: Judged, baselines: Sequence[Baseline] = ()) -> dict[str, Any]:
    """Every figure of the translations and of the baselines beside them, as plain values.

    Raises:
        DataError: a baseline is of other pairs.
        MissingExtra: sacrebleu is not installed.
    """
    true = judged.pairs.targets
    for each in baselines:
        if len(each.predicted) != len(true):
            raise DataError(
                f"the {each.name} says {len(each.predicted):,} texts",
                expected=f"{len(true):,}: baselines of the same part",
            )
    counted = Counted.of(judged.predicted, true)
    others = [Counted.of(each.predicted, true) for each in baselines]
    metric = deciding(true)
    exactly = max(float(each.exact.mean()) for each in (counted, *others)) >= _EXACTLY
    return {
        "metric": metric,
        "cut": CUTS[counted.cut],
        "signatures": counted.signatures,
        "search": dict(judged.search),
        "model": figures(counted),
        "forced": None if judged.forced is None else judged.forced.to_json(),
        "baselines": [
            {"name": each.name, "note": each.note} | figures(theirs)
            for each, theirs in zip(baselines, others, strict=True)
        ],
        "verdict": _against(counted, baselines, others, metric),
        "exact_verdict": _against(counted, baselines, others, "exact") if exactly else None,
        "writing": writing(judged),
        "lengths": by_length(judged, counted),
        **_examples(judged, counted),
    }


def figures(counted: Counted) -> dict[str, Any]:
    """Each metric, with its interval."""
    metrics: tuple[Metric, ...] = ("bleu", "chrf", "exact")
    return {metric: counted.interval(metric).to_json() for metric in metrics}


def _against(
    counted: Counted,
    baselines: Sequence[Baseline],
    others: Sequence[Counted],
    metric: Metric,
) -> dict[str, Any] | None:
    """The verdict against the baseline that is best by a metric; None where there is none."""
    worth = [each.scores().of(metric) for each in others]
    if not worth:
        return None
    best = int(np.argmax(worth))
    return paired(counted, others[best], metric, name=baselines[best].name).to_json()


# -- how it writes ------------------------------------------------------------------------------


def writing(judged: Judged) -> dict[str, Any]:
    """What can be wrong with writing as such: no end, too short or long, going round in circles."""
    true, predicted = judged.pairs.targets, judged.predicted
    cut = cut_for(true)
    ours, theirs = sum(words_of(predicted, cut)), sum(words_of(true, cut))
    return {
        "ended": sum(each.ended for each in judged.said) / len(predicted),
        "empty": sum(not text.strip() for text in predicted) / len(predicted),
        "words": ours,
        "reference_words": theirs,
        "repeated": repeated(predicted),
        "reference_repeated": repeated(true),
        "unknown": None
        if judged.unknown is None
        else {"sources": judged.unknown[0], "targets": judged.unknown[1]},
    }


def repeated(texts: Sequence[str]) -> float:
    """The share of the rows of three words that their own text has had before.

    Of three characters where no blanks part the words.
    """
    apart = cut_for(texts) == "13a"
    again = total = 0
    for text in texts:
        words: Sequence[str] = text.split() if apart else "".join(text.split())
        rows = [tuple(words[at : at + GRAM]) for at in range(len(words) - GRAM + 1)]
        again += len(rows) - len(set(rows))
        total += len(rows)
    return again / max(total, 1)


def by_length(judged: Judged, counted: Counted) -> dict[str, Any]:
    """The figures of short and long sources apart: buckets of about as many sentences each."""
    sources = judged.pairs.sources
    cut = cut_for(sources)
    unit, lengths = "words", np.array(words_of(sources, cut), np.int64)
    number = _buckets(lengths)
    if cut != "13a" or number.max() == 0:
        # All have as many words, or no blanks part them.
        unit, lengths = "characters", np.array([len(each) for each in sources], np.int64)
        number = _buckets(lengths)
    rows = []
    for bucket in np.unique(number):
        places = np.flatnonzero(number == bucket)
        found = counted.at(places).scores()
        rows.append(
            {
                "from": int(lengths[places].min()),
                "to": int(lengths[places].max()),
                "sentences": len(places),
                "bleu": found.bleu,
                "chrf": found.chrf,
                "exact": found.exact,
            }
        )
    return {"unit": unit, "rows": rows}


def _buckets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket of each length, from 0 on; equal lengths are never parted."""
    wanted = min(BUCKETS, max(1, len(lengths) // IN_BUCKET))
    cuts = np.quantile(lengths, np.arange(1, wanted) / wanted, method="inverted_cdf")
    found: NDArray[np.int64] = np.searchsorted(np.unique(cuts), lengths)  # up to its cut
    return found


# -- single sentences ---------------------------------------------------------------------------


def _examples(judged: Judged, counted: Counted) -> dict[str, Any]:
    """Best and worst by chrF, of equals the longest: a short one is right more easily."""
    worth = counted.sentences()
    lengths = np.array([len(each) for each in judged.pairs.targets], np.int64)
    worst = np.lexsort((-lengths, worth))
    best = np.lexsort((-lengths, -worth))
    few = min(SHOWN, len(worth) // 2 or 1)
    return {
        "best": [_example(judged, worth, int(row)) for row in best[:few]],
        "worst": [_example(judged, worth, int(row)) for row in worst[:few]],
    }


def _example(judged: Judged, worth: NDArray[np.float64], row: int) -> dict[str, Any]:
    return {
        "where": judged.pairs.where[row],
        "source": judged.pairs.sources[row],
        "said": judged.said[row].text,
        "true": judged.pairs.targets[row],
        "chrf": float(worth[row]),
    }


def to_look_at(judged: Judged) -> list[int]:
    """Rows whose attention is worth a picture: the first, half of them wrong where there are."""
    fit = [
        row
        for row, each in enumerate(judged.said)
        if each.attention is not None
        and np.asarray(each.attention).any()
        and 1 < len(each.source) <= MOST_PIECES
        and 1 < len(each.pieces) <= MOST_PIECES
    ]
    wrong = [row for row in fit if judged.said[row].text != judged.pairs.targets[row]]
    right = [row for row in fit if judged.said[row].text == judged.pairs.targets[row]]
    chosen = (wrong[: EXAMPLES // 2] + right)[:EXAMPLES]
    return sorted((chosen + wrong[EXAMPLES // 2 :])[:EXAMPLES])

"""What a translation has to beat: the source as it is, the nearest known pair, one for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.words import word_pattern
from recurra.errors import MissingExtra, counted
from recurra.judge.translation import cut_for
from recurra.tasks.nearest import extent, most_alike, some

if TYPE_CHECKING:
    from recurra.tasks.pairs.data import PairData

SECONDS: Final = 30.0
"""What all baselines together may take on one core, unless told otherwise."""

_LEAST: Final = 100  # known sources that are looked through, however little time there is
_AT_ONCE: Final = 1 << 23  # similarities at a time

# Seconds on one slow core, so that what is left out follows from the data and the time alone.
_A_CHARACTER: Final = {"words": 1e-6, "characters": 5e-6}  # to count it
_A_MEETING: Final = 20e-9  # of a piece of an asked source with the same piece of a known one


@final
@dataclass(frozen=True, eq=False)
class Baseline:
    """What something simple says of the test part.

    Args:
        name: as it reads after "the": "most frequent target".
        note: what it is and what it was given, in a few words.
        predicted: a text for each source of the test part.
    """

    name: str
    note: str
    predicted: Sequence[str]


def pair_baselines(data: PairData, *, seconds: float = SECONDS) -> tuple[Baseline, ...]:
    """Every baseline, on the test part; learnt from the part that trains.

    A function of the data and of `seconds` alone: where there is no time for all known sources, so
    many of them are looked through, and the note says so.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    learn, test = data.of(data.learn), data.of(data.test)
    common, times = Counter(learn.targets).most_common(1)[0]
    often = Baseline(
        "most frequent target",
        f"always {common[:60]!r}, which stands {counted(times, 'time')} in training",
        (common,) * len(test),
    )
    copy = Baseline("copy", "the source as it is", tuple(test.sources))
    return copy, _nearest(learn.sources, learn.targets, test.sources, common, seconds), often


def _nearest(
    known: Sequence[str],
    targets: Sequence[str],
    asked: Sequence[str],
    otherwise: str,
    seconds: float,
) -> Baseline:
    """The target of the known source that is most like the one asked: TF-IDF, cosine."""
    unit = "words" if cut_for(known) == "13a" else "characters"
    lengths = np.array([len(text) for text in known], np.int64)
    begun = np.cumsum(lengths) * _A_CHARACTER[unit] <= seconds / 2
    rows = some(len(known), max(_LEAST, int(begun.sum())))
    vectors = _vectors(unit)
    theirs = vectors.fit_transform([known[row] for row in rows])
    ours = vectors.transform(asked)
    meetings = int((_columns(theirs) * _columns(ours)).sum())
    share = seconds / 2 / max(meetings * _A_MEETING, 1e-9)
    if share < 1 and len(rows) > _LEAST:
        kept = some(len(rows), max(_LEAST, int(len(rows) * share)))
        rows, theirs = rows[kept], theirs[kept]
    columns = theirs.T.tocsr()
    best = most_alike(
        lambda part: (ours[part] @ columns).toarray(), ours.shape[0], len(rows), at_once=_AT_ONCE
    )
    said = [otherwise if place < 0 else targets[rows[place]] for place in best.tolist()]
    note = f"TF-IDF of {unit}, cosine; looked through {extent(rows, len(known))} known sources"
    return Baseline("nearest training source", note, tuple(said))


def _vectors(unit: str) -> Any:
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise MissingExtra(
            "scikit-learn, which finds the nearest training source, is not installed",
            fix='pip install "recurra[pairs]"',
        ) from error
    options: dict[str, Any] = {"sublinear_tf": True, "dtype": np.float32}
    if unit == "words":
        return TfidfVectorizer(tokenizer=_words, token_pattern=None, **options)
    return TfidfVectorizer(analyzer="char", ngram_range=(1, 2), **options)


def _words(text: str) -> list[str]:
    # A text without any is a piece by itself: a vocabulary of nothing is none.
    return word_pattern().findall(text) or [text]


def _columns(vectors: Any) -> NDArray[np.int64]:
    """In how many rows each column is."""
    found: NDArray[np.int64] = np.bincount(vectors.indices, minlength=vectors.shape[1])
    return found

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
from recurra.tasks.nearest import most_alike
from recurra.tasks.stored_baselines import WITHOUT, LeftOut

if TYPE_CHECKING:
    from recurra.tasks.pairs.data import PairData

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


def pair_baselines(
    data: PairData, *, seconds: float = WITHOUT
) -> tuple[tuple[Baseline, ...], tuple[LeftOut, ...]]:
    """Every baseline, on the test part; learnt from the part that trains. And who had no time.

    A function of the data and of `seconds` alone: each is given all the data, and one that would
    take longer than that on one slow core is left out.

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
    nearest = _nearest(learn.sources, learn.targets, test.sources, common, seconds)
    if isinstance(nearest, LeftOut):
        return (copy, often), (nearest,)
    return (copy, nearest, often), ()


def _nearest(
    known: Sequence[str],
    targets: Sequence[str],
    asked: Sequence[str],
    otherwise: str,
    seconds: float,
) -> Baseline | LeftOut:
    """The target of the known source that is most like the one asked: TF-IDF, cosine."""
    name = "nearest training source"
    unit = "words" if cut_for(known) == "13a" else "characters"
    cost = _A_CHARACTER[unit] * sum(map(len, (*known, *asked)))
    if cost <= seconds:
        vectors = _vectors(unit)
        theirs, ours = vectors.fit_transform(known), vectors.transform(asked)
        cost += _A_MEETING * float((_columns(theirs) * _columns(ours)).sum())
    if cost > seconds:
        return LeftOut.of(name, f"{len(known):,} known sources", cost)
    columns = theirs.T.tocsr()
    best = most_alike(
        lambda part: (ours[part] @ columns).toarray(), ours.shape[0], len(known), at_once=_AT_ONCE
    )
    said = [otherwise if place < 0 else targets[place] for place in best.tolist()]
    note = f"TF-IDF of {unit}, cosine; given all {len(known):,} known sources"
    return Baseline(name, note, tuple(said))


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

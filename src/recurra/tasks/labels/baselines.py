"""What a classifier has to beat: the commonest class, counted words, the nearest neighbour."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.scaling import Standard
from recurra.codecs.words import word_pattern
from recurra.errors import MissingExtra
from recurra.tasks.labels import neighbour
from recurra.tasks.labels.data import LabelData

Numbers = NDArray[np.int64]
Chances = NDArray[np.float32]

SECONDS: Final = 60.0
"""What all baselines together may take on one core, unless told otherwise."""

STRENGTHS: Final = (1.0, 3.0, 10.0, 30.0)
"""Inverse strengths of the penalty (scikit-learn's C) that logistic regression chooses from."""

ITERATIONS: Final = 100

_ENOUGH: Final = 1_000  # texts from which on a feature has to occur in two of them
_TRIED: Final = 2_000  # sequences whose nearest neighbour in other folds is looked for

# Seconds on one slow core, so that the sizes follow from the data and the time given alone.
_A_WEIGHT: Final = 60e-9  # an iteration, for each weight
_A_PRODUCT: Final = 0.5e-9  # an iteration, for each feature of each text, and class
_DEARER: Final = 4  # classes that finding a feature costs as much as
_A_CHARACTER: Final = {"words": 2e-6, "characters": 10e-6}  # to count it


@final
@dataclass(frozen=True, eq=False)
class Baseline:
    """What something simple says of the test part.

    S are the examples of the test part, or where steps are tagged all its steps end to end; S0
    those of fold 0, which chooses.

    Args:
        name: as it reads after "the": "majority class".
        note: what it is and what it was given, in a few words.
        predicted: class numbers (S,).
        probabilities: of each class (S, K), where it has such.
        held: probabilities (S0, K) after learning from the other folds alone.
    """

    name: str
    note: str
    predicted: Numbers
    probabilities: Chances | None = None
    held: Chances | None = None


@final
@dataclass(frozen=True, eq=False)
class _Parts:
    """Which rows learn and which are answered: fold 0 by the others, the test part by all."""

    chooses: Numbers
    others: Numbers
    learn: Numbers
    test: Numbers

    @classmethod
    def of(cls, data: LabelData) -> _Parts:
        first = data.folds == 0
        return cls(data.learn[first], data.learn[~first], data.learn, data.test)


def label_baselines(data: LabelData, *, seconds: float = SECONDS) -> tuple[Baseline, ...]:
    """Every baseline that suits the data, on the test part.

    A function of the data and of `seconds` alone: what takes longer than that on one slow core is
    given fewer examples or features, and says so, or is left out.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    parts = _Parts.of(data)
    if data.examples.tagged:
        return (_commonest_tag(data, parts), _majority(data, parts))
    if data.examples.kind == "numbers":
        return (*_neighbours(data, parts, seconds), _majority(data, parts))
    texts = data.examples.inputs
    whole: Sequence[str] = [" ".join(t) for t in texts] if data.examples.kind == "tokens" else texts
    return (
        _linear(data, parts, "characters", whole, seconds * 2 / 3),
        _linear(data, parts, "words", whole, seconds / 3),
        _majority(data, parts),
    )


# -- how often each class occurs ----------------------------------------------------------------


def _targets(data: LabelData, rows: Numbers) -> Numbers:
    """The class numbers of examples, or of their steps end to end."""
    if data.examples.tagged:
        return np.concatenate([np.zeros(0, np.int64), *data.step_targets(rows)])
    return data.targets(rows)


def _majority(data: LabelData, parts: _Parts) -> Baseline:
    def answered(learn: Numbers, asked: Numbers) -> Chances:
        counts = np.bincount(_targets(data, learn), minlength=len(data.classes)) + 1
        row = (counts / counts.sum()).astype(np.float32)
        return np.tile(row, (len(_targets(data, asked)), 1))

    chances = answered(parts.learn, parts.test)
    what = "tag" if data.examples.tagged else "class"
    return Baseline(
        f"majority {what}",
        f"always the commonest {what} of training",
        chances.argmax(1),
        chances,
        answered(parts.others, parts.chooses),
    )


def _commonest_tag(data: LabelData, parts: _Parts) -> Baseline:
    """Each token's commonest tag; of tokens never met, that of tokens met once."""
    inputs, kinds = data.examples.inputs, len(data.classes)

    def answered(learn: Numbers, asked: Numbers) -> Chances:
        counts: dict[str, Counter[int]] = {}
        for row, tags in zip(learn.tolist(), data.step_targets(learn), strict=True):
            for token, tag in zip(inputs[row], tags.tolist(), strict=True):
                counts.setdefault(token, Counter())[tag] += 1
        once = [tag for tags in counts.values() if tags.total() == 1 for tag in tags]
        seen = once or [tag for tags in counts.values() for tag in tags.elements()]
        unseen = np.bincount(seen, minlength=kinds) / len(seen)
        # The half that a token's counts are joined by turns no count against a smaller one.
        rows: dict[str, NDArray[np.float64]] = {}
        for token, met in counts.items():
            row = unseen / 2
            row[list(met)] += list(met.values())
            rows[token] = row / row.sum()
        steps = [rows.get(token, unseen) for each in asked.tolist() for token in inputs[each]]
        return np.array(steps, np.float32).reshape(-1, kinds)

    chances = answered(parts.learn, parts.test)
    return Baseline(
        "most frequent tag of each token",
        "tokens as they stand; the unknown get the commonest tag of those that occur once",
        chances.argmax(1),
        chances,
        answered(parts.others, parts.chooses),
    )


# -- texts --------------------------------------------------------------------------------------


def _linear(
    data: LabelData, parts: _Parts, unit: str, texts: Sequence[str], seconds: float
) -> Baseline:
    """TF-IDF of pieces of the texts, and logistic regression; its penalty chosen on fold 0."""
    counted = _counted(data, parts, unit, texts, seconds)
    others, known = counted.others, counted.known
    kinds, truth = len(data.classes), data.targets(parts.chooses)

    def tried(strength: float) -> Chances:
        model = _logistic(known[: len(others)], data.targets(others), kinds, strength)
        return model(known[len(others) :])

    attempts = {strength: tried(strength) for strength in STRENGTHS}
    # Of equally good ones the strongest penalty.
    best = max(STRENGTHS, key=lambda strength: int((attempts[strength].argmax(1) == truth).sum()))
    learn = np.concatenate([others, parts.chooses])
    chances = _logistic(known, data.targets(learn), kinds, best)(counted.asked)
    pieces = "1 to 4 characters" if unit == "characters" else "words and pairs of words"
    note = (
        f"{known.shape[1]:,} features: {pieces}; C = {best:g}, chosen on fold 0 from "
        f"{', '.join(f'{each:g}' for each in STRENGTHS)}; {_extent(len(learn), len(parts.learn))}"
    )
    name = f"TF-IDF of {unit} with logistic regression"
    return Baseline(name, note, chances.argmax(1), chances, attempts[best])


@final
@dataclass(frozen=True, eq=False)
class _Counted:
    """Features of the known texts, those of `others` first and fold 0 after them, and the asked."""

    others: Numbers
    known: Any
    asked: Any


def _counted(
    data: LabelData, parts: _Parts, unit: str, texts: Sequence[str], seconds: float
) -> _Counted:
    """As many features of as many texts as logistic regression can be fitted to in the time."""
    try:
        from scipy import sparse
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise MissingExtra(
            "scikit-learn, which makes the baselines of texts, is not installed",
            fix='pip install "recurra[labels]"',
        ) from error
    lengths = np.array([len(text) for text in texts], np.int64)
    counting = seconds / 3 / _A_CHARACTER[unit]
    left = counting - float(lengths[parts.chooses].sum() + lengths[parts.test].sum())
    within = np.cumsum(lengths[parts.others]) <= max(left, counting / 10)
    # In the order of `learn`, which is random: the first of them stand for all.
    others = parts.others[: max(_ENOUGH, int(within.sum()))]
    learn = np.concatenate([others, parts.chooses])
    columns = len(data.classes) if len(data.classes) > 2 else 1
    iteration = seconds * 2 / 3 / ((len(STRENGTHS) + 1) * ITERATIONS)
    options: dict[str, Any] = {
        "sublinear_tf": True,
        "dtype": np.float32,
        "min_df": 2 if len(learn) > _ENOUGH else 1,
        "max_features": max(1_000, int(iteration / (columns * _A_WEIGHT))),
    }
    if unit == "words":
        options |= {"token_pattern": word_pattern().pattern, "ngram_range": (1, 2)}
    else:
        options |= {"analyzer": "char", "ngram_range": (1, 4), "preprocessor": _framed}
    vectors = TfidfVectorizer(**options)
    known = vectors.fit_transform([texts[row] for row in learn])
    share = iteration / (known.nnz * (columns + _DEARER) * _A_PRODUCT)
    if share < 1 and len(others) > _ENOUGH:
        others = others[: max(_ENOUGH, int(len(others) * share))]
        kept = [known[: len(others)], known[len(learn) - len(parts.chooses) :]]
        known = sparse.vstack(kept).tocsr()
    return _Counted(others, known, vectors.transform([texts[row] for row in parts.test]))


def _framed(text: str) -> str:
    return f" {text.lower()} "  # the blanks say where a text begins and ends


def _logistic(
    features: Any, targets: Numbers, kinds: int, strength: float
) -> Callable[[Any], Chances]:
    """Logistic regression, from features (n, D) to probabilities (n, K) of all K classes."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(targets)
    model = LogisticRegression(C=strength, max_iter=ITERATIONS, tol=1e-5)
    if len(present) > 1:
        with warnings.catch_warnings():
            # Where it stops after so many, more change no figure.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features, targets)

    def answered(asked: Any) -> Chances:
        chances = np.zeros((asked.shape[0], kinds), np.float32)
        chances[:, present] = model.predict_proba(asked) if len(present) > 1 else 1.0
        return chances

    return answered


def _extent(used: int, known: int) -> str:
    return f"given {used:,} of the {known:,} examples" if used < known else f"given {used:,}"


# -- numbers ------------------------------------------------------------------------------------


def _neighbours(data: LabelData, parts: _Parts, seconds: float) -> tuple[Baseline, ...]:
    """The label of the nearest known sequence, by each distance that takes no longer than that.

    Whether channels are scaled is chosen on the folds: each fold's sequences, by those of the
    others.
    """
    inputs, kinds, folds = data.examples.inputs, len(data.classes), data.folds
    lengths = np.array([len(each) for each in inputs], np.int64)
    scale = Standard.of(np.concatenate([inputs[row] for row in parts.learn]))
    choosing = np.flatnonzero(folds == 0)
    # Fold 0 whole, since it weighs averages; of the others so many.
    beside = np.flatnonzero(folds > 0)[: max(0, _TRIED - len(choosing))]
    tried = np.concatenate([choosing, beside])
    truth = data.targets(parts.learn[tried])
    found = []
    for distance in neighbour.distances(int(lengths[parts.learn].max())):
        asked = lengths[np.concatenate([parts.test, parts.learn[tried], parts.learn[tried]])]
        share = distance.affordable(asked, lengths[parts.learn], seconds / 3)
        if not share:
            continue
        ways = [_Nearest(data, distance, use, share) for use in (None, scale)]
        guesses = [way.across_folds(tried) for way in ways]
        hits = [int((guess == truth).sum()) for guess in guesses]
        best = int(hits[1] > hits[0])
        right = (hits[best] + 1) / (len(tried) + 2)
        predicted = ways[best].labels(parts.learn, parts.test)
        how = "scaled" if best else "as they are"
        found.append(
            Baseline(
                f"1-nearest neighbour by {distance.name}",
                f"{distance.note}; channels {how}, chosen on the folds; "
                f"{_extent(share, len(parts.learn))}",
                predicted,
                _sure(predicted, right, kinds),
                _sure(guesses[best][: len(choosing)], right, kinds),
            )
        )
    return tuple(found)


@final
@dataclass(frozen=True, eq=False)
class _Nearest:
    """A distance, with channels scaled or not, to at most `share` known sequences."""

    data: LabelData
    distance: neighbour.Distance
    scale: Standard | None
    share: int

    def labels(self, learn: Numbers, asked: Numbers) -> Numbers:
        """The class numbers of the nearest of the rows `learn`, (len(asked),)."""
        # In the order of `learn`, which is random: the first of them stand for all.
        known = learn[: self.share]
        found = self.distance.nearest(self._inputs(asked), self._inputs(known))
        return self.data.targets(known)[found]

    def across_folds(self, places: Numbers) -> Numbers:
        """The same for places in `data.learn`, each by what is in other folds."""
        learn, folds = self.data.learn, self.data.folds
        found = np.zeros(len(places), np.int64)
        for fold in np.unique(folds[places]):
            here = folds[places] == fold
            found[here] = self.labels(learn[folds != fold], learn[places[here]])
        return found

    def _inputs(self, rows: Numbers) -> list[neighbour.Values]:
        values = [self.data.examples.inputs[row] for row in rows]
        return values if self.scale is None else [self.scale.scale(each) for each in values]


def _sure(predicted: Numbers, right: float, kinds: int) -> Chances:
    """Probabilities (S, K): of the label said `right`, the share that it had right on the folds."""
    chances = np.full((len(predicted), kinds), (1 - right) / max(kinds - 1, 1), np.float32)
    chances[np.arange(len(predicted)), predicted] = right
    return chances

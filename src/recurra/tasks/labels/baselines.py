"""What a classifier has to beat: the commonest class, counted words, the nearest neighbour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.scaling import Standard
from recurra.errors import MissingExtra
from recurra.tasks.labels import neighbour
from recurra.tasks.labels.data import LabelData
from recurra.tasks.labels.tfidf import tfidf
from recurra.tasks.stored_baselines import WITHOUT, LeftOut

Numbers = NDArray[np.int64]
Chances = NDArray[np.float32]

STRENGTHS: Final = (1.0, 3.0, 10.0, 30.0)
"""Inverse strengths of the penalty (scikit-learn's C) that logistic regression chooses from."""

_TRIED: Final = 2_000  # sequences whose nearest neighbour in other folds is looked for

# Seconds on one slow core, so that what is left out follows from the data and the time alone: to
# count a character, and to fit the features that come of it to one class.
_A_CHARACTER: Final = {"characters": (4e-6, 1.2e-6), "words": (1e-6, 1e-7)}


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


def label_baselines(
    data: LabelData, *, seconds: float = WITHOUT
) -> tuple[tuple[Baseline, ...], tuple[LeftOut, ...]]:
    """Every baseline that suits the data, on the test part; and those that there is no time for.

    A function of the data and of `seconds` alone: each sees all the data, and one that would take
    longer than that on one slow core is left out.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    parts, texts = _Parts.of(data), data.examples.inputs
    if data.examples.tagged:
        return (_commonest_tag(data, parts), _majority(data, parts)), ()
    if data.examples.kind == "numbers":
        found = list(_neighbours(data, parts, seconds))
    else:
        whole = [" ".join(t) for t in texts] if data.examples.kind == "tokens" else texts
        found = [_linear(data, parts, unit, whole, seconds) for unit in ("characters", "words")]
    return (
        (*(each for each in found if isinstance(each, Baseline)), _majority(data, parts)),
        tuple(each for each in found if isinstance(each, LeftOut)),
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
) -> Baseline | LeftOut:
    """TF-IDF of pieces of the texts, and logistic regression; its penalty chosen on fold 0."""
    name, kinds = f"TF-IDF of {unit} with logistic regression", len(data.classes)
    learn = np.concatenate([parts.others, parts.chooses])
    size = sum(len(texts[row]) for row in (*learn.tolist(), *parts.test.tolist()))
    counting, fitting = _A_CHARACTER[unit]
    cost = size * (counting + fitting * (len(STRENGTHS) + 1) * (kinds if kinds > 2 else 1))
    if cost > seconds:
        return LeftOut.of(name, _known(data), cost)
    try:
        known, asked = tfidf([texts[k] for k in learn], [texts[k] for k in parts.test], unit)
    except ImportError as error:
        raise MissingExtra(
            "scikit-learn, which makes the baselines of texts, is not installed",
            fix='pip install "recurra[labels]"',
        ) from error
    count, truth = len(parts.others), data.targets(parts.chooses)

    def tried(strength: float) -> Chances:
        model = _logistic(known[:count], data.targets(parts.others), kinds, strength)
        return model(known[count:])

    attempts = {strength: tried(strength) for strength in STRENGTHS}
    # Of equally good ones the strongest penalty.
    best = max(STRENGTHS, key=lambda strength: int((attempts[strength].argmax(1) == truth).sum()))
    chances = _logistic(known, data.targets(learn), kinds, best)(asked)
    pieces = "1 to 4 characters" if unit == "characters" else "words and pairs of words"
    note = (
        f"{known.shape[1]:,} features: {pieces}; C = {best:g}, chosen on fold 0 from "
        f"{', '.join(f'{each:g}' for each in STRENGTHS)}; given all {len(learn):,} examples"
    )
    return Baseline(name, note, chances.argmax(1), chances, attempts[best])


def _logistic(
    features: Any, targets: Numbers, kinds: int, strength: float
) -> Callable[[Any], Chances]:
    """Logistic regression, from features (n, D) to probabilities (n, K) of all K classes.

    Dual coordinate descent (Yu, Huang & Lin, 2011), each class against all others: on sparse texts
    several times as fast as one regression of all classes by L-BFGS, and no worse (docs/tried.md).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    present = np.unique(targets)
    # The tolerance is liblinear's own; its order of examples is drawn.
    one = LogisticRegression(
        C=strength, solver="liblinear", dual=True, tol=0.1, max_iter=1000, random_state=0
    )
    model = OneVsRestClassifier(one)
    if len(present) > 1:
        model.fit(features, targets)

    def answered(asked: Any) -> Chances:
        chances = np.zeros((asked.shape[0], kinds), np.float32)
        chances[:, present] = model.predict_proba(asked) if len(present) > 1 else 1.0
        return chances

    return answered


def _known(data: LabelData) -> str:
    return f"{len(data.learn):,} examples"


# -- numbers ------------------------------------------------------------------------------------


def _neighbours(data: LabelData, parts: _Parts, seconds: float) -> Iterator[Baseline | LeftOut]:
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
    asked = lengths[np.concatenate([parts.test, parts.learn[tried], parts.learn[tried]])]
    for distances in neighbour.distances(int(lengths[parts.learn].max())):
        costs = [each.seconds(asked, lengths[parts.learn]) for each in distances]
        affordable = [each for each, cost in zip(distances, costs, strict=True) if cost <= seconds]
        if not affordable:
            name = f"1-nearest neighbour by {distances[-1].name}"
            yield LeftOut.of(name, _known(data), costs[-1])
            continue
        distance = affordable[0]
        ways = [_Nearest(data, distance, use) for use in (None, scale)]
        guesses = [way.across_folds(tried) for way in ways]
        hits = [int((guess == truth).sum()) for guess in guesses]
        best = int(hits[1] > hits[0])
        right = (hits[best] + 1) / (len(tried) + 2)
        predicted = ways[best].labels(parts.learn, parts.test)
        how = "scaled" if best else "as they are"
        yield Baseline(
            f"1-nearest neighbour by {distance.name}",
            f"{distance.note}; channels {how}, chosen on the folds; "
            f"given all {len(parts.learn):,} examples",
            predicted,
            _sure(predicted, right, kinds),
            _sure(guesses[best][: len(choosing)], right, kinds),
        )


@final
@dataclass(frozen=True, eq=False)
class _Nearest:
    """A distance, with channels scaled or not."""

    data: LabelData
    distance: neighbour.Distance
    scale: Standard | None

    def labels(self, learn: Numbers, asked: Numbers) -> Numbers:
        """The class numbers of the nearest of the rows `learn`, (len(asked),)."""
        found = self.distance.nearest(self._inputs(asked), self._inputs(learn))
        return self.data.targets(learn)[found]

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

"""What a classifier has to beat: the commonest class, n-grams, convolutions, the nearest one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.scaling import Standard
from recurra.judge.answer import Choice, choose
from recurra.judge.probability_calibration import brier
from recurra.runtime import label_baselines as use
from recurra.runtime import neighbour
from recurra.tasks.labels import linear
from recurra.tasks.labels.data import FOLDS, LabelData
from recurra.tasks.stored_baselines import WITHOUT, LeftOut

Numbers = NDArray[np.int64]
Chances = NDArray[np.float32]
Which = NDArray[np.bool_]

FEW: Final = 2_000
"""Examples up to which baselines are compared on all folds."""

VERY_FEW: Final = 500
"""Examples up to which their penalties are tried on all folds, not on the first alone."""


@final
@dataclass(frozen=True, eq=False)
class Baseline:
    """What something simple says of the test part.

    S are the examples of the test part, or where steps are tagged all its steps end to end; S0
    those that baselines are compared on, see `compared`.

    Args:
        name: as it reads after "the": "majority class".
        note: what it is and what it was given, in a few words.
        predicted: class numbers (S,).
        probabilities: of each class (S, K), where it has such.
        held: probabilities (S0, K), of each fold after learning from the others alone, each half
            of it tuned by the other; none where steps are tagged.
    """

    name: str
    note: str
    predicted: Numbers
    probabilities: Chances | None = None
    held: Chances | None = None


@final
@dataclass(frozen=True, eq=False)
class Learnt:
    """A baseline, and what it has learnt of all of `LabelData.learn`."""

    baseline: Baseline
    in_use: use.Baseline


@final
@dataclass(frozen=True, eq=False)
class Found:
    """The baselines of a training.

    Args:
        baselines: the strongest kind first.
        left_out: those that there is no time for.
        best: of those that a model can answer with, the simplest that is as good as any within
            noise on rows that none of them has learnt from; None where steps are tagged.
        choice: what that rests on.
    """

    baselines: tuple[Baseline, ...]
    left_out: tuple[LeftOut, ...] = ()
    best: Learnt | None = None
    choice: Choice | None = None


def label_baselines(data: LabelData, *, seconds: float = WITHOUT, members: int = 1) -> Found:
    """Every baseline that suits the data, on the test part.

    A function of its arguments alone: each sees all the data, and one that would take longer than
    `seconds` on one slow core is left out.

    Args:
        members: of the network, each of which leaves a fold out; see `compared`.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    if data.examples.tagged:
        return Found((_commonest_tag(data), _commonest(data)))
    which = compared(data, members)
    ways = _numbers if data.examples.kind == "numbers" else _texts
    every = [*ways(data, which, seconds), _majority(data, which)]
    learnt = [each for each in every if isinstance(each, Learnt)]
    left_out = tuple(each for each in every if isinstance(each, LeftOut))
    baselines = tuple(each.baseline for each in learnt)
    truth, costs = data.targets(data.learn[which]), {}
    # The simplest first, by what their use takes: no work, a linear map, all examples kept.
    for each in (baselines[-1], *baselines[:-1]):
        assert each.held is not None
        costs[each.name] = brier(each.held, truth)
    choice = choose(costs, groups=data.groups[which])
    best = next(each for each in learnt if each.baseline.name == choice.name)
    return Found(baselines, left_out, best, choice)


def compared(data: LabelData, members: int) -> Which:
    """Which of `data.learn` baselines answer after learning from other folds alone.

    Those of all folds where there are few, else those of the folds that a member of the network
    leaves out.
    """
    folds = FOLDS if len(data.learn) <= FEW else min(max(members, 1), FOLDS)
    return (data.folds >= 0) & (data.folds < folds)


# -- how often each class occurs ----------------------------------------------------------------


def _targets(data: LabelData, rows: Numbers) -> Numbers:
    """The class numbers of examples, or of their steps end to end."""
    if data.examples.tagged:
        return np.concatenate([np.zeros(0, np.int64), *data.step_targets(rows)])
    return data.targets(rows)


def _shares(data: LabelData, rows: Numbers) -> NDArray[np.float64]:
    """How often each class (K,) is true of rows, one time more than it is."""
    counts = np.bincount(_targets(data, rows), minlength=len(data.classes)) + 1
    found: NDArray[np.float64] = counts / counts.sum()
    return found


def _commonest(data: LabelData, held: Chances | None = None) -> Baseline:
    what = "tag" if data.examples.tagged else "class"
    row = _shares(data, data.learn).astype(np.float32)
    chances = np.tile(row, (len(_targets(data, data.test)), 1))
    note = f"always the commonest {what} of training"
    return Baseline(f"majority {what}", note, chances.argmax(1), chances, held)


def _majority(data: LabelData, which: Which) -> Learnt:
    held = np.zeros((len(data.learn), len(data.classes)), np.float32)
    for fold in np.unique(data.folds[which]):
        held[data.folds == fold] = _shares(data, data.learn[data.folds != fold])
    return Learnt(_commonest(data, held[which]), use.Constant(_shares(data, data.learn)))


def _commonest_tag(data: LabelData) -> Baseline:
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

    chances = answered(data.learn, data.test)
    return Baseline(
        "most frequent tag of each token",
        "tokens as they stand; the unknown get the commonest tag of those that occur once",
        chances.argmax(1),
        chances,
    )


# -- linear maps --------------------------------------------------------------------------------


def _texts(data: LabelData, which: Which, seconds: float) -> Iterator[Learnt | LeftOut]:
    """A linear support vector machine over n-grams of characters, with words or without."""
    texts = [" ".join(t) if data.examples.kind == "tokens" else t for t in data.examples.inputs]
    folds = _folds(data, which)
    size = sum(len(texts[row]) for row in (*data.learn.tolist(), *data.test.tolist()))
    cost = linear.Svm.seconds(size, folds)
    if cost > seconds:
        yield LeftOut.of("linear SVM", _known(data), cost)
        return
    found = linear.tuned(linear.Svm.ways([texts[k] for k in data.learn]), folds)
    in_use = found.way.in_use(folds, found)
    what = f"{len(in_use.weights):,} features: {found.way.what}; C = {found.strength:g}"
    yield _learnt(data, "linear SVM", what, found, in_use)


def _numbers(data: LabelData, which: Which, seconds: float) -> Iterator[Learnt | LeftOut]:
    """Random convolutions; then the nearest sequence, by each distance."""
    name, folds = "MiniRocket", _folds(data, which)
    inputs, lengths = data.examples.inputs, _lengths(data)
    cost = linear.Ridge.seconds(
        lengths[data.learn], lengths[data.test], len(data.examples.channels), folds
    )
    if cost > seconds:
        yield LeftOut.of(name, _known(data), cost)
    else:
        found = linear.tuned([linear.Ridge.of([inputs[k] for k in data.learn])], folds)
        in_use = found.way.in_use(folds, found)
        what = f"{found.way.what}, ridge regression with a penalty of {found.strength:g}"
        yield _learnt(data, name, what, found, in_use)
    yield from _neighbours(data, which, seconds)


def _folds(data: LabelData, which: Which) -> linear.Folds:
    tries = FOLDS if len(data.learn) <= VERY_FEW else 1
    return linear.Folds(
        data.targets(data.learn), len(data.classes), data.folds, which, data.tunes, tries
    )


def _learnt(
    data: LabelData, name: str, what: str, found: linear.Tuned, in_use: use.Baseline
) -> Learnt:
    note = f"{what}, chosen out of fold; given all {_known(data)}"
    return Learnt(Baseline(name, note, *_said(data, in_use), found.held), in_use)


def _said(data: LabelData, in_use: use.Baseline) -> tuple[Numbers, Chances]:
    """What it says of the test part, and how probable each class is."""
    asked = [data.examples.inputs[row] for row in data.test]
    chances = in_use.probabilities(asked).astype(np.float32)
    return chances.argmax(1), chances


def _known(data: LabelData) -> str:
    return f"{len(data.learn):,} examples"


# -- the nearest --------------------------------------------------------------------------------


def _neighbours(data: LabelData, which: Which, seconds: float) -> Iterator[Learnt | LeftOut]:
    """The label of the nearest known sequence, by each distance that takes no longer than that.

    Whether channels are scaled is chosen out of fold.
    """
    inputs, kinds, lengths = data.examples.inputs, len(data.classes), _lengths(data)
    scale = Standard.of(np.concatenate([inputs[row] for row in data.learn]))
    truth, tune = data.targets(data.learn[which]), data.tunes[which]
    asked = lengths[np.concatenate([data.test, *[data.learn[which]] * 2])]
    for distances in neighbour.distances(int(lengths[data.learn].max())):
        costs = [each.seconds(asked, lengths[data.learn]) for each in distances]
        affordable = [each for each, cost in zip(distances, costs, strict=True) if cost <= seconds]
        if not affordable:
            name = f"1-nearest neighbour by {distances[-1].name}"
            yield LeftOut.of(name, _known(data), costs[-1])
            continue
        distance = affordable[0]
        ways = [_Nearest(data, distance, each) for each in (None, scale)]
        guesses = [way.out_of_fold(which) for way in ways]
        hits = [(guess == truth) for guess in guesses]
        held = np.zeros((len(truth), kinds), np.float32)
        for other in (tune, ~tune):  # each half by what the other one chose
            way, right = _tuned([each[other] for each in hits])
            held[~other] = (1 - right) / max(kinds - 1, 1)
            held[np.flatnonzero(~other), guesses[way][~other]] = right
        best, right = _tuned(hits)
        in_use = use.Nearest(
            ways[best].known(data.learn),
            data.targets(data.learn),
            kinds,
            right,
            distance,
            ways[best].scale,
        )
        how = "scaled" if best else "as they are"
        name = f"1-nearest neighbour by {distance.name}"
        note = f"{distance.note}; channels {how}, chosen out of fold; given all {_known(data)}"
        yield Learnt(Baseline(name, note, *_said(data, in_use), held), in_use)


def _tuned(hits: Sequence[Which]) -> tuple[int, float]:
    """Which way is right most often, the first of equals, and how often, of one row more each."""
    best = int(np.argmax([each.sum() for each in hits]))
    return best, float((hits[best].sum() + 1) / (len(hits[best]) + 2))


@final
@dataclass(frozen=True, eq=False)
class _Nearest:
    """A distance, with channels scaled or not."""

    data: LabelData
    distance: neighbour.Distance
    scale: Standard | None

    def out_of_fold(self, which: Which) -> Numbers:
        """The class numbers of the nearest in other folds."""
        learn, folds = self.data.learn, self.data.folds
        found = np.zeros(len(learn), np.int64)
        for fold in np.unique(folds[which]):
            asked, others = which & (folds == fold), learn[folds != fold]
            nearest = self.distance.nearest(self.known(learn[asked]), self.known(others))
            found[asked] = self.data.targets(others)[nearest]
        return found[which]

    def known(self, rows: Numbers) -> list[neighbour.Values]:
        """The sequences, as they are laid beside each other."""
        values = [self.data.examples.inputs[row] for row in rows]
        return values if self.scale is None else [self.scale.scale(each) for each in values]


def _lengths(data: LabelData) -> Numbers:
    return np.array([len(each) for each in data.examples.inputs], np.int64)

"""Linear maps fitted fold by fold: support vectors over n-grams, ridge over convolutions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.random_convolutions import RandomConvolutions
from recurra.codecs.scaling import Standard
from recurra.codecs.tfidf import Tfidf
from recurra.errors import MissingExtra
from recurra.judge.probability_calibration import brier, probabilities, temperature
from recurra.runtime.label_baselines import LinearConvolutions, LinearTexts

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]
Values = NDArray[np.float32]

PENALTIES: Final = (0.1, 0.3, 1.0)
"""Inverse strengths of the penalty (scikit-learn's C) that support vectors choose from."""

RIDGES: Final = (1e4, 1e3, 1e2, 1e1)
"""Strengths of the penalty that ridge regression chooses from, of standardised features."""

# Seconds on one slow core, so that what is left out follows from the data and the time alone: to
# count a character, to fit what comes of it to one class; to go over a value with all kernels.
_A_CHARACTER: Final = 6e-6
_A_FIT: Final = 4e-7
_A_VALUE: Final = 4e-5
_A_PRODUCT: Final = 1e-10


@final
@dataclass(frozen=True, eq=False)
class Folds:
    """What learns and what is answered out of fold.

    Args:
        targets: the classes of all that learn, (N,).
        kinds: K.
        folds: of each the fold, (N,).
        which: those that are answered, each by what is in other folds.
        tunes: of all, those that choose penalties and temperatures where they are answered.
        tries: the folds that penalties are tried on.
    """

    targets: Numbers
    kinds: int
    folds: NDArray[np.int8]
    which: NDArray[np.bool_]
    tunes: NDArray[np.bool_]
    tries: int

    @property
    def fits(self) -> int:
        """How many folds are answered."""
        return len(np.unique(self.folds[self.which]))


class Way(ABC):
    """Features of all that learns, to be mapped to classes; they know no label."""

    strengths: tuple[float, ...]
    what: str

    @abstractmethod
    def fitted(self, rows: Numbers, targets: Numbers, kinds: int, strength: float) -> Any:
        """What is learnt of rows of the features: what `scores` takes."""

    @abstractmethod
    def scores(self, fitted: Any, rows: Numbers) -> Floats:
        """What it says of rows of the features (n, K)."""

    def out_of_fold(self, folds: Folds, which: NDArray[np.bool_], strength: float) -> Floats:
        """Scores of some rows, of each fold after learning from the others."""
        found = np.zeros((len(folds.folds), folds.kinds))
        for fold in np.unique(folds.folds[which]):
            learn, asked = (np.flatnonzero(each) for each in (folds.folds != fold, which))
            asked = asked[folds.folds[asked] == fold]
            fitted = self.fitted(learn, folds.targets[learn], folds.kinds, strength)
            found[asked] = self.scores(fitted, asked)
        return found[which]


@final
@dataclass(frozen=True, eq=False)
class Tuned:
    """The best of several ways.

    Args:
        way: which.
        strength: of its penalty.
        temperature: of the softmax of its scores.
        held: probabilities of `Folds.which`, (H, K).
    """

    way: Any
    strength: float
    temperature: float
    held: Values


def tuned(ways: Sequence[Way], folds: Folds) -> Tuned:
    """The way and the penalty that cost least where they are tried, each at its temperature.

    What is held of each half of the folds was tuned by the other.
    """
    pairs = [(way, strength) for way in ways for strength in way.strengths]
    tries = folds.which & (folds.folds < folds.tries)
    tried = [way.out_of_fold(folds, tries, strength) for way, strength in pairs]
    halves, truth = folds.tunes[tries], folds.targets[tries]

    def best(some: NDArray[np.bool_]) -> int:
        some = some if some.any() else ~some
        return int(np.argmin([_cost(scores[some], truth[some]) for scores in tried]))

    by = [best(halves), best(~halves)]
    every = by[0] if by[0] == by[1] else best(np.ones_like(halves))
    out = {
        number: way_of.out_of_fold(folds, folds.which, strength)
        for number, (way_of, strength) in enumerate(pairs)
        if number in {*by, every}
    }
    tune, asked = folds.tunes[folds.which], folds.targets[folds.which]
    held = np.zeros(out[every].shape, np.float32)
    for number, some in zip(by, (tune, ~tune), strict=True):
        some = some if some.any() else ~some
        heat = temperature(out[number][some], asked[some])
        other = tune if some is not tune else ~tune
        held[other] = probabilities(out[number][other], heat)
    way, strength = pairs[every]
    return Tuned(way, strength, temperature(out[every], asked), held)


def _cost(scores: Floats, targets: Numbers) -> float:
    """The Brier score of scores (n, K) at the temperature that suits them."""
    chances = probabilities(scores, temperature(scores, targets))
    return float(brier(chances, targets).sum())


# -- texts --------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, eq=False)
class Svm(Way):
    """Support vectors over n-grams, each class against all others (Fan et al. 2008, LIBLINEAR)."""

    grams: Sequence[Tfidf]
    features: Any
    what: str
    strengths = PENALTIES

    @staticmethod
    def seconds(characters: int, folds: Folds) -> float:
        """How long it takes on one slow core for texts of so many characters."""
        fits = 2 * len(PENALTIES) * folds.tries + folds.fits + 1
        kinds = folds.kinds if folds.kinds > 2 else 1
        return characters * (_A_CHARACTER + _A_FIT * fits * kinds)

    @classmethod
    def ways(cls, texts: Sequence[str]) -> list[Svm]:
        """By characters, and by characters and words.

        Raises:
            MissingExtra: scikit-learn is not installed.
        """
        try:
            from scipy import sparse
            from sklearn.svm import LinearSVC  # noqa: F401
        except ImportError as error:
            raise MissingExtra(
                "scikit-learn, which fits the linear SVM of texts, is not installed",
                fix='pip install "recurra[labels]"',
            ) from error
        grams = [Tfidf.learn(texts, unit) for unit in ("characters", "words")]
        blocks = []
        for each in grams:
            rows = each.rows(texts)
            ends = np.concatenate([[0], np.cumsum(rows.counts)])
            shape = (len(texts), len(each))
            blocks.append(sparse.csr_matrix((rows.values, rows.columns, ends), shape))
        return [
            cls(grams[:1], blocks[0], "1 to 4 characters"),
            cls(grams, sparse.hstack(blocks, "csr"), "1 to 4 characters, words and pairs of them"),
        ]

    def fitted(self, rows: Numbers, targets: Numbers, kinds: int, strength: float) -> Any:
        """Weights (D, K) and biases (K,); a class that is not met is said to be none."""
        from sklearn.svm import LinearSVC

        weights = np.zeros((self.features.shape[1], kinds), np.float32)
        bias = np.full(kinds, -1.0, np.float32)
        met = np.unique(targets)
        if len(met) == 1:
            bias[met] = 1.0
            return weights, bias
        # Its order of examples is drawn.
        model = LinearSVC(C=strength, tol=1e-2, random_state=0)
        model.fit(self.features[rows], targets)
        found, at = model.coef_, model.intercept_
        if len(met) == 2:  # the margin of the second, half of it on either side
            found, at = (np.concatenate([-each, each]) / 2 for each in (found, at))
        weights[:, met], bias[met] = found.T, at
        return weights, bias

    def scores(self, fitted: Any, rows: Numbers) -> Floats:
        """Margins (n, K)."""
        weights, bias = fitted
        found: Floats = np.asarray(self.features[rows] @ weights, np.float64) + bias
        return found

    def in_use(self, folds: Folds, found: Tuned) -> LinearTexts:
        """What all that learns has taught."""
        rows = np.arange(len(folds.targets))
        weights, bias = self.fitted(rows, folds.targets, folds.kinds, found.strength)
        return LinearTexts(self.grams, weights, bias, found.temperature)


# -- numbers ------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, eq=False)
class Ridge(Way):
    """Ridge regression of 1 and -1 over random convolutions, by products of examples."""

    scale: Standard
    kernels: RandomConvolutions
    spread: Standard
    features: Values
    what: str
    strengths = RIDGES

    @staticmethod
    def seconds(lengths: Numbers, asked: Numbers, channels: int, folds: Folds) -> float:
        """How long it takes on one slow core.

        Args:
            lengths: steps of all that learn, (N,).
            asked: steps of all that are asked.
        """
        values, count = float(lengths.sum() + asked.sum()) * channels, float(len(lengths))
        fits = len(RIDGES) * folds.tries + folds.fits + 1
        return values * _A_VALUE + _A_PRODUCT * count**2 * (1e4 + fits * count / 3)

    @classmethod
    def of(cls, sequences: Sequence[Values]) -> Ridge:
        """The shares of sequences (T, C) that learn, each on one scale."""
        scale = Standard.of(np.concatenate(sequences))
        scaled = [scale.scale(each) for each in sequences]
        kernels = RandomConvolutions.drawn(scaled, seed=0)
        shares = kernels.features(scaled)
        spread = Standard.of(shares)
        dilations = f"{len(kernels.dilations)} dilation{'s' * (len(kernels.dilations) > 1)}"
        what = f"84 kernels of nine steps at {dilations} (Dempster et al. 2021)"
        return cls(scale, kernels, spread, spread.scale(shares), what)

    @cached_property
    def _products(self) -> Values:
        return self.features @ self.features.T

    def fitted(self, rows: Numbers, targets: Numbers, kinds: int, strength: float) -> Any:
        """Of each row its weight (n, K), the rows, and the mean of what is true (K,)."""
        wanted = np.where(np.arange(kinds) == targets[:, None], 1.0, -1.0)
        mean = wanted.mean(0)
        products = self._products[np.ix_(rows, rows)].astype(np.float64)
        centre = products.mean(0)
        # Of features less their mean: what is left of a product without it.
        products += centre.mean() - centre - centre[:, None]
        products[np.diag_indices(len(rows))] += strength
        dual = np.linalg.solve(products, wanted - mean)
        return dual - dual.mean(0), rows, mean, centre

    def scores(self, fitted: Any, rows: Numbers) -> Floats:
        """What comes near 1 for the class that it is, and -1 for the others, (n, K)."""
        dual, learnt, mean, centre = fitted
        products = self._products[np.ix_(rows, learnt)]
        found: Floats = (products - centre) @ dual + mean
        return found

    def in_use(self, folds: Folds, found: Tuned) -> LinearConvolutions:
        """What all that learns has taught."""
        rows = np.arange(len(folds.targets))
        dual, _, mean, _ = self.fitted(rows, folds.targets, folds.kinds, found.strength)
        # The rows' features have mean zero, all of them together.
        weights = (self.features.T.astype(np.float64) @ dual / self.spread.spread[:, None]).T
        bias = mean - weights @ self.spread.mean
        single = weights.astype(np.float32), bias.astype(np.float32)
        return LinearConvolutions(self.scale, self.kernels, *single, found.temperature)

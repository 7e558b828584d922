"""Whether probabilities mean what they say: the error left, and one number that lessens it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra.errors import DataError, MissingExtra, OptionError

Floats = npt.NDArray[np.float64]

BINS: Final = 15
"""Bins of equal width over the probabilities from 0 to 1, as in Guo et al. (2017)."""

COOLEST: Final = 0.01
HOTTEST: Final = 100.0

_DRAWS: Final = 200  # of right and wrong answers as the probabilities say they fall


def probabilities(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """The softmax of logits (n, K) divided by a temperature, (n, K).

    Raises:
        OptionError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise OptionError(f"temperature = {temperature}", expected="a number above 0")
    scaled = np.asarray(logits, np.float64) / temperature
    scaled = np.exp(scaled - scaled.max(-1, keepdims=True))
    found: Floats = scaled / scaled.sum(-1, keepdims=True)
    return found


def brier(chances: npt.NDArray[Any], targets: npt.NDArray[np.int64]) -> Floats:
    """What each of these probabilities (n, K) costs (n,): the squared distance to what is true.

    A proper score (Brier 1950) that no single row can decide, as the logarithm's may.
    """
    off = chances.astype(np.float64)
    off[np.arange(len(targets)), targets] -= 1
    found: Floats = (off**2).sum(1)
    return found


def temperature(logits: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The temperature that makes the softmax of logits (n, K) fit the classes (n,) best.

    The one of the smallest cross entropy, as in Guo et al. (2017), section 4.2. The true class
    counts as true with (n + 1)/(n + 2), the others share the rest (Platt 1999, section 2.2): a few
    rows that are all right would else ask for certainty. Without rows it is 1.

    Raises:
        DataError: shapes do not fit, a logit is not finite or a target is no class.
        MissingExtra: SciPy is not installed.
    """
    scores, classes = np.asarray(logits, np.float64), np.asarray(targets)
    _check(scores, classes)
    rows, kinds = scores.shape
    if not rows or kinds < 2:
        return 1.0
    scores = scores - scores.max(1, keepdims=True)
    if not scores.any():
        return 1.0  # it says nothing, at any temperature
    sure = (rows + 1) / (rows + 2)
    other = (1 - sure) / (kinds - 1)
    true = scores[np.arange(rows), classes].mean()
    wanted = (sure - other) * true + other * scores.sum(1).mean()

    def cost(log_inverse: float) -> float:
        inverse = math.exp(log_inverse)
        return float(np.log(np.exp(inverse * scores).sum(1)).mean() - inverse * wanted)

    try:
        from scipy.optimize import minimize_scalar
    except ImportError as error:
        raise MissingExtra(
            "SciPy, which fits the temperature of probabilities, is not installed",
            fix='pip install "recurra[labels]"',
        ) from error
    bounds = (-math.log(HOTTEST), -math.log(COOLEST))
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return math.exp(-float(found.x))


@final
@dataclass(frozen=True)
class Calibration:
    """How far the probabilities of answers are from how often these are right.

    Args:
        error: the expected calibration error: the mean, over answers, of the gap between
            confidence and accuracy in the answer's bin.
        chance: the error that answers of these probabilities show on average where each is right
            exactly as often as it says: few answers never agree wholly (Bröcker & Smith 2007).
        confidence: the mean probability of the answers.
        accuracy: how often they are right.
        counts: answers in each bin; bin b holds those above b/15, up to (b + 1)/15.
        confidences: mean probability in each bin, None where it is empty.
        accuracies: how often those in each bin are right, None where it is empty.
    """

    error: float
    chance: float
    confidence: float
    accuracy: float
    counts: tuple[int, ...]
    confidences: tuple[float | None, ...]
    accuracies: tuple[float | None, ...]

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }


def calibration(
    confidence: npt.ArrayLike, right: npt.ArrayLike, *, bins: int = BINS, seed: int = 0
) -> Calibration:
    """Measure answers of probability `confidence` (n,), `right` (n,) or not.

    Raises:
        DataError: there is none, shapes differ, or a probability is out of 0 to 1.
        OptionError: there is no bin.
    """
    sure, hit = np.asarray(confidence, np.float64), np.asarray(right, np.bool_)
    if sure.ndim != 1 or sure.shape != hit.shape or not sure.size:
        raise DataError(
            f"probabilities of shape {sure.shape} and answers of shape {hit.shape}",
            expected="two rows of the same length, of at least one",
        )
    if not ((sure >= 0) & (sure <= 1 + 1e-6)).all():
        raise DataError("a probability out of range", expected="numbers from 0 to 1")
    if bins < 1:
        raise OptionError(f"bins = {bins}", expected="1 or more")
    place = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    said = np.bincount(place, sure, bins)

    def error(hits: npt.NDArray[np.bool_]) -> float:
        return float(np.abs(np.bincount(place, hits, bins) - said).sum() / len(sure))

    generator = np.random.default_rng(seed)
    drawn = [error(generator.random(len(sure)) < sure) for _ in range(_DRAWS)]
    held = np.bincount(place, hit, bins)
    return Calibration(
        error=error(hit),
        chance=float(np.mean(drawn)),
        confidence=float(sure.mean()),
        accuracy=float(hit.mean()),
        counts=tuple(counts.tolist()),
        confidences=_means(said, counts),
        accuracies=_means(held, counts),
    )


def _means(sums: npt.NDArray[Any], counts: npt.NDArray[Any]) -> tuple[float | None, ...]:
    pairs = zip(sums.tolist(), counts.tolist(), strict=True)
    return tuple(total / count if count else None for total, count in pairs)


def _check(scores: Floats, classes: npt.NDArray[Any]) -> None:
    if scores.ndim != 2 or classes.shape != scores.shape[:1]:
        raise DataError(
            f"logits of shape {scores.shape} and classes of shape {classes.shape}",
            expected="a row of logits for each class",
        )
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores).all(1))[0])
        raise DataError(f"row {row:,} of the logits is not finite", expected="finite values")
    if classes.size and (classes.min() < 0 or classes.max() >= scores.shape[1]):
        raise DataError("a class out of range", expected=f"numbers from 0 to {scores.shape[1] - 1}")

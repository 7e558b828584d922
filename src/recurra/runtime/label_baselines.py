"""Baselines of labels in use: what each has learnt, as plain arrays; probabilities of classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra import native
from recurra.codecs.random_convolutions import RandomConvolutions
from recurra.codecs.scaling import Standard
from recurra.codecs.tfidf import Tfidf
from recurra.codecs.words import normal
from recurra.errors import BundleError
from recurra.judge.probability_calibration import probabilities
from recurra.runtime.neighbour import LONGEST, Distance, Euclidean, Warped

Arrays = dict[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]
Values = npt.NDArray[np.float32]

_AT_ONCE: Final = 256
"""Texts whose n-grams are weighed together."""


class Baseline(ABC):
    """What something simple has learnt of K classes."""

    @abstractmethod
    def probabilities(self, inputs: Sequence[Any]) -> Floats:
        """Of each class (B, K), for raw inputs: texts, token lists, or arrays (T, C)."""

    @abstractmethod
    def to_arrays(self) -> tuple[Arrays, dict[str, Any]]:
        """What `baseline_of` makes it from: arrays, and plain values."""


@final
@dataclass(frozen=True, eq=False)
class Constant(Baseline):
    """The same probabilities (K,) whatever is asked."""

    chances: Floats

    def probabilities(self, inputs: Sequence[Any]) -> Floats:
        """Of each class (B, K)."""
        return np.tile(self.chances, (len(inputs), 1))

    def to_arrays(self) -> tuple[Arrays, dict[str, Any]]:
        """What `baseline_of` makes it from."""
        return {"chances": self.chances}, {"kind": "constant"}


@final
@dataclass(frozen=True, eq=False)
class LinearTexts(Baseline):
    """A linear map of n-grams of texts, and the softmax of what comes out.

    Args:
        grams: characters, words, or both, one behind the other.
        weights: (D, K).
        bias: (K,).
        temperature: of the softmax.
    """

    grams: Sequence[Tfidf]
    weights: Values
    bias: Values
    temperature: float

    def probabilities(self, inputs: Sequence[Any]) -> Floats:
        """Of each class (B, K), for texts or token lists."""
        texts = [normal(x if isinstance(x, str) else " ".join(x)) for x in inputs]
        said = np.tile(self.bias.astype(np.float64), (len(texts), 1))
        for first in range(0, len(texts), _AT_ONCE):
            part, begin = texts[first : first + _AT_ONCE], 0
            for each in self.grams:
                rows, weights = each.rows(part), self.weights[begin : (begin := begin + len(each))]
                some = np.flatnonzero(rows.counts)
                if len(some):
                    ends = np.cumsum(rows.counts)
                    products = weights[rows.columns] * rows.values[:, None].astype(np.float64)
                    sums = np.add.reduceat(products, (ends - rows.counts)[some])
                    said[first + some] += sums
        return probabilities(said, self.temperature)

    def to_arrays(self) -> tuple[Arrays, dict[str, Any]]:
        """What `baseline_of` makes it from."""
        arrays: Arrays = {"weights": self.weights, "bias": self.bias}
        for number, each in enumerate(self.grams):
            arrays |= {f"grams.{number}.{k}": v for k, v in each.to_arrays().items()}
        return arrays, {"kind": "texts", "temperature": self.temperature}


@final
@dataclass(frozen=True, eq=False)
class LinearConvolutions(Baseline):
    """A linear map of shares of random convolutions, and the softmax of what comes out.

    Args:
        scale: of the channels.
        kernels: the convolutions.
        weights: (K, F).
        bias: (K,).
        temperature: of the softmax.
    """

    scale: Standard
    kernels: RandomConvolutions
    weights: Values
    bias: Values
    temperature: float

    def probabilities(self, inputs: Sequence[Any]) -> Floats:
        """Of each class (B, K), for arrays (T, C)."""
        if not inputs:
            return np.zeros((0, len(self.bias)))
        shares = self.kernels.features([self.scale.scale(each) for each in inputs])
        return probabilities(self._map(shares), self.temperature)

    @cached_property
    def _map(self) -> native.Linear:
        # Which says the same of a row in any company.
        return native.Linear(self.weights, self.bias)

    def to_arrays(self) -> tuple[Arrays, dict[str, Any]]:
        """What `baseline_of` makes it from."""
        arrays = {"weights": self.weights, "bias": self.bias} | self.kernels.to_arrays()
        facts = {"kind": "convolutions", "temperature": self.temperature}
        return arrays, facts | {"scale": self.scale.to_json()}


@final
@dataclass(frozen=True, eq=False)
class Nearest(Baseline):
    """The class of the nearest of the sequences that it knows, all of which it keeps.

    Args:
        known: arrays (T, C), as they are laid beside others.
        targets: the class of each, (N,).
        classes: K.
        right: how probable it says that class is.
        distance: what is nearest.
        scale: of the channels, where they are brought to one.
    """

    known: Sequence[Values]
    targets: npt.NDArray[np.int64]
    classes: int
    right: float
    distance: Distance
    scale: Standard | None

    def probabilities(self, inputs: Sequence[Any]) -> Floats:
        """Of each class (B, K), for arrays (T, C)."""
        rows = np.arange(len(inputs))
        found = np.full((len(inputs), self.classes), (1 - self.right) / max(self.classes - 1, 1))
        if len(rows):
            asked = [self.scale.scale(x) if self.scale else x for x in inputs]
            found[rows, self.targets[self.distance.nearest(asked, self.known)]] = self.right
        return found

    def to_arrays(self) -> tuple[Arrays, dict[str, Any]]:
        """What `baseline_of` makes it from."""
        arrays: Arrays = {
            "known": np.concatenate(list(self.known)),
            "lengths": np.array([len(each) for each in self.known], np.int64),
            "targets": self.targets,
        }
        length = self.distance.length if isinstance(self.distance, Euclidean) else None
        return arrays, {
            "kind": "nearest",
            "right": self.right,
            "length": length,
            "scale": None if self.scale is None else self.scale.to_json(),
        }


def baseline_of(arrays: Mapping[str, Any], facts: Mapping[str, Any], classes: int) -> Baseline:
    """The baseline that `to_arrays` took apart, of unknown origin.

    Args:
        classes: K, as the model has them.

    Raises:
        BundleError: it is none, or does not fit.
    """
    kind = facts.get("kind")
    if kind == "constant":
        chances = _taken(arrays, "chances", np.float64, classes)
        if not (chances >= 0).all():
            raise BundleError("chances below 0", expected="probabilities")
        return Constant(chances)
    if kind == "texts":
        grams: list[Tfidf] = []
        while own := _behind(arrays, f"grams.{len(grams)}."):
            grams.append(Tfidf.from_arrays(own))
        weights = _taken(arrays, "weights", np.float32, sum(map(len, grams)), classes)
        return LinearTexts(
            grams, weights, _taken(arrays, "bias", np.float32, classes), _above_0(facts)
        )
    if kind == "convolutions":
        scale, kernels = Standard.from_json(facts["scale"]), RandomConvolutions.from_arrays(arrays)
        _check_channels(kernels.channels.shape[2], scale)
        weights = _taken(arrays, "weights", np.float32, classes, kernels.biases.size)
        bias = _taken(arrays, "bias", np.float32, classes)
        return LinearConvolutions(scale, kernels, weights, bias, _above_0(facts))
    if kind == "nearest":
        return _nearest(arrays, facts, classes)
    raise BundleError(f"a baseline of kind {kind!r}", expected="one that there is")


def _nearest(arrays: Mapping[str, Any], facts: Mapping[str, Any], classes: int) -> Nearest:
    lengths = _taken(arrays, "lengths", np.int64, None)
    if not len(lengths) or (lengths < 1).any():
        raise BundleError("no sequences that are known", expected="one at least")
    known = _taken(arrays, "known", np.float32, int(lengths.sum()), None)
    targets = _taken(arrays, "targets", np.int64, len(lengths))
    scale = None if facts["scale"] is None else Standard.from_json(facts["scale"])
    if scale is not None:
        _check_channels(known.shape[1], scale)
    length, right = facts["length"], float(facts["right"])
    if length not in (None, LONGEST, int(lengths.max())) or not 0 <= right <= 1:
        raise BundleError(f"length {length}, right {right}", expected="those of what is known")
    if (targets < 0).any() or (targets >= classes).any():
        raise BundleError("a class out of range", expected=f"numbers from 0 to {classes - 1}")
    return Nearest(
        np.split(known, np.cumsum(lengths)[:-1]),
        targets,
        classes,
        right,
        Warped() if length is None else Euclidean(length),
        scale,
    )


def _behind(arrays: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _taken(arrays: Mapping[str, Any], name: str, kind: type, *shape: int | None) -> Any:
    """An array of this type and shape, where None is any number; all of it finite."""
    found = arrays.get(name)
    if (
        found is None
        or found.dtype != kind
        or found.ndim != len(shape)
        or any(want not in (None, have) for want, have in zip(shape, found.shape, strict=True))
        or not np.isfinite(found).all()
    ):
        what = None if found is None else f"{found.dtype} {found.shape}"
        raise BundleError(f"{name}: {what}", expected=f"{kind.__name__} {shape}, finite")
    return found


def _above_0(facts: Mapping[str, Any]) -> float:
    found = float(facts["temperature"])
    if not 0 < found < float("inf"):
        raise BundleError(f"temperature {found}", expected="a number above 0")
    return found


def _check_channels(channels: int, scale: Standard) -> None:
    if channels != len(scale.mean):
        raise BundleError(f"{channels} channels", expected=f"{len(scale.mean)}, as the scale has")

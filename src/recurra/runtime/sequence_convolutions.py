"""Convolutions that long sequences of numbers are read through, before the recurrence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from recurra import native
from recurra.codecs.ngrams import positions, starts
from recurra.native import folds
from recurra.runtime.convolution import normalization
from recurra.runtime.ragged import Rows
from recurra.runtime.state import Array
from recurra.runtime.weights import Weights

STRIDE: Final = 2
"""Steps of which a stage makes one."""

VIEWS: Final = 4
"""How many numbers are made of each."""

LEAST: Final = 1e-6
"""What is added to the variance of a row: a constant one is not divided by 0."""

REACHES: Final = (9, 5)
"""Steps that the first stage looks at for each of its own, and those after it."""


@final
@dataclass(frozen=True)
class Sizes:
    """Of convolutions before a recurrence.

    Args:
        channels: C of the numbers.
        features: F after each stage.
        count: how many stages.
    """

    channels: int
    features: int
    count: int

    @property
    def stages(self) -> list[tuple[int, int, int]]:
        """Inputs, outputs, and steps looked at, of each stage."""
        first, after = REACHES
        return [
            (self.features, self.features, after)
            if k
            else (VIEWS * self.channels, self.features, first)
            for k in range(self.count)
        ]


@final
class SequenceConvolutions:
    """Stages of a convolution that keeps every second step, batch normalization, and ReLU.

    They read the numbers as they are, each row of them less its mean and over its spread, the
    differences of these over their own, and the logarithm of the spread: what has one form in many
    sizes is told by its form, and the size is not lost.

    As `recurra.networks.sequence_convolutions`. Zeros stand beyond the ends of a row at every
    stage, whatever row is its neighbour: a row's features are the same to the last bit alone and in
    any company.

    Args:
        weights: holds the stages' weights, after `prefix`.
    """

    def __init__(self, weights: Weights, sizes: Sizes, *, prefix: str) -> None:
        self.first = normalization(weights, f"{prefix}norm.", VIEWS * sizes.channels)
        self.stages: list[tuple[native.Linear, tuple[Array, Array], int]] = []
        for number, (inputs, outputs, reach) in enumerate(sizes.stages):
            name = f"{prefix}stages.{number}."
            weight = weights.matrix(f"{name}weight", outputs, inputs, 1, reach)[:, :, 0]
            flat = np.ascontiguousarray(weight.transpose(0, 2, 1)).reshape(outputs, -1)
            product = native.Linear(flat, weights=weights.kept_of(flat))
            self.stages.append((product, normalization(weights, f"{name}norm.", outputs), reach))

    def __call__(self, x: Array, lengths: Rows, *, threads: int = 1) -> tuple[Array, Rows]:
        """Values (N, C) of rows end to end -> features (N', F), and the lengths (B,) of these."""
        x = _views(x, lengths, threads)
        scale, shift = self.first
        x *= scale
        x += shift
        for product, (scale, shift), reach in self.stages:
            windows, lengths = _windows(x, lengths, reach)
            x = product(windows, threads=threads)
            x *= scale
            x += shift
            np.maximum(x, 0.0, out=x)
        return x, lengths


def _views(x: Array, lengths: Rows, threads: int) -> Array:
    """What is made of values (N, C), (N, 4C): nothing of a row depends on other rows."""
    owner, count = np.repeat(np.arange(len(lengths)), lengths), np.maximum(lengths, 1)[:, None]

    def mean(values: Array) -> Array:
        return folds.sums(values, lengths, threads=threads) / count.astype(np.float32)

    def spread(values: Array) -> Array:
        found: Array = np.sqrt(mean(np.square(values)) + np.float32(LEAST))
        return found

    centred = x - mean(x)[owner]
    moves = np.zeros_like(x)
    np.subtract(x[1:], x[:-1], out=moves[1:])
    moves[starts(lengths)[lengths > 0]] = 0.0
    size = spread(centred)
    moves /= size[owner]
    own = moves / spread(moves)[owner]
    return np.concatenate([x, centred / size[owner], own, np.log(size)[owner]], 1)


def _windows(x: Array, lengths: Rows, reach: int) -> tuple[Array, Rows]:
    """The steps (N', K * C) about every second one of rows (N, C), and how many each row has."""
    fewer = -(-lengths // STRIDE)
    first, begin = np.repeat(starts(lengths), fewer), positions(np.zeros_like(fewer), fewer)
    within = STRIDE * begin[:, None] + np.arange(reach) - reach // 2
    inside = (within >= 0) & (within < np.repeat(lengths, fewer)[:, None])
    # Beyond its own ends a row reads the zeros that stand behind all rows.
    at = np.where(inside, first[:, None] + within, len(x))
    behind = np.concatenate([x, np.zeros((1, x.shape[1]), np.float32)])
    return behind[at].reshape(len(at), reach * x.shape[1]), fewer

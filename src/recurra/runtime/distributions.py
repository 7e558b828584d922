"""What is said of one step to come: a distribution with samples and quantiles, on arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, final

import numpy as np
import numpy.typing as npt

from recurra.runtime.state import Array

FAMILIES: Final = ("student", "counts")

FLOOR: Final = 1e-3
"""The least scale, in units of a series' spread: a constant series is not worth infinite nats."""

LEAST_DEGREES: Final = 2.1
"""Degrees of freedom stay above 2, where the variance is finite and paths have intervals."""

LEAST_DISPERSION: Final = 1e-3
"""Below this a negative binomial is a Poisson distribution for all that can be measured."""

SHARP: Final = 8.0
"""How sharply a mean of counts bends before 0: one well above it is left as the network says it."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)

_HALLEY: Final = 60

_MOST_RATE: Final = 1e15
"""Of counts that are drawn: beyond it NumPy's generator has no room for their spread."""

_BLOCK: Final = 256

_ROWS: Final = 128
"""Distributions whose quantiles are sought at a time: their nodes fit into a cache."""


@final
@dataclass(frozen=True, eq=False)
class StudentT:
    """Student's t: location, scale > 0 and degrees of freedom > 2, (R,) each."""

    location: Array
    scale: Array
    degrees: Array

    @classmethod
    def of(cls, location: Array, size: np.float32, raw: Array) -> Self:
        """Of a location (R,), a usual size and what a network says, raw (2, R).

        The scale is the size times exp of the first, the degrees grow with the second; each has a
        floor.
        """
        scale = FLOOR + size * np.exp(np.clip(raw[0], -12.0, 6.0))
        return cls(location, scale, LEAST_DEGREES + softplus(raw[1]))

    def sample(self, u: Array, v: Array) -> Array:
        """One draw for each row, exact, of uniforms u and v (R,) (Bailey 1994, Math. Comp. 62)."""
        # 1 - u is in (0, 1]; expm1 keeps the digits of large degrees of freedom.
        radius = np.expm1(-2.0 / self.degrees * np.log1p(-u))
        turn = np.cos(np.float32(2.0 * math.pi) * v)
        found: Array = self.location + self.scale * np.sqrt(self.degrees * radius) * turn
        return found

    def quantile(self, levels: Sequence[float]) -> Array:
        """Quantiles (R, Q) at levels between 0 and 1, to about eight digits.

        With x = sqrt(nu) tan(angle) the density is cos(angle)^(nu - 1), smooth on a finite range:
        Halley's method on its Gauss-Legendre integral.
        """
        degrees = self.degrees.astype(np.float64)
        blocks = range(0, len(degrees), _ROWS)
        found = [_student_quantiles(degrees[start : start + _ROWS], levels) for start in blocks]
        away = np.concatenate([np.zeros((0, len(levels))), *found])
        drawn = self.location.astype(np.float64)[:, None] + self.scale[:, None] * away
        quantiles: Array = drawn.astype(self.location.dtype)
        return quantiles


def _student_quantiles(degrees: Array, levels: Sequence[float]) -> Array:
    """Those (R, Q) of location 0 and scale 1."""
    # Each array whole: what is spread over rows by a stride of 0 may be rounded otherwise.
    wide = (1, len(levels))
    nu = np.tile(degrees[:, None], wide)
    norm = np.tile(np.array([_gamma_ratio(n) for n in degrees.tolist()])[:, None], wide)
    norm /= math.sqrt(math.pi)
    side = np.tile(np.array(levels) - 0.5, (len(nu), 1))
    wanted = np.abs(side)
    angle, moving = np.zeros(side.shape), np.ones(side.shape, bool)
    nodes = np.tile(((_NODES + 1) / 2)[:, None, None], (1, *side.shape))
    power = np.tile(nu - 1, (len(nodes), 1, 1))
    for _ in range(_HALLEY):
        heights = np.exp(power * np.log(np.cos(angle * nodes)))
        area = np.zeros_like(angle)
        # One node after the other: a sum along an axis may be added up in any order.
        for weight, height in zip(_WEIGHTS.tolist(), heights, strict=True):
            area += weight * height
        area *= norm * angle / 2
        step = (wanted - area) / (norm * np.exp((nu - 1) * np.log(np.cos(angle))))
        # Halley's third order, as the density's slope is known: -(nu - 1) tan(angle) times it.
        step /= np.maximum(1 - step * (nu - 1) * np.tan(angle) / 2, 0.5)
        # A row stops by itself, however long others take.
        angle = np.where(moving, np.clip(angle + step, 0.0, math.pi / 2 - 1e-9), angle)
        moving &= np.abs(step) >= 1e-12
        if not moving.any():
            break
    found: Array = np.sqrt(nu) * np.tan(angle) * np.sign(side)
    return found


@final
@dataclass(frozen=True, eq=False)
class NegativeBinomial:
    """Counts 0, 1, 2, ... with a mean > 0 and variance mean + dispersion * mean^2, (R,) each."""

    average: Array
    dispersion: Array

    @classmethod
    def of(cls, location: Array, raw: Array, unit: Array) -> Self:
        """Of a scaled location (R,), raw (2, R), of which the first counts, and unit (R,).

        Args:
            unit: counts that one scaled unit stands for: the mean of the series, as in Salinas et
                al. 2020 (DeepAR, section 3.3).
        """
        scaled = softplus(location * SHARP) / SHARP + 1e-4
        return cls(scaled * unit, LEAST_DISPERSION + np.exp(np.clip(raw[0], -12.0, 4.0)))

    def sample(self, generators: Sequence[np.random.Generator]) -> Array:
        """One draw for each row: a Poisson draw whose rate is a gamma draw.

        Args:
            generators: each draws for as many rows side by side.
        """
        each = len(self.average) // len(generators)
        shape = (1.0 / self.dispersion).reshape(-1, each)
        times = (self.average * self.dispersion).reshape(-1, each)
        found = np.empty(shape.shape, np.float32)
        for number, generator in enumerate(generators):
            rate = generator.standard_gamma(shape[number]) * times[number]
            found[number] = generator.poisson(np.minimum(rate, _MOST_RATE))
        return found.reshape(-1)

    def quantile(self, levels: Sequence[float]) -> Array:
        """Quantiles (R, Q): the least count at which the distribution function is a level."""
        mean = self.average.astype(np.float64)[:, None]
        r = 1.0 / self.dispersion.astype(np.float64)[:, None]
        found = np.zeros((len(mean), len(levels)))
        # log p(0), and log p(k + 1) = log p(k) + log((k + r) / (k + 1)) + log(mean / (r + mean)).
        log_p, growth = -r * np.log1p(mean / r), -np.log1p(r / mean)
        below = np.zeros_like(mean)
        first, block = 0, _BLOCK
        while float(below.min()) < max(levels):
            counts = np.arange(first, first + block, dtype=np.float64)
            steps = np.log((counts + r) / (counts + 1)) + growth
            logs = np.cumsum(np.concatenate([log_p, steps], 1), 1)
            upto = np.cumsum(np.concatenate([below, np.exp(logs[:, :-1])], 1), 1)[:, 1:]
            for q, level in enumerate(levels):
                found[:, q] += (upto < level).sum(1)
            log_p, below = logs[:, -1:], upto[:, -1:]
            first, block = first + block, 2 * block
        return found.astype(self.average.dtype)


Distribution = StudentT | NegativeBinomial


def scaled(said: Distribution, found: Array, unit: Array) -> Array:
    """Samples or quantiles (...) in scaled units; counts are drawn in their own.

    Args:
        said: what they are of.
        unit: (...) what one scaled unit stands for.
    """
    return found if isinstance(said, StudentT) else found / unit


def generators(keys: npt.NDArray[np.uint64], member: int) -> list[np.random.Generator]:
    """A generator for each window, by its own key (B, 2) and the member's number alone."""
    return [
        np.random.Generator(np.random.Philox(counter=[0, 0, 0, member], key=key)) for key in keys
    ]


def _gamma_ratio(n: float) -> float:
    """Gamma((n + 1) / 2) / Gamma(n / 2)."""
    if n < 1000:
        return math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))
    # Of large ones the logarithms cancel: by Stirling's series.
    return math.sqrt(n / 2) * (1 - 1 / (4 * n) + 1 / (32 * n**2) + 5 / (128 * n**3))


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    found: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return found

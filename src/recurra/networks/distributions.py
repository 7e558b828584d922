"""What is said of one step to come: a distribution with nats, samples and quantiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self, final

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import softplus

FLOOR: Final = 1e-3
"""The least scale, in units of a series' spread: a constant series is not worth infinite nats."""

LEAST_DEGREES: Final = 2.1
"""Degrees of freedom stay above 2, where the variance is finite and paths have intervals."""

LEAST_DISPERSION: Final = 1e-3
"""Below this a negative binomial is a Poisson distribution for all that can be measured."""

_NODES, _WEIGHTS = (torch.from_numpy(each) for each in np.polynomial.legendre.leggauss(48))

_NEWTON: Final = 60


@final
@dataclass(frozen=True, eq=False)
class StudentT:
    """Student's t: location, scale > 0 and degrees of freedom > 2, of one shape (...).

    Tails heavier than the normal distribution's, so that an outlier in training moves little.
    """

    location: Tensor
    scale: Tensor
    degrees: Tensor

    @classmethod
    def of(cls, location: Tensor, size: Tensor, raw: Tensor) -> Self:
        """Of a location (...), a usual size () and what a network says, raw (..., 2).

        The scale is the size times exp of the first, the degrees grow with the second; each has a
        floor.
        """
        scale = FLOOR + size * torch.exp(raw[..., 0].clamp(-12.0, 6.0))
        return cls(location, scale, LEAST_DEGREES + softplus(raw[..., 1]))

    def nats(self, values: Tensor) -> Tensor:
        """-log of the density at values (...)."""
        nu = self.degrees
        z = (values - self.location) / self.scale
        norm = torch.lgamma(nu / 2) - torch.lgamma((nu + 1) / 2) + 0.5 * torch.log(nu * math.pi)
        return norm + torch.log(self.scale) + (nu + 1) / 2 * torch.log1p(z * z / nu)

    def sample(self, generator: Generator | None = None) -> Tensor:
        """One draw for each (...), exact, from two uniforms (Bailey 1994, Math. Comp. 62)."""
        shape, device, dtype = self.location.shape, self.location.device, self.location.dtype
        u = torch.rand(shape, generator=generator, device=device, dtype=dtype)
        v = torch.rand(shape, generator=generator, device=device, dtype=dtype)
        # 1 - u is in (0, 1]; expm1 keeps the digits of large degrees of freedom.
        radius = torch.expm1(-2.0 / self.degrees * torch.log1p(-u))
        return self.location + self.scale * torch.sqrt(self.degrees * radius) * torch.cos(
            2.0 * math.pi * v
        )

    def quantile(self, levels: Tensor) -> Tensor:
        """Quantiles (..., Q) at levels (Q,) between 0 and 1, to about eight digits.

        With x = sqrt(nu) tan(angle) the density is cos(angle)^(nu - 1), smooth on a finite range:
        Newton's method on its Gauss-Legendre integral, which rises to the root from below.
        """
        nu = self.degrees.double().unsqueeze(-1)
        side = (levels.double() - 0.5).expand(*self.degrees.shape, len(levels))
        norm = torch.exp(torch.lgamma((nu + 1) / 2) - torch.lgamma(nu / 2)) / math.sqrt(math.pi)
        nodes, weights = (each.to(nu.device) for each in (_NODES, _WEIGHTS))
        angle = torch.zeros_like(side)
        for _ in range(_NEWTON):
            at = angle.unsqueeze(-1) * (nodes + 1) / 2
            powers = torch.exp((nu.unsqueeze(-1) - 1) * torch.log(torch.cos(at)))
            area = norm * angle / 2 * (powers * weights).sum(-1)
            slope = norm * torch.exp((nu - 1) * torch.log(torch.cos(angle)))
            step = (side.abs() - area) / slope
            angle = (angle + step).clamp(0.0, math.pi / 2 - 1e-9)
            if float(step.abs().max()) < 1e-12:
                break
        found = torch.sqrt(nu) * torch.tan(angle) * torch.sign(side)
        quantiles = self.location.double().unsqueeze(-1) + self.scale.double().unsqueeze(-1) * found
        return quantiles.to(self.location.dtype)


@final
@dataclass(frozen=True, eq=False)
class NegativeBinomial:
    """Counts 0, 1, 2, ... with a mean > 0 and variance mean + dispersion * mean^2, shape (...)."""

    average: Tensor
    dispersion: Tensor

    @classmethod
    def of(cls, location: Tensor, raw: Tensor, unit: Tensor) -> Self:
        """Of a scaled location (...), raw (..., 2), of which the first counts, and unit (...).

        Args:
            unit: counts that one scaled unit stands for: the mean of the series, as in Salinas et
                al. 2020 (DeepAR, section 3.3).
        """
        # Sharper than softplus alone: a mean well above 0 is left as the network says it.
        scaled = softplus(location, beta=8.0) + 1e-4
        return cls(scaled * unit, LEAST_DISPERSION + torch.exp(raw[..., 0].clamp(-12.0, 4.0)))

    def nats(self, values: Tensor) -> Tensor:
        """-log of the probability of counts (...)."""
        # In single precision lgamma of a large count loses the digits that count.
        k, mean, r = values.double(), self.average.double(), 1.0 / self.dispersion.double()
        log_ways = torch.lgamma(k + r) - torch.lgamma(r) - torch.lgamma(k + 1)
        log_all = torch.log(r + mean)
        found = -(log_ways + r * (torch.log(r) - log_all) + k * (torch.log(mean) - log_all))
        return found.to(self.average.dtype)

    def sample(self, generator: Generator | None = None) -> Tensor:
        """One draw for each (...): a Poisson draw whose rate is a gamma draw."""
        shape = 1.0 / self.dispersion
        rate = torch._standard_gamma(shape, generator=generator) * self.average * self.dispersion
        return torch.poisson(rate, generator=generator)

    def quantile(self, levels: Tensor) -> Tensor:
        """Quantiles (..., Q): the least count at which the distribution function is a level."""
        wanted = levels.to(self.average.device, torch.float64)
        found = torch.zeros(*self.average.shape, len(levels), device=self.average.device).double()
        total = torch.zeros_like(self.average, dtype=torch.float64)
        wide = NegativeBinomial(
            self.average.double().unsqueeze(-1), self.dispersion.double().unsqueeze(-1)
        )
        first, block = 0, 256
        while float(total.min()) < float(wanted.max()):
            counts = torch.arange(first, first + block, device=found.device, dtype=torch.float64)
            upto = total.unsqueeze(-1) + torch.exp(-wide.nats(counts)).cumsum(-1)
            for q, level in enumerate(wanted):
                found[..., q] += (upto < level).sum(-1)
            total, first, block = upto[..., -1], first + block, 2 * block
        return found.to(self.average.dtype)


Distribution = StudentT | NegativeBinomial


def scaled(said: Distribution, found: Tensor, unit: Tensor) -> Tensor:
    """Samples or quantiles (...) in scaled units; counts are drawn in their own.

    Args:
        said: what they are of.
        unit: (...) what one scaled unit stands for.
    """
    return found if isinstance(said, StudentT) else found / unit

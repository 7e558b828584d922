"""What is said of one step to come, as it is trained: a distribution with nats."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor
from torch.nn.functional import softplus

from recurra.runtime.distributions import FLOOR, LEAST_DEGREES, LEAST_DISPERSION, SHARP


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
        scaled = softplus(location, beta=SHARP) + 1e-4
        return cls(scaled * unit, LEAST_DISPERSION + torch.exp(raw[..., 0].clamp(-12.0, 4.0)))

    def nats(self, values: Tensor) -> Tensor:
        """-log of the probability of counts (...)."""
        # In single precision lgamma of a large count loses the digits that count.
        k, mean, r = values.double(), self.average.double(), 1.0 / self.dispersion.double()
        log_ways = torch.lgamma(k + r) - torch.lgamma(r) - torch.lgamma(k + 1)
        log_all = torch.log(r + mean)
        found = -(log_ways + r * (torch.log(r) - log_all) + k * (torch.log(mean) - log_all))
        return found.to(self.average.dtype)


Distribution = StudentT | NegativeBinomial

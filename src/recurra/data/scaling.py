"""Numbers brought to one scale, channel by channel, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import BundleError

Values = NDArray[np.float32]


@final
@dataclass(frozen=True, eq=False)
class Standard:
    """Each channel less its mean, over its standard deviation: mean and spread (C,)."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, values: Values) -> Self:
        """The scale of values (N, C), which are the training part's; a constant channel keeps 1."""
        mean = values.mean(0, dtype=np.float64)
        spread = values.std(0, dtype=np.float64)
        # Rounding alone leaves a constant channel a spread of about 1e-7 of its size.
        constant = spread <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
        return cls(mean, np.where(constant, 1.0, spread))

    def scale(self, values: Values) -> Values:
        """Values (..., C) on the scale of the training part."""
        scaled: Values = ((values - self.mean) / self.spread).astype(np.float32)
        return scaled

    def restore(self, scaled: Values) -> Values:
        """The values (..., C) that `scale` was given, within rounding."""
        values: Values = (scaled * self.spread + self.mean).astype(np.float32)
        return values

    def to_json(self) -> dict[str, Any]:
        """Mean and spread as plain values."""
        return {"mean": self.mean.tolist(), "spread": self.spread.tolist()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The scale that `to_json` wrote.

        Raises:
            BundleError: it is none.
        """
        mean = np.array(value.get("mean"), np.float64)
        spread = np.array(value.get("spread"), np.float64)
        if mean.ndim != 1 or mean.shape != spread.shape or not (spread > 0).all():
            raise BundleError("the scale is damaged", expected='"mean" and "spread", one a channel')
        return cls(mean, spread)

"""Numbers brought to one scale, channel by channel, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import BundleError

Values = NDArray[np.float32]
Reals = NDArray[np.float32] | NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Standard:
    """Each channel less its mean, over its standard deviation: mean and spread (C,)."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, values: Reals) -> Self:
        """The scale of values (N, C), which are the training part's.

        A channel that is constant but for rounding is divided by its size, or by 1 if that is more:
        what is left of it must not drown the others.
        """
        mean = values.mean(0, dtype=np.float64)
        spread = values.std(0, dtype=np.float64)
        # Rounding alone leaves a constant channel a spread of about 1e-7 of its size.
        constant = spread <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
        return cls(mean, np.where(constant, np.maximum(np.abs(mean), 1.0), spread))

    def scale(self, values: Reals) -> Values:
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
        damaged = BundleError("the scale is damaged", expected='"mean" and "spread", one a channel')
        try:
            mean, spread = (np.array(value[name], np.float64) for name in ("mean", "spread"))
        except (KeyError, TypeError, ValueError) as error:
            raise damaged from error
        fits = mean.ndim == 1 and mean.shape == spread.shape and len(mean) > 0
        if not (fits and np.isfinite([mean, spread]).all() and (spread > 0).all()):
            raise damaged
        return cls(mean, spread)

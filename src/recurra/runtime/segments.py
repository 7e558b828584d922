"""The network that reads the past in segments and gives the whole horizon at once, on arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, final

import numpy as np

from recurra.errors import OptionError
from recurra.runtime.distributions import softplus
from recurra.runtime.layers import Recurrent, linear
from recurra.runtime.quantiles import LEVELS
from recurra.runtime.state import Array
from recurra.runtime.weights import Weights
from recurra.runtime.windows import Windows

PLACE: Final = 16
"""Size of the vector that says which segment of the horizon is asked for."""

_MEDIAN: Final = LEVELS.index(0.5)


@final
@dataclass(frozen=True)
class Sizes:
    """The sizes of a network that reads segments.

    Args:
        context: T, steps before an origin that are read; of longer windows the last ones.
        horizon: H, steps that are forecast.
        period: steps of a season, whose mean is taken off; 1: the last value is.
        known, past, static: columns K, P and D of the windows.
        segment: w, steps that the recurrence takes at once.
        hidden: units of the recurrent layer.
        dropout: share dropped before the last layer.

    Raises:
        OptionError: a size that is too small, or a dropout outside 0 to 1.
    """

    context: int
    horizon: int
    period: int
    known: int
    past: int
    static: int
    segment: int
    hidden: int
    dropout: float

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise OptionError(f"dropout={self.dropout}", expected="from 0 to below 1")
        for each in fields(self):
            least = 0 if each.name in ("known", "past", "static", "dropout") else 1
            if (found := getattr(self, each.name)) < least:
                raise OptionError(f"{each.name}={found}", expected=f"{least} or more")

    @property
    def read(self) -> int:
        """Segments of the past."""
        return -(-self.context // self.segment)

    @property
    def asked(self) -> int:
        """Segments of the horizon."""
        return -(-self.horizon // self.segment)


@final
class Segments:
    """See `recurra.networks.segments.Segments`, whose weights these are.

    A constant added to a window is added to its quantiles. Values at missing steps are not read.
    """

    def __init__(self, sizes: Sizes, weights: Weights, prefix: str) -> None:
        self.sizes = s = sizes
        w, hidden = s.segment, s.hidden
        self.embed = linear(weights, f"{prefix}embed", hidden, w * (2 + s.past + s.known))
        self.recurrent = Recurrent(weights, "gru", hidden, hidden, 1, prefix=f"{prefix}recurrent.")
        self.places = weights.take(f"{prefix}places", s.asked, PLACE)
        self.ask = linear(weights, f"{prefix}ask", hidden, PLACE + w * s.known + s.static)
        self.head = linear(weights, f"{prefix}head", w * len(LEVELS), hidden)
        self.highway = linear(weights, f"{prefix}highway", s.horizon, s.context)

    def __call__(self, windows: Windows, threads: int) -> Array:
        """Quantiles (B, H, Q) at LEVELS, ascending, scaled."""
        s = self.sizes
        beyond = windows.values.shape[1] - s.context
        if beyond < 0:
            raise OptionError(
                f"windows of {windows.values.shape[1]} steps", expected=f"{s.context} or more"
            )
        present = windows.present[:, beyond:]
        # Whatever stands at a missing step, a NaN among it, must not get into a sum.
        values = np.where(present, windows.values[:, beyond:], np.float32(0))
        level = _level(values, present, s.period)
        moves = np.where(present, values - level, np.float32(0))
        known = windows.known[:, beyond:]
        state = self._state(moves, present, windows.past[:, beyond:], known, threads)
        out = self._decoded(state, known[:, s.context :], windows.static, threads)
        found = np.empty_like(out)
        median = found[..., _MEDIAN]
        np.add(out[..., _MEDIAN], self.highway(moves, threads=threads), out=median)
        median += level
        away = softplus(out - np.float32(1.0))
        for side in (-1, 1):
            reach, place = np.zeros_like(median), _MEDIAN + side
            while 0 <= place < len(LEVELS):
                reach = reach + away[..., place]
                found[..., place] = median + side * reach
                place += side
        return found

    def _state(
        self, moves: Array, present: Array, past: Array, known: Array, threads: int
    ) -> dict[str, Array]:
        """What the window leaves behind: the layer's state."""
        s = self.sizes
        # The last segment ends where the horizon begins; it is the first that is filled up.
        first = s.read * s.segment - s.context
        steps = np.zeros((len(moves), s.read * s.segment, 2 + s.past + s.known), np.float32)
        steps[:, first:, 0], steps[:, first:, 1] = moves, present
        steps[:, first:, 2 : 2 + s.past] = past
        steps[:, first:, 2 + s.past :] = known[:, : s.context]
        pieces = self.embed(steps.reshape(len(moves) * s.read, -1), threads=threads)
        np.maximum(pieces, 0, out=pieces)
        return self.recurrent.run(pieces.reshape(len(moves), s.read, -1), threads=threads)[1]

    def _decoded(self, state: dict[str, Array], known: Array, static: Array, threads: int) -> Array:
        """A number (B, H, Q) for each quantile of each step to come."""
        s, rows, count = self.sizes, len(known), self.sizes.asked
        ahead = np.zeros((rows, count * s.segment, s.known), np.float32)
        ahead[:, : s.horizon] = known
        query = np.empty((rows, count, PLACE + s.segment * s.known + s.static), np.float32)
        query[:, :, :PLACE] = self.places
        query[:, :, PLACE : PLACE + s.segment * s.known] = ahead.reshape(rows, count, -1)
        query[:, :, PLACE + s.segment * s.known :] = static[:, None]
        step = self.ask(query.reshape(rows * count, -1), threads=threads)
        np.maximum(step, 0, out=step)
        forked = {name: np.repeat(each, count, 0) for name, each in state.items()}
        out = self.head(self.recurrent.step(step, forked, {}, threads=threads), threads=threads)
        return np.ascontiguousarray(out.reshape(rows, -1, len(LEVELS))[:, : s.horizon])


def _level(values: Array, present: Array, period: int) -> Array:
    """The mean (B, 1) of the last season; of the window where that is missing, 0 where all is."""
    # Added up one after the other, so that a row's sum does not follow from how rows lie.
    wide, recent = values.astype(np.float64), values[:, -period:].astype(np.float64)
    whole, season = (np.cumsum(each, 1)[:, -1] for each in (wide, recent))
    count, late = present.sum(1), present[:, -period:].sum(1)
    mean = np.where(late > 0, season / np.maximum(late, 1), whole / np.maximum(count, 1))
    level: Array = mean[:, None].astype(np.float32)
    return level

"""What is known before an origin, as a batch that networks read; and what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs import calendar
from recurra.runtime.series import Architecture
from recurra.runtime.windows import Windows
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Counts, Panel
from recurra.tasks.series.scale import Scale

__all__ = ["Reader", "Targets", "Windows"]


class Targets(NamedTuple):
    """What came of the windows: scaled targets (B, H), 0 where there are none, and which are."""

    values: NDArray[np.float32]
    there: NDArray[np.bool_]


@final
class Reader:
    """Cuts windows out of a panel; everything it gives of an origin was known before it.

    Args:
        turns: of the calendar, those that are read.
    """

    def __init__(
        self,
        panel: Panel,
        scale: Scale,
        *,
        context: int,
        horizon: int,
        turns: Sequence[str],
    ) -> None:
        self.panel, self.scale = panel, scale
        self.context, self.horizon = context, horizon
        owners = np.repeat(np.arange(len(panel)), panel.lengths)
        present = np.isfinite(panel.values)
        scaled = scale.scale(np.where(present, panel.values, scale.centre[owners]), owners)
        # One more row at the end, of a step that is missing: what lies outside a series reads it.
        self._values = np.append(np.where(present, scaled, 0), 0).astype(np.float32)
        self._present = np.append(present, False)
        self._units = scale.unit.astype(np.float32)
        self._past = _with_none(panel.past)
        self._known = _with_none(panel.known)
        self._first = int(panel.starts.min()) - context
        last = int((panel.starts + panel.lengths + panel.ahead).max()) + horizon
        steps = np.arange(self._first, last + 1)
        self._calendar = calendar.features(panel.frequency, steps, turns)
        self._names = np.array([_key(name) for name in panel.ids], np.uint64)

    @classmethod
    def of(cls, sizes: Architecture, panel: Panel, scale: Scale, horizon: int = 1) -> Reader:
        """As a network of these sizes reads a panel, of its horizon or a longer one."""
        horizon = max(sizes.horizon, horizon)
        return cls(panel, scale, context=sizes.context, horizon=horizon, turns=sizes.turns)

    def windows(self, origins: Origins) -> Windows:
        """The windows (B,) from these origins."""
        panel, series, first = self.panel, origins.series, origins.origins[:, None]
        before = first + np.arange(-self.context, 0)
        rows = _rows(before, panel.begins[series], panel.lengths[series], len(panel.values))
        around = first + np.arange(-self.context, self.horizon)
        spans = panel.lengths[series] + panel.ahead[series]
        known = _rows(around, panel.known_begins[series], spans, len(panel.known))
        days = panel.starts[series][:, None] + around - self._first
        datetimes = (panel.starts[series] + origins.origins).astype(np.uint64)
        return Windows(
            self._values[rows],
            self._present[rows],
            self._past[rows],
            np.concatenate([self._known[known], self._calendar[days]], 2),
            panel.static[series],
            self._units[series],
            np.stack([self._names[series], datetimes], 1),
        )

    def targets(self, origins: Origins, ends: Counts) -> Targets:
        """What came of them, as far as it lies before `ends` (S,)."""
        series = origins.series
        steps = origins.origins[:, None] + np.arange(self.horizon)
        ends = np.minimum(ends, self.panel.lengths)[series]
        rows = _rows(steps, self.panel.begins[series], ends, len(self.panel.values))
        return Targets(self._values[rows], self._present[rows])

    def came(self, origins: Origins, ends: Counts) -> NDArray[np.float64]:
        """What `targets` gives as (B, H), NaN where there are none."""
        values, there = self.targets(origins, ends)
        found: NDArray[np.float64] = np.where(there, values, np.nan).astype(np.float64)
        return found


def _rows(steps: Counts, begins: Counts, ends: Counts, none: int) -> Counts:
    """Rows of steps (B, n) of series that begin at rows (B,); `none` outside 0 .. ends."""
    inside = (steps >= 0) & (steps < ends[:, None])
    found: Counts = np.where(inside, begins[:, None] + steps, none)
    return found


def _with_none(columns: NDArray[np.float32]) -> NDArray[Any]:
    return np.concatenate([columns, np.zeros((1, columns.shape[1]), np.float32)])


def _key(name: str) -> int:
    """A number for a series' name, the same on any machine."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")

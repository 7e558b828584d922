"""What is known before an origin, as a batch that networks read; and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recurra.codecs import calendar
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Counts, Panel
from recurra.tasks.series.scale import Scale


@final
@dataclass(frozen=True, eq=False)
class Windows:
    """B origins: the T steps before each, and what is known of the H steps from it on.

    Args:
        values: (B, T) scaled targets; 0 where missing. Short series are filled up on the left.
        present: (B, T) whether there is a target.
        past: (B, T, P) what is known of a step only once it is over.
        known: (B, T + H, K) what is known of a step beforehand, the calendar among it.
        static: (B, D) what holds for all steps of a series.
        unit: (B,) real units that one scaled unit stands for; counts are read in them.
    """

    values: Tensor
    present: Tensor
    past: Tensor
    known: Tensor
    static: Tensor
    unit: Tensor

    def __len__(self) -> int:
        return len(self.unit)

    def to(self, device: torch.device) -> Windows:
        """The same on a device."""
        return Windows(*(each.to(device) for each in self.parts()))

    def parts(self) -> tuple[Tensor, ...]:
        """The tensors, in order."""
        return tuple(getattr(self, each.name) for each in fields(self))


class Targets(NamedTuple):
    """What came of the windows: scaled targets (B, H), 0 where there are none, and which are."""

    values: Tensor
    there: Tensor


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
        self._values = torch.from_numpy(np.append(np.where(present, scaled, 0), 0).astype("f4"))
        self._present = torch.from_numpy(np.append(present, False))
        self._units = scale.spread.astype(np.float32)
        self._past = _with_none(panel.past)
        self._known = _with_none(panel.known)
        self._first = int(panel.starts.min()) - context
        last = int((panel.starts + panel.lengths + panel.ahead).max()) + horizon
        steps = np.arange(self._first, last + 1)
        self._calendar = torch.from_numpy(calendar.features(panel.frequency, steps, turns))

    def windows(self, origins: Origins) -> Windows:
        """The windows (B,) from these origins."""
        panel, series, first = self.panel, origins.series, origins.origins[:, None]
        before = first + np.arange(-self.context, 0)
        rows = _rows(before, panel.begins[series], panel.lengths[series], len(panel.values))
        around = first + np.arange(-self.context, self.horizon)
        spans = panel.lengths[series] + panel.ahead[series]
        known = _rows(around, panel.known_begins[series], spans, len(panel.known))
        days = torch.from_numpy(panel.starts[series][:, None] + around - self._first)
        return Windows(
            self._values[rows],
            self._present[rows],
            self._past[rows],
            torch.cat([self._known[known], self._calendar[days]], 2),
            torch.from_numpy(panel.static[series]),
            torch.from_numpy(self._units[series]),
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


def _rows(steps: Counts, begins: Counts, ends: Counts, none: int) -> Tensor:
    """Rows of steps (B, n) of series that begin at rows (B,); `none` outside 0 .. ends."""
    inside = (steps >= 0) & (steps < ends[:, None])
    return torch.from_numpy(np.where(inside, begins[:, None] + steps, none))


def _with_none(columns: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.concatenate([columns, np.zeros((1, columns.shape[1]), "f4")]))

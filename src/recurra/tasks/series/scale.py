"""Each series brought to one scale by its own past, and its forecasts back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import BundleError
from recurra.tasks.series.panel import Counts, Panel

Floats = NDArray[np.float64]

_FAR: Final = 8.0  # spreads from the centre, beyond which a logarithm goes on as its tangent
_BLOCKS: Final = 4  # seasons that a series must have for its levels to be compared

_ROUNDING: Final = 1e-12  # of its size, that a constant series may seem to move by

_STILL: Final = 20
"""Values all alike from which on a series is constant: of n such, the next differs once in n + 2
times (the rule of succession), less often than an interval of 95 % may miss."""


@final
@dataclass(frozen=True, eq=False)
class Scale:
    """Each series less its centre, over its spread; after the logarithm where `log`.

    Centre is the median, spread the mean distance from it: one value far off moves neither much,
    and a series that is zero most of the time still has a spread. Eight spreads from the centre and
    farther the logarithm goes on as its tangent: zeros and negative values that training had not
    have a place, a forecast far off grows no faster than in proportion, and all is inverted.

    Args:
        centre: (S,) of values, or of their logarithms.
        spread: (S,) above 0; 0 where the series is constant.
        log: whether values are compared by their ratios.
        floor: whether nothing is below 0: values are brought back no lower.
    """

    centre: Floats
    spread: Floats
    log: bool
    floor: bool = False

    @classmethod
    def of(
        cls, panel: Panel, ends: Counts, log: bool | None = None, *, period: int | None = None
    ) -> Self:
        """The scale of each series from its steps before `ends` (S,) alone.

        A series that is constant there has the spread 0, one of a few values that are alike its
        unit (see `unit`); one without values has centre 0 and spread 1.

        Args:
            log: None decides: values are all above 0, those after `ends` too, and in most series
                the spread of a season keeps a steadier proportion to its level than to nothing
                (Guerrero, 1993: the smaller coefficient of variation, of lambda 0 and lambda 1).
            period: steps of a season; default that of the frequency.
        """
        series = np.repeat(np.arange(len(panel)), panel.lengths)
        step = np.arange(len(panel.values)) - panel.begins[series]
        seen = (step < ends[series]) & ~np.isnan(panel.values)
        series, step, values = series[seen], step[seen], panel.values[seen]
        if log is None:
            block = max(panel.frequency.season if period is None else period, _BLOCKS)
            above = not (panel.values <= 0).any()
            log = above and _grows(series, step // block, values, block)
        return cls(*_centred(series, values, len(panel), log), log)

    @classmethod
    def of_counts(cls, panel: Panel, ends: Counts) -> Self:
        """Counts over the mean of each series before `ends` (S,); 1 where it is 0 or none is there.

        As in DeepAR (Salinas et al. 2020, section 3.3).
        """
        series = np.repeat(np.arange(len(panel)), panel.lengths)
        step = np.arange(len(panel.values)) - panel.begins[series]
        seen = (step < ends[series]) & ~np.isnan(panel.values)
        counts = np.bincount(series[seen], minlength=len(panel))
        sums = np.bincount(series[seen], panel.values[seen], len(panel))
        mean = sums / np.maximum(counts, 1)
        return cls(np.zeros(len(panel)), np.where(mean > 0, mean, 1.0), False)

    def scale(self, values: NDArray[Any], series: Counts) -> NDArray[np.float32]:
        """Values (W, ...) of series (W,) on their scales; missing ones stay NaN."""
        centre, spread = self._of(series, values.ndim)
        values = values.astype(np.float64)
        if self.log:
            values = _logarithm(values, centre, spread)
        return ((values - centre) / spread).astype(np.float32)

    @property
    def unit(self) -> Floats:
        """(S,) what one scaled unit stands for: the spread.

        Of a constant series its size, or 1 where that is more or where logarithms are compared.
        """
        return np.where(self.spread > 0, self.spread, _size(self.centre, self.log))

    def still(self, scaled: NDArray[Any], series: Counts) -> NDArray[np.bool_]:
        """Which scaled values (W, ...), or missing ones, are the one of a constant series."""
        constant = (self.spread[series] == 0).reshape((-1,) + (1,) * (scaled.ndim - 1))
        return np.asarray(constant & ~(np.abs(scaled) > _ROUNDING))

    def restore(self, scaled: NDArray[Any], series: Counts) -> Floats:
        """The values (W, ...) that `scale` was given; ascending ones stay ascending."""
        found = self._restored(scaled, series)
        return np.maximum(found, 0.0) if self.floor else found

    def _restored(self, scaled: NDArray[Any], series: Counts) -> Floats:
        centre, spread = self._of(series, scaled.ndim)
        scaled = scaled.astype(np.float64)
        if not self.log:
            straight: Floats = scaled * spread + centre
            return straight
        near = np.clip(scaled, -_FAR, _FAR)
        found: Floats = np.exp(near * spread + centre)
        found *= 1 + (scaled - near) * spread
        return found

    def rounded(self, values: Floats, series: Counts) -> Floats:
        """Values (W, ...) of series (W,) to the digits that mean something.

        That is six of each value, and so many that a scaled unit has five, where these are more.
        """
        unit = self.unit * (np.exp(self.centre) if self.log else 1.0)
        with np.errstate(divide="ignore"):
            needed = 4 - np.floor(np.log10(unit[series])).reshape((-1,) + (1,) * (values.ndim - 1))
            own = np.where(values == 0, 0, 5 - np.floor(np.log10(np.abs(values))))
        factor = 10.0 ** np.clip(np.maximum(own, needed), 0, 300)
        found: Floats = np.rint(values * factor) / factor
        return np.where(np.isfinite(found), found, values) + 0.0  # + 0.0: no -0.0

    def extended(
        self, ids: Sequence[str], panel: Panel, ends: Counts, *, counts: bool = False
    ) -> Scale:
        """The scale of another panel's series: those in `ids` keep theirs, others from their steps.

        Args:
            ids: (S,) the series of this scale.
            panel: the panel that is asked about.
            ends: (S,) steps of it before these are past.
            counts: whether this is a scale of counts.
        """
        number = {each: at for at, each in enumerate(ids)}
        known = np.array([number.get(each, -1) for each in panel.ids], np.int64)
        if (known >= 0).all():
            return self.rows(known)
        own = Scale.of_counts(panel, ends) if counts else Scale.of(panel, ends, self.log)
        return Scale(
            np.where(known < 0, own.centre, self.centre[known]),
            np.where(known < 0, own.spread, self.spread[known]),
            self.log,
            self.floor,
        )

    def rows(self, series: Counts | slice) -> Scale:
        """That of some series, in their order."""
        return Scale(self.centre[series], self.spread[series], self.log, self.floor)

    def _of(self, series: Counts, dimensions: int) -> tuple[Floats, Floats]:
        shape = (-1,) + (1,) * (dimensions - 1)
        return self.centre[series].reshape(shape), self.unit[series].reshape(shape)

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        return {
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
            "log": self.log,
            "floor": self.floor,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The scale that `to_json` wrote.

        Raises:
            BundleError: it is none.
        """
        damaged = BundleError("the scale is damaged", expected='"centre", "spread" and "log"')
        try:
            centre, spread = (np.array(value[name], np.float64) for name in ("centre", "spread"))
            log, floor = value["log"], value.get("floor", False)
        except (KeyError, TypeError, ValueError) as error:
            raise damaged from error
        fits = centre.ndim == 1 and centre.shape == spread.shape
        fits = fits and type(log) is bool and type(floor) is bool
        if not (fits and np.isfinite([centre, spread]).all() and (spread >= 0).all()):
            raise damaged
        return cls(centre, spread, log, floor)


def _logarithm(values: Floats, centre: Floats, spread: Floats) -> Floats:
    """Logarithms; their tangents where that is far from the centre."""
    low, high = (np.exp(centre + side * _FAR * spread) for side in (-1, 1))
    near = np.clip(values, low, high)
    found: Floats = np.log(near) + (values - near) / near
    return found


def _centred(series: Counts, values: Floats, count: int, log: bool) -> tuple[Floats, Floats]:
    """Median (S,) and mean distance from it (S,) of each series."""
    if log:  # a series that training had not may have others
        above = values > 0
        series, values = series[above], np.log(values[above])
    counts = np.bincount(series, minlength=count)
    begins = np.cumsum(counts) - counts
    ranked = _ranked(series, values, counts)
    centre, some = np.zeros(count), counts > 0
    low, high = (begins + (counts - 1) // 2)[some], (begins + counts // 2)[some]
    centre[some] = ranked[low] / 2 + ranked[high] / 2
    spread = np.bincount(series, np.abs(values - centre[series]), count) / np.maximum(counts, 1)
    constant = spread <= _ROUNDING * np.abs(centre)
    alike = np.where(counts < _STILL, _size(centre, log), 0.0)
    return centre, np.where(constant, alike, spread)


def _size(centre: Floats, log: bool) -> Floats:
    return np.ones(len(centre)) if log else np.maximum(np.abs(centre), 1.0)


def _ranked(series: Counts, values: Floats, counts: Counts) -> Floats:
    """The values of each series ascending; `series` ascends already."""
    longest = int(counts.max(initial=0))
    if longest * len(counts) > 4 * len(values):
        return values[np.lexsort((values, series))]
    # A series a row, filled up with what is sorted to its end: rows are sorted much faster.
    rows = np.full((len(counts), longest), np.inf)
    there = np.arange(longest) < counts[:, None]
    rows[there] = values
    rows.sort(1)
    found: Floats = rows[there]
    return found


def _grows(series: Counts, block: Counts, values: Floats, size: int) -> bool:
    """Whether the spread of seasons grows with their level, in most series that can tell."""
    if not len(values) or values.min() <= 0:
        return False
    # Blocks of all series, end to end; those of which a half is missing say little.
    key = series * (int(block.max()) + 1) + block
    _, number, counts = np.unique(key, return_inverse=True, return_counts=True)
    mean = np.bincount(number, values) / counts
    spread = np.sqrt(np.bincount(number, (values - mean[number]) ** 2) / counts)
    first = np.zeros(len(counts), np.int64)
    first[number] = series
    full = 2 * counts > size
    steady = [_variation(first[full], each[full]) for each in (spread, spread / mean)]
    there = ~np.isnan(steady[0]) & ~np.isnan(steady[1])
    return bool(there.any()) and 2 * int((steady[1] < steady[0])[there].sum()) > int(there.sum())


def _variation(groups: Counts, values: Floats) -> Floats:
    """Coefficient of variation of the values of each group; NaN where there are too few."""
    counts = np.bincount(groups)
    mean = np.bincount(groups, values) / np.maximum(counts, 1)
    spread = np.sqrt(np.bincount(groups, (values - mean[groups]) ** 2) / np.maximum(counts, 1))
    found: Floats = np.where(
        (counts >= _BLOCKS) & (mean > 0), spread / np.where(mean > 0, mean, 1), np.nan
    )
    return found

"""What a run answers with: its network, a baseline, or their mean; in use, and how it is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.errors import counted
from recurra.judge.answer import NETWORK, WEIGHTS, Choice, choose
from recurra.tasks.series.baselines import classical, lags, naive2, smoothing
from recurra.tasks.series.baselines.measured import (
    DRIFT,
    NAIVE,
    NAIVE2,
    RIDGE,
    SEASONAL,
    SEASONAL_DRIFT,
    SMOOTHING,
    Baseline,
    closed,
)
from recurra.tasks.series.baselines.past import Past
from recurra.tasks.series.choosing import Choosing
from recurra.tasks.series.forecasts import LEVELS, Forecasts, Origins
from recurra.tasks.series.intervals import Widths, calibrate
from recurra.tasks.series.panel import Counts, SeriesData
from recurra.tasks.series.targets import Targets

Floats = NDArray[np.float64]

ANSWER: Final = "answer.safetensors"

MEAN: Final = "mean of network and baseline"

ORDER: Final = (
    classical.COMBINED,
    SMOOTHING,
    NAIVE,
    SEASONAL,
    DRIFT,
    SEASONAL_DRIFT,
    NAIVE2,
    RIDGE,
    "AutoTheta",
    "AutoETS",
    "AutoCES",
    "AutoARIMA",
    "MSTL",
)
"""Baselines in the order in which they stand where noise is all that tells them apart: first what
suits most short series, then from the simplest on; then the network, and the mean of two."""

_FOLDS: Final = 4  # groups of windows from which on the weight of the mean is chosen
_MEDIAN: Final = LEVELS.index(0.5)


@final
@dataclass(frozen=True, eq=False)
class Answer:
    """What is said of the steps to come: w of the network's quantiles and 1 - w of a baseline's.

    Args:
        weight: w, from 0 to 1.
        baseline: its name; empty where w is 1.
        widths: by how much the ends of its intervals are moved; those of the network's already are.
        moves: (H, Q) from the baseline's point to its quantiles, scaled.
        learnt: what a baseline brings that is not fitted again: a line's weights, those of series.
        against: the baseline that is best by the same rule, which verdicts are about.
        choice: what was compared, and what of it was chosen.
        windows: by which it was chosen.
    """

    weight: float
    baseline: str
    widths: Widths
    moves: Floats
    learnt: Floats
    against: str
    choice: Choice
    windows: int

    @property
    def name(self) -> str:
        """As it reads after "the"."""
        if not self.baseline:
            return NETWORK
        if not self.weight:
            return self.baseline
        return f"mean of the network ({self.weight:g}) and the {self.baseline}"

    def sentence(self) -> str:
        """What it is, and how it was chosen."""
        found, best = self.choice, self.choice.best
        why = "was best"
        if found.name != best:
            why = f"is the first within one standard error of the best, the {best}"
        return (
            f"The answer is that of the {self.name}: of {len(found.costs):,} compared on "
            f"{counted(self.windows, 'window')} before the test part it {why}."
        )

    def facts(self) -> dict[str, Any]:
        """What a report says of it, beside its figures."""
        return {
            "name": self.name,
            "sentence": self.sentence(),
            "weight": self.weight,
            "baseline": self.baseline or None,
            "compared": len(self.choice.costs),
            "windows": self.windows,
            "choice": self.choice.to_json(),
        }

    def said(
        self, past: Past, windows: Origins, number: Counts, network: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Quantiles (W, H, Q), scaled; the widths are still to be applied.

        What is fitted again is fitted to all before the first origin of each series.

        Args:
            past: the panel that is forecast.
            number: (S,) which series of the training each is, -1 of others.
            network: its quantiles, corrected; may be None where it has no weight.
        """
        if not self.baseline:
            assert network is not None
            return network
        own = self._own(past, windows, number)
        if network is not None:
            own = self.weight * network + (1 - self.weight) * own
        return own.astype(np.float32)

    def _own(self, past: Past, windows: Origins, number: Counts) -> Floats:
        """The baseline's quantiles (W, H, Q), scaled."""
        name, horizon = self.baseline, len(self.moves)
        ends = past.panel.lengths.copy()
        np.minimum.at(ends, windows.series, windows.origins)
        if name in classical.NOTES:
            said = classical.said(name, past, (ends[windows.series], windows), horizon)
            return past.scale.scale(said, windows.series).astype(np.float64)
        if name == NAIVE2:
            point = naive2.fit(past, ends)(windows, horizon)
        elif name == RIDGE:
            line = lags.Line(past, self.learnt)
            # Each by itself: a product of many rows rounds otherwise than one of few.
            rows = [line(windows.rows(slice(row, row + 1))) for row in range(len(windows))]
            point = np.concatenate(rows) if rows else np.zeros((0, horizon))
        elif name == SMOOTHING:
            others = np.median(self.learnt[self.learnt.any(1)], 0)
            weights = np.where((number < 0)[:, None], others, self.learnt[number])
            point = smoothing.resumed(past, ends, weights)(windows, horizon)
        else:
            point = closed(name, past, windows, horizon)
        # The median is the point itself, and no end lies on its wrong side.
        moves = self.moves * (np.sign(self.moves) == np.sign(np.array(LEVELS) - 0.5))
        found: Floats = point[..., None] + moves
        return found

    def write(self, run: Run) -> None:
        """Keep it in a run."""
        facts = {
            "weight": self.weight,
            "baseline": self.baseline,
            "widths": self.widths.to_json(),
            "against": self.against,
            "choice": self.choice.to_json(),
            "windows": self.windows,
        }
        run.write_arrays(ANSWER, {"moves": self.moves, "learnt": self.learnt}, facts)

    @classmethod
    def read(cls, run: Run, *, horizon: int, series: int) -> Answer:
        """The answer that `write` kept, of a model of so many steps and series.

        Raises:
            BundleError: it is missing or damaged.
        """
        arrays, facts = run.read_arrays(ANSWER)
        with run.intact(ANSWER):
            found = cls(
                float(facts["weight"]),
                str(facts["baseline"]),
                Widths.from_json(facts["widths"]),
                arrays["moves"].astype(np.float64),
                arrays["learnt"].astype(np.float64),
                str(facts["against"]),
                Choice.from_json(facts["choice"]),
                int(facts["windows"]),
            )
            if found.baseline and found.baseline not in ORDER:
                raise ValueError(f"an answer by {found.baseline!r}")
            if not 0 <= found.weight <= 1 or (found.weight < 1) != bool(found.baseline):
                raise ValueError(f"a weight of {found.weight}")
            if found.widths.low.shape[1] != horizon:
                raise ValueError(f"widths of other than {horizon:,} steps")
            steps = range(2, lags.MOST_LAGS + 2)  # lags, and the constant
            fits = {RIDGE: [(n + lags.WAVE, horizon) for n in steps], SMOOTHING: [(series, 4)]}
            allowed = fits.get(found.baseline, [(0, 0)])
            if found.moves.shape != (horizon, len(LEVELS)) or found.learnt.shape not in allowed:
                raise ValueError("what its baseline has learnt is of another shape")
            if not np.isfinite(found.moves).all() or not np.isfinite(found.learnt).all():
                raise ValueError("what its baseline has learnt is not finite")
        return found

    def of_test(
        self, data: SeriesData, test: Forecasts, baselines: Sequence[Baseline]
    ) -> NDArray[np.float32]:
        """What `said` says of the test part, by what network and baseline said there."""
        windows = Origins.of(test)
        mine = data.scale.scale(test.quantiles, windows.series)
        if not self.baseline:
            return mine
        own = next(each for each in baselines if each.name == self.baseline)
        theirs = data.scale.scale(own.forecasts(data.scale, windows).quantiles, windows.series)
        return (self.weight * mine + (1 - self.weight) * theirs).astype(np.float32)


def chosen(
    data: SeriesData,
    choosing: Choosing,
    network: NDArray[np.float32],
    baselines: Sequence[Baseline],
) -> Answer | None:
    """The simplest of network, baselines and mean within one standard error of the best.

    Costs are errors of medians in the unit of the verdict. What the mean of two weighs is chosen
    on windows other than those that it is compared on.

    Args:
        network: (V, H, Q), scaled and corrected, of the windows that choose; NaN of those that it
            has nothing to say of.
    """
    windows, free = choosing.windows, choosing.free & np.isfinite(network).all((1, 2))
    if not baselines or not free.any():
        return None
    true = Targets.of(data, windows)
    size = np.ones(len(windows)) if true.metric == "mae" else true.scale
    free = free & ~np.isnan(size)

    def costs(point: Floats) -> Floats:
        """(V,) of windows; NaN where nothing came."""
        off = np.abs(point - true.actuals)
        there = ~np.isnan(off)
        found: Floats = np.where(there, off, 0).sum(1) / np.maximum(there.sum(1), 1) / size
        return np.where(there.any(1), found, np.nan)

    listed = sorted((each for each in baselines if not each.less), key=_place)
    mine = data.scale.restore(network[..., _MEDIAN], windows.series)
    every = {each.name: costs(each.held) for each in listed} | {NETWORK: costs(mine)}
    free &= np.isfinite(list(every.values())).all(0)
    if not free.any() or not listed:
        return None
    groups = choosing.groups(data.horizon)[free]
    every = {name: each[free] for name, each in every.items()}
    best = choose({each.name: every[each.name] for each in listed}, groups=groups)

    def said_by(name: str) -> tuple[Baseline, Floats]:
        """A baseline and what it says of the windows, scaled."""
        one = next(each for each in listed if each.name == name)
        real = one.forecasts(data.scale, windows, held=True).quantiles
        return one, data.scale.scale(real, windows.series).astype(np.float64)

    other, theirs = said_by(best.name)

    def mean(weight: float) -> Floats:
        said = weight * network[..., _MEDIAN] + (1 - weight) * theirs[..., _MEDIAN]
        return costs(data.scale.restore(said, windows.series))[free]

    tried = {weight: mean(weight) for weight in WEIGHTS}
    weight, every[MEAN] = _weighed(tried, groups)
    found = choose(every, groups=groups)
    if found.name != MEAN:
        weight = float(found.name == NETWORK)
    if found.name not in (MEAN, NETWORK):
        other, theirs = said_by(found.name)
    nothing = np.zeros((data.horizon, len(LEVELS)))
    widths = Widths.none(data.horizon)
    if weight == 1:
        return Answer(1.0, "", widths, nothing, np.zeros((0, 0)), best.name, found, int(free.sum()))
    said = weight * np.nan_to_num(network[free]) + (1 - weight) * theirs[free]
    came = data.scale.scale(true.actuals[free], windows.series[free])
    some = windows.rows(np.flatnonzero(free))
    widths = calibrate(said.astype(np.float32), came, some.origins, some.series)
    learnt = np.zeros((0, 0)) if other.learnt is None else other.learnt
    return Answer(
        weight, other.name, widths, other.moves, learnt, best.name, found, int(free.sum())
    )


def _place(baseline: Baseline) -> int:
    return ORDER.index(baseline.name)


def _weighed(tried: Mapping[float, Floats], groups: Counts) -> tuple[float, Floats]:
    """The weight of the mean, and its costs (W,) of each half by the weight best on the other."""
    numbers, group = np.unique(groups, return_inverse=True)
    if len(numbers) < _FOLDS:
        return 0.5, tried[0.5]
    half = group % 2 == 0

    def best(rows: NDArray[np.bool_]) -> float:
        return min(tried, key=lambda weight: float(tried[weight][rows].sum()))

    costs = np.where(half, tried[best(~half)], tried[best(half)])
    return best(np.ones(len(group), bool)), costs

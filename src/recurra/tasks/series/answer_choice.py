"""How it is chosen what a run answers with: on windows that nothing compared was fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recurra.judge.answer import NETWORK, WEIGHTS, choose
from recurra.runtime.quantiles import LEVELS
from recurra.tasks.series.answer import MEAN, ORDER, POOLED, Answer, Floats, Part
from recurra.tasks.series.baselines import classical
from recurra.tasks.series.baselines.measured import Baseline
from recurra.tasks.series.choosing import Choosing
from recurra.tasks.series.intervals import Widths, calibrate
from recurra.tasks.series.panel import Counts, SeriesData
from recurra.tasks.series.targets import Targets

POWER: Final = 4
"""What a method weighs is its mean absolute error to the power of -4 (Bates & Granger 1969 took
-2); see docs/tried.md."""

FAR: Final = 2.0
"""Times the error of the best, from which on a method weighs nothing."""

_FOLDS: Final = 4  # groups of windows from which on weights are chosen
_MEDIAN: Final = LEVELS.index(0.5)


def chosen(
    data: SeriesData,
    choosing: Choosing,
    network: NDArray[np.float32],
    baselines: Sequence[Baseline],
) -> Answer | None:
    """The simplest of network, baselines and mean within one standard error of the best.

    Costs are errors of medians in the unit of the verdict. What the mean of two weighs is chosen
    on windows other than those that it is compared on. Where so few windows choose that these had
    to be rolled, and they do not overlap, nothing is: then the answer is the mean of all that are
    not far behind the best, each weighted by its cost. Of fewer still such weights are noise.

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

    parts: list[tuple[Baseline, float]] = []
    if choosing.rolled and len(np.unique(groups)) >= _FOLDS:
        single = {name: cost for name, cost in every.items() if name != classical.COMBINED}
        weights = weighed({name: float(cost.mean()) for name, cost in single.items()})
        weight = weights.pop(NETWORK, 0.0)
        parts = [(said_by(name)[0], share) for name, share in weights.items()]
        found = choose(every, groups=groups)
        if len(parts) + (weight > 0) > 1:
            found = replace(found, name=POOLED)
    else:
        other, theirs = said_by(best.name)

        def mean(weight: float) -> Floats:
            said = weight * network[..., _MEDIAN] + (1 - weight) * theirs[..., _MEDIAN]
            return costs(data.scale.restore(said, windows.series))[free]

        tried = {weight: mean(weight) for weight in WEIGHTS}
        weight, every[MEAN] = _best_weight(tried, groups)
        found = choose(every, groups=groups)
        if found.name != MEAN:
            weight = float(found.name == NETWORK)
        if found.name not in (MEAN, NETWORK):
            other, theirs = said_by(found.name)
        if weight < 1:
            parts = [(other, 1 - weight)]
    widths = Widths.none(data.horizon)
    if parts:
        said = weight * np.nan_to_num(network[free].astype(np.float64))
        for each, share in parts:
            said += share * said_by(each.name)[1][free]
        came = data.scale.scale(true.actuals[free], windows.series[free])
        some = windows.rows(np.flatnonzero(free))
        widths = calibrate(said.astype(np.float32), came, some.origins, some.series)
    kept = tuple(Part.of(each, share) for each, share in parts)
    return Answer(weight, kept, widths, best.name, found, int(free.sum()))


def weighed(costs: Mapping[str, float]) -> dict[str, float]:
    """What each weighs of those that are not far behind the best, by their mean costs; in all 1."""
    least = min(costs.values())
    if least <= 0:
        right = [name for name, cost in costs.items() if cost <= 0]
        return dict.fromkeys(right, 1 / len(right))
    shares = {name: (least / cost) ** POWER for name, cost in costs.items() if cost < FAR * least}
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def _place(baseline: Baseline) -> int:
    return ORDER.index(baseline.name)


def _best_weight(tried: Mapping[float, Floats], groups: Counts) -> tuple[float, Floats]:
    """The weight of the mean, and its costs (W,) of each half by the weight best on the other."""
    numbers, group = np.unique(groups, return_inverse=True)
    if len(numbers) < _FOLDS:
        return 0.5, tried[0.5]
    half = group % 2 == 0

    def best(rows: NDArray[np.bool_]) -> float:
        return min(tried, key=lambda weight: float(tried[weight][rows].sum()))

    costs = np.where(half, tried[best(~half)], tried[best(half)])
    return best(np.ones(len(group), bool)), costs

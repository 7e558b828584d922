"""What a run answers with: its network, baselines, or a mean of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.errors import counted
from recurra.judge.answer import NETWORK, Choice
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
from recurra.tasks.series.forecasts import LEVELS, Forecasts, Origins
from recurra.tasks.series.intervals import Widths
from recurra.tasks.series.panel import Counts, SeriesData

Floats = NDArray[np.float64]

ANSWER: Final = "answer.safetensors"

MEAN: Final = "mean of network and baseline"
POOLED: Final = "weighted mean"
"""Of all that are not far behind the best, where windows are too few to choose by."""

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


@final
@dataclass(frozen=True, eq=False)
class Part:
    """A baseline that an answer is made of.

    Args:
        name: one of `ORDER`.
        weight: above 0, at most 1.
        moves: (H, Q) from its point to its quantiles, scaled.
        learnt: what it brings that is not fitted again: a line's weights, those of series.
    """

    name: str
    weight: float
    moves: Floats
    learnt: Floats

    @classmethod
    def of(cls, baseline: Baseline, weight: float) -> Part:
        """A baseline with all that it takes to use it elsewhere."""
        learnt = np.zeros((0, 0)) if baseline.learnt is None else baseline.learnt
        return cls(baseline.name, weight, baseline.moves, learnt)

    def said(self, past: Past, windows: Origins, number: Counts) -> Floats:
        """Its quantiles (W, H, Q), scaled: see `Answer.said`."""
        name, horizon = self.name, len(self.moves)
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

    def check(self, horizon: int, series: int) -> None:
        """Whether it suits a model of so many steps and series.

        Raises:
            ValueError: it does not.
        """
        if self.name not in ORDER:
            raise ValueError(f"an answer by {self.name!r}")
        steps = range(2, lags.MOST_LAGS + 2)  # lags, and the constant
        fits = {RIDGE: [(n + lags.WAVE, horizon) for n in steps], SMOOTHING: [(series, 4)]}
        allowed = fits.get(self.name, [(0, 0)])
        if self.moves.shape != (horizon, len(LEVELS)) or self.learnt.shape not in allowed:
            raise ValueError("what its baseline has learnt is of another shape")
        if not np.isfinite(self.moves).all() or not np.isfinite(self.learnt).all():
            raise ValueError("what its baseline has learnt is not finite")


@final
@dataclass(frozen=True, eq=False)
class Answer:
    """What is said of the steps to come: the network's quantiles and baselines', by their weights.

    Args:
        weight: the network's, from 0 to 1; with those of `parts` it makes 1.
        parts: the baselines, none where the weight is 1.
        widths: by how much the ends of its intervals are moved; those of the network's already are.
        against: the baseline that is best by the same rule, which verdicts are about.
        choice: what was compared, and what of it was chosen.
        windows: by which it was chosen.
    """

    weight: float
    parts: tuple[Part, ...]
    widths: Widths
    against: str
    choice: Choice
    windows: int

    @property
    def name(self) -> str:
        """As it reads after "the"."""
        if not self.parts:
            return NETWORK
        if len(self.parts) > 1:
            return f"{POOLED} of {len(self.weights)} methods"
        if not self.weight:
            return self.parts[0].name
        return f"mean of the network ({self.weight:g}) and the {self.parts[0].name}"

    @property
    def weights(self) -> dict[str, float]:
        """Of all that it is made of, the greatest first."""
        found = {NETWORK: self.weight} | {part.name: part.weight for part in self.parts}
        return dict(sorted((each for each in found.items() if each[1]), key=lambda each: -each[1]))

    def sentence(self) -> str:
        """What it is, and how it was chosen."""
        found, best = self.choice, self.choice.best
        if found.name == POOLED:
            said = ", ".join(f"{name} {weight:.2f}" for name, weight in self.weights.items())
            return (
                f"The answer is the {self.name}, which of {len(found.costs):,} compared on "
                f"{counted(self.windows, 'window')} before the test part did best, each by how "
                f"wrong it was there: {said}."
            )
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
            "weights": self.weights,
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
        if not self.parts:
            assert network is not None
            return network
        said = np.zeros((len(windows), len(self.parts[0].moves), len(LEVELS)))
        if network is not None:
            said += self.weight * network.astype(np.float64)
        for part in self.parts:
            said += part.weight * part.said(past, windows, number)
        return said.astype(np.float32)

    def write(self, run: Run) -> None:
        """Keep it in a run."""
        facts = {
            "weight": self.weight,
            "parts": [[part.name, part.weight] for part in self.parts],
            "widths": self.widths.to_json(),
            "against": self.against,
            "choice": self.choice.to_json(),
            "windows": self.windows,
        }
        arrays = {f"moves-{at}": part.moves for at, part in enumerate(self.parts)}
        arrays |= {f"learnt-{at}": part.learnt for at, part in enumerate(self.parts)}
        run.write_arrays(ANSWER, arrays, facts)

    @classmethod
    def read(cls, run: Run, *, horizon: int, series: int) -> Answer:
        """The answer that `write` kept, of a model of so many steps and series.

        Raises:
            BundleError: it is missing or damaged.
        """
        arrays, facts = run.read_arrays(ANSWER)
        arrays = {name: array.astype(np.float64) for name, array in arrays.items()}
        with run.intact(ANSWER):
            parts = tuple(
                Part(str(name), float(weight), arrays[f"moves-{at}"], arrays[f"learnt-{at}"])
                for at, (name, weight) in enumerate(facts["parts"])
            )
            found = cls(
                float(facts["weight"]),
                parts,
                Widths.from_json(facts["widths"]),
                str(facts["against"]),
                Choice.from_json(facts["choice"]),
                int(facts["windows"]),
            )
            for part in parts:
                part.check(horizon, series)
            weights = [found.weight, *(part.weight for part in parts)]
            if len(found.weights) != len(parts) + (found.weight > 0):
                raise ValueError("a baseline twice, or of no weight")
            if min(weights) < 0 or not math.isclose(sum(weights), 1, abs_tol=1e-9):
                raise ValueError(f"weights of {weights}")
            if found.widths.low.shape[1] != horizon:
                raise ValueError(f"widths of other than {horizon:,} steps")
        return found

    def of_test(
        self, data: SeriesData, test: Forecasts, baselines: Sequence[Baseline]
    ) -> NDArray[np.float32]:
        """What `said` says of the test part, by what network and baseline said there."""
        windows = Origins.of(test)
        mine = data.scale.scale(test.quantiles, windows.series)
        if not self.parts:
            return mine
        own = {each.name: each.forecasts(data.scale, windows).quantiles for each in baselines}
        said = self.weight * mine.astype(np.float64)
        for part in self.parts:
            said += part.weight * data.scale.scale(own[part.name], windows.series)
        return said.astype(np.float32)

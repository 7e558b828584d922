"""Seven days of a stock -> the next close: what the test part's own range gives away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recurra.errors import DataError
from recurra.judge.bootstrap import Interval, counts_bootstrap
from recurra.judge.verdict import Verdict, verdict
from recurra.labs.context import LabContext
from recurra.labs.prices import CLOSE, VOLUME, Days, Prices, read, walk
from recurra.labs.render import stock as render
from recurra.labs.training.full_batch import Regressor, descend
from recurra.nn import LSTM

WINDOW = 7
HIDDEN = 10
RATE = 0.01
STEPS = 500
SEEDS = 5
WEEK = 5
LADDER = (0, 1, 2, 5, 10, 20, 50, 100, 200, STEPS)
"""Numbers of steps that the last fifth of the training part chooses from."""

OWN, TRAINING = "levels, range of the test part", "levels, range of training"
CHANGE, CHOSEN = f"the change, {STEPS} steps", "the change, steps chosen"

Closes = NDArray[np.float64]
"""Predicted closes in dollars, (seeds, days)."""


class Range(NamedTuple):
    """The lowest and the highest value of each column, (5,), and what they bring days to."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, days: Days) -> Self:
        """The range of these days."""
        return cls(days.min(0), days.max(0))

    def scale(self, days: Days) -> Days:
        """Days with 0 for the lowest value and 1 for the highest."""
        found: Days = (days - self.low) / (self.high - self.low + 1e-7)
        return found

    def dollars(self, close: Closes) -> Closes:
        """Scaled closes as they were."""
        found: Closes = close * (self.high[CLOSE] - self.low[CLOSE] + 1e-7) + self.low[CLOSE]
        return found


class Way(NamedTuple):
    """How a way of forecasting did on the test part, in dollars.

    `rmse` is over all days and seeds, `lowest` and `highest` those of a seed; `line` is what the
    first seed forecasts.
    """

    rmse: float
    lowest: float
    highest: float
    verdict: Verdict
    line: tuple[float, ...]


@final
@dataclass(frozen=True)
class Stock:
    """What each way is worth beside "tomorrow as today", and what a scaled window gives away.

    `gift` is by how much the test part's own range betters the same networks; `given_away` are the
    lowest and the highest close of the test part as its first window tells them, `true_range` as
    they are, `known` those of the training part.
    """

    name: str
    first_target: float
    today: float
    ways: dict[str, Way]
    gift: Interval
    given_away: tuple[float, float]
    true_range: tuple[float, float]
    known: tuple[float, float]
    beyond: float
    steps: tuple[int, ...]
    closes: tuple[float, ...]


def run(context: LabContext) -> Stock:
    """Train on levels, read them on both scales; train on changes; judge all by dollars."""
    prices = walk(context.seed) if context.path is None else read(context.path)
    cut = int(len(prices.days) * 0.7)
    train, test = prices.days[:cut], prices.days[cut - WINDOW :]
    if not np.ptp(train[:, CLOSE]) or not np.ptp(test[:WINDOW, CLOSE]):
        raise DataError(
            f"{prices.name}: closes that are the same day after day",
            expected="prices that move, in the first 70 % of the days and in those that follow",
        )
    render.begin(context, prices, len(train), len(test) - WINDOW)
    seeds = range(context.seed, context.seed + (2 if context.quick else SEEDS))
    found, steps = forecasts(train, test, seeds)
    result = judged(prices, train, test, found, steps)
    render.tell(context, result)
    return result


def forecasts(train: Days, test: Days, seeds: range) -> tuple[dict[str, Closes], tuple[int, ...]]:
    """What each way forecasts for the test part, and the steps chosen for each seed."""
    ranges = {OWN: Range.of(test), TRAINING: Range.of(train)}
    scaled = ranges[TRAINING].scale(train)
    changes = Changes.of(train)
    rows: dict[str, list[NDArray[np.float64]]] = {OWN: [], TRAINING: [], CHANGE: [], CHOSEN: []}
    steps = []
    for seed in seeds:
        levels = network(seed)
        for _ in descend(levels, windows(scaled), after(scaled), rate=RATE, steps=STEPS):
            pass
        # The same weights, and two scales for what they read: all that differs is the range.
        for name, scale in ranges.items():
            said = predict(levels, windows(scale.scale(test)))
            rows[name].append(scale.dollars(said))
        steps.append(changes.choose(seed))
        at = dict(changes.trained(seed, changes.x, changes.y, changes.inputs(test)))
        for name, count in ((CHANGE, STEPS), (CHOSEN, steps[-1])):
            rows[name].append(test[WINDOW - 1 : -1, CLOSE] + at[count] * changes.typical)
    return {name: np.array(each) for name, each in rows.items()}, tuple(steps)


@final
@dataclass(frozen=True, eq=False)
class Changes:
    """Windows of the training part as distances from their last close, in typical changes.

    The target is the change to the next close. Volumes stand in their own mean and spread.
    """

    typical: float
    volume: tuple[float, float]
    x: Tensor
    y: Tensor

    @classmethod
    def of(cls, train: Days) -> Self:
        """Take both scales from the training part alone."""
        steps = np.diff(train[:, CLOSE])
        typical, volume = float(steps.std()), train[:, VOLUME]
        scales = typical, (float(volume.mean()), float(volume.std()) + 1e-7)
        nothing = torch.empty(0)
        x = cls(*scales, nothing, nothing).inputs(train)
        return cls(*scales, x, _tensor(steps[WINDOW - 1 :, None] / typical))

    def inputs(self, days: Days) -> Tensor:
        """Windows (N - 7, 7, 5) of days (N, 5)."""
        cut = _windows(days).copy()
        volume = (cut[..., VOLUME] - self.volume[0]) / self.volume[1]
        cut = (cut - cut[:, -1:, CLOSE:]) / self.typical
        cut[..., VOLUME] = volume
        return _tensor(cut)

    def choose(self, seed: int) -> int:
        """The number of steps after which the last fifth of the training part is forecast best."""
        held = len(self.x) // 5
        x, y = self.x[:-held], self.y[:-held]
        truth = self.y[-held:, 0].double().numpy()
        errors = {
            count: float(((said - truth) ** 2).mean())
            for count, said in self.trained(seed, x, y, self.x[-held:])
        }
        return min(errors, key=lambda count: errors[count])

    def trained(
        self, seed: int, x: Tensor, y: Tensor, asked: Tensor
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Train on x and y; the changes it says follow `asked` after each count of the ladder."""
        model = network(seed)
        nn.init.zeros_(model.head.weight)  # begins with "no change", which is hard to better
        nn.init.zeros_(model.head.bias)
        yield 0, predict(model, asked)
        for step in descend(model, x, y, rate=RATE, steps=STEPS):
            if step in LADDER:
                yield step, predict(model, asked)


def network(seed: int) -> Regressor:
    """An LSTM of 10 units and a linear head."""
    torch.manual_seed(seed)
    return Regressor(LSTM(5, HIDDEN))


def windows(days: Days) -> Tensor:
    """Every seven days (N - 7, 7, 5) that another day follows, out of days (N, 5)."""
    return _tensor(_windows(days))


def after(days: Days) -> Tensor:
    """The close after each of these windows, (N - 7, 1)."""
    return _tensor(days[WINDOW:, CLOSE:])


@torch.no_grad()
def predict(model: Regressor, x: Tensor) -> NDArray[np.float64]:
    """What the model says of each window, (B,)."""
    said: NDArray[np.float64] = model(x)[:, 0].double().numpy()
    return said


def judged(
    prices: Prices, train: Days, test: Days, found: dict[str, Closes], steps: tuple[int, ...]
) -> Stock:
    """Every way beside "tomorrow as today", on the same days."""
    truth, today = test[WINDOW:, CLOSE], test[WINDOW - 1 : -1, CLOSE]
    base = (today - truth) ** 2
    errors = {name: (closes - truth) ** 2 for name, closes in found.items()}
    ways = {}
    for name, each in errors.items():
        by_seed = np.sqrt(each.mean(1))
        rmse = float(np.sqrt(each.mean()))
        ways[name] = Way(
            rmse,
            float(by_seed.min()),
            float(by_seed.max()),
            verdict(
                rmse,
                float(np.sqrt(base.mean())),
                advantage(each.mean(0), base),
                name="guess that tomorrow is as today",
                unit="dollars",
            ),
            tuple(found[name][0].tolist()),
        )
    known = Range.of(train)
    return Stock(
        name=prices.name,
        first_target=float(known.scale(train)[WINDOW, CLOSE]),
        today=float(np.sqrt(base.mean())),
        ways=ways,
        gift=advantage(errors[OWN].mean(0), errors[TRAINING].mean(0)),
        given_away=given_away(test[:WINDOW, CLOSE], Range.of(test).scale(test)[:WINDOW, CLOSE]),
        true_range=(float(test[:, CLOSE].min()), float(test[:, CLOSE].max())),
        known=(float(known.low[CLOSE]), float(known.high[CLOSE])),
        beyond=float(((truth < known.low[CLOSE]) | (truth > known.high[CLOSE])).mean()),
        steps=steps,
        closes=tuple(truth.tolist()),
    )


def advantage(errors: Days, baseline: Days) -> Interval:
    """By how many dollars of RMSE squared errors (days,) are below a baseline's.

    The paired bootstrap over weeks: five days in a row are drawn together, for both.
    """
    weeks = np.arange(0, len(errors), WEEK)
    columns = (baseline, errors, np.ones(len(errors)))
    counts = np.stack([np.add.reduceat(each, weeks) for each in columns], 1)
    return counts_bootstrap(
        counts, lambda sums: np.sqrt(sums[:, 0] / sums[:, 2]) - np.sqrt(sums[:, 1] / sums[:, 2])
    )


def given_away(dollars: Days, scaled: Days) -> tuple[float, float]:
    """The lowest and highest value of a part, from a few of its values as they are and as scaled.

    Scaling is a line, and two points give it.
    """
    a, b = int(scaled.argmin()), int(scaled.argmax())
    slope = (dollars[b] - dollars[a]) / (scaled[b] - scaled[a])
    low = dollars[a] - scaled[a] * slope
    return float(low), float(low + slope)


def _windows(days: Days) -> Days:
    """(N - 7, 7, 5), a view."""
    found: Days = np.lib.stride_tricks.sliding_window_view(days[:-1], WINDOW, 0).swapaxes(1, 2)
    return found


def _tensor(values: Days) -> Tensor:
    return torch.tensor(np.ascontiguousarray(values), dtype=torch.float32)

"""What a series training is made of: its sizes, its members, its trainee."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import torch

from recurra.tasks.model import Design
from recurra.tasks.series import calendar
from recurra.tasks.series.autoregressive import Autoregressive
from recurra.tasks.series.forecast import quantiles
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.influence import ONE_BY_ONE
from recurra.tasks.series.model import Architecture, SeriesNetwork
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.parts import origins
from recurra.tasks.series.trainee import SeriesTrainee
from recurra.tasks.series.windows import Reader
from recurra.training.calibration import step_seconds, tried
from recurra.training.loop import seeded
from recurra.training.optimiser import Rates
from recurra.training.plan import REPORTS
from recurra.training.precision import Precision

MOST_MEMBERS: Final = 5

CHOOSING: Final = 512
"""Windows of the selection part that choose, at most."""

JUDGED: Final = 4096
"""Windows of the test part that report, at most."""

SETTLING: Final = 200
"""Series that a linear forecast is fitted to, about."""

TRIED: Final = 0.15
"""Share of the budget in which the kinds of networks are tried against each other."""


@final
@dataclass(frozen=True)
class Size:
    """What works for a kind of network, chosen on selection parts (docs/tried.md)."""

    hidden: int
    layers: int
    dropout: float
    noise: float
    batch: int
    steps: int
    rates: Rates


SIZES: Final = {
    "segments": Size(128, 1, 0.3, 0.0, 64, 4000, Rates(0.02, 2e-3)),
    "autoregressive": Size(24, 1, 0.1, 0.1, 16, 1500, Rates(0.01, 2e-3)),
}


def design(
    options: SeriesOptions, data: SeriesData, precision: Precision, device: torch.device
) -> Design:
    """The kind that says more of the selection part, its sizes, and what the time allows.

    Raises:
        OptionError: no such kind.
    """
    kinds = [options.model] if options.model is not None else list(SIZES)
    found = {kind: _of_kind(kind, options, data) for kind in kinds}
    seconds, seed = options.seconds, {"seed": options.seed}
    reason = "as asked" if options.model is not None else "without a time to spend"
    if len(kinds) > 1 and seconds is not None:
        losses = {
            kind: tried(
                trainee(network := drawn(each, device), data, each.settings | seed),
                network,
                each.rates,
                precision,
                seconds=TRIED * seconds / len(kinds),
                most=each.settings["most_steps"],
            )
            for kind, each in found.items()
        }
        best = min(losses, key=lambda kind: losses[kind])
        told = ", ".join(f"{kind} {loss:.4f}" for kind, loss in losses.items())
        reason = f"the better of both on the selection part: {told}"
    else:
        best = kinds[0]
    plan = found[best]
    if options.members is None and seconds is not None:
        network = drawn(plan, device)
        step = step_seconds(
            trainee(network, data, plan.settings | seed), network, precision, within=0.02 * seconds
        )
        fit = int(0.6 * seconds / (step * plan.settings["most_steps"]))
        members = max(1, min(MOST_MEMBERS, fit))
        plan = replace(plan, architecture=plan.architecture | {"members": members})
    return replace(plan, reason=reason)


def _of_kind(kind: str, options: SeriesOptions, data: SeriesData) -> Design:
    """The design of one kind, single options overriding; one member."""
    panel = data.panel
    base = SIZES[kind] if kind in SIZES else SIZES["segments"]
    names = ("hidden", "layers", "dropout", "batch")
    given: dict[str, Any] = {n: v for n in names if (v := getattr(options, n)) is not None}
    if options.rate is not None:
        given["rates"] = Rates(options.rate, options.rate / 10)
    size = replace(base, **given)
    architecture = Architecture(
        kind=kind,
        context=options.context or context(kind, data),
        horizon=data.horizon,
        period=data.period,
        known=panel.known.shape[1] + len(calendar.names(panel.frequency)),
        past=panel.past.shape[1],
        static=panel.static.shape[1],
        series=len(panel) if 1 < len(panel) <= 2000 else 0,
        segment=segment(data),
        embedding=8,
        hidden=size.hidden,
        layers=size.layers,
        dropout=size.dropout,
        noise=size.noise,
        family=options.distribution,
        members=options.members or 1,
    )
    settings = {"batch": size.batch, "most_steps": size.steps}
    return Design(
        architecture.to_json(), settings, size.rates, "", finish=options.finish, patience=REPORTS
    )


def context(kind: str, data: SeriesData) -> int:
    """Steps to read: two weeks of hours, and as much of other seasons, as far as there are any."""
    if kind == "autoregressive":
        # What it keeps does not grow with what it reads; short windows are filled up.
        return int(min(data.panel.lengths.max(), 512))
    longest = int(data.train_ends.max()) - data.horizon
    asked = max(14 * data.period if data.period <= 24 else 2 * data.period, 3 * data.horizon, 32)
    return max(1, min(asked, longest))


def segment(data: SeriesData) -> int:
    """Steps of a piece: a season, or a part of one."""
    if data.period == 1:
        return min(8, data.horizon)
    parts = -(-data.period // 48)
    return -(-data.period // parts)


def reader(network: SeriesNetwork, data: SeriesData) -> Reader:
    """Windows of the training's series, as this network reads them."""
    a, panel = network.architecture, data.panel
    numbers = np.arange(len(panel))
    return Reader(panel, data.scale, context=a.context, horizon=a.horizon, numbers=numbers)


def trainee(network: SeriesNetwork, data: SeriesData, settings: dict[str, Any]) -> SeriesTrainee:
    """The trainee of a network on series, as the run's settings say."""
    return SeriesTrainee(
        network,
        reader(network, data),
        data.train_ends,
        data.select_ends,
        origins(data, "select", most=CHOOSING),
        batch=settings["batch"],
        seed=settings["seed"],
        most_steps=settings["most_steps"],
    )


def judged(data: SeriesData) -> tuple[Origins, Origins]:
    """The windows of the selection and of the test part that the report is of."""
    return origins(data, "select", most=JUDGED // 2), origins(data, "test", most=JUDGED)


def settle(network: SeriesNetwork, data: SeriesData) -> None:
    """Give members that begin from a linear forecast its weights, by the training part."""
    a = network.architecture
    if a.kind != "autoregressive":
        return
    read = reader(network, data)
    ends = np.where(data.train_ends >= 2, data.train_ends, 0)
    some = np.flatnonzero(ends)[:: max(1, len(data.panel) // SETTLING)]
    windows = Origins(some, np.maximum(ends[some] - a.horizon, 1))
    values, there = read.targets(windows, ends)
    for number in range(len(network.members)):
        member = network.member(number)
        assert isinstance(member, Autoregressive)
        member.settle(read.windows(windows), values, there)


def seconds_to_judge(network: SeriesNetwork, data: SeriesData) -> float:
    """How long the report is going to take: forecasts, from a piece of them, and their figures."""
    held, test = judged(data)
    read = reader(network, data)

    def taken(count: int) -> float:
        start = time.perf_counter()
        quantiles(network, read, test.rows(slice(count)))
        return time.perf_counter() - start

    taken(1)
    one, piece = taken(1), min(64, len(test))
    # The selection part is forecast twice, for widths and for the report; lags are looked at singly.
    windows = 2 * len(held) + len(test)
    return 2.0 + ONE_BY_ONE * one + taken(piece) / piece * windows + 2e-6 * windows * data.horizon


def drawn(plan: Design, device: torch.device) -> SeriesNetwork:
    with seeded(0, 0):
        return SeriesNetwork(Architecture(**plan.architecture)).to(device)

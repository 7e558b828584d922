"""What a series training is made of: its sizes, its members, its training task."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.codecs import calendar
from recurra.errors import OptionError
from recurra.judge.answer import NETWORK
from recurra.networks.autoregressive import Autoregressive
from recurra.networks.series import SeriesNetwork
from recurra.networks.windows import Windows
from recurra.runtime import series as runtime
from recurra.runtime.series import KINDS, Architecture
from recurra.tasks.model_plan import ModelPlan, overridden
from recurra.tasks.series.choosing import Choosing, before
from recurra.tasks.series.forecast import quantiles
from recurra.tasks.series.forecasts import LEVELS, Origins
from recurra.tasks.series.influence import ALL
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.splits import CHOOSING, JUDGED, origins
from recurra.tasks.series.training_task import SeriesTrainingTask
from recurra.tasks.series.windows import Reader
from recurra.training.loop import seeded
from recurra.training.optimiser import Rates
from recurra.training.plan import REPORTS
from recurra.training.precision import Precision
from recurra.training.time_budget import step_seconds, tried

MOST_MEMBERS: Final = 5
"""Members that a time budget is spent on; beyond, twice the units are worth more."""

SETTLING: Final = 200
"""Windows that a linear forecast is fitted to, at most."""

LONGEST: Final = 48
"""Steps of a segment, at most, of which it is a part of a season."""

MOST_READ: Final = 512
"""Steps that are read step by step, at most."""

TRIED: Final = 0.15
"""Share of the budget in which the kinds of networks are tried against each other."""


@final
@dataclass(frozen=True)
class Size:
    """What works for a kind of network, chosen on selection parts (docs/tried.md).

    Args:
        steps: optimiser steps after which more do not help.
    """

    hidden: int
    layers: int
    dropout: float
    noise: float
    batch: int
    steps: int
    rates: Rates


def size_for(kind: str, data: SeriesData) -> Size:
    """The size for a kind of network, by how much there is to learn from."""
    steps = int(data.train_ends.sum())
    if kind == "autoregressive":
        few = steps < calendar.FEW
        return Size(
            hidden=16 if few else 32,
            layers=1,
            dropout=0.3,
            noise=0.2,
            batch=8 if few else 32,
            steps=150 if few else 400,
            rates=Rates(0.005, 2e-3),
        )
    worth = min(max(170 * len(data.panel) ** 0.6, 400), 7000)
    return Size(128, 1, 0.3, 0.0, 64, int(worth), Rates(0.02, 2e-3))


def plan_model(
    options: SeriesOptions, data: SeriesData, precision: Precision, device: torch.device
) -> ModelPlan:
    """The kind that says more of the selection part, its sizes, and what the time allows.

    Raises:
        OptionError: no such kind, or one that gives no distribution of counts.
    """
    if options.distribution == "counts" and options.model not in (None, "autoregressive"):
        raise OptionError(
            f"--distribution counts with --model {options.model}", expected="--model autoregressive"
        )
    kinds = [options.model] if options.model is not None else list(KINDS)
    if options.distribution == "counts":
        kinds = ["autoregressive"]
    found = {kind: _of_kind(kind, options, data) for kind in kinds}
    seconds, seed = options.seconds, {"seed": options.seed}
    reason = "without a time to spend"
    if options.model is not None:
        reason = "as asked"
    elif len(kinds) == 1:
        reason = "the kind that gives counts"
    if len(kinds) > 1 and seconds is not None:
        losses = {
            kind: tried(
                training_task(
                    network := settled(drawn(each, device), data), data, each.settings | seed
                ),
                network,
                each.rates,
                precision,
                seconds=TRIED * seconds / len(kinds),
                most=each.settings["most_steps"],
            )
            for kind, each in found.items()
        }
        best = min(losses, key=lambda kind: losses[kind])
        summary = ", ".join(f"{kind} {loss:.4f}" for kind, loss in losses.items())
        reason = f"the better of both on the selection part: {summary}"
    else:
        best = kinds[0]
    plan = found[best]
    if options.ensemble is not None or seconds is None:
        return replace(plan, reason=reason)

    def affordable(each: ModelPlan) -> int:
        """Members that the time allows, each with all the steps that help."""
        network = drawn(each, device)
        task = training_task(network, data, each.settings | seed)
        step = step_seconds(task, network, precision, within=0.02 * seconds)
        return int(0.6 * seconds / (step * each.settings["most_steps"]))

    members = 0
    if best == "segments" and options.hidden is None:
        larger = plan.architecture | {"hidden": 2 * plan.architecture["hidden"]}
        wide = replace(plan, architecture=larger)
        members = affordable(wide)
        plan = wide if members >= MOST_MEMBERS else plan
    if members < MOST_MEMBERS:
        members = affordable(plan)
    members = max(1, min(MOST_MEMBERS, members))
    return replace(plan, architecture=plan.architecture | {"members": members}, reason=reason)


def _of_kind(kind: str, options: SeriesOptions, data: SeriesData) -> ModelPlan:
    """The design of one kind, single options overriding; one member."""
    panel = data.panel
    turns = calendar.worth(
        panel.frequency,
        int(panel.starts[longest := int(data.train_ends.argmax())]),
        int(data.train_ends[longest]),
        period=data.period,
        total=int(data.train_ends.sum()),
    )
    size = overridden(size_for(kind, data), options)
    architecture = Architecture(
        kind=kind,
        context=options.context or context(kind, data),
        horizon=data.horizon,
        period=data.period,
        known=panel.known.shape[1] + 2 * len(turns),
        past=panel.past.shape[1],
        static=panel.static.shape[1],
        segments=segments(data),
        hidden=size.hidden,
        layers=size.layers,
        dropout=size.dropout,
        noise=size.noise,
        family=options.distribution,
        turns=turns,
        members=options.ensemble or 1,
    )
    nested = options.answer != NETWORK
    settings = {"batch": size.batch, "most_steps": size.steps, "nested": nested}
    return ModelPlan(
        architecture.to_json(),
        settings,
        size.rates,
        finish=options.train_on_validation,
        patience=REPORTS,
        back=True,
    )


def context(kind: str, data: SeriesData) -> int:
    """Steps to read: fourteen seasons, or step by step some more of short series, as far as any."""
    period, horizon, longest = data.period, data.horizon, int(data.train_ends.max())
    if kind == "autoregressive":
        # What it keeps does not grow with what it reads, and short windows are filled up.
        whole = int(data.panel.lengths.max())
        return min(whole, MOST_READ, max(128, 2 * period + 2) if whole > calendar.FEW else whole)
    asked = max(min(14 * period, 1024), 3 * horizon, 32)
    return max(1, min(asked, longest - horizon))


def segments(data: SeriesData) -> list[int]:
    """Steps of a piece, of one member after the other: those that differ err differently.

    A season, or some where the horizon is long, or a part of one that is long itself.
    """
    period, horizon = data.period, data.horizon
    if period == 1:
        return [min(max(horizon // 2, 1), 16)]
    asked = period * max(1, horizon // (2 * period))
    if period > LONGEST:
        return [-(-period // -(-period // LONGEST))]
    return [asked, period] if period < asked <= LONGEST else [period]


def training_task(
    network: SeriesNetwork, data: SeriesData, settings: dict[str, Any]
) -> SeriesTrainingTask:
    """The training task of a network on series, as the run's settings say."""
    choosing, chosen = Choosing.of(data), origins(data, "select", most=CHOOSING)
    stops = np.ones(len(chosen), bool)
    if settings.get("nested") and not choosing.rolled:
        stops = choosing.stops
    return SeriesTrainingTask(
        network,
        Reader.of(network.architecture, data.panel, data.scale),
        data.train_ends,
        data.select_ends,
        chosen,
        stops,
        batch=settings["batch"],
        seed=settings["seed"],
        most_steps=settings["most_steps"],
    )


def judged(data: SeriesData) -> tuple[Choosing, Origins]:
    """The windows that choose, and those of the test part that the report is of."""
    return Choosing.of(data), origins(data, "test", most=JUDGED)


def rolled(
    choosing: Choosing,
    data: SeriesData,
    architecture: dict[str, Any],
    settings: dict[str, Any],
    *,
    seconds: float,
    steps: int | None,
) -> NDArray[np.float32]:
    """What networks trained before each part say of its windows: (V, H, Q), on the data's scale.

    They are of one design, and no window stops them; each has the same share of the time. NaN of
    the earliest parts, where there is none.
    """
    windows = choosing.windows
    found = np.full((len(windows), data.horizon, len(LEVELS)), np.nan, np.float32)
    most = min(settings["most_steps"], steps or settings["most_steps"])
    plan = ModelPlan(architecture, settings, Rates(**settings["rates"]))
    precision = Precision(settings["bfloat16"], settings["bfloat16_reason"])
    device, counts = torch.device(settings["device"]), architecture["family"] == "counts"
    for ends, rows in choosing.parts:
        known, some = before(data, ends, counts=counts), windows.rows(rows)
        network = settled(drawn(plan, device), known)
        task = training_task(network, known, settings)
        share = seconds / len(choosing.parts)
        tried(task, network, plan.rates, precision, seconds=share, most=most)
        reader = Reader.of(network.architecture, known.panel, known.scale)
        said = quantiles(network.in_use(), reader, some)
        real = known.scale.restore(said, some.series)
        found[rows] = data.scale.scale(real, some.series)
    return found


def settled(network: SeriesNetwork, data: SeriesData) -> SeriesNetwork:
    """The network, its members begun from a linear forecast where they are of that kind."""
    a = network.architecture
    if a.kind != "autoregressive":
        return network
    read, windows = Reader.of(a, data.panel, data.scale), pieces(data, a.context)
    device = next(network.parameters()).device
    values, there = (
        torch.from_numpy(each).to(device) for each in read.targets(windows, data.train_ends)
    )
    held = len(windows) * (a.context + a.horizon) / int(data.train_ends.sum())
    for number in range(a.members):
        member = network.member(number)
        assert isinstance(member, Autoregressive)
        member.settle(Windows.of(read.windows(windows), device), values, there, min(1.0, held))
    return network


def pieces(data: SeriesData, context: int) -> Origins:
    """Windows of the training part that do not overlap, from its end backwards; at most some."""
    each, horizon = context + data.horizon, data.horizon
    counts = np.where(data.train_ends >= 2, np.maximum(-(-data.train_ends // each), 1), 0)
    series = np.repeat(np.arange(len(counts)), counts)
    back = np.arange(len(series)) - np.repeat(np.cumsum(counts) - counts, counts)
    origins = np.maximum(data.train_ends[series] - horizon - back * each, 1)
    chosen = np.unique(np.linspace(0, len(series) - 1, SETTLING).astype(np.int64))
    return Origins(series, origins).rows(chosen)


def seconds_to_judge(network: runtime.SeriesNetwork, data: SeriesData) -> float:
    """How long the report is going to take: forecasts, from a piece of them, and their figures."""
    choosing, test = judged(data)
    held = choosing.windows
    read = Reader.of(network.architecture, data.panel, data.scale)

    def taken(count: int) -> float:
        start = time.perf_counter()
        quantiles(network, read, test.rows(slice(count)))
        return time.perf_counter() - start

    taken(1)
    piece = min(64, len(test))
    # The selection part is forecast twice, for widths and for the report.
    windows = 2 * len(held) + len(test)
    return 2.0 + taken(piece) / piece * (ALL + windows) + 2e-6 * windows * data.horizon


def drawn(plan: ModelPlan, device: torch.device) -> SeriesNetwork:
    """The network of a design, its weights drawn from a seed of its own."""
    with seeded(0, 0):
        return SeriesNetwork(Architecture(**plan.architecture)).to(device)

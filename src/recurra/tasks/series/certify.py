"""The comparisons of a series model's certificate, on windows of its own test part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from recurra.errors import InputError, MissingExtra
from recurra.judge.forecasts import pinball
from recurra.runtime.certificate import Check, close, equal, not_shown
from recurra.runtime.series import SeriesNetwork, Step
from recurra.runtime.state import Array
from recurra.runtime.windows import Beside, Windows
from recurra.tasks.comparison import Change, by_torch, change, tolerance
from recurra.tasks.series import data as reading
from recurra.tasks.series.estimator import SeriesModel
from recurra.tasks.series.forecast import quantiles
from recurra.tasks.series.forecasts import LEVELS
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.splits import origins
from recurra.tasks.series.targets import Targets
from recurra.tasks.series.windows import Reader

ROUNDED: Final = 256
"""Windows on which rounded weights are compared with what they were, at most."""

LOOKED_AT: Final = 16
"""Windows that are read each way."""

Trained = Callable[[Windows], Array]
"""Quantiles by torch of windows: (B, H, Q), or where it steps (B, 1, Q)."""


def comparisons(model: SeriesModel, data: SeriesData | None) -> list[Check]:
    """The comparisons of a model, on the test part of what it was trained on."""
    config = model.run.config()
    try:
        read = data
        if read is None:
            read = reading.INPUT.read_again(model.run, config["data"])
            read = reading.scaled_for(config["options"], read)
        windows = origins(read, "test")
    except (InputError, MissingExtra) as error:
        return [not_shown("alone, among strangers, step by step, torch", error.got)]
    reader = Reader.of(model.network.architecture, read.panel, read.scale)
    some = np.unique(np.linspace(0, len(windows) - 1, LOOKED_AT).astype(np.int64))
    return compare(
        model.network,
        reader.windows(windows.rows(some)),
        by_torch(model, "quantiles"),
        allowed=tolerance(model),
    )


def changed(before: SeriesModel, after: SeriesModel) -> Change:
    """The quantile loss of forecasts of the selection part."""
    config = before.run.config()
    read = reading.INPUT.read_again(before.run, config["data"])
    read = reading.scaled_for(config["options"], read)
    windows = origins(read, "select", most=ROUNDED)
    truth = Targets.of(read, windows)
    reader = Reader.of(before.network.architecture, read.panel, read.scale)
    said = [quantiles(each.network, reader, windows) for each in (before, after)]
    restored = [read.scale.restore(each, windows.series) for each in said]
    costs = [[pinball(truth.actuals, each, LEVELS)] for each in restored]
    note = f"{len(windows):,} windows of the selection part, over all levels"
    return change("quantile loss", note, costs)


def compare(
    network: SeriesNetwork, windows: Windows, trained: Trained | str, *, allowed: float
) -> list[Check]:
    """Read windows in every way that there is, and by torch.

    Args:
        trained: the network in torch, or why there is none.
        allowed: how far torch's quantiles may be away, scaled; of large ones, in proportion.
    """
    rows, chance = np.arange(len(windows)), np.random.default_rng(0)
    note = f"{len(rows):,} windows of the test part"
    whole = network(windows)
    alone = np.concatenate([network(windows.rows(rows[k : k + 1])) for k in rows])
    order = chance.permutation(rows)
    found = [
        equal("alone = together", [alone], [whole], note),
        equal("in another order = together", [network(windows.rows(order))], [whole[order]], note),
    ]
    ours = whole
    if network.architecture.kind == "autoregressive":
        first = network.first(windows)
        found.append(equal("step by step = whole", [_stepped(network, windows)], [first], note))
        # Beyond one step paths are drawn, which torch does not.
        ours = first[:, None]
    name = "torch = runtime, scaled quantiles"
    if isinstance(trained, str):
        return [*found, not_shown(name, trained)]
    theirs = trained(windows)
    size = np.maximum(1.0, np.abs(theirs))
    return [*found, close(name, [theirs / size], [ours / size], note, allowed)]


def _stepped(network: SeriesNetwork, windows: Windows) -> Array:
    """Quantiles (B, Q) of the step beyond windows, read value by value."""
    beside, (batch, steps) = Beside.of(windows), windows.values.shape
    state = network.begin(batch)
    values, present = np.zeros(batch, np.float32), np.zeros(batch, bool)
    for t in range(steps):
        state = network.read(Step(values, present, beside.at(t)), state)
        values, present = windows.values[:, t], windows.present[:, t]
    return network.step(Step(values, present, beside.at(steps)), state)[0]

"""What has to hold before a figure can be believed: nothing of the future reaches a forecast.

Both networks are looked at, what is going to be used and what is trained.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from recurra.codecs import calendar
from recurra.errors import TrainingError
from recurra.networks.autoregressive import Autoregressive
from recurra.networks.series import SeriesNetwork
from recurra.networks.windows import Windows
from recurra.tasks.series.forecast import quantiles
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Counts, Panel, SeriesData
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.splits import origins
from recurra.tasks.series.windows import Reader
from recurra.training.loop import seeded

LOOKED_AT: Final = 8
"""Windows whose future is changed, to see whether their forecasts change."""


def examine(data: SeriesData, network: SeriesNetwork) -> str:
    """Say what was looked at and holds, in a sentence.

    Raises:
        TrainingError: something of the future reaches what is said or learnt before it.
    """
    select, test = origins(data, "select"), origins(data, "test")
    _parts(data, select, test)
    _scale(data, network.architecture.family == "counts")
    _calendar(data)
    count = _future(data, network, test)
    return (
        "audit: the parts' windows do not overlap; scale and calendar know nothing after the "
        f"training part but whether all is above 0; with their future changed, {count} forecasts "
        "stay the same to the last bit"
    )


def _parts(data: SeriesData, select: Origins, test: Origins) -> None:
    """Targets of one part's windows lie in that part alone."""
    within = {
        "select": (select, data.train_ends, data.select_ends),
        "test": (test, data.select_ends, data.panel.lengths),
    }
    for part, (windows, begins, ends) in within.items():
        inside = (windows.origins >= begins[windows.series]) & (
            windows.origins + data.horizon <= ends[windows.series]
        )
        if not inside.all():
            place = int(np.flatnonzero(~inside)[0])
            raise _failed(
                f"a window of the {part} part reaches into another part: series "
                f"{data.panel.ids[windows.series[place]]!r}, step {windows.origins[place]:,}"
            )


def _scale(data: SeriesData, counts: bool) -> None:
    """The scale of each series is that of its training part, whatever comes after."""
    panel = _changed(data.panel, data.train_ends)
    if counts:
        changed = Scale.of_counts(panel, data.train_ends)
    else:
        changed = Scale.of(panel, data.train_ends, period=data.period)
    if changed.log != data.scale.log:
        raise _failed("whether logarithms are taken follows from values after the training part")
    for name in ("centre", "spread"):
        if not np.array_equal(getattr(changed, name), getattr(data.scale, name)):
            raise _failed(f"the {name} of the scale follows from values after the training part")


def _calendar(data: SeriesData) -> None:
    """What the calendar says of a step follows from its stamp alone."""
    frequency, start = data.panel.frequency, int(data.panel.starts[0])
    steps = np.arange(start, start + 64)
    every = calendar.features(frequency, steps)
    alone = [calendar.features(frequency, steps[k : k + 1])[0] for k in range(len(steps))]
    if not np.array_equal(every, np.stack(alone)):
        raise _failed("the calendar of a step follows from other steps")


def _future(data: SeriesData, network: SeriesNetwork, windows: Origins) -> int:
    """With all that comes from an origin on changed, forecasts from it stay as they are."""
    chosen = np.unique(np.linspace(0, len(windows) - 1, LOOKED_AT).astype(np.int64))
    shaken = _shaken(network)
    in_use = shaken.in_use()
    as_it_is = Reader.of(shaken.architecture, data.panel, data.scale)
    for place in chosen:
        one = windows.rows(np.array([place]))
        series = int(one.series[0])
        cut = data.panel.lengths.copy()
        cut[series] = one.origins[0]
        changed = Reader.of(shaken.architecture, _changed(data.panel, cut), data.scale)
        before, after = (quantiles(in_use, each, one) for each in (as_it_is, changed))
        learnt, other = (_learnt(shaken, each, one, data) for each in (as_it_is, changed))
        if not (np.array_equal(before, after) and torch.equal(learnt, other)):
            raise _failed(
                f"a forecast of series {data.panel.ids[series]!r} from step {one.origins[0]:,} "
                "follows from values that come after it"
            )
    return len(chosen)


@torch.inference_mode()
def _learnt(network: SeriesNetwork, reader: Reader, one: Origins, data: SeriesData) -> Tensor:
    """What is learnt of a window from what stands before its origin alone.

    Of the autoregressive kind what each of those steps costs, with the targets beside them; of the
    other kind the quantiles that the targets are held against.
    """
    device = next(network.parameters()).device
    windows = Windows.of(reader.windows(one), device)
    values, there = (
        torch.from_numpy(each).to(device) for each in reader.targets(one, data.panel.lengths)
    )
    found = []
    for number in range(network.architecture.members):
        member = network.member(number)
        if isinstance(member, Autoregressive):
            found.append(member.nats(windows, values, there)[:, : windows.values.shape[1]])
        else:
            found.append(member(windows).flatten(1))
    return torch.cat(found, 1)


def _changed(panel: Panel, ends: Counts) -> Panel:
    """The panel with what is only known afterwards changed from these steps (S,) on."""
    owners = np.repeat(np.arange(len(panel)), panel.lengths)
    steps = np.arange(len(panel.values)) - panel.begins[owners]
    later = steps >= ends[owners]
    # Still positive where it was, so that a logarithm exists, and not where it was not; and there
    # where it was missing.
    moved = np.nan_to_num(np.where(panel.values > 0, 10.0, 3.0) * panel.values, nan=1.0)
    moved += np.where(panel.values <= 0, -1.0, 1.0)
    values = np.where(later, moved, panel.values)
    past = np.where(later[:, None], panel.past + 5.0, panel.past).astype(np.float32)
    return replace(panel, values=values, past=past)


def _shaken(network: SeriesNetwork) -> SeriesNetwork:
    """A copy whose weights are all at work: fresh ones are zero here and there."""
    found = copy.deepcopy(network).eval()
    with torch.no_grad(), seeded(0, 0):
        for weight in found.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return found


def _failed(what: str) -> TrainingError:
    return TrainingError(
        f"the audit failed: {what}",
        expected="forecasts made of nothing but what was known before them",
        fix="this is a fault of recurra's: please report it with the data's shape",
    )

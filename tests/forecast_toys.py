"""Small panels of series, cut in time, and windows of their parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.frequency import Frequency
from recurra.tasks.series.choosing import Choosing
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Panel, SeriesData
from recurra.tasks.series.scale import Scale

Floats = NDArray[np.float64]

MONTHLY = Frequency("M", 1, 1)
HOURLY = Frequency("h", 1, 0)
STEPS = Frequency("step", 1, 0)


def panel_of(rows: Sequence[Floats], frequency: Frequency = STEPS, start: int = 0) -> Panel:
    """A panel of these series, without covariates."""
    lengths = np.array([len(row) for row in rows], np.int64)
    number, steps = len(rows), int(lengths.sum())
    return Panel(
        ids=tuple(f"s{each}" for each in range(number)),
        frequency=frequency,
        starts=np.full(number, start, np.int64),
        lengths=lengths,
        values=np.concatenate(rows).astype(np.float64),
        past=np.zeros((steps, 0), np.float32),
        ahead=np.zeros(number, np.int64),
        known=np.zeros((steps, 0), np.float32),
        static=np.zeros((number, 0), np.float32),
    )


def cut(
    panel: Panel,
    horizon: int,
    period: int,
    *,
    select: int,
    test: int,
    log: bool = False,
    covariates: Any = None,
) -> SeriesData:
    """The last `test` steps of each series report, and the `select` before them choose."""
    select_ends = panel.lengths - test
    train_ends = select_ends - select
    return SeriesData(
        name="toy",
        files=(Path("toy.csv"),),
        panel=panel,
        train_ends=train_ends,
        select_ends=select_ends,
        horizon=horizon,
        period=period,
        scale=Scale.of(panel, train_ends, log),
        covariates=covariates,
        found={},
        columns={"target": ["sales"]},
        origin={},
    )


def windows(data: SeriesData, part: str, stride: int = 1) -> Origins:
    """Every window, or each of so many, whose targets lie inside the part."""
    begins, ends = data.train_ends, data.select_ends
    if part == "test":
        begins, ends = data.select_ends, data.panel.lengths
    found = [
        np.arange(begin, end - data.horizon + 1, stride)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]
    series = np.repeat(np.arange(len(found)), [len(each) for each in found])
    return Origins(series, np.concatenate(found).astype(np.int64))


def choosing(data: SeriesData, held: Origins, stops: bool = True) -> Choosing:
    """These windows of the selection part as those that choose."""
    every = np.ones(len(held), bool)
    return Choosing(held, ((data.train_ends, slice(len(held))),), every & stops, every, False)


def seasonal(
    length: int, period: int, seed: int, *, trend: float = 0.0, noise: float = 0.3
) -> Floats:
    """A season, a trend and noise."""
    step = np.arange(length)
    wave = np.sin(2 * np.pi * step / period) + 0.5 * np.cos(4 * np.pi * step / period)
    return 10 + 3 * wave + trend * step + noise * np.random.default_rng(seed).normal(size=length)

"""Forecasts of chosen skill, and baselines of such."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from forecast_toys import windows
from recurra.bundle import CONFIG, FORMAT, Run
from recurra.tasks import stored_baselines
from recurra.tasks.series import report
from recurra.tasks.series.baselines.measured import Baseline
from recurra.tasks.series.forecasts import LEVELS, Forecasts, Origins
from recurra.tasks.series.panel import SeriesData
from recurra.training import session
from recurra.training.checkpoint import Progress
from recurra.training.plan import Plan

Z = np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def _guess(data: SeriesData, at: Origins, off: float, seed: int) -> NDArray[np.float64]:
    """Scaled: what came, and noise on top; the centre where nothing came."""
    true = data.panel.actuals(at.series, at.origins, data.horizon)
    scaled = data.scale.scale(true, at.series).astype(np.float64)
    noise = off * np.random.default_rng(seed).normal(size=scaled.shape)
    return np.where(np.isnan(scaled), 0.0, scaled) + noise


def forecasts(data: SeriesData, at: Origins, off: float, seed: int) -> Forecasts:
    """Forecasts that are off by so many spreads, and say so."""
    said = _guess(data, at, off, seed)[..., None] + off * Z
    return Forecasts(at.series, at.origins, data.scale.restore(said, at.series))


def baseline(
    data: SeriesData, held: Origins, test: Origins, off: float, seed: int, name: str = "guess"
) -> Baseline:
    """A baseline that is off by so many spreads."""
    points = [
        data.scale.restore(_guess(data, at, off, seed + k), at.series)
        for k, at in enumerate((test, held))
    ]
    moves = np.broadcast_to(off * Z, (data.horizon, len(LEVELS))).copy()
    return Baseline(name, "a note", points[0], points[1], moves)


def written(folder: Path, data: SeriesData, off: float = 0.3) -> Run:
    """A run with a report, as the end of a training writes it."""
    run = Run.create(folder)
    settings = {"bfloat16": False}
    run.write_json(
        CONFIG,
        {
            "format": FORMAT,
            "task": "series",
            "recurra": "0.1",
            "inference": {"architecture": {"kind": "segments"}},
            "data": {"name": data.name},
            "options": {},
            "training": settings,
        },
    )
    held, test = windows(data, "select"), windows(data, "test")
    stored_baselines.write(run, [baseline(data, held, test, 0.5, 10, "seasonal naive forecast")])
    progress = Progress(plan=Plan(steps=100), step=100, best_step=90, reason="completed")
    report.write(
        run,
        data,
        forecasts(data, test, off, seed=0),
        None,
        "a GRU of 8",
        session.facts(progress, 2.0, settings, []),
    )
    return run

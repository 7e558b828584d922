from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forecast_judged import written
from forecast_toys import HOURLY, MONTHLY, STEPS, cut, panel_of, seasonal
from recurra.bundle import Run
from recurra.codecs.frequency import Frequency
from recurra.tasks.series import show as series
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.report import INFLUENCE, SCORED
from recurra.tasks.show import draw

FIGURES = ["figures/forecast.png", "figures/backtest.png", "figures/horizon.png"]


def data_of(count: int, frequency: Frequency, horizon: int) -> SeriesData:
    rows = [seasonal(300 + k, 12, seed=k) for k in range(count)]
    rows[0][-20:-12] = np.nan
    return cut(panel_of(rows, frequency), horizon, 12, select=60, test=70)


@pytest.mark.parametrize(
    ("count", "frequency", "horizon"),
    [(1, MONTHLY, 6), (6, HOURLY, 12), (2, STEPS, 1)],
    ids=["one", "many", "step"],
)
def test_pictures_are_made_from_the_run_alone(
    tmp_path: Path, count: int, frequency: Frequency, horizon: int
) -> None:
    run = written(tmp_path / "run", data_of(count, frequency, horizon))
    assert series.draw(run) == FIGURES
    for name in FIGURES:
        assert (run.path / name).read_bytes()[:4] == b"\x89PNG"
    first = [(run.path / name).read_bytes() for name in FIGURES]
    assert series.draw(Run.open(run.path)) == FIGURES
    assert [(run.path / name).read_bytes() for name in FIGURES] == first


@pytest.mark.parametrize("lags", [1, 24, 200])
def test_the_influence_of_lags(tmp_path: Path, lags: int) -> None:
    run = written(tmp_path / "run", data_of(1, MONTHLY, 6))
    shares = [1 / lags] * lags
    run.write_json(INFLUENCE, {"lags": list(range(1, lags + 1)), "shares": shares})
    assert series.draw(run)[-1] == "figures/influence.png"


def test_what_a_run_has_not_recorded_is_not_drawn(tmp_path: Path) -> None:
    run = written(tmp_path / "run", data_of(1, MONTHLY, 6))
    (run.path / SCORED).unlink()
    assert series.draw(run) == ["figures/horizon.png"]


def test_the_room_draws_series(tmp_path: Path) -> None:
    run = written(tmp_path / "run", data_of(1, MONTHLY, 6))
    run.append_history({"step": 1, "train": 1.0, "select": 1.1})
    found = [path.relative_to(run.path).as_posix() for path in draw(run.path)]
    assert found == ["report.html", "figures/curves.png", *FIGURES]

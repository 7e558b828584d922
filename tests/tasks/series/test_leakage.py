"""The audit: it holds on what is right, and fails on each leak put in by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from forecast_toys import HOURLY, cut, panel_of
from recurra.codecs import calendar
from recurra.errors import TrainingError
from recurra.networks.series import SeriesNetwork
from recurra.networks.windows import Windows
from recurra.tasks.series import config, leakage
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.windows import Reader
from recurra.training.precision import Precision


@pytest.fixture(params=["segments", "autoregressive"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def toys(kind: str) -> tuple[SeriesData, SeriesNetwork]:
    draw = np.random.default_rng(0)
    rows = [10 + np.sin(np.arange(n) / 4) + draw.normal(0, 0.1, n) for n in (90, 70)]
    data = cut(panel_of(rows, HOURLY), 5, 8, select=12, test=12)
    data = replace(data, scale=Scale.of(data.panel, data.train_ends, period=data.period))
    options = SeriesOptions(steps=1, model=kind, hidden=8)
    found = config.plan_model(options, data, Precision(False, "as asked"), torch.device("cpu"))
    return data, config.drawn(found, torch.device("cpu"))


def test_it_holds_and_says_what_it_looked_at(kind: str) -> None:
    summary = leakage.examine(*toys(kind))
    assert "8 forecasts stay the same" in summary
    assert "do not overlap" in summary


def test_a_scale_that_knows_the_future_is_found(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of = Scale.of

    def leaky(panel: Any, *_: Any, **__: Any) -> Scale:
        return of(panel, panel.lengths, False)

    monkeypatch.setattr(Scale, "of", leaky)
    data, network = toys(kind)
    with pytest.raises(TrainingError, match="of the scale follows from values after"):
        leakage.examine(data, network)


def test_logarithms_that_know_the_future_are_found(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = Scale.of

    def leaky(panel: Any, ends: Any, log: bool | None = None, **more: Any) -> Scale:
        # Taken where the last value of all, which no training sees, is below 12.
        return of(panel, ends, bool(panel.values[-1] < 12) if log is None else log, **more)

    data, network = toys(kind)
    monkeypatch.setattr(Scale, "of", leaky)
    data = replace(data, scale=Scale.of(data.panel, data.train_ends, period=data.period))
    with pytest.raises(TrainingError, match="whether logarithms are taken follows from values"):
        leakage.examine(data, network)


def test_whether_values_are_there_is_of_the_future_too(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, network = toys(kind)
    values = data.panel.values.copy()
    values[data.panel.begins[1] - 12 : data.panel.begins[1] : 2] = np.nan
    data = replace(data, panel=replace(data.panel, values=values))
    windows = Reader.windows

    def leaky(self: Reader, origins: Origins) -> Any:
        missing = np.isnan(self.panel.actuals(origins.series, origins.origins, 1))
        read = windows(self, origins)
        return replace(read, values=(read.values + missing).astype(np.float32))

    monkeypatch.setattr(Reader, "windows", leaky)
    with pytest.raises(TrainingError, match="follows from values that come after it"):
        leakage.examine(data, network)


def test_a_window_that_reads_its_first_target_is_found(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, network = toys(kind)
    windows = Reader.windows

    def leaky(self: Reader, origins: Origins) -> Any:
        return windows(self, Origins(origins.series, origins.origins + 1))

    monkeypatch.setattr(Reader, "windows", leaky)
    with pytest.raises(TrainingError, match="follows from values that come after it"):
        leakage.examine(data, network)


def test_a_window_that_reaches_into_another_part_is_found(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, network = toys(kind)
    late = Origins(np.array([0]), data.select_ends[:1] - data.horizon + 1)
    monkeypatch.setattr(leakage, "origins", lambda *_: late)
    with pytest.raises(TrainingError, match="of the select part reaches into another part"):
        leakage.examine(data, network)


def test_a_calendar_that_looks_around_is_found(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data, network = toys(kind)
    features = calendar.features

    def leaky(frequency: Any, ordinals: Any) -> Any:
        return features(frequency, ordinals) - features(frequency, ordinals).mean(0)

    monkeypatch.setattr(calendar, "features", leaky)
    with pytest.raises(TrainingError, match="calendar of a step follows from other steps"):
        leakage.examine(data, network)


def test_a_training_that_reads_its_targets_is_found(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is used knows nothing of it.
    data, network = toys(kind)
    windows, targets = Windows.of, Reader.targets
    kept: list[Any] = []

    def read(self: Reader, origins: Origins) -> Any:
        kept[:] = [targets(self, origins, self.panel.lengths).values]
        return windows_of(self, origins)

    def leaky(given: Any, device: Any = "cpu") -> Windows:
        found = windows(given, device)
        return replace(found, values=found.values + torch.from_numpy(kept[0][:, :1]))

    windows_of = Reader.windows
    monkeypatch.setattr(Reader, "windows", read)
    monkeypatch.setattr(Windows, "of", leaky)
    with pytest.raises(TrainingError, match="follows from values that come after it"):
        leakage.examine(data, network)

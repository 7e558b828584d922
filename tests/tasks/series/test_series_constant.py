"""Series that never changed: what is forecast of them, and how that is judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recurra.tasks.series.estimator import SeriesModel
from toy_series import LESS

DAYS = np.datetime64("2024-01-01", "us") + np.arange(120) * np.timedelta64(1, "D")
WAVE = 10 + 3 * np.sin(np.arange(120) * 2 * np.pi / 7)


def columns(**series: Any) -> dict[str, Any]:
    """A long table of series over the same days, or over as many as there are values."""
    values = [
        np.broadcast_to(each, 120) if np.ndim(each) == 0 else each for each in series.values()
    ]
    return {
        "unique_id": np.repeat(list(series), [len(each) for each in values]),
        "ds": np.concatenate(
            [DAYS[0] + np.arange(len(v)) * np.timedelta64(1, "D") for v in values]
        ),
        "y": np.concatenate(values).astype(float),
    }


@pytest.mark.parametrize("kind", ["segments", "autoregressive"])
def test_what_never_changed_is_forecast_to_go_on(kind: str) -> None:
    fitted = SeriesModel(model=kind, **LESS).fit(columns(flat=5.0, wave=WAVE))
    said = fitted.predict()
    flat = np.asarray(said["unique_id"]) == "flat"
    for name, values in said.items():
        if name.startswith("recurra"):
            assert values[flat].tolist() == [5.0] * 4, name
    assert (said["recurra-hi-80"] - said["recurra-lo-80"])[~flat].min() > 0
    # Once it moves, it is a series as others are.
    moved = columns(flat=np.append(np.full(120, 5.0), [6.0, 4.0]))
    said = fitted.predict(moved)
    assert (said["recurra-lo-80"] < said["recurra-hi-80"]).all()
    # A few values that are alike say little of those to come.
    said = fitted.predict(columns(new=np.full(9, 5.0)))
    assert (said["recurra-lo-80"] < said["recurra-hi-80"]).all()


def test_a_stream_of_what_never_changed_says_so_until_it_does() -> None:
    fitted = SeriesModel(model="autoregressive", **LESS).fit(columns(flat=5.0))
    stream = fitted.stream()
    for first in (stream.predict(), stream.push(5.0), stream.push(float("nan"))):
        assert first["recurra-lo-95"] == first["recurra"] == first["recurra-hi-95"] == 5.0
    for value in (5.5, 5.0):
        said = stream.push(value)
        assert said["recurra-lo-80"] < said["recurra-hi-80"]


def test_constant_series_do_not_make_the_intervals_of_others_narrow() -> None:
    """Their windows have no error: taken with the rest they would halve what is corrected by."""
    alone = SeriesModel(model="segments", **LESS).fit(columns(wave=WAVE)).widths
    beside = columns(**{f"flat{n}": n + 1.0 for n in range(5)}, wave=WAVE)
    with_others = SeriesModel(model="segments", **LESS).fit(beside).widths
    assert with_others.windows == alone.windows


def test_a_baseline_without_error_is_not_beaten() -> None:
    """A wave without noise, which the last season repeats."""
    fitted = SeriesModel(model="segments", **LESS).fit(columns(wave=np.tile(WAVE[:7], 17)[:119]))
    verdict = fitted.report["verdict"]
    assert verdict["better"] is False
    assert "has no error" in verdict["sentence"]
    flat = SeriesModel(model="segments", **LESS).fit(columns(flat=5.0)).report
    assert flat["model"]["mae"] == 0
    assert flat["verdict"]["better"] is None
    assert flat["verdict"]["sentence"].startswith("As good as the ")

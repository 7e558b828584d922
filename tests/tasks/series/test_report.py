from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len

from forecast_judged import baseline, forecasts, written
from forecast_toys import MONTHLY, cut, panel_of, seasonal, windows
from recurra.bundle import CARD, REPORT, Run
from recurra.tasks import stored_baselines
from recurra.tasks.series import render, report
from recurra.tasks.series.baselines.measured import Baseline
from recurra.tasks.series.panel import SeriesData


def data_of(count: int = 1) -> SeriesData:
    rows = [seasonal(300 + k, 12, seed=k) * 10.0 ** (4 * k) for k in range(count)]
    return cut(panel_of(rows, MONTHLY), 6, 12, select=60, test=70)


def result(data: SeriesData, off: float, **more: Any) -> dict[str, Any]:
    held, test = windows(data, "select"), windows(data, "test")
    others = [baseline(data, held, test, 0.5, 10, "seasonal naive forecast")]
    return report.result(data, forecasts(data, test, off, 0), None, others, **more)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("off", [0.2, 0.5, 1.5])
def test_the_report_fits_a_terminal(count: int, off: float) -> None:
    found = result(data_of(count), off, calibrated="The intervals are as they are.")
    said = render.summary(found)
    assert max(cell_len(line) for line in said.split("\n")) <= 79
    for words in (
        "toy: the test part",
        f"{65 * count} windows of 6 steps",
        "season 12",
        "this model",
        "seasonal naive forecast",
        "Verdict: ",
        "Its intervals of 50, 80 and 95 % held",
        "by step ahead",
        "Most wrong about",
        "The intervals are as they are.",
    ):
        assert words in said
    assert "\u00a0" not in said


def test_one_step_at_a_time_stands_apart() -> None:
    said = {"sentence": "One step at a time: 1.23 nats.", "nats": 1.23}
    found = result(data_of(), 0.2, teacher_forced=said)
    assert found["teacher_forced"]["nats"] == 1.23
    assert "nats" not in found["model"]
    assert render.summary(found).count("1.23 nats") == 1
    assert "teacher" not in render.summary(result(data_of(), 0.2))


def test_figures_have_four_digits() -> None:
    summary = {
        None: "-",
        0.0: "0",
        1.23456: "1.235",
        12.3456: "12.35",
        123.456: "123.5",
        12345.6: "12,346",
        0.01234567: "0.01235",
        1.5e9: "1.500e+09",
        2e-7: "2.000e-07",
        float("nan"): "-",
    }
    assert {value: render.figure(value) for value in summary} == summary


def test_baselines_come_back_from_the_run(tmp_path: Path) -> None:
    data, run = data_of(), Run.create(tmp_path / "run")
    held, test = windows(data, "select"), windows(data, "test")
    given = [baseline(data, held, test, 0.5, k, name) for k, name in enumerate(("a", "b"))]
    stored_baselines.write(run, given)
    found = stored_baselines.read(run, Baseline)
    for one, other in zip(given, found, strict=True):
        assert (one.name, one.note) == (other.name, other.note)
        np.testing.assert_array_equal(one.point, other.point)
        np.testing.assert_array_equal(one.held, other.held)
        np.testing.assert_array_equal(one.moves, other.moves)
    assert report.baselines_summary(data, test, given).startswith("MAE: a ")


def test_a_training_ends_with_report_card_and_traces(tmp_path: Path) -> None:
    data = data_of(3)
    run = written(tmp_path / "run", data)
    found = run.read_json(REPORT)
    json.dumps(found, allow_nan=False)
    assert found["training"]["step"] == 100
    assert "Trained for 100 steps" in render.summary(found)
    card = run.read_text(CARD)
    assert max(map(len, card.split("\n"))) < 130
    for words in ("a GRU of 8", "recurra forecast run", found["verdict"]["sentence"][:40]):
        assert words in card
    arrays, facts = run.read_arrays(report.SCORED)
    assert facts["baseline"] == "seasonal naive forecast"
    assert len(facts["pictured"]) == 3
    test = windows(data, "test")
    np.testing.assert_array_equal(arrays["origins"], test.origins)
    for series, first in zip(facts["pictured"], facts["firsts"], strict=True):
        whole = data.panel.of(series)
        np.testing.assert_array_equal(arrays[f"values.{series}"], whole[first:])


def test_names_keep_the_joiners_of_their_script() -> None:
    found = result(data_of(1), 0.5)
    found["data"]["name"] = "می\u200cخواهم\n"
    assert render.summary(found).startswith("می\u200cخواهم\\n: the test part")

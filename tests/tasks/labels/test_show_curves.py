"""The page of a model of number sequences draws them, with what it looked at behind them."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.bundle import CONFIG, FORMAT, REPORT, Run
from recurra.errors import BundleError
from recurra.tasks.labels import show
from recurra.tasks.labels.influence import recorded
from recurra.tasks.labels.report import ATTRIBUTION
from toy_labels import dataset, network

pytest.importorskip("matplotlib")


def run_of(folder: Path, values: list[Any], shares: list[float]) -> Run:
    run = Run.create(folder / "run")
    names = [f"$c{k}" for k in range(len(values))]
    facts: dict[str, Any] = {"recurra": "0.1", "format": FORMAT, "task": "labels"}
    run.write_json(CONFIG, facts | {"data": {"channels": names}})
    run.write_json(REPORT, {"confusion": [], "calibration": None})
    each = {"where": "X[3]", "said": "a", "true": "b", "shares": shares, "values": values}
    run.write_json(ATTRIBUTION, [each | {"steps": [str(k) for k in range(len(shares))]}])
    return run


def test_values_are_recorded_of_numbers_alone() -> None:
    for kind in ("numbers", "text"):
        of = dataset(kind)
        said = np.zeros(len(of.data.test), np.int64)
        found = recorded(network(kind), of.encoder, of.inputs, of.data, said)
        assert "answered" not in found[0]
        other = recorded(network(kind), of.encoder, of.inputs, of.data, said, said + 1)
        assert {each["answered"] for each in other} == {of.data.classes[1]}
        row = of.data.examples.where[:].index(found[0]["where"])
        if kind == "text":
            assert "values" not in found[0]
            continue
        raw = of.data.examples.inputs[row]
        np.testing.assert_allclose(np.array(found[0]["values"]).T, raw, rtol=1e-4)
        assert len(found[0]["shares"]) == len(raw)


@pytest.mark.parametrize("channels", [1, 3, 9])
def test_the_curve_is_drawn_and_no_step_is_listed(tmp_path: Path, channels: int) -> None:
    draw = np.random.default_rng(0)
    values = draw.normal(size=(channels, 40)).round(3).tolist()
    shares = [0.0] * 39 + [1.0]
    run = run_of(tmp_path, values, shares)
    assert [each.name for each in show.draw(run)] == ["figures/attribution.html"]
    page = run.read_text("figures/attribution.html")
    assert 'class="step"' not in page
    assert "X[3]: said a (true: b)" in page
    lines = [d for d in re.findall(r'<path d="([^"]*)"', page) if d.count("L ") >= 30]
    assert len(lines) == min(channels, show.CHANNELS)
    assert ("$c0" in page) == (channels <= show.CHANNELS)
    from matplotlib.image import imread

    (picture,) = re.findall(r"data:image/png;base64,([^\"]+)", page)
    pixels = imread(io.BytesIO(base64.b64decode(picture)))
    alpha = pixels[..., 3].max(0)
    assert alpha[-1] > 0.5 > 0.01 > alpha[0]


def test_one_step_and_a_constant_are_drawn_too(tmp_path: Path) -> None:
    run = run_of(tmp_path, [[2.0], [2.0]], [1.0])
    assert [each.name for each in show.draw(run)] == ["figures/attribution.html"]


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    cases: list[list[Any]] = [[[1.0, 2.0]], [["a"]], []]
    for number, wrong in enumerate(cases):
        run = run_of(tmp_path / str(number), wrong, [1.0])
        with pytest.raises(BundleError, match=r"attribution\.json: damaged"):
            show.draw(run)


def test_the_answer_stands_beside_what_the_network_said(tmp_path: Path) -> None:
    run = run_of(tmp_path, [[1.0, 2.0]], [0.5, 0.5])
    facts = {"classes": ["<a>", "b", "c"]}
    chosen = {"name": "linear SVM", "weight": 0.0, "sentence": "It answers with the linear SVM."}
    counts = [[3, 1, 0], [0, 9, 0], [0, 0, 0]]
    report = {"data": facts, "chosen": chosen, "confusion": counts, "calibration": None}
    run.write_json(REPORT, report)
    run.write_json(ATTRIBUTION, [run.read_json(ATTRIBUTION)[0] | {"answered": "<b>"}])
    confusion, looked = show.sections(run)
    assert "said a (true: b); the answer is &lt;b&gt;" in looked.body
    assert looked.title == "Where the network looked"
    assert looked.summary.endswith("The network is no part of the answer.")
    cells = re.findall(r'title="(.*?) % of (.*?)">(.*?)</td>', confusion.body)
    assert cells[:3] == [
        ("75.0", "&lt;a&gt;", "3"),
        ("25.0", "&lt;a&gt;", "1"),
        ("0.0", "&lt;a&gt;", ""),
    ]

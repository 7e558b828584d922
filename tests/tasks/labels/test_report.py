from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from judged import baseline, logits, truth_of
from recurra.bundle import CARD, CONFIG, FORMAT, REPORT, Run
from recurra.tasks import stored_baselines
from recurra.tasks.labels import render, report, show
from recurra.tasks.labels.baselines import Baseline
from recurra.tasks.labels.data import LabelData, from_python
from recurra.tasks.labels.evaluate import Answers
from recurra.tasks.stored_baselines import LeftOut
from recurra.training.checkpoint import Progress
from recurra.training.plan import Plan
from recurra.training.session import facts


def some_texts(n: int = 600) -> LabelData:
    labels = [["good", "bad|poor", "so"][row % 3] for row in range(n)]
    return from_python([f"text {row}" for row in range(n)], labels)


def some_sentences(n: int = 300) -> LabelData:
    tags = [["B-x", "I-x", "O"][: 1 + row % 3] for row in range(n)]
    return from_python([[f"w{row}", "b", "c"][: 1 + row % 3] for row in range(n)], tags)


def written(
    folder: Path,
    data: LabelData,
    skill: float,
    found: list[Baseline],
    left_out: Sequence[LeftOut] = (),
) -> Run:
    run = Run.create(folder / "mood")
    config: dict[str, Any] = {
        "recurra": "0.1",
        "format": FORMAT,
        "task": "labels",
        "data": data.facts(),
    }
    config["training"] = {"bfloat16": False}
    run.write_json(CONFIG, config)
    stored_baselines.write(run, found, left_out)
    answers = Answers(logits(truth_of(data), skill, 0))
    progress = Progress(120, Plan(120), best_step=100, seconds=90.0, reason="completed")
    summary = facts(progress, 3.5, config["training"], [])
    report.write(run, data, answers, 1.3, "2 x GRU of 64 units", summary)
    return run


def test_baselines_come_back_as_they_were(tmp_path: Path) -> None:
    data = some_texts()
    whole = baseline(data, 1, 0)
    found = [whole, Baseline("bare", "without", whole.predicted)]
    run = Run.create(tmp_path / "run")
    stored_baselines.write(run, found)
    for one, other in zip(found, stored_baselines.read(run, Baseline), strict=True):
        assert (one.name, one.note) == (other.name, other.note)
        assert other.predicted.dtype == np.int64
        for name in ("predicted", "probabilities", "held"):
            before, after = getattr(one, name), getattr(other, name)
            assert (before is None) == (after is None)
            if before is not None:
                np.testing.assert_array_equal(before, after)
    accuracy = 100 * (whole.predicted == data.targets(data.test)).mean()
    assert report.baselines_summary(data, found) == (
        f"guess {accuracy:.1f} %, bare {accuracy:.1f} % accuracy"
    )


@pytest.mark.parametrize("make", [some_texts, some_sentences])
def test_a_run_has_its_report_its_card_and_its_arrays(tmp_path: Path, make: Any) -> None:
    data = make()
    run = written(tmp_path, data, 1.0, [baseline(data, 1.1, 5)])
    found = run.read_json(REPORT)
    assert found["data"]["name"] == "given"
    assert found["data"]["examples"] == len(data.test)
    assert found["data"]["found"] == data.found
    assert found["training"]["best_step"] == 100
    json.dumps(found, allow_nan=False)
    text = render.summary(found)
    assert "Trained for 120 steps (3.5 passes over the training part) in 1.5" in text
    arrays, about = run.read_arrays(report.SCORED)
    truth = truth_of(data)
    np.testing.assert_array_equal(arrays["targets"], truth.targets)
    np.testing.assert_array_equal(arrays["rows"], data.test)
    np.testing.assert_allclose(arrays["probabilities"].sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(arrays["predicted"], arrays["probabilities"].argmax(1))
    right = (arrays["predicted"] == arrays["targets"]).mean()
    assert right == pytest.approx(found["model"]["accuracy"]["estimate"])
    assert about["classes"] == list(data.classes)
    assert ("lengths" in arrays) is data.examples.tagged
    card = run.read_text(CARD)
    for part in ("# mood", "2 x GRU of 64 units", found["verdict"]["sentence"][:40], "| guess | "):
        assert part in card
    assert max(map(len, card.split("\n"))) <= 100


def test_a_card_holds_its_tables_together(tmp_path: Path) -> None:
    data = some_texts()
    card = written(tmp_path, data, 1.0, [baseline(data, 1.1, 5)]).read_text(CARD)
    assert "| `bad\\|poor` | 20 |" in card
    assert 'recurra classify mood "..."' in card
    rows = [line for line in card.split("\n") if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {4, 6}


def test_other_examples_are_examined_without_baselines() -> None:
    data = some_texts()
    truth = truth_of(data, data.learn[:50])
    found = report.examined(
        truth, Answers(logits(truth, 1, 0)), 1.0, name="other.tsv", part="all of it"
    )
    assert found["verdict"] is None
    assert found["baselines"] == []
    assert render.summary(found).startswith("other.tsv: all of it, 50 texts, 3 classes\n")


def test_a_baseline_that_is_left_out_is_named_wherever_figures_are(tmp_path: Path) -> None:
    data = some_texts()
    run = written(tmp_path, data, 3.0, [baseline(data, 0.5, 5)], [LeftOut("TF-IDF", "too long")])
    found = run.read_json(REPORT)
    assert found["left_out"] == [{"name": "TF-IDF", "why": "too long"}]
    told = "Not compared with the TF-IDF, against which nothing is claimed: too long."
    for text in (render.summary(found), run.read_text(CARD), show.table(found).note):
        assert told in " ".join(text.split())
    assert show.table({k: v for k, v in found.items() if k != "left_out"}).note == ""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.bundle import CONFIG, FORMAT, REPORT, Run
from recurra.show import curves, picture
from recurra.tasks.pairs import evaluate, report
from recurra.tasks.pairs import show as pairs
from recurra.tasks.pairs.evaluate import Judged
from recurra.tasks.pairs.splits import Pairs
from recurra.tasks.show import draw
from said_pairs import Summary, cut, dates, judged, looks, pairs_of, sentences


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "EXAMPLES", 2)


def written(folder: Path, rows: Pairs, wrong: float = 0.1, count: int = 60) -> Run:
    run = Run.create(folder)
    config = {"recurra": "0.1", "format": FORMAT, "task": "pairs", "options": {}, "data": {}}
    inference = {"architecture": {"cell": "gru"}}
    run.write_json(CONFIG, config | {"inference": inference, "training": {"metric": "bleu"}})
    test = cut(rows, count).of(np.arange(count))
    given = judged(test, wrong)
    run.write_json(REPORT, report.examined(given, name="pairs", part="the test part"))
    report.write_attention(run, given)
    return run


@pytest.mark.parametrize("rows", [sentences(200), dates(200)], ids=["German", "Korean"])
def test_pictures_are_made_from_the_run_alone(tmp_path: Path, rows: Pairs) -> None:
    run = written(tmp_path / "run", rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a letter that no font has is one
        found = [each.name for each in pairs.draw(run)]
    assert found == [
        *(f"figures/attention-{n}.png" for n in range(1, 3)),
        "figures/attention.html",
        "figures/lengths.svg",
    ]
    first = [(run.path / name).read_bytes() for name in found]
    assert [content[:4] == b"\x89PNG" for content in first] == [True] * 2 + [False] * 2
    assert [each.name for each in pairs.draw(Run.open(run.path))] == found
    assert [(run.path / name).read_bytes() for name in found] == first


def test_what_a_run_has_not_recorded_is_not_drawn(tmp_path: Path) -> None:
    run = written(tmp_path / "run", sentences(100), count=20)
    (run.path / report.ATTENTION).unlink()
    assert pairs.draw(run) == []


def test_the_room_draws_pairs(tmp_path: Path) -> None:
    run = written(tmp_path / "run", sentences(200))
    run.append_history({"step": 1, "train": 3.0, "select": 2.5, "score": 12.5})
    run.append_history({"step": 2, "train": 2.0, "select": 1.5, "score": 30.0})
    run.append_history({"step": 3, "train": 1.0, "select": None})
    found = [path.relative_to(run.path).as_posix() for path in draw(run.path)]
    assert found[:2] == ["report.html", "figures/curves.svg"]
    assert len(found) == 6


def test_of_equal_scores_the_weights_kept_are_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = written(tmp_path / "run", sentences(100), count=20)
    for step, score in ((1, 12.5), (2, 100.0), (3, 100.0), (4, 99.0)):
        run.append_history({"step": step, "train": 1.0, "select": 1.0, "score": score})
    marked: list[tuple[int, float]] = []
    monkeypatch.setattr(curves, "_best", lambda axes, point, *_: marked.append(point))
    curves.draw(run)
    assert marked == [(3, 100.0)]


def test_letters_of_every_script_are_drawn_or_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "EXAMPLES", 9)
    texts = ["한국어 문장", "Straße", "🙂🧑", "东京", "a$b$", "\u202e\x1b", "  ", "ราคา", "$x"]
    summary = [Summary(text, [text, "b"], [text, " c"], looks(3, 2)) for text in texts]
    given: Any = {"pairs": pairs_of(tuple(texts), tuple(texts)), "said": summary}
    run = Run.create(tmp_path / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report.write_attention(run, Judged(**given))
        assert len(pairs.draw(run)) == len(texts) + 1
    page = run.read_text("figures/attention.html")
    assert "东京" in page
    assert "\x1b" not in page


def test_korean_has_a_font_and_nobody_draws_boxes() -> None:
    families, missing = picture.fonts_for(["1999년 3월 5일 금요일", "Grüße"])
    assert not missing
    assert not any(name.startswith("Last Resort") for name in families)
    assert picture.fonts_for(["Grüße"]) == (families[:1], set())
    families, missing = picture.fonts_for(["a\U0001f9d1"])
    assert missing <= {"\U0001f9d1"}
    assert pairs._drawn("a\U0001f9d1b", {"\U0001f9d1"}) == "a[1f9d1]b"

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len

from recurra.bundle import CARD, CONFIG, FORMAT, REPORT, Run
from recurra.tasks import stored_baselines
from recurra.tasks.pairs import render, report, show
from recurra.tasks.pairs.baselines import Baseline, pair_baselines
from recurra.tasks.pairs.evaluate import Judged
from recurra.training import session
from recurra.training.checkpoint import Progress
from recurra.training.plan import Plan
from said_pairs import Summary, cut, dates, judged, looks, pairs_of, sentences

TRAINING = {
    "padding": 0.021,
    "selected": {"metric": "bleu", "score": 71.25, "nats_a_piece": 0.8},
}


def written(
    folder: Path, data: Any, given: Judged | None = None, seconds: float = 60.0, **training: Any
) -> Run:
    """A run with its report, as a training leaves it."""
    run = Run.create(folder)
    config: dict[str, Any] = {
        "recurra": "0.1",
        "format": FORMAT,
        "task": "pairs",
        "training": {"bfloat16": False},
    }
    run.write_json(CONFIG, config)
    stored_baselines.write(run, *pair_baselines(data, seconds=seconds))
    given = judged(data.of(data.test), 0.05) if given is None else given
    progress = Progress(120, Plan(120), best_step=100, seconds=90.0, reason="completed")
    facts = session.facts(progress, 3.5, config["training"], [])
    report.write(run, data, given, "GRU of 2 x 64 units", facts | TRAINING | training)
    return run


def test_baselines_come_back_as_they_were(tmp_path: Path) -> None:
    data = cut(sentences(100), 20)
    found, _ = pair_baselines(data)
    run = Run.create(tmp_path / "run")
    stored_baselines.write(run, found)
    for one, other in zip(found, stored_baselines.read(run, Baseline), strict=True):
        assert (one.name, one.note) == (other.name, other.note)
        assert list(one.predicted) == list(other.predicted)
    line = report.baselines_summary(data, found)
    assert line.startswith("copy ")
    assert line.endswith(" BLEU")
    assert line.count(",") == 2


def test_a_run_has_its_report_its_card_and_its_traces(tmp_path: Path) -> None:
    data = cut(sentences(200), 60)
    run = written(tmp_path / "ende", data)
    found = run.read_json(REPORT)
    assert found["data"] == {
        "name": "pairs",
        "part": "the test part",
        "pairs": 60,
        "learn": 80,
        "select": 60,
        "found": {},
    }
    assert found["training"]["best_step"] == 100
    assert found["training"]["padding"] == 0.021
    test = data.of(data.test)
    kept = run.read_json(report.SCORED)
    assert [each["true"] for each in kept] == list(test.targets)
    exact = np.mean([each["said"] == each["true"] for each in kept])
    assert exact == pytest.approx(found["model"]["exact"]["estimate"])
    arrays, facts = run.read_arrays(report.ATTENTION)
    for number, each in enumerate(facts["sentences"]):
        assert arrays[str(number)].shape == (len(each["pieces"]), len(each["source"]))
        assert each["true"] in test.targets
    card = run.read_text(CARD)
    for part in (
        "# ende",
        "GRU of 2 x 64 units",
        found["verdict"]["sentence"][:40],
        "| copy | ",
        "tok:13a",
        "recurra translate ende",
        "Of the steps of its batches 2.1 % were padding.",
    ):
        assert part in card, part
    assert max(len(x) for x in card.split("\n") if x[:1] not in ("|", "-")) <= 100


def test_a_stranger_finds_everything(tmp_path: Path) -> None:
    data = cut(sentences(400), 120)
    found = written(tmp_path / "run", data).read_json(REPORT)
    text = render.summary(found)
    assert max(map(cell_len, text.split("\n"))) <= 79
    title, table, verdicts, how, lengths, best, worst, signed, end = text.split("\n\n")
    assert title == "pairs: the test part, 120 pairs"
    head, model, *others = table.split("\n")
    assert head.split() == ["BLEU", "95", "%", "interval", "chrF", "exact"]
    assert model.startswith("this model ")
    assert len(others) == 3
    assert len({len(line) for line in table.split("\n")}) == 1
    assert verdicts.startswith("Verdict: Better than the nearest training source by ")
    assert "paired test p = 0.001." in verdicts
    assert "Exact to the letter: " in verdicts
    assert "Written by itself (beam of 5)" in how
    assert "Given the true pieces before (teacher forcing)" in how.replace("\n", " ")
    assert lengths.startswith("words in the source")
    assert best.startswith("Went best:\n  pairs.tsv, line ")
    assert best.count("\n    exact   ") == 3
    assert worst.count("\n    true    ") == 3
    assert signed.startswith("BLEU: nrefs:1|case:mixed")
    assert "71.2 BLEU (there teacher-forced: 0.800 nats a piece)" in end.replace("\n", " ")


def test_short_texts_show_no_bleu(tmp_path: Path) -> None:
    run = written(tmp_path / "run", cut(dates(200), 60))
    assert run.read_json(REPORT)["model"]["bleu"]["estimate"] is not None
    text = render.summary(run.read_json(REPORT))
    table, signed = text.split("\n\n")[1], text.split("\n\n")[-2]
    assert table.split("\n")[0].split() == ["chrF", "95", "%", "interval", "exact"]
    assert "BLEU" not in signed
    assert "| | chrF | exact |" in run.read_text(CARD)


def test_nothing_wrong_is_said(tmp_path: Path) -> None:
    data = cut(dates(100), 30)
    run = written(tmp_path / "run", data, judged(data.of(data.test), 0.0))
    assert "Not one of them is wrong." in render.summary(run.read_json(REPORT))
    assert "What went worst" not in run.read_text(CARD)


def test_other_pairs_are_examined_without_baselines() -> None:
    found = report.examined(judged(sentences(50), 0.2), name="other.tsv", part="all of it")
    text = render.summary(found)
    assert text.startswith("other.tsv: all of it, 50 pairs\n")
    assert "Verdict" not in text
    few = render.summary(report.examined(judged(sentences(3), 0.2), name="a", part="all of it"))
    assert "not known" in few


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            {"further": 7, "several": 1, "trimmed": 0},
            "In the data: 1 source with several targets; 7 lines with further columns, not read.",
        ),
        (
            {"test_removed": 2},
            "In the data: 2 pairs taken out of the test part: another part has the same.",
        ),
    ],
)
def test_what_was_found_in_the_data_is_told_in_words(counts: dict[str, int], words: str) -> None:
    found = report.examined(judged(sentences(20)), name="pairs", part="all of it")
    assert "In the data" not in render.summary(found)
    found["data"]["found"] = counts
    assert words in " ".join(render.summary(found).split())


def test_what_is_wrong_with_writing_is_told() -> None:
    given = judged(sentences(40), 0.2, unknown=(0.01, 0.02), forced=None, search={"beam": 1})
    object.__setattr__(given.said[0], "ended", False)
    object.__setattr__(given.said[1], "text", "")
    text = render.summary(report.examined(given, name="a", part="all of it")).replace("\n", " ")
    assert "(the likeliest piece each time): 97.5 % of the texts came to an end" in text
    assert "2.5 % of them are empty" in text
    assert "lack 1.0 % of the pieces of the sources and 2.0 %" in text
    assert "teacher forcing" not in text
    assert "said    (nothing)" in text


def test_texts_of_all_kinds_stay_in_their_line(tmp_path: Path) -> None:
    texts = [
        "emoji 👩‍👩‍👧 😀 " * 20,
        "עברית וערבית العربية " * 9,
        "line\nbreak\ttab \x1b[31mred\x07 \u202eright to left | bar",
        "넓은 글자는 두 칸을 차지한다 " * 9,
        "é" * 500,
    ]
    sources = tuple(f"{n} | {texts[n % 5]}" for n in range(100))
    data = cut(pairs_of(sources, sources[::-1]), 30)
    test = data.of(data.test)
    said = [Summary(t[::-1], list(t[:9]), list(t[:7]), looks(7, 9)) for t in test.targets]
    given: Any = {"pairs": test, "said": said}
    run = written(tmp_path / "run", data, Judged(**given))
    text = render.summary(run.read_json(REPORT))
    assert max(map(cell_len, text.split("\n"))) <= 79
    found = {unicodedata.category(each) for each in text if each not in "\n\u200d"}
    assert found & {"Cc", "Cf"} == set()
    rows = [line for line in run.read_text(CARD).split("\n") if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in rows} <= {4, 5}
    json.dumps(run.read_json(REPORT), allow_nan=False)


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"selected": {"metric": "exact", "score": 99.5}}, "selection part: 99.5 % exact."),
        (
            {"selected": {"metric": "bleu", "score": None}, "padding": None},
            "this evaluation in float32.",
        ),
    ],
)
def test_what_chose_is_told(tmp_path: Path, training: dict[str, Any], words: str) -> None:
    run = written(tmp_path / "run", cut(sentences(60), 15), **training)
    assert (
        render.summary(run.read_json(REPORT))
        .replace("\n", " ")
        .endswith(
            words + (" Of the steps of its batches 2.1 % were padding." if "exact" in words else "")
        )
    )


def test_a_baseline_that_is_left_out_is_named_wherever_figures_are(tmp_path: Path) -> None:
    run = written(tmp_path / "run", cut(sentences(100), 20), seconds=0.0)
    found = run.read_json(REPORT)
    assert [each["name"] for each in found["left_out"]] == ["nearest training source"]
    told = "Not compared with the nearest training source, against which nothing is claimed: 60"
    for text in (render.summary(found), run.read_text(CARD), show.table(found).note):
        assert told in " ".join(text.split())

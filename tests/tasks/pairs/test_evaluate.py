from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from recurra.errors import DataError
from recurra.judge.translation import Counted, scores
from recurra.tasks.pairs import evaluate
from recurra.tasks.pairs.baselines import Baseline, pair_baselines
from recurra.tasks.pairs.evaluate import Forced, Judged, judge, repeated, to_look_at
from said_pairs import Summary, cut, dates, judged, looks, pairs_of, say, sentences


def of(sources: list[str], targets: list[str], said: list[str], **more: Any) -> Judged:
    """What was said of a few pairs."""
    summary = [
        Summary(text, list(s), list(text), None) for s, text in zip(sources, said, strict=True)
    ]
    given: dict[str, Any] = {"pairs": pairs_of(tuple(sources), tuple(targets)), "said": summary}
    return Judged(**(given | more))


def test_figures_of_model_and_baselines_are_those_of_sacrebleu() -> None:
    data = cut(sentences(300), 60)
    test = data.of(data.test)
    given = judged(test, 0.3)
    others, _ = pair_baselines(data)
    found = judge(given, others)
    for said, figures in [
        (given.predicted, found["model"]),
        *zip([each.predicted for each in others], found["baselines"], strict=True),
    ]:
        true = scores(said, test.targets)
        assert figures["bleu"]["estimate"] == pytest.approx(true.bleu)
        assert figures["chrf"]["estimate"] == pytest.approx(true.chrf)
        assert figures["exact"]["estimate"] == true.exact
    json.dumps(found, allow_nan=False)


def test_the_verdict_is_against_the_best_baseline() -> None:
    data = cut(sentences(300), 60)
    test = data.of(data.test)
    good = Baseline("good", "", tuple(each.text for each in say(test, 0.1, 9)))
    bad = Baseline("bad", "", test.sources)
    for wrong, better in ((0.0, True), (0.9, False)):
        verdict = judge(judged(test, wrong), [bad, good])["verdict"]
        assert verdict["metric"] == "bleu"
        assert verdict["better"] is better
        assert "the good by" in verdict["sentence"]
    alone = judge(judged(test))
    assert alone["verdict"] is None
    assert alone["exact_verdict"] is None


def test_exact_matches_have_a_verdict_where_there_are_some() -> None:
    data = cut(dates(300), 60)
    test = data.of(data.test)
    found = judge(judged(test, 0.01), pair_baselines(data)[0])
    assert found["metric"] == "chrf"
    assert found["exact_verdict"]["better"] is True
    assert found["exact_verdict"]["p"] is None
    assert judge(judged(test, 1.0), pair_baselines(data)[0][:1])["exact_verdict"] is None


def test_free_running_and_teacher_forced_figures_stand_apart() -> None:
    test = sentences(40)
    forced = Forced(nats=300.0, pieces=400, characters=1500)
    found = judge(judged(test, 0.2, forced=forced))
    assert found["forced"] == {
        "nats_a_piece": 0.75,
        "nats_a_character": 0.2,
        "pieces": 400,
        "characters": 1500,
    }
    assert "nats" not in json.dumps(found["model"])
    assert judge(judged(test, 0.2, forced=None))["forced"] is None


def test_buckets_of_length_hold_all_sentences_once() -> None:
    test = sentences(240)
    given = judged(test, 0.3)
    found = evaluate.by_length(given, Counted.of(given.predicted, test.targets))
    rows = found["rows"]
    assert found["unit"] == "words"
    assert sum(row["sentences"] for row in rows) == 240
    assert 3 <= len(rows) <= evaluate.BUCKETS
    for row, following in pairwise(rows):
        assert row["from"] <= row["to"] < following["from"]
    lengths = [len(source.split()) for source in test.sources]
    places = [n for n, length in enumerate(lengths) if rows[1]["from"] <= length <= rows[1]["to"]]
    true = scores([given.predicted[n] for n in places], [test.targets[n] for n in places])
    assert (rows[1]["bleu"], rows[1]["chrf"]) == pytest.approx((true.bleu, true.chrf))


@pytest.mark.parametrize(
    "sources",
    [
        ["".join("abcdefgh"[k % 8] for k in range(20 + n % 21)) for n in range(120)],
        ["一个男人在骑自行车去北京" * (1 + n % 3) for n in range(120)],
    ],
    ids=["one word", "no blanks"],
)
def test_sources_without_words_are_told_apart_by_characters(sources: list[str]) -> None:
    found = judge(of(sources, sources, sources))["lengths"]
    assert found["unit"] == "characters"
    assert len(found["rows"]) > 1


def test_sources_all_alike_are_one_bucket() -> None:
    assert len(judge(of(["a b c d"] * 90, ["x y z w"] * 90, ["x"] * 90))["lengths"]["rows"]) == 1
    assert len(judge(of(["a b"], ["x"], ["x"]))["lengths"]["rows"]) == 1


def test_rows_of_words_said_again() -> None:
    assert repeated(["a b c d e f"]) == 0
    assert repeated(["a b c a b c"]) == pytest.approx(1 / 4)
    assert repeated(["the the the the the", "a b c"]) == pytest.approx(2 / 4)
    assert repeated(["a b c", "a b c"]) == 0  # of other texts
    assert repeated(["今天天气今天天气"]) == pytest.approx(2 / 6)
    assert repeated([""]) == 0


def test_how_it_writes() -> None:
    given = of(["a", "b", "c"], ["x y", "z", "w v u t"], ["x", "", "w v u t s s"])
    object.__setattr__(given.said[1], "ended", False)
    found = judge(given)["writing"]
    assert found["ended"] == pytest.approx(2 / 3)
    assert found["empty"] == pytest.approx(1 / 3)
    assert (found["words"], found["reference_words"]) == (7, 7)
    assert found["unknown"] is None
    unknown = judge(of(["a"], ["b"], ["b"], unknown=(0.1, 0.2)))["writing"]["unknown"]
    assert unknown == {"sources": 0.1, "targets": 0.2}


def test_best_and_worst_sentences() -> None:
    targets = [f"{'very ' * n}long sentence number {n}" for n in range(12)]
    said = [text if n % 2 else text[: len(text) // (n + 2)] for n, text in enumerate(targets)]
    found = judge(of(targets, targets, said))
    assert found["best"][0]["true"] == targets[11]  # of those that are exact the longest
    assert all(each["chrf"] == 100 for each in found["best"])
    worth = [scores([a], [b]).chrf for a, b in zip(said, targets, strict=True)]
    assert found["worst"][0]["true"] == targets[int(np.argmin(worth))]
    assert found["worst"][0]["chrf"] == pytest.approx(min(worth))
    assert found["worst"][0]["where"].startswith("pairs.tsv, line ")
    one = judge(of(["a"], ["b"], ["c"]))
    assert len(one["best"]) == len(one["worst"]) == 1


def test_attention_of_a_few_short_sentences_is_looked_at() -> None:
    test = sentences(60)
    given = judged(test, 0.1)
    rows = to_look_at(given)
    wrong = [given.said[row].text != test.targets[row] for row in rows]
    assert len(rows) == evaluate.EXAMPLES == 2 * sum(wrong)
    assert rows == sorted(set(rows))
    assert len(to_look_at(judged(test, 0.0))) == evaluate.EXAMPLES
    assert len(to_look_at(judged(test, 1.0))) == evaluate.EXAMPLES
    long = [
        Summary("x", ["a"] * 50, ["b"] * 3, looks(3, 50)),
        Summary("x", ["a", "b"], ["b"] * 2, None),
    ]
    flat = Summary("x", ["a", "b"], ["b"] * 2, np.zeros((2, 2)))
    some: Any = pairs_of(("a",) * 3, ("b",) * 3)
    assert to_look_at(Judged(some, [*long, flat])) == []


def test_what_does_not_fit_is_refused() -> None:
    some: Any = pairs_of(("a", "b"), ("c", "d"))
    with pytest.raises(DataError, match="1 translations of 2 sources"):
        Judged(some, [Summary("x", [], [], None)])
    empty: Any = pairs_of((), ())
    with pytest.raises(DataError, match="one at least"):
        Judged(empty, [])
    with pytest.raises(DataError, match="the copy says 1 texts"):
        judge(judged(some), [Baseline("copy", "", ("a",))])

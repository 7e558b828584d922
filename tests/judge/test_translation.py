from __future__ import annotations

import logging
import sys

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.significance import PairedTest, Result

from recurra.errors import DataError, MissingExtra, OptionError
from recurra.judge import translation
from recurra.judge.translation import Counted, cut_for, deciding, paired, score, scores

WORDS = [
    "a",
    "the",
    "man",
    "woman",
    "dog",
    "rides",
    "sits",
    "on",
    "bench",
    "red",
    "old",
    "two",
    ".",
]
METRICS: tuple[translation.Metric, ...] = ("bleu", "chrf", "exact")


def corpus(n: int, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, random.integers(4, 15))) for _ in range(n)]


def spoilt(texts: list[str], share: float, seed: int = 1) -> list[str]:
    """Each word another one with this probability."""
    random = np.random.default_rng(seed)
    return [
        " ".join(
            str(random.choice(WORDS)) if random.random() < share else word for word in text.split()
        )
        for text in texts
    ]


@pytest.mark.parametrize(
    ("references", "cut"),
    [
        (["Ein Mann fährt Rad.", "Zwei Hunde."], "13a"),
        (["한 남자가 자전거를 탄다.", "1999년 3월 5일"], "13a"),
        (["一个男人在骑自行车。", "两只狗"], "zh"),
        (["男の人が自転車に乗っている。"], "char"),
        (["ผู้ชายคนหนึ่งกำลังขี่จักรยาน"], "char"),
        (["A man named 李 rides a bicycle"], "13a"),
        (["12. 3. 1999", "!?", ""], "13a"),
    ],
)
def test_figures_are_those_of_sacrebleu(references: list[str], cut: str) -> None:
    assert cut_for(references) == cut
    predicted = [text[: len(text) * 3 // 4] + "x" for text in references]
    found = scores(predicted, references)
    bleu, chrf = BLEU(tokenize=cut), CHRF()
    assert found.bleu == bleu.corpus_score(predicted, [references]).score
    assert found.chrf == chrf.corpus_score(predicted, [references]).score
    assert found.signatures == {
        "bleu": str(bleu.get_signature()),
        "chrf": str(chrf.get_signature()),
    }
    assert f"tok:{cut}" in found.signatures["bleu"]
    for metric in METRICS:
        assert found.of(metric) == score(metric, predicted, references)


def test_case_counts_and_composed_letters_do_not() -> None:
    assert (
        scores(["Straße caf\u00e9 und so weiter"], ["Straße cafe\u0301 und so weiter"]).exact == 1
    )
    assert scores(["a man sits on it"], ["A man sits on it"]).exact == 0
    assert scores(["a man sits on it"], ["A man sits on it"]).bleu < 100


def test_long_references_are_judged_by_bleu_and_short_by_chrf() -> None:
    assert deciding(["Ein Mann fährt Rad."]) == "bleu"
    assert deciding(["1999년 3월 5일", "5일"]) == "chrf"
    assert deciding(["一个男人在骑自行车"]) == "bleu"
    assert deciding(["犬"]) == "chrf"


def test_some_of_the_sentences_are_a_corpus_of_their_own() -> None:
    references = corpus(40)
    predicted = spoilt(references, 0.4)
    rows = np.array([3, 17, 5, 30])
    some = Counted.of(predicted, references).at(rows).scores()
    assert some == scores([predicted[r] for r in rows], [references[r] for r in rows])
    alone = Counted.of(predicted, references).sentences()
    for row in rows.tolist():
        assert alone[row] == pytest.approx(scores([predicted[row]], [references[row]]).chrf)


def test_intervals_hold_the_figure_and_narrow_with_more_sentences() -> None:
    widths = []
    for n in (40, 640):
        references = corpus(n)
        counted = Counted.of(spoilt(references, 0.3), references)
        for metric in METRICS:
            found = counted.interval(metric, repeats=200)
            assert found.low <= found.estimate <= found.high
            assert found == counted.interval(metric, repeats=200)
        assert counted.interval("bleu", repeats=200).estimate == counted.scores().bleu
        interval = counted.interval("bleu", repeats=200)
        widths.append(interval.high - interval.low)
    assert widths[1] < widths[0] / 2
    few = Counted.of(["a b", "c"], ["a b", "d"]).interval("bleu")
    assert not few.known


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_the_paired_bootstrap_agrees_with_sacrebleu(metric: translation.Metric) -> None:
    references = corpus(120)
    good, bad = spoilt(references, 0.3, 1), spoilt(references, 0.36, 2)
    first, second = Counted.of(good, references), Counted.of(bad, references)
    found = paired(first, second, metric, name="copy")
    library = {"bleu": BLEU(), "chrf": CHRF()}[metric]
    test = PairedTest(
        [("b", bad), ("m", good)], {metric: library}, [references], test_type="bs", n_samples=1000
    )
    _, table = test()
    rows = next(rows for key, rows in table.items() if key != "System")
    baseline, model = (each for each in rows if isinstance(each, Result))
    assert found.p == model.p_value
    assert found.verdict.advantage == pytest.approx(model.score - baseline.score)
    # Where that test is sure to 2.5 %, so is the interval, and the other way round.
    assert found.p is not None
    assert (found.verdict.interval.low > 0) == (found.p < 0.03)


def test_verdicts_run_both_ways_and_know_a_draw() -> None:
    references = corpus(200)
    good, bad = (Counted.of(spoilt(references, x, 1), references) for x in (0.1, 0.6))
    for metric in METRICS:
        better = paired(good, bad, metric, name="copy", repeats=200)
        worse = paired(bad, good, metric, name="copy", repeats=200)
        same = paired(good, good, metric, name="copy", repeats=200)
        assert (better.verdict.better, worse.verdict.better) == (True, False)
        assert same.verdict.better is None
        assert better.verdict.advantage == pytest.approx(-worse.verdict.advantage)
        assert better.verdict.sentence.startswith("Better than the copy by ")
        again = paired(good, bad, metric, name="copy", repeats=200)
        assert better.to_json() == again.to_json()
        assert again.to_json()["metric"] == metric


def test_what_cannot_be_judged_is_said() -> None:
    with pytest.raises(DataError, match="2 texts and 1 references"):
        scores(["a", "b"], ["a"])
    with pytest.raises(DataError, match="one at least"):
        scores([], [])
    with pytest.raises(OptionError, match="score 'rouge'"):
        score("rouge", ["a"], ["a"])  # type: ignore[arg-type]
    right, wrong = Counted.of(["a"], ["a"]), Counted.of(["b"], ["a"])
    few = paired(right, wrong, "bleu", name="copy")
    assert few.verdict.better is None
    assert few.p is None
    with pytest.raises(DataError, match="the same references"):
        paired(right, Counted.of(["a"], ["c"]), "bleu", name="copy")


def test_without_sacrebleu_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    with pytest.raises(MissingExtra, match=r"recurra\[pairs\]"):
        scores(["a"], ["a"])


def test_sacrebleu_says_nothing_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    texts = ["ends in a sign ."] * 200
    with caplog.at_level(logging.WARNING):
        scores(texts, texts)
    assert caplog.records == []

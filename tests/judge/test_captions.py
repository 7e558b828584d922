from __future__ import annotations

import math
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.base import Metric as Library
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sklearn.metrics import roc_auc_score

from recurra.errors import DataError, MissingExtra, OptionError
from recurra.judge import captions
from recurra.judge.captions import (
    HIGHER,
    NAMES,
    UNITS,
    Counted,
    Metric,
    deciding,
    paired,
    preferred,
    score,
)
from recurra.judge.cider import cider

WORDS = ["a", "the", "red", "blue", "circle", "square", "left", "of", "above", "two", "."]
METRICS: tuple[Metric, ...] = ("exact", "cer", "wer", "chrf", "bleu", "cider")


def references(n: int, most: int = 3, seed: int = 0) -> list[list[str]]:
    """Of one to `most` sentences each, of 4 to 9 words."""
    random = np.random.default_rng(seed)
    return [
        [" ".join(random.choice(WORDS, random.integers(4, 10))) for _ in range(k)]
        for k in random.integers(1, most + 1, n)
    ]


def spoilt(true: list[list[str]], share: float, seed: int = 1) -> list[str]:
    """The first reference of each, each word another one with this probability."""
    random = np.random.default_rng(seed)
    return [
        " ".join(
            str(random.choice(WORDS)) if random.random() < share else w for w in each[0].split()
        )
        for each in true
    ]


def test_every_metric_has_a_name_a_unit_and_a_direction() -> None:
    assert set(METRICS) == set(NAMES) == set(UNITS) == set(HIGHER)
    assert {metric for metric in METRICS if not HIGHER[metric]} == {"cer", "wer"}


# Values by hand


def test_error_rates_are_sums_of_edits_over_sums_of_characters() -> None:
    found = Counted.of(["kitten", "1234"], [["sitting"], ["1243"]])
    assert found.figure("cer") == pytest.approx((3 + 2) / (7 + 4))
    assert found.pictures("cer") == pytest.approx([3 / 7, 2 / 4])


def test_the_nearest_reference_counts_and_of_equally_near_ones_the_longest() -> None:
    found = Counted.of(["abcd", "abc"], [["wxyz", "abcdef", "abce"], ["ab", "abcd"]])
    # "abce" is 1 edit away; of "ab" and "abcd", 1 each, "abcd" has the more characters.
    assert found.counts["cer"].tolist() == [[1, 4], [1, 4]]


def test_words_and_marks_are_counted_and_blanks_are_not() -> None:
    found = Counted.of(["a  red dog runs"], [["a dog, runs."]])
    assert found.counts["wer"].tolist() == [[3, 5]]  # one too many, "," and "." are missing
    apart = Counted.of(["红色圆"], [["红色方形"]])
    assert apart.counts["wer"].tolist() == [[2, 4]]  # no blanks: each character is a word


def test_exact_is_any_of_the_references_however_it_is_composed() -> None:
    parts = unicodedata.normalize("NFD", "빨간 원")
    found = Counted.of([parts, "a", "b "], [["파란 원", "빨간 원"], ["a"], ["b"]])
    assert found.figure("exact") == pytest.approx(2 / 3)
    assert found.pictures("exact").tolist() == [1, 1, 0]
    assert found.pictures("cer").tolist() == [0, 0, 1]


def test_chrf_and_bleu_are_those_of_sacrebleu() -> None:
    true = references(40)
    ours = spoilt(true, 0.3)
    wide = [[each[n] if n < len(each) else None for each in true] for n in range(3)]
    found = Counted.of(ours, true)
    libraries: dict[Metric, Library] = {"chrf": CHRF(), "bleu": BLEU(force=True)}
    for metric, library in libraries.items():
        expected = library.corpus_score(ours, wide).score  # type: ignore[arg-type]
        assert found.figure(metric) == pytest.approx(expected)
        assert score(metric, ours, true) == pytest.approx(expected)
    assert "nrefs:var" in found.signatures["bleu"]
    assert set(found.signatures) == {"bleu", "chrf"}


def test_cider_of_two_pictures_worked_out_by_hand() -> None:
    # Each n-gram is in one picture of two: all weigh L = log 2, which cancels in the cosines.
    # "x x y" against "x y", words: (2, 1) and (1, 1), clipped to (1, 1):
    #   (1 * 1 + 1 * 1) / (sqrt 5 * sqrt 2). Pairs: (xx, xy) and (xy): 1 / (sqrt 2 * 1).
    #   Orders 3 and 4: none in the reference. One word apart.
    # Against "y": 1 * 1 / (sqrt 5 * 1), no pairs, two words apart.
    first = (2 / math.sqrt(10) + 1 / math.sqrt(2)) / 4 * math.exp(-1 / 72)
    second = 1 / math.sqrt(5) / 4 * math.exp(-4 / 72)
    found = cider([["x", "x", "y"], ["z", "w"]], [[["x", "y"], ["y"]], [["z", "w"]]])
    assert found == pytest.approx([10 * (first + second) / 2, 10 * 2 / 4])


def test_in_cider_a_word_of_many_pictures_weighs_little() -> None:
    # Of four pictures "a" is in two: log 2 = u; all others in one, or in none: log 4 = 2u.
    # "a dog" against "a cat": u * u / (5u^2) for words, nothing for pairs.
    told = [["a", "dog"], ["a", "bus"], ["sky"], ["sea"]]
    true = [[["a", "cat"]], [["a", "bus"]], [["sky"]], [["sea"]]]
    assert cider(told, true) == pytest.approx([10 * 0.2 / 4, 5, 2.5, 2.5])
    # What all pictures have says nothing.
    assert cider([["a"], ["a"]], [[["a"]], [["a"]]]) == [0, 0]


# Laws


@pytest.mark.parametrize("metric", METRICS)
def test_captions_that_are_their_references_are_perfect(metric: Metric) -> None:
    true = references(30, most=1)
    best = {"exact": 1, "cer": 0, "wer": 0, "chrf": 100, "bleu": 100, "cider": 10}[metric]
    found = Counted.of([each[0] for each in true], true)
    assert found.figure(metric) == pytest.approx(best)
    assert found.pictures(metric) == pytest.approx(np.full(30, best))
    top = 10 if metric == "cider" else 100
    assert score(metric, [each[0] for each in true], true) == pytest.approx(top)
    # And of none that is spoilt.
    worse = score(metric, spoilt(true, 0.3), true)
    assert worse < top


@pytest.mark.parametrize("metric", METRICS)
@given(seed=st.integers(0, 1000))
def test_the_order_of_references_and_pictures_makes_no_difference(
    metric: Metric, seed: int
) -> None:
    random = np.random.default_rng(seed)
    true = references(8, seed=seed)
    ours = spoilt(true, 0.5, seed)
    order = random.permutation(8)
    turned = [[true[row][k] for k in random.permutation(len(true[row]))] for row in order]
    found, other = Counted.of(ours, true), Counted.of([ours[row] for row in order], turned)
    assert other.pictures(metric) == pytest.approx(found.pictures(metric)[order])
    assert other.figure(metric) == pytest.approx(found.figure(metric))


@pytest.mark.parametrize("metric", METRICS)
def test_what_is_said_is_better_once_it_is_a_reference(metric: Metric) -> None:
    true = references(30, most=1)
    ours = spoilt(true, 0.4)
    more = [[*true[row], ours[row]] if row % 2 else true[row] for row in range(30)]
    assert score(metric, ours, more) > score(metric, ours, true)


@pytest.mark.parametrize("metric", METRICS)
def test_score_and_figures_and_intervals_agree(metric: Metric) -> None:
    true = references(60)
    ours = spoilt(true, 0.15)
    found = Counted.of(ours, true)
    interval = found.interval(metric, repeats=300)
    assert interval.known
    assert interval.estimate == pytest.approx(found.figure(metric))
    assert interval.low < interval.estimate < interval.high
    points = 100 if metric in ("exact", "cer", "wer") else 1
    expected = points * found.figure(metric)
    expected = expected if HIGHER[metric] else 100 - expected
    assert score(metric, ours, true) == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
def test_some_pictures_are_counted_as_if_alone_but_for_ciders_weights(metric: Metric) -> None:
    true = references(40)
    ours = spoilt(true, 0.3)
    rows = np.array([3, 5, 8, 8, 30])
    whole = Counted.of(ours, true)
    part = whole.at(rows)
    assert len(part) == 5
    assert part.pictures(metric) == pytest.approx(whole.pictures(metric)[rows])
    alone = Counted.of([ours[row] for row in rows], [true[row] for row in rows])
    same = part.figure(metric) == pytest.approx(alone.figure(metric))
    assert same == (metric != "cider")
    assert part.references == alone.references


@pytest.mark.parametrize("metric", METRICS)
def test_the_better_one_is_better_in_either_direction(metric: Metric) -> None:
    true = references(80)
    good, bad = Counted.of(spoilt(true, 0.05), true), Counted.of(spoilt(true, 0.6), true)
    up = paired(good, bad, metric, name="other", repeats=300)
    down = paired(bad, good, metric, name="other", repeats=300)
    assert up.verdict.better is True
    assert down.verdict.better is False
    assert up.verdict.advantage == pytest.approx(-down.verdict.advantage)
    assert up.verdict.advantage > 0
    scale = 100 if metric in ("exact", "cer", "wer") else 1
    apart = scale * abs(good.figure(metric) - bad.figure(metric))
    assert up.verdict.advantage == pytest.approx(apart)
    assert up.verdict.interval.low < apart < up.verdict.interval.high
    assert UNITS[metric] in up.verdict.sentence
    same = paired(good, good, metric, name="other", repeats=300)
    assert same.verdict.better is None
    assert same.to_json()["metric"] == metric


def test_references_that_differ_are_not_compared() -> None:
    same = paired(Counted.of(["a"], [["a", "b"]]), Counted.of(["c"], [["b", "a"]]), "cer", name="x")
    assert same.verdict.advantage == 100
    with pytest.raises(DataError, match="the same references"):
        paired(Counted.of(["a"], [["a"]]), Counted.of(["a"], [["b"]]), "cer", name="other")


@pytest.mark.parametrize(
    ("true", "metric"),
    [
        ([["12.5"], ["-0.3 V"]], "cer"),
        ([["서울 강남"], ["부산"]], "cer"),
        ([["a red circle is left of a blue square"]], "chrf"),
        ([["a dog runs", "the dog is running"], ["a cat sat", "one cat sits"], ["a b c"]], "cider"),
        ([["a dog runs fast"] * 2, ["a cat sat here"] * 2], "chrf"),  # the same text again
        ([["a dog runs", "the dog is running"], ["a cat sat here"]], "chrf"),  # half is not most
        ([["红色的圆在左边"]], "chrf"),
        ([[]], "cer"),
    ],
)
def test_what_decides(true: list[list[str]], metric: Metric) -> None:
    assert deciding(true) == metric


def test_a_caption_of_nothing_is_all_wrong() -> None:
    true = references(12)
    found = Counted.of([""] * 12, true)
    assert [found.figure(metric) for metric in METRICS] == [0, 1, 1, 0, 0, 0]


# True against false


def test_every_pair_of_a_picture_counts_once_and_ties_a_half() -> None:
    # Picture 0: 1 < 2, and 1 = 1, a half. Picture 4: 5 < 6, 2 < 3, 2 < 6, not 5 < 3. The others
    # have no pair.
    share, interval = preferred([1, 5, 2, 9], [2, 1, 3, 6, 0], [0, 4, 4, 7], [0, 0, 4, 4, 8])
    assert share == pytest.approx((1 + 0.5 + 3) / 6)
    assert not interval.known


def test_of_one_picture_it_is_the_area_under_the_curve() -> None:
    random = np.random.default_rng(0)
    true, false = random.integers(0, 9, 30), random.integers(2, 11, 40)
    share, _ = preferred(true, false, np.zeros(30), np.zeros(40))
    labels = [0] * 30 + [1] * 40
    assert share == pytest.approx(roc_auc_score(labels, [*true, *false]))


def test_its_interval_is_over_pictures() -> None:
    random = np.random.default_rng(0)
    owners = np.repeat(np.arange(50), 4)
    one, other = random.normal(0, 1, 200), random.normal(0.5, 1, 200)
    share, interval = preferred(one, other, owners, owners)
    assert interval.low < share < interval.high
    # The same pairs ten times over are no more sure.
    often = [np.tile(each, 10) for each in (one, other, owners, owners)]
    assert preferred(*often)[1].low == pytest.approx(interval.low)
    swapped, turned = preferred(other, one, owners, owners)
    assert swapped == pytest.approx(1 - share)
    assert turned.high == pytest.approx(1 - interval.low)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [2.0], [0], [1]), "no picture"),
        (([1.0, 2.0], [2.0], [0], [0]), "shape"),
        (([math.nan], [2.0], [0], [0]), "no number"),
    ],
)
def test_nats_that_cannot_be_compared(arguments: tuple[list[float], ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        preferred(*arguments)


# What is refused


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(DataError, match="2 captions and references of 1 pictures"):
        Counted.of(["a", "b"], [["a"]])
    with pytest.raises(DataError, match="picture 1 has no list"):
        Counted.of(["a", "b"], [["a"], []])
    with pytest.raises(DataError, match="picture 0 has no list of references: 'abc'"):
        score("cer", ["a"], ["abc"])
    with pytest.raises(OptionError, match="metric 'crf'"):
        score("crf", ["a"], [["a"]])  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="metric 'meteor'"):
        Counted.of(["a"], [["a"]]).figure("meteor")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("library", "module"),
    [("rapidfuzz", "rapidfuzz.distance"), ("sacrebleu", "sacrebleu.metrics.bleu")],
)
def test_a_library_that_is_missing_is_named(
    library: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=library) as raised:
        captions.Counted.of(["a"], [["a"]])
    assert "recurra[captions]" in str(raised.value)
    assert score("exact", ["a"], [["a"]]) == 100  # which needs neither

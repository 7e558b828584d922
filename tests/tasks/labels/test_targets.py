from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from recurra.data.source_locations import Places
from recurra.errors import DataError
from recurra.judge.bootstrap import counts_bootstrap, paired_shares, share
from recurra.tasks.labels.examples import texts, tokens
from recurra.tasks.labels.targets import Floats, Metric, Numbers, Targets

CLASSES = ("a", "b", "c", "d")
LABELS = st.lists(st.sampled_from(CLASSES), min_size=1, max_size=40)


def places(n: int) -> Places:
    return Places((("file.tsv", "line", range(2, n + 2)),))


def of_texts(labels: list[str], groups: Sequence[str | None] | None = None) -> Targets:
    inputs = [f"text {n}" for n in range(len(labels))]
    examples = texts(inputs, labels, places(len(labels)), groups)
    return Targets.of(examples, np.arange(len(labels)), CLASSES)


def of_sentences(
    tags: list[list[str]], classes: tuple[str, ...], groups: Sequence[str] | None = None
) -> Targets:
    inputs = [[f"t{n}" for n in range(len(each))] for each in tags]
    labels = [tuple(each) for each in tags]
    examples = tokens(inputs, labels, places(len(tags)), groups, tagged=True)
    return Targets.of(examples, np.arange(len(tags)), classes)


def answers(truth: Targets, rate: float, seed: int) -> Numbers:
    """As the truth is, but for a share that is drawn from all classes."""
    generator = np.random.default_rng(seed)
    wrong = generator.random(len(truth.targets)) < rate
    return np.where(wrong, generator.integers(0, len(truth.classes), len(wrong)), truth.targets)


@given(LABELS, st.integers(0, 20))
def test_figures_are_those_of_the_library(labels: list[str], seed: int) -> None:
    truth = of_texts(labels)
    said = answers(truth, 0.5, seed)
    expected = f1_score(truth.targets, said, average="macro", zero_division=0)
    assert truth.exact("macro_f1", said) == pytest.approx(expected)
    assert truth.figure("macro_f1", said).estimate == pytest.approx(expected)
    assert truth.exact("accuracy", said) == pytest.approx((said == truth.targets).mean())
    assert truth.metrics == ("accuracy", "macro_f1")


def test_macro_f1_leaves_out_classes_that_neither_occur_nor_are_said() -> None:
    truth = of_texts(["a", "a", "b"])
    assert truth.exact("macro_f1", np.array([0, 0, 1])) == 1
    assert truth.exact("macro_f1", np.array([0, 0, 3])) == pytest.approx(1 / 3)


def test_independent_examples_have_the_intervals_of_shares() -> None:
    truth = of_texts([CLASSES[n % 3] for n in range(60)])
    first, second = answers(truth, 0.3, 1), answers(truth, 0.5, 2)
    assert truth.independent
    assert truth.figure("accuracy", first) == share(int((first == truth.targets).sum()), 60)
    expected = paired_shares(first == truth.targets, second == truth.targets)
    assert truth.advantage("accuracy", first, second) == expected


def test_examples_that_are_answered_alike_are_drawn_as_often_as_they_are() -> None:
    # Against drawing the 300 examples themselves.
    truth = of_texts([CLASSES[n % 4] for n in range(300)])
    first, second = answers(truth, 0.2, 1), answers(truth, 0.4, 2)

    def f1(sums: Floats) -> Floats:
        right, said, true = np.split(sums, 3, axis=1)
        found: Floats = (2 * right / (said + true)).mean(1)
        return found

    eye = np.eye(4)
    rows = [
        np.concatenate(
            [eye[truth.targets] * (each == truth.targets)[:, None], eye[each], eye[truth.targets]],
            axis=1,
        )
        for each in (first, second)
    ]
    found = truth.advantage("macro_f1", first, second)
    expected = counts_bootstrap(
        np.concatenate(rows, 1), lambda sums: f1(sums[:, :12]) - f1(sums[:, 12:])
    )
    assert found.estimate == pytest.approx(expected.estimate)
    assert found.low == pytest.approx(expected.low, abs=0.01)
    assert found.high == pytest.approx(expected.high, abs=0.01)
    turned = truth.advantage("macro_f1", second, first)
    assert turned.estimate == pytest.approx(-found.estimate)


def test_groups_are_drawn_whole() -> None:
    # Ten groups of thirty that are right or wrong together are ten answers, not 300.
    labels = ["a"] * 300
    said = np.repeat(np.arange(10) % 2, 30)
    alone = of_texts(labels).figure("accuracy", said)
    truth = of_texts(labels, [f"g{n // 30}" for n in range(300)])
    together = truth.figure("accuracy", said)
    assert not truth.independent
    assert together.estimate == alone.estimate == 0.5
    assert together.high - together.low > 4 * (alone.high - alone.low)
    # The same groups out of order, and rows that belong to none.
    mixed = np.random.default_rng(0).permutation(300)
    truth = of_texts(labels, [f"g{n // 30}" for n in mixed])
    assert truth.figure("accuracy", said[mixed]).low == pytest.approx(together.low, abs=0.05)
    assert of_texts(labels, [None] * 300).independent
    few = of_texts(labels, ["one"] * 150 + ["two"] * 150)
    assert not few.figure("accuracy", said).known
    gain = truth.advantage("accuracy", said[mixed], np.ones(300, np.int64))
    assert gain.estimate == pytest.approx(0.5)


def test_sentences_are_drawn_whole_and_spans_counted_in_them() -> None:
    classes = ("B-x", "I-x", "O")
    tags = [["B-x", "I-x", "O"], ["O", "B-x"]] * 20
    truth = of_sentences(tags, classes)
    assert truth.spans
    assert truth.metric == "span_f1"
    assert truth.metrics == ("span_f1", "accuracy", "macro_f1")
    said = truth.targets.copy()
    assert truth.figure("span_f1", said).low == 1
    said[1::5] = 2  # the first span of each pair ends too early
    assert truth.exact("span_f1", said) == 0.5
    assert truth.exact("accuracy", said) == 0.8
    found = truth.figure("span_f1", said)
    assert 0.3 < found.low < 0.5 < found.high < 0.7
    gain = truth.advantage("span_f1", truth.targets, said)
    assert gain.estimate == pytest.approx(0.5)
    assert gain.low > 0.3
    steps, drawn = share(80, 100), truth.figure("accuracy", said)
    assert drawn.high - drawn.low < steps.high - steps.low  # every pair has the same mistakes


def test_spans_of_a_group_of_sentences_are_drawn_together() -> None:
    # Eleven groups of twenty sentences, of which every other group is wrong throughout.
    tags, groups = [["B-x", "O"]] * 220, [f"g{n // 20}" for n in range(220)]
    alone = of_sentences(tags, ("B-x", "O"))
    together = of_sentences(tags, ("B-x", "O"), groups)
    said = np.where(np.arange(440) // 40 % 2, 1, alone.targets)
    one, other = (each.figure("span_f1", said) for each in (alone, together))
    assert one.estimate == other.estimate
    assert other.high - other.low > 2 * (one.high - one.low)
    few = of_sentences(tags, ("B-x", "O"), ["one"] * 110 + ["two"] * 110)
    assert not few.figure("span_f1", said).known


def test_tags_that_are_no_spans_are_judged_by_accuracy() -> None:
    truth = of_sentences([["NOUN", "VERB"]] * 12, ("NOUN", "VERB"))
    assert not truth.spans
    assert truth.metric == "accuracy"
    assert truth.exact("accuracy", np.tile([0, 0], 12)) == 0.5


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_each_answer_has_its_row_and_step(lengths: list[int]) -> None:
    truth = of_sentences([["O"] * n for n in lengths], ("O",))
    expected = [(row, step) for row, n in enumerate(lengths) for step in range(n)]
    assert [truth.place(n) for n in range(sum(lengths))] == expected
    assert of_texts(["a", "b"]).place(1) == (1, None)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_few_examples_have_no_interval(metric: Metric) -> None:
    truth = of_texts(["a", "b", "a", "b", "a"])
    assert not truth.figure(metric, truth.targets).known
    assert not truth.advantage(metric, truth.targets, truth.targets).known


def test_what_has_no_truth() -> None:
    with pytest.raises(DataError, match=r"file.tsv, line 3: the label 'z' is none"):
        of_texts(["a", "z"])
    with pytest.raises(DataError, match="no examples"):
        of_texts([])

from __future__ import annotations

import builtins
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blocks import ROOT, blocks
from recurra.errors import MissingExtra
from recurra.judge.probability_calibration import probabilities
from recurra.tasks import stored_baselines
from recurra.tasks.labels import baselines, linear
from recurra.tasks.labels.baselines import Baseline, label_baselines
from recurra.tasks.labels.data import LabelData, from_python, read
from recurra.tasks.labels.options import LabelOptions

WORDS = ("good fine great lovely", "bad poor awful dull", "so so neither nor")


def some_texts(n: int = 240, kinds: int = 3, noise: float = 0.1) -> LabelData:
    """Texts whose words tell their class, but for a share."""
    generator = np.random.default_rng(11)
    labels = np.arange(n) % kinds
    shown = np.where(generator.random(n) < noise, generator.integers(0, kinds, n), labels)
    texts = [
        " ".join([*generator.choice(WORDS[kind].split(), 3), f"film{row}", "!"])
        for row, kind in enumerate(shown)
    ]
    return from_python(texts, [f"c{each}" for each in labels])


def some_numbers(n: int = 120) -> LabelData:
    """Waves and ramps of unequal length."""
    generator = np.random.default_rng(11)
    found = []
    for row in range(n):
        time = np.linspace(0, 3, int(generator.integers(5, 15)))
        shape = np.sin(2 * time) if row % 2 else time / 3
        found.append(np.stack([shape, 50 + 0 * time], 1) + generator.normal(0, 0.1, (len(time), 2)))
    return from_python(found, ["wave" if row % 2 else "ramp" for row in range(n)])


def some_sentences() -> LabelData:
    generator = np.random.default_rng(11)
    words = {"the": "DET", "cat": "NOUN", "runs": "VERB", "play": "NOUN", "a": "DET"}
    sentences, tags = [], []
    for row in range(60):
        chosen = generator.choice(list(words), 4).tolist()
        sentences.append([*chosen, f"name{row}"])
        found = [words[each] for each in chosen]
        if row % 5 == 0:
            found = [
                "VERB" if word == "play" else tag for word, tag in zip(chosen, found, strict=True)
            ]
        tags.append([*found, "NAME"])
    return from_python(sentences, tags)


def told_apart(data: LabelData, found: Baseline) -> float:
    return float((found.predicted == data.targets(data.test)).mean())


def check(data: LabelData, found: tuple[Baseline, ...]) -> None:
    """What holds for every baseline of every kind."""
    asked = [len(rows) for rows in parts(data)]
    if data.examples.tagged:
        asked = [sum(len(data.examples.inputs[r]) for r in rows) for rows in parts(data)]
    assert len({each.name for each in found}) == len(found) > 1
    for each in found if not data.examples.tagged else ():
        assert each.held is not None
        assert len(each.held) == asked[1]
    for each in found:
        assert each.probabilities is not None
        assert each.predicted.shape == (asked[0],)
        assert each.probabilities.shape == (asked[0], len(data.classes))
        assert (each.held is None) == data.examples.tagged
        for chances in (each.probabilities, each.held):
            if chances is None:
                continue
            assert chances.shape[1] == len(data.classes)
            assert chances.dtype == np.float32
            assert (chances >= 0).all()
            np.testing.assert_allclose(chances.sum(1), 1, atol=1e-5)
        np.testing.assert_array_equal(each.predicted, each.probabilities.argmax(1))


def parts(data: LabelData) -> tuple[Any, Any]:
    return data.test, data.learn[baselines.compared(data, 1)]


@pytest.mark.parametrize("make", [some_texts, some_numbers, some_sentences])
def test_every_kind_has_its_baselines(make: Any) -> None:
    data = make()
    found = label_baselines(data).baselines
    check(data, found)
    again = label_baselines(data).baselines
    for one, other in zip(found, again, strict=True):
        assert (one.name, one.note) == (other.name, other.note)
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


@pytest.mark.parametrize("make", [some_texts, some_numbers])
def test_what_is_held_has_learnt_from_other_folds_alone(make: Any) -> None:
    data = make()
    before = label_baselines(data).baselines
    test, labels = set(data.test.tolist()), list(data.examples.labels)
    # The test part changes nothing.
    other = [data.classes[0] if row in test else label for row, label in enumerate(labels)]
    after = label_baselines(with_labels(data, other)).baselines
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.held, two.held)
        np.testing.assert_array_equal(one.probabilities, two.probabilities)
    # The half of a fold that compares is answered without having been looked at: of a baseline
    # that has nothing to tune otherwise, whatever these rows are labelled.
    which = baselines.compared(data, 1)
    here = which & (data.folds == 3) & ~data.tunes
    rows = set(data.learn[here].tolist())
    other = [data.classes[0] if row in rows else label for row, label in enumerate(labels)]
    after = label_baselines(with_labels(data, other)).baselines
    for one, two in zip(before, after, strict=True):
        if one.name in ("majority class", "1-nearest neighbour by Euclidean distance"):
            assert one.held is not None
            assert two.held is not None
            places = here[which]
            same = one.held[places].argmax(1) == two.held[places].argmax(1)
            assert same.all()
            assert not np.array_equal(one.held, two.held)


def with_labels(data: LabelData, labels: list[str]) -> LabelData:
    return replace(data, examples=replace(data.examples, labels=labels))


def test_the_majority_is_that_of_what_is_learnt_from() -> None:
    data = from_python([f"text {n}" for n in range(100)], ["b"] * 70 + ["a"] * 30)
    found = label_baselines(data).baselines[-1]
    assert found.name == "majority class"
    assert set(found.predicted.tolist()) == {1}
    counts = np.bincount(data.targets(data.learn)) + 1
    np.testing.assert_allclose(found.probabilities[0], counts / counts.sum(), rtol=1e-6)  # type: ignore[index]


def test_n_grams_tell_texts_apart() -> None:
    data = some_texts()
    found = label_baselines(data)
    svm, majority = found.baselines
    assert svm.name == "linear SVM"
    assert told_apart(data, svm) > 0.8 > told_apart(data, majority)
    assert "chosen out of fold; given all 216 examples" in svm.note
    assert found.best is not None
    assert found.best.baseline is svm
    assert found.choice is not None
    assert list(found.choice.costs) == ["majority class", "linear SVM"]


def test_of_what_is_noise_the_simplest_is_best() -> None:
    draw = np.random.default_rng(5)
    data = from_python(
        [f"text {n} {draw.integers(9)}" for n in range(300)],
        draw.choice(["a", "b"], 300, p=[0.8, 0.2]).tolist(),
    )
    found = label_baselines(data)
    assert found.best is not None
    assert found.best.baseline.name == "majority class"


def test_signs_and_single_letters_are_words() -> None:
    labels = ["yes" if n % 2 else "no" for n in range(60)]
    texts = [f"{'😀' if n % 2 else '👎'} {chr(0x4E00 + n)}" for n in range(60)]
    data = from_python(texts, labels)
    for each in label_baselines(data).baselines[:-1]:
        assert told_apart(data, each) == 1


def test_begin_and_end_of_a_text_are_seen() -> None:
    # What comes first tells the class, and both letters are in every text.
    generator = np.random.default_rng(11)
    middle = ["".join(generator.choice(list("cdefgh"), 12)) for _ in range(200)]
    texts = [f"a{each}b" if n % 2 else f"b{each}a" for n, each in enumerate(middle)]
    data = from_python(texts, ["first" if n % 2 else "last" for n in range(200)])
    assert told_apart(data, label_baselines(data).baselines[0]) == 1


def test_token_lists_are_texts_of_their_tokens() -> None:
    data = some_texts()
    lists = from_python([text.split() for text in data.examples.inputs], list(data.examples.labels))
    check(lists, label_baselines(lists).baselines)
    assert told_apart(lists, label_baselines(lists).baselines[0]) > 0.8


def test_many_classes_and_one_that_only_fold_0_has() -> None:
    kinds = 50
    texts = [f"word{n % kinds} film{n}" for n in range(kinds * 6)]
    data = from_python(texts, [f"c{n % kinds:02}" for n in range(kinds * 6)])
    check(data, label_baselines(data).baselines)
    rare = data.targets(data.learn) == 7
    data = replace(data, folds=np.where(rare, 0, np.maximum(data.folds, 1)).astype(np.int8))
    check(data, label_baselines(data).baselines)


@pytest.mark.parametrize("minutes", [1.0, 60.0])
def test_twenty_thousand_reviews_are_seen_whole_in_a_minute(minutes: float) -> None:
    # 720,000 characters, as many as 20,000 reviews of NSMC have.
    data = some_texts(1000)
    longer = [text + " and more" * 68 for text in data.examples.inputs]
    data = replace(data, examples=replace(data.examples, inputs=longer))
    assert sum(map(len, longer)) > 600_000
    found = label_baselines(data, seconds=stored_baselines.limit(60 * minutes))
    assert not found.left_out
    assert len(found.baselines) == 2
    for each in found.baselines[:1]:
        assert "given all 900 examples" in each.note


def test_what_there_is_no_time_for_is_left_out_and_named() -> None:
    data = some_texts(3000)
    whole = label_baselines(data)
    assert [each.name for each in whole.baselines] == ["linear SVM", "majority class"]
    assert whole.left_out == ()
    found = label_baselines(data, seconds=0.5)
    assert [each.name for each in found.baselines] == ["majority class"]
    assert [each.name for each in found.left_out] == ["linear SVM"]
    assert re.fullmatch(
        r"2,700 examples take it about \d seconds?, for which a training has to have \d+ seconds",
        found.left_out[0].why,
    )
    assert found.best is not None
    assert found.best.baseline.name == "majority class"


def test_a_baseline_may_take_a_share_of_the_time_and_never_little() -> None:
    assert stored_baselines.limit(None) == stored_baselines.WITHOUT
    assert stored_baselines.limit(30.0) == 10.0
    assert stored_baselines.limit(60.0) == stored_baselines.limit(90.0) == stored_baselines.LEAST
    assert stored_baselines.limit(3600.0) == stored_baselines.SHARE * 3600


def test_ridge_is_scikit_learns() -> None:
    from sklearn.linear_model import Ridge

    data = some_numbers()
    rows = [data.examples.inputs[k] for k in data.learn]
    way, targets = linear.Ridge.of(rows), data.targets(data.learn)
    known = np.flatnonzero(data.folds > 1)
    fitted = way.fitted(known, targets[known], 2, 30.0)
    wanted = np.where(np.arange(2) == targets[known, None], 1.0, -1.0)
    other = Ridge(alpha=30.0).fit(way.features[known], wanted)
    found = way.scores(fitted, np.arange(len(rows)))
    np.testing.assert_allclose(found, other.predict(way.features), atol=1e-3)
    # All of them, as one map of what a run keeps.
    which = np.ones(len(rows), bool)
    folds = linear.Folds(targets, 2, data.folds, which, data.tunes, 10)
    whole = way.fitted(np.arange(len(rows)), targets, 2, 30.0)
    in_use = way.in_use(folds, linear.Tuned(way, 30.0, 1.0, found.astype(np.float32)))
    said = probabilities(way.scores(whole, np.arange(len(rows))))
    np.testing.assert_allclose(in_use.probabilities(rows), said, atol=1e-3)


def test_margins_of_two_classes_are_scikit_learns() -> None:
    from sklearn.svm import LinearSVC

    data = some_texts(kinds=2)
    way = linear.Svm.ways([data.examples.inputs[k] for k in data.learn])[1]
    targets = data.targets(data.learn)
    rows = np.arange(len(targets))
    said = way.scores(way.fitted(rows, targets, 2, 0.3), rows)
    other = LinearSVC(C=0.3, tol=1e-2, random_state=0).fit(way.features, targets)
    np.testing.assert_allclose(said[:, 1] - said[:, 0], other.decision_function(way.features), 1e-4)
    alone = way.scores(way.fitted(rows, np.zeros_like(targets), 2, 0.3), rows)
    assert (alone.argmax(1) == 0).all()


def test_convolutions_and_neighbours_of_numbers() -> None:
    data = some_numbers()
    found = label_baselines(data)
    assert [each.name for each in found.baselines] == [
        "MiniRocket",
        "1-nearest neighbour by Euclidean distance",
        "1-nearest neighbour by dynamic time warping",
        "majority class",
    ]
    for each in found.baselines[:3]:
        assert told_apart(data, each) > 0.9
    for each in found.baselines[1:3]:
        # One probability for what it says: how often that was right on the folds.
        assert each.probabilities is not None
        said = each.probabilities.max(1)
        assert len(set(said.tolist())) == 1
        assert 0.85 < said[0] < 1
    assert len(label_baselines(data, seconds=1e-5).baselines) == 1


def test_scaling_is_chosen_where_it_helps() -> None:
    # A loud channel that says nothing drowns the one that does.
    generator = np.random.default_rng(11)
    values = [
        np.stack([np.full(6, n % 2) + generator.normal(0, 0.2, 6), generator.normal(0, 99, 6)], 1)
        for n in range(100)
    ]
    data = from_python(values, [str(n % 2) for n in range(100)])
    for each in label_baselines(data).baselines[1:-1]:
        assert "channels scaled" in each.note
        assert told_apart(data, each) == 1
    quiet = from_python([v * [1, 1e-4] for v in values], [str(n % 2) for n in range(100)])
    assert "channels as they are" in label_baselines(quiet).baselines[1].note


def test_each_token_gets_its_commonest_tag() -> None:
    data = some_sentences()
    found, majority = label_baselines(data).baselines
    assert found.name == "most frequent tag of each token"
    assert majority.name == "majority tag"
    counts: dict[str, Counter[str]] = {}
    for row in data.learn.tolist():
        for token, tag in zip(data.examples.inputs[row], data.examples.labels[row], strict=True):
            counts.setdefault(token, Counter())[tag] += 1
    expected = [
        # A name occurs once each, so what is unknown is taken for one.
        counts[token].most_common(1)[0][0] if token in counts else "NAME"
        for row in data.test.tolist()
        for token in data.examples.inputs[row]
    ]
    assert [data.classes[number] for number in found.predicted] == expected


def test_a_smaller_count_never_wins_by_what_the_unknown_get() -> None:
    # Every fifth token of two occurs three times: M, M and N; and all that occurs once is N.
    tokens = [[f"may{row // 3}", f"n{row}"] for row in range(90)]
    tags = [["N" if row % 3 == 2 else "M", "N"] for row in range(90)]
    data = from_python(tokens, tags)
    found = label_baselines(data).baselines[0]
    counts = Counter(
        (data.examples.inputs[row][0], data.examples.labels[row][0]) for row in data.learn.tolist()
    )
    steps = [(row, step) for row in data.test.tolist() for step in range(2)]
    said = {}
    for (row, step), number in zip(steps, found.predicted, strict=True):
        word = data.examples.inputs[row][step]
        if step == 0 and counts[word, "M"] != counts[word, "N"]:
            said[word] = data.classes[number]
            assert said[word] == max("MN", key=lambda tag, word=word: counts[word, tag])  # type: ignore[misc]
    assert set(said.values()) == {"M"}


def test_unknown_tokens_where_none_occurs_once() -> None:
    # Then they get what all tokens have.
    words = [["the", "a"][n % 2 :][:1] + ["x"] * (n // 2 % 15) + ["cat"] for n in range(60)]
    data = from_python(words, [["D", *["N"] * (len(each) - 1)] for each in words])
    renamed = [tuple(f"new{n}" for n in range(2)) for _ in data.test]
    inputs = list(data.examples.inputs)
    for row, each in zip(data.test.tolist(), renamed, strict=True):
        inputs[row] = each
    found = label_baselines(replace(data, examples=replace(data.examples, inputs=inputs))).baselines
    assert found[0].probabilities is not None
    steps = np.concatenate(data.step_targets(data.learn))
    share = np.bincount(steps) / len(steps)
    np.testing.assert_allclose(found[0].probabilities, np.tile(share, (2 * len(renamed), 1)), 1e-5)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    data, real = some_texts(), builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"recurra\[labels\]"):
        label_baselines(data)


@pytest.mark.parametrize(
    ("name", "warped"),
    [("basic-motions/BasicMotions", 0.97), ("japanese-vowels/JapaneseVowels", 0.94)],
)
def test_warping_does_as_well_as_published(data_folder: Path, name: str, warped: float) -> None:
    # 97.5 % and 94.9 % in the archive's own table, by the same distance.
    train, test = (data_folder / f"{name}_{part}.ts" for part in ("TRAIN", "TEST"))
    data = read([train], LabelOptions(test=str(test)))
    assert told_apart(data, label_baselines(data).baselines[2]) > warped


def test_counting_words_will_not_do_where_the_guide_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made: dict[str, Any] = {}
    exec(next(each.body for each in blocks(ROOT / "docs" / "labels.md")), made)
    data = read(["reviews.tsv"], LabelOptions())
    for each in label_baselines(data).baselines:
        assert told_apart(data, each) < 0.75

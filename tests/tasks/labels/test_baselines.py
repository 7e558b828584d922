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
from recurra.tasks import stored_baselines
from recurra.tasks.labels import baselines
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
    if data.examples.tagged:
        asked = [sum(len(data.examples.inputs[r]) for r in rows) for rows in parts(data)]
    else:
        asked = [len(rows) for rows in parts(data)]
    assert len({each.name for each in found}) == len(found) > 1
    for each in found:
        assert each.probabilities is not None
        assert each.held is not None
        assert each.predicted.shape == (asked[0],)
        assert each.probabilities.shape == (asked[0], len(data.classes))
        assert each.held.shape == (asked[1], len(data.classes))
        for chances in (each.probabilities, each.held):
            assert chances.dtype == np.float32
            assert (chances >= 0).all()
            np.testing.assert_allclose(chances.sum(1), 1, atol=1e-5)
        np.testing.assert_array_equal(each.predicted, each.probabilities.argmax(1))


def parts(data: LabelData) -> tuple[Any, Any]:
    return data.test, data.learn[data.folds == 0]


@pytest.mark.parametrize("make", [some_texts, some_numbers, some_sentences])
def test_every_kind_has_its_baselines(make: Any) -> None:
    data = make()
    found = label_baselines(data)[0]
    check(data, found)
    again = label_baselines(data)[0]
    for one, other in zip(found, again, strict=True):
        assert (one.name, one.note) == (other.name, other.note)
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


@pytest.mark.parametrize("make", [some_texts, some_numbers, some_sentences])
def test_the_test_part_and_fold_0_are_not_learnt_from(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "STRENGTHS", (3.0,))  # else fold 0 chooses, as it should
    data = make()
    before = label_baselines(data)[0]
    for rows, unmoved in ((parts(data)[0], True), (parts(data)[1], False)):
        labels = list(data.examples.labels)
        for row in rows.tolist():
            label = labels[row]
            labels[row] = data.classes[0] if isinstance(label, str) else (data.classes[0],) * 5
        after = label_baselines(replace(data, examples=replace(data.examples, labels=labels)))[0]
        changed = []
        for one, other in zip(before, after, strict=True):
            if one.name.startswith("1-nearest"):  # how sure it is follows from fold 0
                assert one.held is not None
                assert other.held is not None
                np.testing.assert_array_equal(one.held.argmax(1), other.held.argmax(1))
            else:
                assert np.array_equal(one.held, other.held)  # type: ignore[arg-type]
            assert one.probabilities is not None
            assert other.probabilities is not None
            changed.append(not np.array_equal(one.probabilities, other.probabilities))
        assert any(changed) is not unmoved


def test_the_majority_is_that_of_what_is_learnt_from() -> None:
    data = from_python([f"text {n}" for n in range(100)], ["b"] * 70 + ["a"] * 30)
    found = label_baselines(data)[0][-1]
    assert found.name == "majority class"
    assert set(found.predicted.tolist()) == {1}
    counts = np.bincount(data.targets(data.learn)) + 1
    np.testing.assert_allclose(found.probabilities[0], counts / counts.sum(), rtol=1e-6)  # type: ignore[index]


def test_counted_words_tell_texts_apart() -> None:
    data = some_texts()
    characters, words, majority = label_baselines(data)[0]
    assert characters.name == "TF-IDF of characters with logistic regression"
    assert words.name == "TF-IDF of words with logistic regression"
    for each in (characters, words):
        assert told_apart(data, each) > 0.8 > told_apart(data, majority)
        assert "chosen on fold 0 from 1, 3, 10, 30; given all 216 examples" in each.note


def test_the_penalty_is_the_best_on_fold_0(monkeypatch: pytest.MonkeyPatch) -> None:
    data = some_texts(noise=0.4)
    truth = data.targets(parts(data)[1])
    whole = label_baselines(data)[0][1]
    assert whole.held is not None
    best = int((whole.held.argmax(1) == truth).sum())
    for strength in baselines.STRENGTHS:
        monkeypatch.setattr(baselines, "STRENGTHS", (strength,))
        alone = label_baselines(data)[0][1]
        assert alone.held is not None
        right = int((alone.held.argmax(1) == truth).sum())
        assert right <= best
        if f"C = {strength:g}," in whole.note:
            assert right == best
            np.testing.assert_array_equal(alone.probabilities, whole.probabilities)


def test_signs_and_single_letters_are_words() -> None:
    labels = ["yes" if n % 2 else "no" for n in range(60)]
    texts = [f"{'😀' if n % 2 else '👎'} {chr(0x4E00 + n)}" for n in range(60)]
    data = from_python(texts, labels)
    for each in label_baselines(data)[0][:2]:
        assert told_apart(data, each) == 1


def test_begin_and_end_of_a_text_are_seen() -> None:
    # What comes first tells the class, and both letters are in every text.
    generator = np.random.default_rng(11)
    middle = ["".join(generator.choice(list("cdefgh"), 12)) for _ in range(200)]
    texts = [f"a{each}b" if n % 2 else f"b{each}a" for n, each in enumerate(middle)]
    data = from_python(texts, ["first" if n % 2 else "last" for n in range(200)])
    assert told_apart(data, label_baselines(data)[0][0]) == 1


def test_token_lists_are_texts_of_their_tokens() -> None:
    data = some_texts()
    lists = from_python([text.split() for text in data.examples.inputs], list(data.examples.labels))
    check(lists, label_baselines(lists)[0])
    assert told_apart(lists, label_baselines(lists)[0][1]) > 0.8


def test_many_classes_and_one_that_only_fold_0_has() -> None:
    kinds = 50
    texts = [f"word{n % kinds} film{n}" for n in range(kinds * 6)]
    data = from_python(texts, [f"c{n % kinds:02}" for n in range(kinds * 6)])
    check(data, label_baselines(data)[0])
    rare = data.targets(data.learn) == 7
    data = replace(data, folds=np.where(rare, 0, np.maximum(data.folds, 1)).astype(np.int8))
    for each in label_baselines(data)[0][:2]:
        assert each.held is not None
        assert each.held[:, 7].max() == 0
        assert each.probabilities is not None
        assert each.probabilities[:, 7].max() > 0
    one = np.where(data.targets(data.learn) == 3, 1, 0).astype(np.int8)
    for each in label_baselines(replace(data, folds=one))[0][:2]:
        assert each.held is not None
        assert set(each.held.argmax(1).tolist()) == {3}


@pytest.mark.parametrize("minutes", [1.0, 60.0])
def test_twenty_thousand_reviews_are_seen_whole_in_a_minute(minutes: float) -> None:
    # 720,000 characters, as many as 20,000 reviews of NSMC have.
    data = some_texts(1000)
    longer = [text + " and more" * 68 for text in data.examples.inputs]
    data = replace(data, examples=replace(data.examples, inputs=longer))
    assert sum(map(len, longer)) > 600_000
    found, left_out = label_baselines(data, seconds=stored_baselines.limit(60 * minutes))
    assert not left_out
    assert len(found) == 3
    for each in found[:2]:
        assert "given all 900 examples" in each.note


def test_what_there_is_no_time_for_is_left_out_and_named() -> None:
    data = some_texts(3000)
    whole = label_baselines(data)
    assert [each.name for each in whole[0]] == [
        "TF-IDF of characters with logistic regression",
        "TF-IDF of words with logistic regression",
        "majority class",
    ]
    assert whole[1] == ()
    found, left_out = label_baselines(data, seconds=0.5)
    assert [each.name for each in found] == [each.name for each in whole[0][1:]]
    assert [each.name for each in left_out] == [whole[0][0].name]
    assert re.fullmatch(
        r"2,700 examples take it about \d seconds?, for which a training has to have \d+ seconds",
        left_out[0].why,
    )
    np.testing.assert_array_equal(found[0].probabilities, whole[0][1].probabilities)


def test_a_baseline_may_take_a_share_of_the_time_and_never_little() -> None:
    assert stored_baselines.limit(None) == stored_baselines.WITHOUT
    assert stored_baselines.limit(30.0) == 10.0
    assert stored_baselines.limit(60.0) == stored_baselines.limit(90.0) == stored_baselines.LEAST
    assert stored_baselines.limit(3600.0) == stored_baselines.SHARE * 3600


@pytest.mark.parametrize("kinds", [2, 7])
def test_its_regression_is_scikit_learns_by_another_way(kinds: int) -> None:
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(3)
    features = draw.normal(size=(600, 20))
    truth = (features @ draw.normal(size=(20, kinds))).argmax(1)
    known, asked = features[:400], features[400:]
    found = baselines._logistic(known, truth[:400], kinds, 3.0)(asked)
    other = LogisticRegression(C=3.0).fit(known, truth[:400]).predict_proba(asked)
    assert (found.argmax(1) == other.argmax(1)).mean() > 0.85
    assert (found.argmax(1) == truth[400:]).mean() > 0.75


def test_neighbours_of_numbers() -> None:
    data = some_numbers()
    found = label_baselines(data)[0]
    assert [each.name for each in found] == [
        "1-nearest neighbour by Euclidean distance",
        "1-nearest neighbour by dynamic time warping",
        "majority class",
    ]
    for each in found[:2]:
        assert told_apart(data, each) > 0.9
        # One probability for what it says: how often that was right on the folds.
        assert each.probabilities is not None
        assert each.held is not None
        said = each.probabilities.max(1)
        assert len(set(said.tolist())) == 1
        assert 0.85 < said[0] < 1
        assert each.held.max() == said[0]
    assert len(label_baselines(data, seconds=0.05)[0]) == 2  # no time to warp
    assert len(label_baselines(data, seconds=1e-5)[0]) == 1


def test_scaling_is_chosen_where_it_helps() -> None:
    # A loud channel that says nothing drowns the one that does.
    generator = np.random.default_rng(11)
    values = [
        np.stack([np.full(6, n % 2) + generator.normal(0, 0.2, 6), generator.normal(0, 99, 6)], 1)
        for n in range(100)
    ]
    data = from_python(values, [str(n % 2) for n in range(100)])
    for each in label_baselines(data)[0][:2]:
        assert "channels scaled" in each.note
        assert told_apart(data, each) == 1
    quiet = from_python([v * [1, 1e-4] for v in values], [str(n % 2) for n in range(100)])
    assert "channels as they are" in label_baselines(quiet)[0][0].note


def test_each_token_gets_its_commonest_tag() -> None:
    data = some_sentences()
    found, majority = label_baselines(data)[0]
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
    found = label_baselines(data)[0][0]
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
    found = label_baselines(replace(data, examples=replace(data.examples, inputs=inputs)))[0]
    assert found[0].probabilities is not None
    steps = np.concatenate(data.step_targets(data.learn))
    share = np.bincount(steps) / len(steps)
    np.testing.assert_allclose(found[0].probabilities, np.tile(share, (2 * len(renamed), 1)), 1e-5)


@pytest.mark.parametrize("make", [some_texts, some_numbers])
def test_without_scikit_learn_it_says_what_to_install(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, real = make(), builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"recurra\[labels\]"):
        label_baselines(data)[0]


@pytest.mark.parametrize(
    ("name", "warped"),
    [("basic-motions/BasicMotions", 0.97), ("japanese-vowels/JapaneseVowels", 0.94)],
)
def test_warping_does_as_well_as_published(data_folder: Path, name: str, warped: float) -> None:
    # 97.5 % and 94.9 % in the archive's own table, by the same distance.
    train, test = (data_folder / f"{name}_{part}.ts" for part in ("TRAIN", "TEST"))
    data = read([train], LabelOptions(test=str(test)))
    assert told_apart(data, label_baselines(data)[0][1]) > warped


def test_counting_words_will_not_do_where_the_guide_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made: dict[str, Any] = {}
    exec(next(each.body for each in blocks(ROOT / "docs" / "labels.md")), made)
    data = read(["reviews.tsv"], LabelOptions())
    for each in label_baselines(data)[0]:
        assert told_apart(data, each) < 0.75

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.source_locations import Places
from recurra.data.splits import ALWAYS
from recurra.errors import DataError
from recurra.tasks.labels.examples import texts, tokens
from recurra.tasks.labels.splits import FOLDS, LabelData, cut


def of(
    inputs: list[str],
    labels: list[str],
    groups: list[str | None] | None = None,
    held: int | None = None,
    seed: int = 0,
    **more: Any,
) -> LabelData:
    where = Places((("a.csv", "line", range(2, len(inputs) + 2)),))
    origin = {"seed": seed, "share": 0.1 if held is None else 0.0, "held": held}
    return cut("made", texts(inputs, labels, where, groups), origin, **more)


def tagged(sentences: list[str], held: int | None = None, seed: int = 0) -> LabelData:
    """Sentences of tags, "O O B": the tokens are numbers."""
    made = [each.split() for each in sentences]
    where = Places((("a.conll", "line", range(len(made))),))
    words = [[f"{row}-{n}" for n in range(len(each))] for row, each in enumerate(made)]
    origin = {"seed": seed, "share": 0.1 if held is None else 0.0, "held": held}
    return cut("made", tokens(words, [tuple(each) for each in made], where, tagged=True), origin)


def refusal(*given: Any, **more: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        of(*given, **more)
    assert caught.value.expected
    assert caught.value.fix
    return caught.value


def names(n: int, each: str = "text") -> list[str]:
    return [f"{each} {number}" for number in range(n)]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), min_size=60, max_size=150),
    st.integers(0, 3),
)
def test_what_is_the_same_or_of_a_group_is_in_one_part(
    rows: list[tuple[int, int]], seed: int
) -> None:
    # Half the rows have a group; blanks are no difference.
    inputs = [f"a {' ' * (n % 3)}{row[0]}" for n, row in enumerate(rows)]
    groups = [str(row[1]) if row[1] > 10 else None for row in rows]
    labels = ["xy"[n % 2] for n in range(len(rows))]
    try:
        data = of(inputs, labels, groups, seed=seed)
    except DataError as error:
        assert "must not be torn apart" in error.got  # noqa: PT017
        return
    part: dict[int, int] = dict.fromkeys(data.test.tolist(), 99)
    part |= dict(zip(data.learn.tolist(), data.folds.tolist(), strict=True))
    assert sorted(part) == list(range(len(rows)))
    for keys in (data.examples.keys, groups):
        seen: dict[Any, int] = {}
        for row, key in enumerate(keys):
            if key is not None:
                assert seen.setdefault(key, part[row]) == part[row]


def test_the_parts_of_even_data() -> None:
    data = of(names(1000), ["a", "b"] * 500)
    assert (len(data.learn), len(data.test)) == (900, 100)
    assert data.counts(data.test) == {"a": 50, "b": 50}
    assert data.counts(data.learn[data.folds == 0]) == {"a": 45, "b": 45}
    assert np.bincount(data.folds).tolist() == [90] * FOLDS
    assert data.classes == ("a", "b")
    assert data.targets(data.learn[:50]).tolist() == [row % 2 for row in data.learn[:50].tolist()]
    assert data.folds.dtype == np.int8
    assert data.learn.dtype == data.test.dtype == np.int64
    with pytest.raises(TypeError):
        data.step_targets(data.test)


def test_what_comes_twice_is_counted() -> None:
    inputs = [*names(20), "text 0", "text  0", "text 1"]
    data = of(inputs, [*["a", "b"] * 10, "a", "a", "a"], counts={"blank_lines": 3})
    assert data.found == {"blank_lines": 3, "repeats": 2, "conflicting": 2, "in_test": 0}
    summary = data.summary()
    assert "made: 23 texts, 2 classes (a " in summary
    assert "2 repeat another" in summary
    assert "2 are the same as one of another label" in summary
    assert "3 blank lines" in summary
    assert "left out" not in summary


def test_rows_of_a_given_test_part_are_left_out_of_training() -> None:
    inputs = [*names(30), "text  3", "new", "text 5"]
    groups: list[str | None] = [None] * 33
    groups[7] = groups[31] = "film"
    data = of(inputs, ["a", "b"] * 16 + ["a"], groups, held=30)
    assert data.test.tolist() == [30, 31, 32]
    assert sorted(data.learn.tolist()) == [n for n in range(30) if n not in (3, 5, 7)]
    assert data.found["in_test"] == 3
    assert "3 left out of training" in data.summary()
    with pytest.raises(DataError, match=r"nothing to learn from, in 0 examples \(15 were left out"):
        of([*names(15), *names(15)], ["a"] * 30, held=15)


def test_classes_are_those_that_can_be_learnt() -> None:
    assert of(names(20), ["10", "9"] * 10).classes == ("9", "10")
    data = of(names(20), ["10", "9"] * 10, label_type="str")
    assert data.classes == ("10", "9")
    data = of(names(20), ["10", "9"] * 10, label_type="int")
    assert data.classes == ("9", "10")


def test_too_few_examples() -> None:
    assert "9 examples: too few" in refusal(names(9), ["a", "b", "c"] * 3).got
    of(names(10), ["a", "b"] * 5)
    # One text, ten times.
    assert "must not be torn apart" in refusal(["a"] * 10, ["a", "b"] * 5).got


def test_one_class() -> None:
    error = refusal(names(20), ["a"] * 20)
    assert error.got == "made: one class, 'a', in 20 examples"
    assert (
        "one class, 'a', in 20 examples" in refusal(names(25), ["a"] * 20 + ["b"] * 5, held=20).got
    )


def test_a_class_with_one_example() -> None:
    error = refusal(names(20), ["a"] * 7 + ["b"] + ["c"] * 12)
    assert error.got == "made: a class with one example: 'b' (a.csv, line 9)"
    error = refusal(names(20), ["a"] * 12 + list("bcdefghi"))
    assert "8 classes with one example: 'b' (a.csv, line 14); " in error.got
    assert error.got.endswith("'f' (a.csv, line 18); and 3 more")
    # One to learn from and one to test on will do; with two, one trains always.
    data = of(names(22), ["a"] * 19 + ["b", "b", "a"], held=20)
    assert data.folds[data.learn == 19].tolist() == [ALWAYS]
    data = of(names(22), ["a"] * 20 + ["b", "b"])
    assert data.counts(data.learn)["b"] >= 1


def test_labels_that_training_has_none_of() -> None:
    error = refusal(names(26), ["a", "b"] * 10 + ["a", "c", "d", "d", "b", "c"], held=20)
    assert error.got == (
        "made: labels in the test part that training has none of: 'c' (2), 'd' (2); the first at "
        "a.csv, line 23"
    )
    # Also where training had them, and lost them to the test part.
    inputs = [*names(20), "text 0", "text 1"]
    error = refusal(inputs, ["c", "c", *["a", "b"] * 9, "c", "c"], held=20)
    assert "'c' (2)" in error.got
    assert "(2 were left out, since the test part has the same)" in error.got


def test_numbers_and_keys_are_no_classes() -> None:
    of(names(200), [str(n // 2) for n in range(200)])
    assert "150 different numbers" in refusal(names(200), [str(n % 150) for n in range(200)]).got
    error = refusal(names(1000), [f"{n % 60}.5" for n in range(1000)])
    assert "60 different numbers as labels in 1,000 examples: this looks like a value" in error.got
    assert "--label" in error.fix
    of(names(1000), [f"{n % 40}.5" for n in range(1000)])
    of(names(1000), [f"{n % 60}.0" for n in range(1000)])
    of(names(1000), [f"v{n % 400}" for n in range(1000)])
    of(names(1000), [str(n % 400) for n in range(1000)])


def test_tagged_sentences() -> None:
    data = tagged(["O O B", "O", "O B I", "O O"] * 25)
    assert data.classes == ("B", "I", "O")
    assert (len(data.learn), len(data.test)) == (90, 10)
    assert [each.tolist() for each in data.step_targets(np.array([0, 1, 2]))] == [
        [2, 2, 0],
        [2],
        [2, 0, 1],
    ]
    counts = data.counts(np.arange(4))
    assert counts == {"B": 2, "I": 1, "O": 6}
    assert data.summary() == ("made: 100 sentences, 3 tags; 10 report, 9 of the others choose")
    with pytest.raises(TypeError):
        data.targets(data.test)


def test_tags_are_learnt_before_they_are_tested() -> None:
    # Z stands beside rarer tags alone, in two sentences, and both may be chosen to report.
    sentences = ["O O", "O B"] * 20 + ["C" + " Z" * 6, "D" + " Z" * 6] + ["C", "D"] * 9
    moved = 0
    for seed in range(400):
        data = tagged(sentences, seed=seed)
        learnt = {tag for row in data.learn.tolist() for tag in data.examples.labels[row]}
        assert learnt == set(data.classes) == set("OBCDZ")
        assert len(data.folds) == len(data.learn) == 60 - len(data.test)
        assert sorted([*data.learn, *data.test]) == list(range(60))
        moved += len(data.test) < 6
    assert moved


def test_tags_of_a_given_test_part_are_learnt() -> None:
    with pytest.raises(DataError, match=r"training has none of: 'X' \(2\); the first at a\.conll"):
        tagged([*["O B", "O"] * 10, "O", "O X X"], held=20)
    with pytest.raises(DataError, match="one class, 'O'") as caught:
        tagged(["O O", "O"] * 10)
    assert "last column" in caught.value.fix


def test_what_chooses_is_counted_where_groups_are_large() -> None:
    # Three groups, one of which reports: of the other two one chooses.
    data = of(
        [f"t{n}" for n in range(60)], ["a", "b"] * 30, [f"g{n // 2 % 3}" for n in range(60)], seed=1
    )
    chooses = int((data.folds == 0).sum())
    assert chooses == len(data.learn) / 2
    assert f"{len(data.test)} report, {chooses} of the others choose" in data.summary()

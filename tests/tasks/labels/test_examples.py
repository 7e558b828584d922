from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.source_locations import Places
from recurra.errors import DataError
from recurra.tasks.labels.examples import Examples, numbers, repeats, texts, tokens


def places(n: int) -> Places:
    return Places((("a.csv", "line", range(2, n + 2)),))


def of_texts(*inputs: str, groups: list[str | None] | None = None) -> Examples:
    return texts(inputs, [str(n % 2) for n in range(len(inputs))], places(len(inputs)), groups)


def test_places_are_put_into_words() -> None:
    parts = [("a.csv", "line", [2, 5]), ("b.ts", "line", []), ("c.parquet", "row", range(1, 3))]
    parts += [("", "X", range(2)), ("d.npz", "X", [7]), ("e.csv", "line", [1234])]
    where = Places(tuple(parts))
    words = ["a.csv, line 2", "a.csv, line 5", "c.parquet, row 1", "c.parquet, row 2"]
    words += ["X[0]", "X[1]", "d.npz, X[7]", "e.csv, line 1,234"]
    assert list(where) == words
    assert len(where) == 8
    assert where[-1] == words[-1]
    assert where[2] == words[2]
    assert where[1:6:2] == words[1:6:2]
    with pytest.raises(IndexError):
        where[8]


@given(st.lists(st.text(st.characters(codec="utf-8")).filter(str.strip), min_size=1))
def test_texts_are_composed_and_white_space_is_no_difference(inputs: list[str]) -> None:
    one = of_texts(*inputs)
    other = of_texts(*(unicodedata.normalize("NFD", f"\u3000 {each}\n") for each in inputs))
    assert one.inputs == [unicodedata.normalize("NFC", each) for each in inputs]
    assert one.keys == other.keys
    assert len(set(one.keys)) == len({" ".join(each.split()) for each in one.inputs})


def test_case_is_a_difference() -> None:
    assert len(set(of_texts("Bad", "bad", "bad  ").keys)) == 2


def test_numbers_that_are_the_same_have_the_same_key() -> None:
    x = np.arange(6, dtype=np.float32)
    made = numbers([x[:, None], x[:, None].copy()], ["a", "b"], places(2))
    assert len(set(made.keys)) == 1
    assert made.channels == ("1",)
    shapes = [x.reshape(shape) for shape in ((1, 6), (2, 3), (3, 2), (6, 1))]
    assert len({numbers([each], ["a"], places(1)).keys[0] for each in shapes}) == 4


def test_the_digest_tells_every_change() -> None:
    groups: list[str | None] = ["g", None]
    kinds = [
        of_texts("ab", "c"),
        of_texts("a", "bc"),
        of_texts("ab", "c", groups=groups),
        of_texts("ab", "c", groups=[None, "g"]),
        replace(of_texts("ab", "c"), labels=["1", "0"]),
        tokens([["ab"], ["c"]], ["0", "1"], places(2), tagged=False),
        tokens([["ab"], ["c"]], [("0",), ("1",)], places(2), tagged=True),
        tokens([["a", "b"], ["c"]], ["0", "1"], places(2), tagged=False),
        numbers([np.ones((1, 2), np.float32)] * 2, ["0", "1"], places(2)),
        numbers([np.ones((2, 1), np.float32)] * 2, ["0", "1"], places(2)),
        numbers([np.ones((2, 1), np.float32)] * 2, ["0", "1"], places(2), channels=("x",)),
    ]
    assert len({each.digest for each in kinds}) == len(kinds)
    again = texts(["ab", "c"], ["0", "1"], Places((("other.tsv", "row", [7, 8]),)))
    assert again.digest == kinds[0].digest


def test_what_is_empty_is_named() -> None:
    with pytest.raises(DataError, match=r"^2 empty texts: a\.csv, line 3; a\.csv, line 5"):
        of_texts("a", " \u3000", "b", "")
    with pytest.raises(DataError, match=r"^7 empty texts: .*, and 4 more"):
        of_texts("a", *[""] * 7)
    with pytest.raises(DataError, match=r"^an empty label: a\.csv, line 3"):
        texts(["a", "b"], ["x", ""], places(2))
    with pytest.raises(DataError, match=r"^an empty token: a\.csv, line 3"):
        tokens([["a"], ["b", ""]], ["x", "y"], places(2), tagged=False)
    with pytest.raises(DataError, match=r"^an empty token: a\.csv, line 2"):
        tokens([[], ["b"]], ["x", "y"], places(2), tagged=False)
    with pytest.raises(DataError, match=r"^an empty label: a\.csv, line 3"):
        tokens([["a"], ["b"]], [("x",), ("",)], places(2), tagged=True)


def test_tokens_and_labels_that_differ_in_number() -> None:
    with pytest.raises(DataError, match=r"a\.csv, line 3: 2 tokens, but 1 labels"):
        tokens([["a"], ["b", "c"]], [("x",), ("y",)], places(2), tagged=True)


def test_half_a_character() -> None:
    with pytest.raises(DataError, match=r"a\.csv, line 3: holds half a character"):
        of_texts("a", "b\ud800")


def test_channels_that_differ() -> None:
    with pytest.raises(DataError, match=r"a\.csv, line 4: 3 channels, but a\.csv, line 2: 2"):
        numbers([np.ones((4, n), np.float32) for n in (2, 2, 3)], ["a"] * 3, places(3))


def test_sources_are_joined() -> None:
    one, other = of_texts("a", "b"), of_texts("c", groups=["g"])
    both = one.followed_by(other)
    assert (both.inputs, both.groups) == (["a", "b", "c"], [None, None, "g"])
    assert list(both.where) == ["a.csv, line 2", "a.csv, line 3", "a.csv, line 2"]
    assert one.followed_by(one).groups is None
    two = numbers([np.ones((3, 2), np.float32)], ["a"], places(1))
    with pytest.raises(DataError, match=r"numbers, but a\.csv, line 2: text"):
        one.followed_by(two)
    with pytest.raises(DataError, match=r"1 channels, but a\.csv, line 2: 2"):
        two.followed_by(numbers([np.ones((3, 1), np.float32)], ["a"], places(1)))


def test_what_comes_twice_is_counted() -> None:
    assert repeats(np.array([0, 1, 2]), ["0", "0", "1"]) == (0, 0)
    assert repeats(np.array([0, 0, 0, 1, 1]), ["0", "0", "1", "1", "1"]) == (2, 3)
    assert repeats(np.array([0, 0]), [("x",), ("y",)]) == (0, 2)

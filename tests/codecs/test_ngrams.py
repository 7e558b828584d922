"""Texts as units and bags of features: what is cut, what is known, and that ids never change."""

from __future__ import annotations

import copy
import json
import pickle
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.codecs.ngrams import BEGIN, MOST_LETTERS, SHAPE, Bags, Text, Units
from recurra.codecs.utf8 import readable
from recurra.codecs.words import normal
from recurra.errors import BundleError, OptionError

TEXTS = [
    "The cat sat on the mat.",
    "the dog sat, too!",
    "영화가 정말 재미있다",
    "정말 재미없는 영화",
    "Привет мир, привет",
    "naïve café 2024",
    "",
    "2024-11-05: 12:30",
    "🙂🙂 ok",
] * 2
WAYS = ["words", "characters", "characters:3", "bpe:300"]
KNOWN = {how: Units.learn(TEXTS, how) for how in WAYS}

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
texts_to_encode = st.lists(any_text | st.sampled_from(TEXTS), min_size=1, max_size=6)


def rows_of(bags: Bags) -> list[list[list[int]]]:
    """Texts as lists of units, each a list of ids."""
    ids, counts = iter(bags.ids.tolist()), iter(bags.counts.tolist())
    found = [[[next(ids) for _ in range(next(counts))] for _ in range(n)] for n in bags.lengths]
    assert not list(ids)
    assert not list(counts)
    return found


def names(units: Units, text: Text) -> list[list[str]]:
    """The known features of each unit of a text."""
    (row,) = rows_of(units.encode([text]))
    known = units.features if units.bpe is None else tuple(map(readable, units.bpe.pieces))
    return [[known[k - 1] for k in bag] for bag in row]


def test_words_are_runs_of_letters_and_digits() -> None:
    units = KNOWN["words"]
    assert units.cut("The cat's 2nd... (mat)\t\n") == [
        *["The", "cat", "'", "s", "2nd", ".", ".", ".", "(", "mat", ")"]
    ]
    assert units.cut("정말, 재미있다!") == ["정말", ",", "재미있다", "!"]
    assert KNOWN["characters"].cut("a b\n") == ["a", " ", "b", "\n"]


def test_features_of_a_word() -> None:
    units = Units.learn(["Cats", "Cats"], "words")
    marked = "<cats>"
    grams = {
        marked[start : start + n] for n in range(1, 6) for start in range(len(marked) - n + 1)
    } - {"<", ">"}
    assert set(units.features) == {"<cats>", SHAPE + "Aa"} | grams
    assert names(units, "Cats")[0][:2] == ["<cats>", SHAPE + "Aa"]
    # An n-gram counts as often as it stands there; capitals are seen by the shape alone.
    assert names(Units.learn(["nana"] * 2, "words"), "nana")[0].count("na") == 2
    assert set(names(units, "cats")[0]) == {"<cats>"} | grams
    # A word never seen is known by its parts, and ends are parts too.
    assert set(names(units, "scatter")[0]) == {"c", "a", "t", "s", "ca", "at", "cat"}
    assert "ts>" in names(units, "bats")[0]


@pytest.mark.parametrize(
    ("word", "shape"),
    [("USA", "A"), ("McCoy", "AaAa"), ("B2B", "A0A"), ("2024", "0"), (".", "."), ("été", "a")],
)
def test_shapes(word: str, shape: str) -> None:
    assert SHAPE + shape in Units.learn([word, word], "words").features


@pytest.mark.parametrize("how", WAYS)
@given(texts_to_encode)
def test_any_text_is_encoded_alike_alone_and_among_others(how: str, texts: list[str]) -> None:
    units = KNOWN[how]
    bags = units.encode(texts)
    assert bags.lengths.tolist() == [max(1, len(units.cut(text))) for text in texts]
    assert all(0 < k < len(units) for k in bags.ids.tolist())
    assert rows_of(bags) == [rows_of(units.encode([text]))[0] for text in texts]
    assert rows_of(units.encode(texts)) == rows_of(bags)


@pytest.mark.parametrize("how", WAYS)
@given(texts_to_encode, st.data())
def test_selecting_is_encoding_the_selected(
    how: str, texts: list[str], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=8))
    found = KNOWN[how].encode(texts).select(np.array(rows, np.int64))
    expected = KNOWN[how].encode([texts[k] for k in rows])
    for name in ("ids", "counts", "lengths"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
        assert getattr(found, name).dtype == np.int64


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("nothing", ["", [], [""]])
def test_a_text_of_nothing_is_one_unit_of_nothing(how: str, nothing: Text) -> None:
    # Words that end marks could be mistaken for are known.
    units = Units.learn([*TEXTS, "a < b", "a < b > c", "< >"], how)
    assert rows_of(units.encode([nothing])) == [[[]]]
    (text, none, other) = rows_of(units.encode(["cat sat", nothing, "sat"]))
    assert none == [[]]
    assert [text, other] == [rows_of(units.encode([each]))[0] for each in ("cat sat", "sat")]


@pytest.mark.parametrize("how", WAYS)
@given(st.integers(0, 999))
def test_ids_do_not_depend_on_the_order_of_texts(how: str, seed: int) -> None:
    mixed = random.Random(seed).sample(TEXTS, len(TEXTS))
    assert Units.learn(mixed, how).to_json() == KNOWN[how].to_json()


@pytest.mark.parametrize("how", WAYS)
def test_ids_are_the_same_in_another_process(how: str) -> None:
    """Whose hashes of strings are others."""
    script = (
        "import json, sys; from recurra.codecs.ngrams import Units\n"
        "texts, how = json.load(sys.stdin)\n"
        "print(json.dumps(Units.learn(texts, how).to_json()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps([TEXTS, how]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == KNOWN[how].to_json()


@pytest.mark.parametrize("how", WAYS)
@given(texts_to_encode)
def test_json_there_and_back_gives_the_same_ids(how: str, texts: list[str]) -> None:
    units = KNOWN[how]
    again = Units.from_json(json.loads(json.dumps(units.to_json())))
    assert len(again) == len(units)
    assert rows_of(again.encode(texts)) == rows_of(units.encode(texts))


def test_what_occurs_once_is_not_learnt_and_the_commonest_come_first() -> None:
    units = Units.learn(["aab", "ba", "c"], "characters")
    assert units.features == ("a", "b")
    assert rows_of(units.encode(["abcb"])) == [[[1], [2], [], [2]]]
    assert len(units) == 3
    assert Units.learn(["aab", "ba", "c"], "characters", most=1).features == ("a",)
    assert Units.learn([], "words").features == ()
    assert rows_of(Units.learn([], "words").encode(["a b"])) == [[[], []]]


def test_characters_with_the_n_grams_that_end_in_them() -> None:
    units = Units.learn(["anna", "hanna", "na"] * 2, "characters:3")
    assert units.cut("anna") == ["a", "n", "n", "a"]
    assert names(units, "anna") == [
        [f"{BEGIN}a", "a"],
        [f"{BEGIN}an", "an", "n"],
        ["ann", "nn", "n"],
        ["nna", "na", "a"],
    ]
    # What is new has the parts that are known.
    assert names(units, "xan") == [[], ["a"], ["an", "n"]]
    assert names(units, tuple("anna")) == names(units, "anna")
    # One character at most is what characters are without a number.
    plain = Units.learn(TEXTS, "characters:1")
    assert plain.to_json() == KNOWN["characters"].to_json()
    assert KNOWN["characters"].to_json()["longest"] == 1


def test_very_long_words_have_a_bounded_bag() -> None:
    word = "lo" * 50_000
    units = Units.learn([word, word], "words")
    assert len(names(units, word)) == 1
    assert len(names(units, word)[0]) < 5 * (MOST_LETTERS + 2)
    assert names(units, word) == names(units, word + "ng")


@pytest.mark.parametrize("how", ["words", "characters"])
def test_tokens_cut_already_stay_as_they_are(how: str) -> None:
    tokens = [["New York", "is"], ["big", "New York"]]
    units = Units.learn(tokens, how)
    assert units.cut(tokens[0]) == tokens[0]
    bags = units.encode([*tokens, ("New York",)])
    assert bags.lengths.tolist() == [2, 2, 1]
    assert names(units, ["New York"])[0][0] == ("New York" if how == "characters" else "<new york>")


@pytest.mark.parametrize("token", ["sat", "재미있다", "naïve", "Ġ", "unseen"])
def test_tokens_cut_already_are_bags_of_subwords(token: str) -> None:
    units = Units.learn([["the", "cat", "sat"], ["정말", "재미있다"]] * 3, "bpe:300")
    (row,) = rows_of(units.encode([[token, "the"]]))
    assert len(row) == 2
    pieces = [each for (each,) in rows_of(units.encode([token]))[0]]
    assert pieces
    assert row[0] == pieces


def test_subwords_say_the_text() -> None:
    units = Units.learn(["low lower lowest slow"] * 9, "bpe:300")
    pieces = units.cut("slow lower")
    assert "".join(pieces) == "slow lower"
    assert len(pieces) < 5
    assert 256 < len(units) <= 301
    assert names(units, "slow lower") == [[piece] for piece in pieces]
    # Bytes are known, all of them: no text is without an id.
    assert all(names(units, "\u4e2d\U0001f642\x00"))


@pytest.mark.parametrize(
    "how",
    [
        *["word", "bpe", "bpe:", "bpe:x", "bpe:299", "bpe:-400", "words:3", "", "bpe:1000001"],
        *["characters:0", "characters:9", "characters:x", "characters:-1"],
    ],
)
def test_no_such_way(how: str) -> None:
    with pytest.raises(OptionError, match="tokens") as caught:
        Units.learn(TEXTS, how)
    assert "bpe:N" in caught.value.expected
    assert "characters:N" in caught.value.expected


@pytest.mark.parametrize("how", ["words", "characters", "characters:3"])
@pytest.mark.parametrize(
    "change",
    [
        {"kind": "letters"},
        {"kind": "subwords"},
        {"kind": None},
        {"features": None},
        {"features": "abc"},
        {"features": ["a", 3]},
        {"features": {"a": 1}},
        {"longest": 0},
        {"longest": "3"},
        {"longest": True},
    ],
)
def test_damage_is_told(how: str, change: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=r"vocabulary.* is damaged"):
        Units.from_json(KNOWN[how].to_json() | change)
    with pytest.raises(BundleError, match="vocabulary is damaged"):
        Units.from_json({})


def test_damaged_subwords_are_told() -> None:
    value = KNOWN["bpe:300"].to_json()
    for change in ({"merges": None}, {"merges": [[0, 256]]}, {"kind": "words"}):
        with pytest.raises(BundleError, match=r"vocabulary.* is damaged"):
            Units.from_json(value | change)


@pytest.mark.parametrize("how", WAYS)
def test_copies_and_pickles_give_the_same_bags(how: str) -> None:
    units = KNOWN[how]
    expected = rows_of(units.encode(TEXTS))
    for again in (copy.deepcopy(units), pickle.loads(pickle.dumps(units))):
        assert rows_of(again.encode(TEXTS)) == expected


def test_equal_letters_are_equal_characters() -> None:
    assert normal("e\u0301") == "é"
    assert normal("\u1112\u1161\u11ab") == "한"


def test_vowel_signs_belong_to_their_word() -> None:
    words = ["हिन्दी", "भाषा", "ก็ดี"]
    assert Units("words", ()).cut(" ".join(words) + "!") == [*words, "!"]
    # The sign that makes a heart red belongs to no word behind it.
    assert Units("words", ()).cut("\u2764\ufe0fgood") == ["\u2764", "\ufe0f", "good"]


def test_units_given_once_are_the_same_units() -> None:
    texts = ["a cat and a dog", "", "the cat", "dog dog dog", "a cat"]
    units = Units.learn(texts * 2, "words", most=50)
    bags, rows = units.encode(texts), np.array([3, 0, 0, 4])
    every = bags.select(rows)
    once, places = bags.distinct(rows)
    assert len(once.counts) < len(every.counts) == len(places)
    assert once.lengths.tolist() == every.lengths.tolist()
    ends = np.cumsum(once.counts)
    split = np.split(once.ids, ends[:-1])
    assert np.concatenate([split[k] for k in places]).tolist() == every.ids.tolist()
    assert once.counts[places].tolist() == every.counts.tolist()

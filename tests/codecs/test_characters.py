from __future__ import annotations

import dataclasses
import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.codecs.characters import UNKNOWN, UNKNOWN_DRAWN, Vocabulary
from recurra.errors import BundleError, DataError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(TEXT)
def test_decoding_inverts_encoding_on_known_text(text: str) -> None:
    vocabulary = Vocabulary.from_text(text)
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int32
    assert ids.shape == (len(text),)
    assert vocabulary.decode(ids) == text
    assert (ids != UNKNOWN).all()


@given(TEXT, TEXT)
def test_unknown_characters_get_the_reserved_id_and_are_counted(known: str, text: str) -> None:
    vocabulary = Vocabulary.from_text(known)
    ids = vocabulary.encode(text)
    expected = {c: text.count(c) for c in text if c not in known}
    assert vocabulary.unknown(text) == expected
    assert int((ids == UNKNOWN).sum()) == sum(expected.values())
    drawn = "".join(c if c in known else UNKNOWN_DRAWN for c in text)
    assert vocabulary.decode(ids) == drawn


@given(TEXT, st.randoms(use_true_random=False))
def test_the_vocabulary_does_not_depend_on_the_order_of_the_text(
    text: str, shuffler: random.Random
) -> None:
    letters = list(text) * 2
    shuffler.shuffle(letters)
    assert Vocabulary.from_text("".join(letters)) == Vocabulary.from_text(text)


@given(TEXT)
def test_json_keeps_everything(text: str) -> None:
    vocabulary = Vocabulary.from_text(text)
    again = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert again == vocabulary


def test_the_drawn_unknown_is_a_character_like_others_in_a_text() -> None:
    vocabulary = Vocabulary.from_text("a" + UNKNOWN_DRAWN)
    assert vocabulary.encode("a" + UNKNOWN_DRAWN).tolist() == [1, 2]
    assert vocabulary.encode("b").tolist() == [UNKNOWN]
    assert vocabulary.decode([0, 2]) == UNKNOWN_DRAWN * 2


def test_ids_follow_the_code_points() -> None:
    vocabulary = Vocabulary.from_text("z가a\U0001f600")
    assert vocabulary.symbols == ("a", "z", "가", "\U0001f600")
    assert len(vocabulary) == 5
    assert vocabulary.encode("\U0001f600\U0001f601가zab").tolist() == [4, 0, 3, 2, 1, 0]


def test_every_other_character_there_is_is_unknown() -> None:
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000, 7)]))
    ids = Vocabulary.from_text("az").encode(everything)
    assert {everything[at]: int(ids[at]) for at in np.flatnonzero(ids)} == {"a": 1, "z": 2}


def test_unknown_characters_come_most_frequent_first() -> None:
    assert list(Vocabulary.from_text("a").unknown("xyyaxzzz")) == ["z", "x", "y"]


def test_longer_than_a_block() -> None:
    text = "ab가?" * 300_000
    vocabulary = Vocabulary.from_text("ab가")
    assert vocabulary.decode(vocabulary.encode(text)) == text.replace("?", UNKNOWN_DRAWN)
    assert vocabulary.unknown(text) == {"?": 300_000}


def test_half_of_a_surrogate_pair_in_a_prompt_is_unknown() -> None:
    assert Vocabulary.from_text("a").encode("\ud800a").tolist() == [0, 1]


@pytest.mark.parametrize("symbols", [(), ("b", "a"), ("a", "a"), ("ab",), ("",), ("\ud800",)])
def test_what_is_no_vocabulary(symbols: tuple[str, ...]) -> None:
    with pytest.raises(DataError):
        Vocabulary(symbols)


@pytest.mark.parametrize("ids", [[-1], [3], [0.5], [[1]]])
def test_ids_that_cannot_be_decoded(ids: list[object]) -> None:
    with pytest.raises(DataError):
        Vocabulary.from_text("ab").decode(np.array(ids))


def test_no_ids_are_no_text() -> None:
    assert Vocabulary.from_text("ab").decode([]) == ""
    assert Vocabulary.from_text("ab").encode("").shape == (0,)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"kind": "words", "symbols": "ab", "unknown": 0},
        {"kind": "characters", "symbols": ["a"], "unknown": 0},
        {"kind": "characters", "symbols": "ab", "unknown": 1},
        {"kind": "characters", "symbols": "ba", "unknown": 0},
        {"kind": "characters", "symbols": "", "unknown": 0},
    ],
)
def test_damaged_json(value: object) -> None:
    with pytest.raises(BundleError):
        Vocabulary.from_json(value)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Vocabulary.from_text("ab").symbols = ("c",)  # type: ignore[misc]

from __future__ import annotations

import dataclasses
import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.codecs.characters import Characters
from recurra.codecs.tokenizer import UNKNOWN, UNKNOWN_DRAWN, Tokenizer, from_json, learn
from recurra.errors import BundleError, DataError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def of(text: str) -> Tokenizer:
    return learn([text], "characters")


@given(TEXT)
def test_decoding_inverts_encoding_on_known_text(text: str) -> None:
    vocabulary = of(text)
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int32
    assert ids.shape == (len(text),)
    assert vocabulary.decode(ids) == text
    assert (ids != UNKNOWN).all()


@given(TEXT, TEXT)
def test_unknown_characters_get_the_reserved_id_and_are_counted(known: str, text: str) -> None:
    vocabulary = of(known)
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
    assert of("".join(letters)) == of(text)


@given(TEXT)
def test_json_keeps_everything(text: str) -> None:
    vocabulary = of(text)
    again = from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert again == vocabulary


def test_the_drawn_unknown_is_a_character_like_others_in_a_text() -> None:
    vocabulary = of("a" + UNKNOWN_DRAWN)
    assert vocabulary.encode("a" + UNKNOWN_DRAWN).tolist() == [1, 2]
    assert vocabulary.encode("b").tolist() == [UNKNOWN]
    assert vocabulary.decode([0, 2]) == UNKNOWN_DRAWN * 2


def test_ids_follow_the_code_points() -> None:
    vocabulary = of("z가a\U0001f600")
    assert vocabulary.model == Characters(("a", "z", "가", "\U0001f600"))
    assert len(vocabulary) == 5
    assert vocabulary.encode("\U0001f600\U0001f601가zab").tolist() == [4, 0, 3, 2, 1, 0]


def test_every_other_character_there_is_is_unknown() -> None:
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000, 7)]))
    ids = of("az").encode(everything)
    assert {everything[at]: int(ids[at]) for at in np.flatnonzero(ids)} == {"a": 1, "z": 2}


def test_unknown_characters_come_most_frequent_first() -> None:
    assert list(of("a").unknown("xyyaxzzz")) == ["z", "x", "y"]


def test_longer_than_a_block() -> None:
    text = "ab가?" * 300_000
    vocabulary = of("ab가")
    assert vocabulary.decode(vocabulary.encode(text)) == text.replace("?", UNKNOWN_DRAWN)
    assert vocabulary.unknown(text) == {"?": 300_000}


def test_half_of_a_surrogate_pair_is_told() -> None:
    assert Characters(("a",)).encode("\ud800a").tolist() == [-1, 0]
    with pytest.raises(DataError, match="half a character"):
        of("a").encode("\ud800a")
    with pytest.raises(DataError, match="half a character"):
        of("a\ud800")


def test_the_commonest_are_kept_in_the_order_of_their_code_points() -> None:
    assert Characters.learn(["zzb", "zab"], 2).symbols == ("b", "z")
    # Of equals the first in order.
    assert Characters.learn(["cba"], 2).symbols == ("a", "b")


def test_ids_are_where_the_symbols_stand() -> None:
    known = Characters(("z", "a", "가"))
    assert known.encode("az가b").tolist() == [1, 0, 2, -1]
    again = Characters.from_json(json.loads(json.dumps(known.to_json())))
    assert again == known


@pytest.mark.parametrize("symbols", [(), ("a", "b", "a"), ("ab",), ("",), ("\ud800",)])
def test_what_is_no_vocabulary(symbols: tuple[str, ...]) -> None:
    with pytest.raises(DataError):
        Characters(symbols)


@pytest.mark.parametrize("ids", [[-1], [3], [0.5], [[1]]])
def test_ids_that_cannot_be_decoded(ids: list[object]) -> None:
    with pytest.raises(DataError):
        of("ab").decode(np.array(ids))


def test_no_ids_are_no_text() -> None:
    assert of("ab").decode([]) == ""
    assert of("ab").encode("").shape == (0,)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"kind": "characters", "symbols": "ab"},
        {"kind": "characters", "symbols": "ab", "flowing": False},
        {"kind": "words", "symbols": "ab", "flowing": True},
        {"kind": "characters", "symbols": ["a"], "flowing": True},
        {"kind": "characters", "symbols": "aba", "flowing": True},
        {"kind": "characters", "symbols": "", "flowing": True},
    ],
)
def test_damaged_json(value: object) -> None:
    with pytest.raises(BundleError):
        from_json(value)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Characters(("a",)).symbols = ("c",)  # type: ignore[misc]

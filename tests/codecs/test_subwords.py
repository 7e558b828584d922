"""Pieces: every text comes back to the last character, and ids never change."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recurra.codecs.subwords import BEGIN, END, RESERVED, UNKNOWN, Pieces
from recurra.errors import BundleError, DataError, InputError, OptionError

TEXTS = [
    "The dog sees the cat, and the cat sees the dog.",
    "Dog and cat: 2024-11-05, 12:30!",
    "개가 고양이를 봅니다.",
    "कुत्ता बिल्ली को देखता है",
    "Привет мир, привет!",
    "naïve café",
    "🙂🙂 ok",
] * 2
WAYS = ["bpe:300", "bpe", "words", "characters"]
KNOWN = {how: Pieces.learn(TEXTS, how) for how in WAYS}

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
known_text = st.text(st.sampled_from(sorted({c for text in TEXTS for c in text})), max_size=30)


def composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("how", ["bpe:300", "bpe"])
@given(any_text)
@example("")
@example(" ")
@example("  Dog")
@example("\u0301a dog \n\n\t ")
@example("<s> <end> \ufffd")
@example("\x00\x01\x1b[2J\r\n")
@example("각 각 é e\u0301")
@example("👩‍👩‍👧‍👦🏳️‍🌈 \u202eabc\u202c")
def test_subwords_write_every_text(how: str, text: str) -> None:
    pieces = KNOWN[how]
    (ids,) = pieces.encode([text])
    assert pieces.decode(ids) == composed(text)
    assert ids.dtype == np.int64
    assert all(RESERVED <= k < len(pieces) for k in ids)


@pytest.mark.parametrize("how", WAYS)
@given(any_text | known_text)
@example("  The  dog\t\n ")
def test_what_is_known_comes_back_and_the_rest_is_filled_in(how: str, text: str) -> None:
    pieces = KNOWN[how]
    (ids,) = pieces.encode([text])
    cut = pieces.cut(text)
    assert len(cut) == len(ids)
    shown = pieces.shown(ids, text)
    copied = dict(enumerate(shown))
    assert pieces.decode(ids, copied) == composed(text)
    if how in ("words", "characters"):
        assert shown == cut
        assert "".join(cut).removeprefix(" " if how == "words" else "") == composed(text)
        for piece, k in zip(cut, ids.tolist(), strict=True):
            assert (k == UNKNOWN) == (piece not in pieces.known)


@given(known_text)
def test_characters_write_every_text_of_known_ones(text: str) -> None:
    pieces = KNOWN["characters"]
    assert pieces.decode(pieces.encode([text])[0]) == composed(text)


def test_a_word_is_one_piece_wherever_it_stands() -> None:
    for how in ("bpe", "words"):
        pieces = KNOWN[how]
        first, second = pieces.encode(["dog and cat", "cat and dog"])
        assert first[0] == second[2]
        assert pieces.shown(first) == [" dog", " and", " cat"]


def test_nothing_is_no_piece() -> None:
    for pieces in KNOWN.values():
        assert [len(ids) for ids in pieces.encode(["", "dog", ""])] == [
            0,
            *[len(pieces.cut("dog"))],
            0,
        ]
        assert pieces.decode([]) == pieces.decode([BEGIN, END]) == ""
    assert KNOWN["words"].encode([]) == []


def test_words_and_what_stands_between_them() -> None:
    cut = KNOWN["words"].cut
    assert cut("Dog's 2nd  (cat)\n") == [" Dog", "'", "s", " 2nd", " ", " (", "cat", ")", "\n"]
    assert cut("बिल्ली है") == [" बिल्ली", " है"]
    assert [KNOWN["words"].decode(KNOWN["words"].encode([text])[0]) for text in TEXTS[:2]] == [
        "The dog sees the cat, and the cat sees the dog.",
        "Dog and cat: 2024-11-05, 12:30!",
    ]


def test_unknown_pieces_are_copied_with_their_blank() -> None:
    pieces = KNOWN["words"]
    text = "the zebra sees the cat"
    (ids,) = pieces.encode([text])
    assert ids[1] == UNKNOWN
    assert pieces.decode(ids) == "the\ufffd sees the cat"
    source = KNOWN["words"].shown(ids, text)
    assert source == [" the", " zebra", " sees", " the", " cat"]
    assert pieces.decode(ids, {1: source[1], 0: " not this"}) == text
    assert pieces.shown([BEGIN, *ids, END], text) == ["<begin>", *source, "<end>"]


def test_bytes_that_are_no_whole_character_are_shown_as_hex() -> None:
    pieces = KNOWN["bpe:300"]
    (ids,) = pieces.encode(["𝄞"])
    assert "".join(pieces.shown(ids)) == " <F0><9D><84><9E>"
    assert pieces.decode(ids[:-1]).endswith("\ufffd")  # a model may stop within a character


def test_reserved_ids_are_written_by_no_text() -> None:
    for pieces in KNOWN.values():
        for text in ("<s>", "</s>", "<begin>", "<end>", "<unk>", "[UNK]", "\ufffd"):
            ids = pieces.encode([text])[0].tolist()
            assert BEGIN not in ids
            assert END not in ids


def test_sizes() -> None:
    assert len(KNOWN["bpe:300"]) == 300
    assert len(KNOWN["bpe"]) > 300
    assert len(Pieces.learn(TEXTS, "bpe", most=310)) == 310
    few = Pieces.learn(TEXTS, "words", most=8)
    assert len(few) == 8
    assert few.known == KNOWN["words"].known[:5]
    assert KNOWN["words"].known[0] == " cat"  # as often as " the", and before it
    # What comes once is no word: or nothing would be unknown in training.
    assert " once" not in Pieces.learn([*TEXTS, "once"], "words").known
    assert "q" in Pieces.learn([*TEXTS, "q"], "characters").known


@pytest.mark.parametrize("how", ["bpe:299", "bpe:x", "words:3", "letters", "", "bpe:-400"])
def test_no_such_way(how: str) -> None:
    with pytest.raises(OptionError, match="--tokens"):
        Pieces.learn(TEXTS, how)


def test_more_subwords_than_the_data_allow() -> None:
    allowed = len(KNOWN["bpe"])
    with pytest.raises(DataError) as error:
        Pieces.learn(TEXTS, "bpe:5000", name="the sources")
    assert f"the sources allow {allowed:,} subwords" in error.value.got
    size = error.value.fix.partition("bpe:")[2].partition(",")[0]
    assert len(Pieces.learn(TEXTS, f"bpe:{size}")) == int(size)
    with pytest.raises(DataError) as error:
        Pieces.learn(["ab"], "bpe:300")
    assert "characters" in error.value.fix


def test_what_comes_once_is_no_subword() -> None:
    assert len(Pieces.learn(["one xyz"], "bpe")) == RESERVED + 256
    assert " one" in Pieces.learn(["one xyz one"], "bpe").cut("one")


def test_nothing_to_learn_from() -> None:
    with pytest.raises(DataError, match="no word that comes twice"):
        Pieces.learn(["one two three"], "words")
    for how in ("words", "characters"):
        with pytest.raises(DataError, match="empty texts"):
            Pieces.learn(["", ""], how)


@pytest.mark.parametrize("how", WAYS)
def test_half_a_character_is_told(how: str) -> None:
    for use in (lambda t: Pieces.learn(t, how), KNOWN[how].encode):
        with pytest.raises(DataError, match="1: holds half a character"):
            use(["fine", "a\ud800b"])
    with pytest.raises(DataError, match="half a character"):
        KNOWN[how].shown([UNKNOWN], "a\ud800b")


@pytest.mark.parametrize("how", WAYS)
def test_ids_that_are_none(how: str) -> None:
    for ids in ([-1], [len(KNOWN[how])]):
        with pytest.raises(DataError, match="is no piece"):
            KNOWN[how].decode(ids)


@pytest.mark.parametrize("how", WAYS)
def test_written_and_read_again(how: str) -> None:
    pieces = KNOWN[how]
    again = Pieces.from_json(json.loads(json.dumps(pieces.to_json())))
    assert again == pieces
    for ids, others in zip(pieces.encode(TEXTS), again.encode(TEXTS), strict=True):
        np.testing.assert_array_equal(ids, others)


def damaged() -> list[object]:
    tokenizer = KNOWN["bpe"].tokenizer
    assert tokenizer is not None
    parsed = json.loads(tokenizer)
    fewer = json.loads(tokenizer)
    fewer["model"]["vocab"].popitem()
    strange = json.loads(tokenizer)
    strange["model"]["vocab"]["한"] = len(strange["model"]["vocab"])
    return [
        *[None, 3, [], {}, {"kind": "words"}, {"kind": "words", "known": []}],
        {"kind": "words", "known": ["a", "a"]},
        {"kind": "words", "known": ["a", 3]},
        {"kind": "characters", "known": ["ab"]},
        {"kind": "letters", "known": ["a"]},
        {"kind": "subwords", "tokenizer": None},
        {"kind": "subwords", "tokenizer": "{"},
        {"kind": "subwords", "tokenizer": "[]"},
        {"kind": "subwords", "tokenizer": json.dumps({"model": parsed["model"]["vocab"]})},
        {"kind": "subwords", "tokenizer": json.dumps({"model": {"vocab": {}}})},
        {"kind": "subwords", "tokenizer": json.dumps(fewer)},
        {"kind": "subwords", "tokenizer": json.dumps(strange)},
        {"kind": "subwords", "tokenizer": json.dumps(parsed | {"pre_tokenizer": {"type": "x"}})},
    ]


@pytest.mark.parametrize("value", damaged(), ids=lambda value: repr(value)[:30])
def test_damaged(value: object) -> None:
    with pytest.raises(BundleError, match="damaged"):
        Pieces.from_json(value)


def test_the_same_texts_give_the_same_pieces_in_another_process() -> None:
    code = (
        "import hashlib, json, sys; from recurra.codecs.subwords import Pieces\n"
        "texts, ways = json.loads(sys.stdin.read())\n"
        "found = [Pieces.learn(texts, how).to_json() for how in ways]\n"
        "print(hashlib.sha256(json.dumps(found).encode()).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps([TEXTS, WAYS]),
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_bad_input_ends_with_exit_code_2() -> None:
    for error in (DataError, OptionError, BundleError):
        assert issubclass(error, InputError)
        assert error.exit_code == 2

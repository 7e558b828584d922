"""Tokenizers: every text comes back to the last character, and ids never change."""

from __future__ import annotations

import copy
import doctest
import json
import pickle
import subprocess
import sys
import unicodedata
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recurra.codecs import grammar, tokenizer
from recurra.codecs.tokenizer import (
    BEGIN,
    END,
    RESERVED,
    UNKNOWN,
    Tokenizer,
    Writer,
    blocks,
    from_json,
    learn,
)
from recurra.errors import BundleError, DataError, InputError, MissingExtra, OptionError

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
MANY = {how: learn(TEXTS, how, flowing=False) for how in WAYS}

ONE_WAYS = ["characters", "bytes", "bpe:300", "words"]
TEXT = "".join(
    f"{name} sees {n % 7} naïve dogs,\n\n  한국어 and 🙂 too.\n"
    for n, name in enumerate(["Anna", "Ben", "Cem"] * 20)
)
ONE = {how: learn([TEXT], how, "made") for how in ONE_WAYS}

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
    pieces = MANY[how]
    ids = pieces.encode(text)
    assert pieces.decode(ids) == composed(text)
    assert ids.dtype == np.int32
    (again,) = pieces.encode_batch([text])
    assert again.dtype == np.int64
    assert again.tolist() == ids.tolist()
    assert all(RESERVED <= k < len(pieces) for k in ids)


@pytest.mark.parametrize("how", WAYS)
@given(any_text | known_text)
@example("  The  dog\t\n ")
def test_what_is_known_comes_back_and_the_rest_is_filled_in(how: str, text: str) -> None:
    pieces = MANY[how]
    ids = pieces.encode(text)
    cut = pieces.cut(text)
    assert len(cut) == len(ids)
    shown = pieces.shown(ids, text)
    copied = dict(enumerate(shown))
    assert pieces.decode(ids, copied) == composed(text)
    if how in ("words", "characters"):
        assert shown == cut
        assert "".join(cut).removeprefix(" " if how == "words" else "") == composed(text)
        for piece, k in zip(cut, ids.tolist(), strict=True):
            assert (k == UNKNOWN) == (piece.encode() not in pieces.written[RESERVED:])


@given(known_text)
def test_characters_write_every_text_of_known_ones(text: str) -> None:
    pieces = MANY["characters"]
    assert pieces.decode(pieces.encode(text)) == composed(text)


def test_a_word_is_one_piece_wherever_it_stands() -> None:
    for how in ("bpe", "words"):
        pieces = MANY[how]
        first, second = pieces.encode_batch(["dog and cat", "cat and dog"])
        assert first[0] == second[2]
        assert pieces.shown(first) == [" dog", " and", " cat"]


def test_nothing_is_no_piece() -> None:
    for pieces in MANY.values():
        assert [len(ids) for ids in pieces.encode_batch(["", "dog", ""])] == [
            0,
            *[len(pieces.cut("dog"))],
            0,
        ]
        assert pieces.decode([]) == pieces.decode([BEGIN, END]) == ""
    assert MANY["words"].encode_batch([]) == []


def test_words_and_what_stands_between_them() -> None:
    cut = MANY["words"].cut
    assert cut("Dog's 2nd  (cat)\n") == [" Dog", "'", "s", " 2nd", " ", " (", "cat", ")", "\n"]
    assert cut("बिल्ली है") == [" बिल्ली", " है"]
    assert [MANY["words"].decode(MANY["words"].encode(text)) for text in TEXTS[:2]] == [
        "The dog sees the cat, and the cat sees the dog.",
        "Dog and cat: 2024-11-05, 12:30!",
    ]


def test_unknown_pieces_are_copied_with_their_blank() -> None:
    pieces = MANY["words"]
    text = "the zebra sees the cat"
    ids = pieces.encode(text)
    assert ids[1] == UNKNOWN
    assert pieces.decode(ids) == "the\ufffd sees the cat"
    source = MANY["words"].shown(ids, text)
    assert source == [" the", " zebra", " sees", " the", " cat"]
    assert pieces.decode(ids, {1: source[1], 0: " not this"}) == text
    assert pieces.shown([BEGIN, *ids, END], text) == ["<begin>", *source, "<end>"]


def test_bytes_that_are_no_whole_character_are_shown_as_hex() -> None:
    pieces = MANY["bpe:300"]
    ids = pieces.encode("𝄞")
    assert "".join(pieces.shown(ids)) == " <F0><9D><84><9E>"
    assert pieces.decode(ids[:-1]).endswith("\ufffd")  # a model may stop within a character


def test_reserved_ids_are_written_by_no_text() -> None:
    for pieces in MANY.values():
        for text in ("<s>", "</s>", "<begin>", "<end>", "<unk>", "[UNK]", "\ufffd"):
            ids = pieces.encode(text).tolist()
            assert BEGIN not in ids
            assert END not in ids


def test_sizes() -> None:
    assert len(MANY["bpe:300"]) == 300
    assert len(MANY["bpe"]) > 300
    assert len(learn(TEXTS, "bpe", most=310, flowing=False)) == 310
    few = learn(TEXTS, "words", most=8, flowing=False)
    assert len(few) == 8
    assert few.written == MANY["words"].written[:8]
    assert MANY["words"].written[RESERVED] == b" cat"  # as often as " the", and before it
    # What comes once is no word: or nothing would be unknown in training.
    assert b" once" not in learn([*TEXTS, "once"], "words", flowing=False).written
    assert b"q" in learn([*TEXTS, "q"], "characters", flowing=False).written


@pytest.mark.parametrize("how", ["bpe:299", "bpe:x", "words:3", "letters", "", "bpe:-400"])
def test_no_such_way(how: str) -> None:
    with pytest.raises(OptionError, match="tokens"):
        learn(TEXTS, how, flowing=False)


def test_more_subwords_than_the_data_allow() -> None:
    allowed = len(MANY["bpe"])
    with pytest.raises(DataError) as error:
        learn(TEXTS, "bpe:5000", name="the sources", flowing=False)
    assert f"the sources allow {allowed:,} subwords" in error.value.got
    size = error.value.fix.partition("bpe:")[2].partition(",")[0]
    assert len(learn(TEXTS, f"bpe:{size}", flowing=False)) == int(size)
    with pytest.raises(DataError) as error:
        learn(["ab"], "bpe:300", flowing=False)
    assert "characters" in error.value.fix


def test_what_comes_once_is_no_subword() -> None:
    assert len(learn(["one xyz"], "bpe", flowing=False)) == RESERVED + 256
    assert " one" in learn(["one xyz one"], "bpe", flowing=False).cut("one")


def test_nothing_to_learn_from() -> None:
    with pytest.raises(DataError, match="no word that comes twice"):
        learn(["one two three"], "words", flowing=False)
    for how in ("words", "characters"):
        with pytest.raises(DataError, match="empty texts"):
            learn(["", ""], how, flowing=False)


@pytest.mark.parametrize("how", WAYS)
def test_half_a_character_is_told(how: str) -> None:
    for use in (lambda t: learn(t, how, flowing=False), MANY[how].encode_batch):
        with pytest.raises(DataError, match="1: holds half a character"):
            use(["fine", "a\ud800b"])
    with pytest.raises(DataError, match="half a character"):
        MANY[how].shown([UNKNOWN], "a\ud800b")


@pytest.mark.parametrize("how", WAYS)
def test_ids_that_are_none(how: str) -> None:
    for ids in ([-1], [len(MANY[how])]):
        with pytest.raises(DataError, match="is not in the vocabulary"):
            MANY[how].decode(ids)


@pytest.mark.parametrize("how", WAYS)
def test_written_and_read_again(how: str) -> None:
    pieces = MANY[how]
    again = from_json(json.loads(json.dumps(pieces.to_json())), flowing=False)
    assert again == pieces
    for ids, others in zip(pieces.encode_batch(TEXTS), again.encode_batch(TEXTS), strict=True):
        np.testing.assert_array_equal(ids, others)


DAMAGED: list[object] = [
    *[None, 3, [], {}, {"kind": "words"}, {"kind": "words", "known": []}],
    {"kind": "words", "known": ["a", "a"]},
    {"kind": "words", "known": ["a", 3]},
    {"kind": "words", "known": ["a", ""]},
    {"kind": "characters", "symbols": ["a", "b"]},
    {"kind": "letters", "symbols": "a"},
    {"kind": "subwords", "merges": None},
    {"kind": "subwords", "tokenizer": "{}"},
]


@pytest.mark.parametrize("value", DAMAGED, ids=lambda value: repr(value)[:30])
def test_damaged(value: object) -> None:
    for flowing in (False, True):
        given = value | {"flowing": flowing} if isinstance(value, dict) else value
        with pytest.raises(BundleError, match="damaged"):
            from_json(given, flowing=flowing)


@pytest.mark.parametrize("how", WAYS)
def test_one_long_text_is_no_text_by_itself(how: str) -> None:
    for value in (MANY[how].to_json(), MANY[how].to_json() | {"flowing": 0}):
        with pytest.raises(BundleError, match="another kind of texts"):
            from_json(value)
    with pytest.raises(BundleError, match="another kind of texts"):
        from_json(learn([TEXT], "words").to_json(), flowing=False)


@pytest.mark.parametrize("known", [*MANY.values(), *ONE.values()], ids=lambda each: each.unit)
def test_copies_and_pickles_are_the_same(known: Tokenizer) -> None:
    expected = known.encode(TEXT).tolist()
    for again in (copy.deepcopy(known), pickle.loads(pickle.dumps(known))):
        assert again == known
        assert again.encode(TEXT).tolist() == expected


def test_the_same_texts_give_the_same_pieces_in_another_process() -> None:
    code = (
        "import hashlib, json, sys; from recurra.codecs.tokenizer import learn\n"
        "texts, ways = json.loads(sys.stdin.read())\n"
        "found = [learn(texts, how, flowing=False).to_json() for how in ways]\n"
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


# -- one long text ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ONE_WAYS)
@given(any_text | st.text(st.sampled_from(sorted(set(TEXT))), max_size=60))
@example("")
@example(" Anna\r\n\x00 e\u0301 ")
def test_what_is_known_comes_back(how: str, text: str) -> None:
    known = ONE[how]
    ids, widths = known.encode(text), known.widths(text)
    assert ids.dtype == np.int32
    assert len(ids) == len(widths) == len(known.shown(ids))
    assert not np.isin(ids, [k for k in known.silent if k != known.lost]).any()
    assert ((ids >= 0) & (ids < len(known))).all()
    assert sum(known.unknown(text).values()) == (ids == known.lost).sum()
    assert widths.sum() == len(text.encode())
    if not known.unknown(text):
        assert known.decode(ids) == text
        assert [len(known.written[k]) for k in ids] == widths.tolist()
    if how in ("bytes", "bpe:300"):
        assert not known.unknown(text)
    again = from_json(json.loads(json.dumps(known.to_json())))
    assert again == known
    assert again.encode(text).tolist() == ids.tolist()
    assert (again.unit, len(again)) == (known.unit, len(known))


@given(st.lists(st.sampled_from(["ab", " c", "\n", "\n\n", "  ", "한 ", "x\ny"]), max_size=40))
def test_blocks_are_the_text_and_change_no_piece(parts: list[str]) -> None:
    text = "".join(parts)
    cut = list(blocks([text], 7))
    assert "".join(cut) == text
    assert all(len(block) <= 7 for block in cut)
    joints = ["".join(each) for each in pairwise(cut)]
    places = [len(block) for block in cut]
    if text and all(
        whole[at - 2 : at - 1].strip() and whole[at - 1] == "\n" and whole[at : at + 1].strip()
        for whole, at in zip(joints, places, strict=False)
    ):
        whole = ONE["bpe:300"].encode(text)
        apart = [ONE["bpe:300"].encode(block) for block in cut]
        assert np.concatenate(apart).tolist() == whole.tolist()


def test_a_byte_is_its_value_and_a_known_word_is_one_token() -> None:
    assert ONE["bytes"].encode("Aé").tolist() == [0x41 + 1, 0xC3 + 1, 0xA9 + 1]
    assert ONE["bytes"].shown([0x42, 0xC4]) == ["A", "<C3>"]
    words = ONE["words"]
    assert words.shown(words.encode("Anna sees nobody.")) == ["Anna", " sees", "\ufffd", "."]
    assert words.encode(" nobody").tolist() == [words.lost] == [1]
    assert words.unknown("Anna sees nobody. nobody") == {" nobody": 2}


@pytest.mark.parametrize("how", ONE_WAYS)
def test_a_stream_hands_on_whole_characters_alone(how: str) -> None:
    known = ONE[how]
    writer, text = Writer(known), "한국어 🙂 naïve"
    pieces = [writer.write(k) for k in known.encode(text).tolist()]
    assert "".join(pieces) == known.decode(known.encode(text))
    if how == "bytes":
        assert pieces[:4] == ["", "", "한", ""]
        # A character cut off by another: what is lost is drawn, and nothing else is.
        broken = [0xED, 0x95, 0x41, 0xFF, 0x42]
        writer = Writer(known)
        assert [writer.write(b + 1) for b in broken] == ["", "", "\ufffdA", "\ufffd", "B"]


def test_the_commonest_words_are_known() -> None:
    few = learn([TEXT], "words:10", "made")
    assert len(few) - len(few.silent) == 10
    assert list(few.written[3:]) == list(ONE["words"].written[3:13])


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match="tokenizers") as caught:
        learn([TEXT], "bpe:300", "made")
    assert "pip install" in caught.value.fix
    assert len(learn([TEXT], "words", "made")) > 3


@pytest.mark.parametrize("module", [grammar, tokenizer])
def test_the_examples_in_docstrings_are_true(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)

"""Byte-pair encoding: the same pieces as the library that learnt them, and no others are taken."""

from __future__ import annotations

import json
import random
import time
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recurra.codecs import bpe
from recurra.codecs.bpe import LONGEST, Bpe, merges_of
from recurra.codecs.remembered import Remembered
from recurra.errors import BundleError

tokenizers = pytest.importorskip("tokenizers")

# What is said in words above `_SPACES`, as the library reads it.
MARKS = r"'(?:[sdmt]|ll|ve|re)\b| ?[\p{L}\p{M}]+| ?\p{N}{1,3}| ?[^\s\p{L}\p{M}\p{N}]+"
RUNS = MARKS + r"|\s+(?!\S)|\s+"
LINES = MARKS + r"|\n|[^\S\n]+(?!\S)|[^\S\n]+"

TEXTS = [
    "The dog sees the cat, and it doesn't see the 12345 dogs' bones.\n\nThey'll see\n\n\nEnd\n\n\n",
    "개가 고양이를 봅니다. कुत्ता बिल्ली को देखता है — Привет, мир!  \t naïve café",
    "aaaaaaa abcabcabcabc ababab bcbcbc cabcab 🙂🙂👩‍👩‍👧 ½ ³ Ⅷ ٣٤٥٦ x_y __init__",
] * 3

# What Python does not know yet, the library may.
assigned = st.characters(exclude_categories=["Cs", "Cn"])
odd = st.sampled_from(
    "'sdtlvrema \n\t\r\x0b\x1c\x85\xa0\u2003\u3000\u0301\u0903ेab12½²⅔Ⅷⓢ٣_‿.,한가é🙂\ufe0f\u200d"
)
any_text = st.text(assigned, max_size=30) | st.text(odd, max_size=40)


def oracle(lines: bool, size: int = 600) -> Any:
    """The library's own tokenizer, trained on texts that it cuts by its own means."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    cut = tokenizers.pre_tokenizers
    made.pre_tokenizer = cut.Sequence(
        [
            cut.Split(tokenizers.Regex(LINES if lines else RUNS), "isolated"),
            cut.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        initial_alphabet=cut.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(TEXTS, trainer)
    return made


ORACLES = {lines: oracle(lines) for lines in (False, True)}
LEARNT = {lines: Bpe.learn(TEXTS, 600, lines=lines) for lines in (False, True)}

lines_or_not = pytest.mark.parametrize("lines", [False, True])


@lines_or_not
def test_it_learns_what_the_library_learns_from_the_texts(lines: bool) -> None:
    assert merges_of(ORACLES[lines].to_str()) == LEARNT[lines].merges
    assert len(LEARNT[lines].pieces) > 300
    assert (b"\n\n" in LEARNT[lines].pieces) != lines


@lines_or_not
@given(any_text)
@example("don't DON'T don'ts 'ss 's\u0301 's_ 'll'll")
@example(" \n \n\n  a \r\n\t b  ")
@example("1234567 ٣٤٥٦ ½½½½ x2 2x")
@example("aaaaaaaaaaaaaaaaaa abababababab")
def test_it_cuts_as_the_library_does(lines: bool, text: str) -> None:
    ids = LEARNT[lines].encode(text)
    assert ids.dtype == np.int32
    assert ids.tolist() == ORACLES[lines].encode(text).ids
    pieces = LEARNT[lines].pieces
    assert b"".join(pieces[k] for k in ids) == text.encode()


def test_every_character_is_of_the_kind_that_the_library_takes_it_for() -> None:
    cut = tokenizers.pre_tokenizers.Split(tokenizers.Regex(RUNS), "isolated")

    def differ(characters: list[str]) -> bool:
        # What a character is, shows in what it stays with: letters, digits, marks, after 's.
        text = "".join(f"a{c}a 1{c}1 .{c}. 's{c}\n" for c in characters)
        mine = [part for word in bpe._RUNS.findall(text) for part in bpe._words(word)]
        return mine != [piece for piece, _ in cut.pre_tokenize_str(text)]

    codes = [*range(0x80, 0xD800), *range(0xE000, 0x20000), *range(0x20000, 0x110000, 99)]
    every = [*map(chr, codes)]
    some = (every[start : start + 500] for start in range(0, len(every), 500))
    unlike = [c for each in some if differ(each) for c in each if differ([c])]
    # The library's Unicode is another than Python's: what one of them does not know yet may differ.
    if unicodedata.unidata_version < "16":
        assert {unicodedata.category(c) for c in unlike} <= {"Cn"}
    assert len(unlike) < len(every) / 20  # some thousands come with each version


@lines_or_not
def test_merges_come_in_their_order_from_left_to_right(lines: bool) -> None:
    draw = random.Random(3)
    for _ in range(300):
        word = "".join(draw.choices("abc", k=draw.randint(1, 60)))
        assert LEARNT[lines].encode(word).tolist() == ORACLES[lines].encode(word).ids


def test_two_ways_to_one_piece() -> None:
    """A piece that two merges make has one id, and the earlier of them goes first."""
    a, b, c = (bpe._IDS[ord(letter)] for letter in "abc")
    known = Bpe(((a, b), (b, c), (256, c), (a, 257), (258, 258)))
    assert known.pieces[256:] == [b"ab", b"bc", b"abc", b"abcabc"]
    assert known.encode("abcabc").tolist() == [259]
    assert known.encode("bcab").tolist() == [257, 256]
    assert known.cut("bcabx") == ["bc", "ab", "x"]


def test_a_long_word_takes_no_longer_by_the_letter() -> None:
    known, word = LEARNT[True], "abcab" * 20_000
    begun = time.process_time()
    ids = known.encode(word)
    assert time.process_time() - begun < 5
    assert len(ids) < len(word) / 2
    assert b"".join(known.pieces[k] for k in ids) == word.encode()


def test_what_is_remembered_is_forgotten_and_changes_nothing() -> None:
    known = Bpe(LEARNT[True].merges, lines=True)
    known.__dict__["_remembered"] = few = Remembered(known._cut, 3)
    for text in TEXTS:
        assert known.encode(text).tolist() == LEARNT[True].encode(text).tolist()
        assert 0 < len(few) <= 3


def test_no_piece_is_longer_than_a_ruled_line() -> None:
    known = Bpe.learn(["=" * 5000] * 4, 400)
    assert LONGEST / 4 < max(map(len, known.pieces)) <= LONGEST


def test_written_and_read_again() -> None:
    for lines, known in LEARNT.items():
        value = json.loads(json.dumps(known.to_json()))
        assert value.keys() == {"kind", "merges"}
        assert Bpe.from_json(value, lines=lines) == known


@pytest.mark.parametrize(
    "merges",
    [
        *[None, 3, {}, "ab", [3], [[0]], [[0, 1, 2]], [[0, "1"]], [[0, 1.0]], [[True, 1]], [None]],
        [[0, 256]],
        [[0, 1], [256, 257]],
        [[-1, 0]],
        [[0, 1], [0, 1], [257, 0]],  # the second makes nothing new
        [[0, 0], *([k, k] for k in range(256, 300))],  # 2**45 bytes
    ],
    ids=lambda value: repr(value)[:30],
)
def test_damaged_merges(merges: object) -> None:
    with pytest.raises(BundleError, match="subwords is damaged"):
        Bpe.from_json({"kind": "subwords", "merges": merges})

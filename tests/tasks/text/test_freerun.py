from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data import passages
from recurra.errors import DataError
from recurra.tasks.text import freerun
from recurra.tasks.text.freerun import Passage, inner_words, longest_copied, measure, words


def brute_force(written: str, known: str) -> int:
    return max(
        end - begin
        for begin in range(len(written) + 1)
        for end in range(begin, len(written) + 1)
        if written[begin:end] in known
    )


def holds(passage: Passage, written: str, known: str) -> bool:
    length = len(passage.text)
    return (
        written[passage.written_at : passage.written_at + length] == passage.text
        and known[passage.known_at : passage.known_at + length] == passage.text
    )


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 20])
def test_it_is_the_longest_passage(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freerun, "_BLOCK", block)
    chance = random.Random(block)
    crossing = 0
    for _ in range(150):
        written = "".join(chance.choices("abc", k=chance.randrange(30)))
        known = "".join(chance.choices("abc", k=chance.randrange(300)))
        passage = longest_copied(written, known)
        assert len(passage.text) == brute_force(written, known)
        assert holds(passage, written, known)
        assert written.find(passage.text) == passage.written_at
        step = max(block, len(written))
        crossing += passage.known_at // step < (passage.known_at + len(passage.text)) // step
        if len(known) <= step:
            assert passage.known_at == known.find(passage.text)
    assert crossing > 5 or block > 64


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_characters(before: str, middle: str, after: str, other: str) -> None:
    written, known = before + middle, other + middle + after
    passage = longest_copied(written, known)
    assert len(passage.text) == brute_force(written, known)
    assert holds(passage, written, known)


def test_hashes_that_collide_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # With the base 1 a window's hash does not depend on the order of its letters.
    monkeypatch.setattr(passages, "_BASE", 1)
    written, known = "abcabdacb", "bacbadcabbca"
    passage = longest_copied(written, known)
    assert len(passage.text) == brute_force(written, known) == 3
    assert holds(passage, written, known)


def test_words_whatever_their_case_and_script() -> None:
    assert list(words("O Romeo, don't 'tis 3rd x_y")) == [
        "o", "romeo", "don't", "tis", "rd", "x", "y",
    ]  # fmt: skip
    assert list(words("나는 हिन्दी")) == ["나는", "हिन्दी"]
    assert list(inner_words("meo: the king, the que")) == ["the", "king", "the"]
    assert list(inner_words("one")) == []


def test_the_figures() -> None:
    found = measure(["x the king the king the quean y", "  "], "The King and the queen")
    assert found[0].words == 6
    assert found[0].known_words == 5 / 6
    assert found[0].distinct_pairs == 3 / 5
    assert found[0].copied.text == " the que"
    assert found[0].characters == 31
    assert (found[1].words, found[1].known_words, found[1].distinct_pairs) == (0, 0, 0)
    with pytest.raises(DataError):
        measure([""], "abc")


def test_a_passage_of_tiny_shakespeare_is_found_quickly(data_folder: Path) -> None:
    text = (data_folder / "tinyshakespeare" / "input.txt").read_text("utf-8")
    known, test = text[:1_003_854], text[1_003_854:]
    written = test[:5000] + "#" + known[700_000:700_321] + "#" + test[5000:10_000]
    begin = time.process_time()
    found = measure([written], known)[0]
    assert time.process_time() - begin < 5
    assert found.copied == Passage(known[700_000:700_321], 5001, 700_000)
    assert 0.9 < found.known_words < 1

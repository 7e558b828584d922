from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data import passages
from recurra.data.passages import repeated, without_repeats


def plainly(text: str, known: str, width: int) -> list[bool]:
    found = [False] * len(text)
    for at in range(len(text) - width + 1):
        if text[at : at + width] in known:
            found[at : at + width] = [True] * width
    return found


@given(st.text("ab", max_size=40), st.lists(st.text("ab", max_size=30), max_size=4))
def test_what_stands_in_a_known_text_is_found_exactly(text: str, pieces: list[str]) -> None:
    for width in (3, 7):
        assert repeated(text, pieces, width).tolist() == plainly(text, "".join(pieces), width)


def test_a_passage_over_two_blocks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "_BLOCK", 64)
    draw = np.random.default_rng(0)
    known = "".join(chr(0x61 + k) for k in draw.integers(0, 26, 1000))
    text = "-" * 60 + known[100:400] + "-" * 60
    assert repeated(text, [known]).tolist() == [False] * 60 + [True] * 300 + [False] * 60
    assert not repeated(text[:109], [known]).any()


def test_hashes_that_meet_by_chance_are_no_passages(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = passages.prefixes
    monkeypatch.setattr(passages, "prefixes", lambda text, up: 0 * hashed(text, up))
    assert not repeated("abcdefgh", ["zyxwvuts"], 4).any()


def test_paragraphs_that_come_again_are_left_out() -> None:
    one, other = "The first paragraph, which stands here.\nTwice.", "Another one, that stands once."
    again = "  " + one.replace("\n", "\n  ")
    text = "\n\n".join([one, "short", other, again, "short"])
    assert without_repeats(text, 20) == "\n\n".join([one, "short", other, "short"])
    assert without_repeats("in itself " * 20, 20) == "in itself " * 20
    assert without_repeats("short") == "short"
    assert without_repeats("") == ""

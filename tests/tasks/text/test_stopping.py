from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recurra.errors import OptionError
from recurra.tasks.text.stopping import stop_at

LETTERS = st.text("ab", max_size=12)
STOPS = st.lists(st.text("ab", min_size=1, max_size=4), max_size=3)


def first_stop(text: str, stops: list[str]) -> str:
    """Letter by letter: the first prefix that ends with a stop string, without the longest one."""
    for end in range(len(text) + 1):
        ending = [stop for stop in stops if text[:end].endswith(stop)]
        if ending:
            return text[: end - max(map(len, ending))]
    return text


@settings(max_examples=200)
@example(["ab"], ["b", "ab"])
@example(["a", "b"], ["b", "ab"])
@given(st.lists(LETTERS, max_size=8), STOPS)
def test_the_text_does_not_depend_on_the_pieces(pieces: list[str], stops: list[str]) -> None:
    out = list(stop_at(pieces, stops))
    assert "".join(out) == first_stop("".join(pieces), stops)
    assert all(out)


@given(st.lists(LETTERS, max_size=8), STOPS)
def test_no_more_is_held_back_than_may_begin_a_stop(pieces: list[str], stops: list[str]) -> None:
    read = ""

    def reading() -> Iterator[str]:
        nonlocal read
        for piece in pieces:
            # All but a beginning of a stop string has come out before the next piece is read.
            assert read == "" or len(read) - len(out) <= max(map(len, stops), default=1) - 1
            assert any(stop.startswith(read[len(out) :]) for stop in stops) or read == out
            read += piece
            yield piece

    out = ""
    for piece in stop_at(reading(), stops):
        out += piece


def test_a_stop_string_split_across_pieces() -> None:
    assert "".join(stop_at(["Hello\n", "\n", "RO", "MEO: no"], ["\n\nROMEO:"])) == "Hello"
    assert list(stop_at(["a", "\n", "b", "\n", "\n", "c"], ["\n\n"])) == ["a", "\nb"]


def test_what_only_began_a_stop_comes_out_at_the_end() -> None:
    assert "".join(stop_at(["a", "b", "EN"], ["END"])) == "abEN"


def test_nothing_is_asked_for_after_the_end() -> None:
    def pieces() -> Iterator[str]:
        yield "a."
        raise AssertionError("asked for more")

    assert list(stop_at(pieces(), ["."])) == ["a"]


def test_endless_text_without_stops() -> None:
    def endless() -> Iterator[str]:
        while True:
            yield "x"

    stream = stop_at(endless(), [])
    assert [next(stream) for _ in range(5)] == ["x"] * 5


def test_an_empty_stop_string_is_refused_at_once() -> None:
    with pytest.raises(OptionError):
        stop_at(["a"], ["b", ""])

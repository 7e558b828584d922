from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from recurra.console.shades import LEGEND
from recurra.tasks.pairs.attention_map import MOST, blocks, labels, letters
from said_pairs import looks


def test_a_picture_is_this_one() -> None:
    attention = [[0.8, 0.2, 0.0], [0.04, 0.3, 0.66]]
    assert blocks([" 한국", " a", "bc"], [" Das", "dort"], attention) == [
        "           -",
        "      한   b",
        "      국 a c",
        "Das   ██░░ ·",
        "-dort  ·▒▒▓▓",
        "",
        LEGEND,
    ]


@given(st.lists(st.text(), min_size=1, max_size=60), st.lists(st.text(), min_size=1, max_size=12))
def test_lines_fit_and_columns_stand_below_each_other(source: list[str], pieces: list[str]) -> None:
    lines = blocks(source, pieces, looks(len(pieces), len(source)))
    assert max(map(cell_len, lines)) <= 79
    assert all(line.isprintable() for line in lines)
    rows = [line for line in lines if line.endswith(("█", "▓", "▒", "░", "·")) and line != LEGEND]
    assert len(rows) >= len(pieces)


def test_wide_sources_follow_in_bands() -> None:
    source, pieces = list("abcdefghijklmnopqrstuvwxyz" * 2), ["x", "y"]
    lines = blocks(source, pieces, looks(2, 52))
    heads = [line for line in lines if line.startswith("x")]
    assert len(heads) == 2
    assert "".join(lines[0].split()) + "".join(lines[4].split()) == "".join(source)


def test_the_end_is_named_and_blanks_are_seen() -> None:
    assert labels(["a", " ", "b"], 4) == ["a", "␣", "b", "(end)"]
    assert labels([" Fahr", "rad", "."], 3) == ["Fahr", "-rad", "."]
    assert labels(["a", "\n"], 2) == ["a", "\\n"]
    assert labels(list("rad"), 3) == ["r", "a", "d"]
    assert blocks(["a"], ["b"], np.ones((2, 1)))[2].startswith("(end) ")


def test_marks_stay_on_their_letters() -> None:
    assert letters("cafe\u0301") == ["c", "a", "f", "e\u0301"]
    assert letters("한국") == ["한", "국"]
    assert labels([" 👩\u200d👧"], 1) == ["👩👧"]


@pytest.mark.parametrize("attention", [np.zeros((2, 2)), np.zeros(0), None])
def test_a_model_that_does_not_look_is_told(attention: object) -> None:
    (line,) = blocks(["a", "b"], ["c", "d"], attention)
    assert "one fixed vector" in line


def test_what_is_too_long_is_told() -> None:
    for attention in (np.full((1, MOST + 1), 0.1), np.zeros((1, 0))):
        (line,) = blocks(["a"] * (MOST + 1), ["b"], attention)
        assert line == "(too long to be shown: 161 pieces read, 1 written)"

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.source_locations import Places

PLACES = Places((("a.tsv", "line", [2, 5, 9]), ("", "X", range(2)), ("b", "row", [1000, 7])))


def test_places_in_words() -> None:
    assert list(PLACES) == [
        *["a.tsv, line 2", "a.tsv, line 5", "a.tsv, line 9", "X[0]", "X[1]"],
        *["b, row 1,000", "b, row 7"],
    ]
    assert PLACES[-1] == "b, row 7"
    assert PLACES[2:4] == ["a.tsv, line 9", "X[0]"]
    with pytest.raises(IndexError):
        PLACES[7]


@given(st.lists(st.integers(0, 6), max_size=12))
def test_places_of_some_rows(rows: list[int]) -> None:
    assert list(PLACES.of(rows)) == [PLACES[row] for row in rows]

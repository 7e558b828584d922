from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.decimals import Mark, number, numbers
from recurra.data.frames import read_frame
from recurra.errors import DataError


@given(st.floats(-1e9, 1e9).map(lambda value: round(value, 3)), st.sampled_from([".", ","]))
def test_what_is_written_with_a_mark_is_read(value: float, mark: Mark) -> None:
    for between in ("", " ", "'", "\u202f", "," if mark == "." else "."):
        text = f"{value:,.3f}".replace(",", "_").replace(".", mark).replace("_", between)
        assert number(text, mark) == value


READINGS = [
    (["1,5", "2", "-0,25"], ",", [1.5, 2, -0.25]),
    (["1.234,5", "12"], ",", [1234.5, 12]),
    (["1.234.567", "1.234"], ",", [1234567, 1234]),
    (["0,123", "1,234"], ",", [0.123, 1.234]),
    (["12,345", "1234,567"], ",", [12.345, 1234.567]),
    (["1,234,567", "1,234"], ".", [1234567, 1234]),
    (["1,234.5", "1,234"], ".", [1234.5, 1234]),
    (["1'234.50"], ".", [1234.5]),
    (["1 234", "5"], ".", [1234, 5]),
]


@pytest.mark.parametrize(("texts", "mark", "values"), READINGS)
def test_a_whole_column_says_which_mark(texts: list[str], mark: Mark, values: list[float]) -> None:
    found = numbers(texts)
    assert found is not None
    assert (found.mark, found.values, found.other) == (mark, values, None)


def test_what_leaves_two_readings_or_none() -> None:
    found = numbers(["1,234", "5"])
    assert found is not None
    assert (found.values, found.other) == ([1234, 5], [1.234, 5])
    settled = numbers(["1,234", "5"], ",")
    assert settled is not None
    assert (settled.values, settled.other) == ([1.234, 5], None)
    for texts in (
        ["1.5", "1,5"],
        ["1,23,4"],
        ["1,2 34"],
        ["1.234 567"],
        ["1,234 567"],
        ["x"],
        ["١"],
    ):
        assert numbers(texts) is None, texts


def test_columns_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b;c;d\n1,5;1,234;1.234;x\n;NA;2.5;1,5\n2;7;3;y\n")
    frame = read_frame(path)
    np.testing.assert_array_equal(frame.numbers("a"), [1.5, np.nan, 2])
    np.testing.assert_array_equal(frame.numbers("c"), [1.234, 2.5, 3])
    assert frame.share_of_numbers("d") == 0
    with pytest.raises(DataError) as caught:
        frame.numbers("b")
    assert caught.value.got.endswith(
        "line 2: column 'b': '1,234' is 1234 or 1.234, and no row says which"
    )
    assert "--decimal ," in caught.value.fix
    np.testing.assert_array_equal(frame.with_decimal(",").numbers("b"), [1.234, np.nan, 7])
    np.testing.assert_array_equal(frame.with_decimal(".").numbers("b"), [1234, np.nan, 7])
    # What the mark does not read, and plain numbers are, stays so.
    np.testing.assert_array_equal(frame.with_decimal(",").numbers("c"), [1.234, 2.5, 3])

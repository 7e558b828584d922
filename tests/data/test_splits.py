from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recurra.data.splits import contiguous
from recurra.errors import DataError, OptionError

SHARE = st.integers(1, 60).map(lambda percent: percent / 100)


@given(st.integers(1, 10_000_000), SHARE, SHARE)
def test_the_parts_cover_everything_once_and_in_order(n: int, select: float, test: float) -> None:
    assume(select + test < 0.99)
    try:
        split = contiguous(n, select=select, test=test)
    except DataError:
        assert n * min(select, test, 1 - select - test) < 2.0001
        return
    assert split.train.start == 0
    assert split.train.stop == split.select.start
    assert split.select.stop == split.test.start
    assert split.test.stop == n
    assert min(map(len, (split.train, split.select, split.test))) >= 2
    assert abs(len(split.select) - select * n) <= 1
    assert abs(len(split.test) - test * n) <= 1


def test_the_last_tenth_of_tiny_shakespeare() -> None:
    split = contiguous(1_115_394)
    assert len(split.test) == 111_540
    assert split.train == range(948_084)


def test_decimal_shares_are_taken_as_written() -> None:
    # 1 - 0.7 - 0.1 is 0.20000000000000004 in floating point, and 0.1 * 3 is above 0.3.
    split = contiguous(10**17, select=0.1, test=0.7)
    assert len(split.train) == 2 * 10**16
    assert len(split.test) == 7 * 10**16


@given(st.integers(1, 50), SHARE, SHARE)
def test_the_length_that_the_message_asks_for_is_enough(
    least: int, select: float, test: float
) -> None:
    assume(select + test < 0.99)
    with pytest.raises(DataError) as caught:
        contiguous(1, least=least, select=select, test=test)
    needed = int(caught.value.expected.split()[2].replace(",", ""))
    for n in (needed, needed + 1, needed + 7):
        contiguous(n, least=least, select=select, test=test)
    with pytest.raises(DataError):
        contiguous(3 * least - 1, least=least, select=select, test=test)


def test_too_short_a_text_says_how_short_and_whose() -> None:
    with pytest.raises(DataError, match=r"corpus\.txt has one character:"):
        contiguous(1, name="corpus.txt")
    with pytest.raises(DataError, match=r"corpus\.txt is empty"):
        contiguous(0, name="corpus.txt")
    with pytest.raises(DataError, match=r"has 1,000 rows") as caught:
        contiguous(1000, least=64, unit="rows")
    assert "1,280 rows" in caught.value.expected
    assert len(contiguous(1280, least=64).select) == 64


@pytest.mark.parametrize(
    ("select", "test"), [(0.0, 0.1), (0.1, 0.0), (-0.1, 0.1), (1.0, 0.1), (0.5, 0.5), (0.9, 0.3)]
)
def test_shares_out_of_range(select: float, test: float) -> None:
    with pytest.raises(OptionError):
        contiguous(1000, select=select, test=test)


def test_shares_that_are_no_numbers() -> None:
    with pytest.raises(OptionError):
        contiguous(1000, test=float("nan"))

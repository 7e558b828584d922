from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.training.schedule import rate

SHARES = st.floats(0, 1)
WARM_UPS = st.floats(0, 0.9)


@given(SHARES, WARM_UPS)
def test_the_factor_stays_between_nothing_and_all(progress: float, warm_up: float) -> None:
    assert 0 <= rate(progress, warm_up=warm_up) <= 1


@given(st.floats(0.01, 0.9))
def test_it_rises_to_one_and_falls_to_zero(warm_up: float) -> None:
    assert rate(0.0, warm_up=warm_up) == 0
    assert rate(warm_up / 2, warm_up=warm_up) == pytest.approx(0.5)
    assert rate(warm_up, warm_up=warm_up) == pytest.approx(1)
    assert rate((1 + warm_up) / 2, warm_up=warm_up) == pytest.approx(0.5)
    assert rate(1.0, warm_up=warm_up) == pytest.approx(0, abs=1e-12)
    assert rate(1.2, warm_up=warm_up) == pytest.approx(0, abs=1e-12)


@given(SHARES, SHARES, WARM_UPS)
def test_it_never_turns_back(one: float, other: float, warm_up: float) -> None:
    first, second = sorted((one, other))
    before, after = rate(first, warm_up=warm_up), rate(second, warm_up=warm_up)
    if second < warm_up:
        assert before <= after
    elif first >= warm_up:
        assert before >= after - 1e-12


def test_it_is_half_a_cosine() -> None:
    for progress in (0.1, 0.3, 0.77):
        way = (progress - 0.1) / 0.9
        assert rate(progress) == pytest.approx((1 + math.cos(math.pi * way)) / 2)


def test_without_warm_up_it_begins_at_the_peak() -> None:
    assert rate(0.0, warm_up=0.0) == 1

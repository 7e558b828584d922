from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import OptionError
from recurra.judge.bootstrap import Interval
from recurra.judge.verdict import Verdict, verdict

NAME, UNIT = "interpolated 5-gram", "nats a character"


def judged(advantage: float, low: float, high: float) -> Verdict:
    interval = Interval(low, high, advantage)
    return verdict(1.7 - advantage, 1.7, interval, name=NAME, unit=UNIT)


def test_better() -> None:
    found = judged(0.21, 0.2, 0.22)
    assert found.better is True
    assert found.sentence == (
        "Better than the interpolated 5-gram by 0.210 nats a character "
        "(95 % interval 0.200 to 0.220)."
    )
    assert found.advantage == pytest.approx(0.21)


def test_worse() -> None:
    found = judged(-0.05, -0.09, -0.01)
    assert found.better is False
    assert found.sentence == (
        "Worse than the interpolated 5-gram by 0.050 nats a character "
        "(95 % interval 0.010 to 0.090)."
    )


def test_not_shown() -> None:
    found = judged(0.003, -0.01, 0.02)
    assert found.better is None
    assert found.sentence == (
        "Not better than the interpolated 5-gram: advantage 0.003 nats a character "
        "(95 % interval -0.010 to 0.020)."
    )


def test_higher_is_better() -> None:
    interval = Interval(1.5, 4.5, 3.0, level=0.9)
    found = verdict(
        83.0, 80.0, interval, name="logistic regression", unit="points", higher_is_better=True
    )
    assert found.better is True
    assert found.sentence == (
        "Better than the logistic regression by 3.0 points (90 % interval 1.5 to 4.5)."
    )


def test_too_little_data() -> None:
    found = judged(0.2, -math.inf, math.inf)
    assert found.better is None
    assert "too little data" in found.sentence
    assert "(advantage 0.2000 nats a character)" in found.sentence


def test_an_end_that_is_not_zero_does_not_read_as_zero() -> None:
    assert "interval 0.0004 to 0.4000" in judged(0.2, 0.0004, 0.4).sentence
    assert "interval 0.0004 to 0.4000" in judged(-0.2, -0.4, -0.0004).sentence
    assert "-0.00 " not in judged(0.0, 0.0, 0.0).sentence


@given(st.floats(-5, 5), st.floats(0, 2), st.floats(0, 2), st.booleans())
def test_the_words_agree_with_the_interval(
    advantage: float, below: float, above: float, higher: bool
) -> None:
    interval = Interval(advantage - below, advantage + above, advantage)
    model = 10 + advantage if higher else 10 - advantage
    found = verdict(model, 10.0, interval, name="x", unit="y", higher_is_better=higher)
    first = found.sentence.split(" than ")[0]
    if interval.low > 0:
        assert (found.better, first) == (True, "Better")
    elif interval.high < 0:
        assert (found.better, first) == (False, "Worse")
    else:
        assert (found.better, first) == (None, "Not better")
    assert "-0.00)" not in found.sentence


def test_an_interval_of_the_wrong_sign_is_found_out() -> None:
    with pytest.raises(OptionError, match="advantage"):
        verdict(1.5, 1.7, Interval(-0.3, -0.1, -0.2), name=NAME, unit=UNIT)
    with pytest.raises(OptionError, match="finite"):
        verdict(math.nan, 1.7, Interval(0.1, 0.2, 0.15), name=NAME, unit=UNIT)

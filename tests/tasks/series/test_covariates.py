from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from recurra.data.frame_columns import column_of
from recurra.data.frames import Frame
from recurra.errors import BundleError, DataError
from recurra.tasks.series.reading.covariates import Covariates, Encoder, encoded


def frame(**columns: Any) -> Frame:
    held = {name: column_of(values) for name, values in columns.items()}
    return Frame("a", held, lambda row: f"a, row {row}")


def of(one: Frame, name: str, rows: range | None = None) -> Encoder:
    return Encoder.of(one, name, np.array(range(len(one)) if rows is None else rows))


def test_numbers_are_standardised_by_the_rows_that_train() -> None:
    one = frame(x=[1.0, 3.0, 5.0, 100.0])
    encoder = of(one, "x", range(3))
    found, missing = encoder.encode(one)
    spread = np.std([1, 3, 5])
    np.testing.assert_allclose(found[:, 0], (np.array([1, 3, 5, 100]) - 3) / spread, rtol=1e-6)
    assert (encoder.width, encoder.parts) == (1, ("x",))
    assert not missing.any()


def test_missing_numbers_are_nothing() -> None:
    one = frame(x=["1", "", "5", "NA", "3"])
    encoder = of(one, "x")
    found, missing = encoder.encode(one)
    assert encoder.parts == ("x", "x is there")
    assert found[:, 1].tolist() == [1, 0, 1, 0, 1]
    assert found[[1, 3], 0].tolist() == [0, 0]
    assert missing.tolist() == [False, True, False, True, False]
    # Never missing in training: no second number, and a row that lacks it does not count.
    encoder = of(one, "x", range(2, 3))
    assert encoder.width == 1
    _, lacking = encoded([encoder], one)
    assert lacking.tolist() == [False, True, False, True, False]
    assert not encoded([of(one, "x")], one)[1].any()


def test_texts_have_places() -> None:
    one = frame(x=["b", "a", "b", None, " a ", "b", "c"])
    encoder = of(one, "x", range(6))
    assert encoder.values == ("b", "a")
    assert encoder.parts == ("x=b", "x=a")
    found, missing = encoder.encode(one)
    assert found.tolist() == [[1, 0], [0, 1], [1, 0], [0, 0], [0, 1], [1, 0], [0, 0]]
    assert missing.tolist() == [False, False, False, True, False, False, False]
    assert not encoded([encoder], one)[1].any()  # training lacked some too
    assert encoded([of(one, "x", range(2))], one)[1].tolist() == missing.tolist()


def test_truth_values_are_texts() -> None:
    for values in ([True, False, True], ["true", "false", "true"]):
        encoder = of(frame(x=values), "x")
        assert encoder.values == ("true", "false")
        assert encoder.encode(frame(x=values))[0].tolist() == [[1, 0], [0, 1], [1, 0]]


def test_at_most_32_values_have_a_place() -> None:
    values = [f"v{number:02}" for number in range(40) for _ in range(40 - number)]
    encoder = of(frame(x=values), "x")
    assert encoder.values == tuple(f"v{number:02}" for number in range(32))
    assert encoder.encode(frame(x=["v31", "v32", "new"]))[0].sum(1).tolist() == [1, 0, 0]


def test_a_slip_among_numbers_is_named() -> None:
    values = [str(each) for each in range(40)]
    with pytest.raises(DataError, match="row 7: column 'x': 'seven' is no number"):
        of(frame(x=[*values[:7], "seven", *values[8:]]), "x")
    encoder = of(frame(x=values), "x")
    with pytest.raises(DataError, match="row 1: column 'x': 'two'"):
        encoder.encode(frame(x=["1", "two"]))
    with pytest.raises(DataError, match="row 1: column 'x': inf is infinite"):
        of(frame(x=["1", "inf"]), "x")
    mixed = of(frame(x=["1", "two", "3", "four"]), "x")
    assert len(mixed.values) == 4


def test_columns_that_say_nothing() -> None:
    for values in (["", "", ""], [2.0, 2.0, 2.0], [None, None, None]):
        one = frame(x=values)
        assert np.abs(of(one, "x").encode(one)[0][:, :1]).sum() == 0
    assert encoded([], frame(x=[1, 2]))[0].shape == (2, 0)


def test_json_and_back() -> None:
    one = frame(x=[1.0, None, 3.0], t=["a", "b", "a"])
    covariates = Covariates((of(one, "x"),), (of(one, "t"),), ())
    again = Covariates.from_json(json.loads(json.dumps(covariates.to_json())))
    assert again.to_json() == covariates.to_json()
    for before, after in (
        (covariates.futr_exog, again.futr_exog),
        (covariates.hist_exog, again.hist_exog),
    ):
        np.testing.assert_array_equal(encoded(before, one)[0], encoded(after, one)[0])
    assert again.parts == {
        "futr_exog": ("x", "x is there"),
        "hist_exog": ("t=a", "t=b"),
        "stat_exog": (),
    }
    damaged: list[Any] = [{}, {"futr_exog": [{}], "hist_exog": [], "stat_exog": []}, []]
    for value in damaged:
        with pytest.raises(BundleError):
            Covariates.from_json(value)

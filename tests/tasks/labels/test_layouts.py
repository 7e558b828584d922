"""Arrays and frames that hold sequences in other orders: nothing is guessed from a shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.errors import DataError, OptionError
from recurra.tasks.labels.data import from_python, read
from recurra.tasks.labels.from_memory import inputs_from
from recurra.tasks.labels.options import LabelOptions

N, CHANNELS, STEPS = 3, 2, 5
LAST = np.random.default_rng(0).normal(size=(N, STEPS, CHANNELS)).astype(np.float32)


def same(found: Any, expected: Any = tuple(LAST)) -> None:
    kind, inputs = found
    assert kind == "numbers"
    for one, other in zip(inputs, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_array_is_read_as_it_is_said_to_be() -> None:
    first = LAST.transpose(0, 2, 1)
    same(inputs_from(LAST))
    same(inputs_from(LAST, "channels-last"))
    same(inputs_from(first, "channels-first"))
    same(inputs_from(list(first), "channels-first"))
    same(inputs_from(first), tuple(first))
    same(inputs_from(LAST[:, :, 0], "channels-first"), tuple(LAST[:, :, :1]))
    with pytest.raises(OptionError, match="channels-frist") as caught:
        inputs_from(LAST, "channels-frist")
    assert "channels-first" in caught.value.fix


def test_more_channels_than_steps_are_told() -> None:
    labels = list("ab" * 10)
    tall = np.random.default_rng(0).normal(size=(20, 3, 40))
    said = from_python(tall, labels).summary()
    assert 'of 40 channels, 3 steps (layout="channels-first" if' in said
    said = from_python(tall, labels, layout="channels-first").summary()
    assert "of 3 channels, 40 steps, 2 classes" in said


def test_nan_at_the_end_pads() -> None:
    padded = np.full((N, STEPS + 3, CHANNELS), np.nan)
    padded[:, :STEPS] = LAST
    padded[1, 2:] = np.nan
    expected = (LAST[0], LAST[1][:2], LAST[2])
    same(inputs_from(padded), expected)
    same(inputs_from(list(padded)), expected)
    same(inputs_from(padded.transpose(0, 2, 1), "channels-first"), expected)
    same(inputs_from(padded[:, :, 0]), [each[:, :1] for each in expected])
    padded[0, 2, 1] = np.nan
    with pytest.raises(DataError, match=r"X\[0\]: channel 2, step 3: missing"):
        inputs_from(padded)
    with pytest.raises(DataError, match=r"X\[2\]: channel 1, step 1: missing"):
        inputs_from([[1.0], [2.0], [np.nan]])


def test_frames_of_sktime_are_known_by_their_type() -> None:
    pandas = pytest.importorskip("pandas")
    nested = pandas.DataFrame(
        {f"dim_{c}": [pandas.Series(LAST[n, :, c]) for n in range(N)] for c in range(CHANNELS)}
    )
    same(inputs_from(nested))
    index = pandas.MultiIndex.from_product([range(N), range(STEPS)], names=["case", "time"])
    same(inputs_from(pandas.DataFrame(LAST.reshape(-1, CHANNELS), index)))
    same(inputs_from([pandas.DataFrame(each) for each in LAST]))
    uneven = nested.copy()
    uneven.at[1, "dim_0"] = pandas.Series([1.0])
    with pytest.raises(DataError, match=r"X\[1\]: channels of 1 and 5 steps"):
        inputs_from(uneven)
    flat = pandas.DataFrame(LAST[:, :, 0])
    same(inputs_from(flat), tuple(LAST[:, :, :1]))


def test_archives_too(tmp_path: Path) -> None:
    X = np.random.default_rng(1).normal(size=(20, CHANNELS, STEPS))
    X[3, :, 4:] = np.nan
    path = tmp_path / "a.npz"
    np.savez(path, X=X, y=np.arange(20) % 2)
    found = read([path], LabelOptions(layout="channels-first")).examples.inputs
    assert [each.shape for each in found[2:5]] == [(5, 2), (4, 2), (5, 2)]
    np.testing.assert_array_equal(found[0], X[0].T.astype(np.float32))
    with pytest.raises(OptionError, match="layout"):
        read([path], LabelOptions(layout="steps"))

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurra.data.sequences import checked, number_of, read_npz
from recurra.errors import DataError, InputError


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path / "a.npz", **arrays)
    return path / "a.npz"


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_npz(path)
    assert caught.value.got.startswith(str(path))
    assert caught.value.expected
    return caught.value.got


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 9))
def test_what_is_checked_stays_what_it_was(steps: int, channels: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(steps, channels))
    found = checked(values, "x")
    assert found.dtype == np.float32
    assert found.shape == (steps, channels)
    assert (found == values.astype(np.float32)).all()
    assert (checked(values.tolist(), "x") == found).all()
    assert checked(values[:, 0], "x").shape == (steps, 1)


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (np.nan, "x: channel 2, step 3: missing (NaN)"),
        (np.inf, "x: channel 2, step 3: infinite"),
        (-np.inf, "x: channel 2, step 3: infinite"),
        (1e39, "x: channel 2, step 3: 1e+39 is beyond float32"),
    ],
)
def test_what_is_no_finite_number(value: float, got: str) -> None:
    values = np.zeros((5, 3))
    values[2, 1] = values[4, 0] = value
    with pytest.raises(DataError) as caught:
        checked(values, "x")
    assert caught.value.got == got
    assert caught.value.fix
    with pytest.raises(DataError, match="channel left, step 3"):
        checked(values, "x", ("a", "left", "c"))


@pytest.mark.parametrize(
    ("values", "got"),
    [
        ([], "x: empty, 0 steps"),
        (np.zeros((0, 3)), "x: empty, 0 steps of 3 channels"),
        (np.zeros((3, 0)), "x: empty, 3 steps of 0 channels"),
        ([[1.0], [1.0, 2.0]], "x: rows of different lengths"),
        (["a"], "x: text"),
        ([1, "a"], "x: text"),
        (np.zeros(3, complex), "x: complex128 values"),
        (np.array([{}, {}]), "x: object values"),
        (np.zeros((2, 2, 2)), "x: an array of 3 dimensions"),
        (3.0, "x: an array of 0 dimensions"),
    ],
)
def test_what_is_no_sequence(values: Any, got: str) -> None:
    with pytest.raises(DataError) as caught:
        checked(values, "x")
    assert caught.value.got.startswith(got)


def test_numbers_as_files_write_them() -> None:
    assert number_of(" 1.5e3 ") == 1500
    assert number_of("-inf") == -np.inf
    for each in ("", "1_000", "１", "1,5", "x"):
        assert number_of(each) is None


# -- NumPy archives -----------------------------------------------------------------------------

X = np.arange(24, dtype=np.float64).reshape(4, 3, 2)


def test_an_archive(tmp_path: Path) -> None:
    read = read_npz(saved(tmp_path, X=X, y=np.array([3, 1, 3, 1])))
    assert read.labels == ["3", "1", "3", "1"]
    assert [each.tolist() for each in read.values] == X.tolist()
    assert read.channels == ("1", "2")
    assert read.groups is None
    read = read_npz(saved(tmp_path, x=X[:, :, 0], labels=np.array([["a"], ["b"], ["a"], ["b"]])))
    assert read.values[1].tolist() == X[1, :, :1].tolist()
    assert read.labels == ["a", "b", "a", "b"]


def test_lengths_cut_the_padding_off(tmp_path: Path) -> None:
    padded = X.copy()
    padded[1, 1:] = np.nan
    read = read_npz(
        saved(
            tmp_path,
            X=padded,
            y=np.array([True, False, True, False]),
            lengths=np.array([3, 1, 2, 3]),
            groups=np.array(["g", "g", "h", "h"]),
            channels=np.array(["left", "right"]),
        )
    )
    assert [len(each) for each in read.values] == [3, 1, 2, 3]
    assert read.values[2].tolist() == X[2, :2].tolist()
    assert read.groups == ["g", "g", "h", "h"]
    assert read.channels == ("left", "right")
    assert read.labels[0] == "True"


@pytest.mark.parametrize(
    ("arrays", "got"),
    [
        ({"X": X}, "no y in it; it holds 'X'"),
        ({"y": np.zeros(4)}, "no X in it; it holds 'y'"),
        ({"X": X[0, 0], "y": np.zeros(4, int)}, "X has shape (2,)"),
        ({"X": X[:0], "y": np.zeros(0, int)}, "X has no sequences"),
        ({"X": X, "y": np.zeros(3, int)}, "y has shape (3,)"),
        ({"X": X, "y": np.zeros((4, 3), int)}, "y has shape (4, 3)"),
        ({"X": X, "y": np.full(4, np.nan)}, "y holds float64 values, or missing ones"),
        ({"X": X, "y": np.zeros(4, int), "lengths": np.array([3, 3, 0, 3])}, "lengths[2] is 0"),
        ({"X": X, "y": np.zeros(4, int), "lengths": np.array([3, 4, 1, 3])}, "lengths[1] is 4"),
        ({"X": X, "y": np.zeros(4, int), "lengths": np.ones(4)}, "lengths are float64"),
        ({"X": X, "y": np.zeros(4, int), "groups": np.zeros(3)}, "groups has shape (3,)"),
        ({"X": X, "y": np.zeros(4, int), "channels": np.zeros(3)}, "channels has shape (3,)"),
        ({"X": X + np.nan, "y": np.zeros(4, int)}, "X[0]: channel 1, step 1: missing (NaN)"),
        ({"X": X.astype(str), "y": np.zeros(4, int)}, "X[0]: text"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, Any], got: str) -> None:
    assert got in refusal(saved(tmp_path, **arrays))


def test_objects_are_not_read(tmp_path: Path) -> None:
    X = np.empty(2, object)
    X[:] = [np.zeros(2), np.zeros(3)]
    got = refusal(saved(tmp_path, X=X, y=np.array([1, 2])))
    assert "an array of objects, which reading could run code with" in got


def test_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"text")
    assert "not a NumPy archive" in refusal(path)
    path.write_bytes(saved(tmp_path, X=X, y=np.zeros(4, int)).read_bytes()[:-30])
    assert "damaged" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", b"\x93NUMPY\x01\0 ")
    assert "damaged" in refusal(path)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_any_bytes_are_an_archive_or_an_error(tmp_path: Path, data: st.DataObject) -> None:
    out = io.BytesIO()
    np.savez(out, X=X, y=np.arange(4))
    content = bytearray(out.getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "b.npz"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        assert len(read_npz(path).values) == 4

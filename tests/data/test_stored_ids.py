"""Ids on disk: the same as in memory, small, and gone with the array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data import stored_ids
from recurra.data.stored_ids import counted, smallest, stored


def test_the_smallest_type_that_holds_them() -> None:
    kinds = {2: "uint8", 256: "uint8", 257: "uint16", 65_536: "uint16", 65_537: "uint32"}
    assert {size: smallest(size).name for size in kinds} == kinds


@given(st.lists(st.lists(st.integers(0, 299), max_size=20), max_size=6))
def test_what_is_read_is_what_was_written(parts: list[list[int]]) -> None:
    ids = stored((np.array(part, np.int32) for part in parts), 300)
    whole = [each for part in parts for each in part]
    assert ids.tolist() == whole
    assert ids.dtype == np.uint16
    assert len(ids) == len(whole)
    assert ids[1:3].tolist() == whole[1:3]


def test_they_lie_beside_without_a_name_and_cannot_be_written(tmp_path: Path) -> None:
    ids = stored([np.arange(10)], 10, tmp_path)
    assert isinstance(ids, np.memmap)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="read-only"):
        ids[0] = 3
    assert stored([np.arange(3)], 3, tmp_path / "nowhere").tolist() == [0, 1, 2]


def test_counting_takes_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_ids, "_AT_ONCE", 4)
    ids = np.array([3, 1, 1, 0, 3, 3, 2, 3, 1], np.uint8)
    assert counted(ids, 5).tolist() == [1, 3, 1, 4, 0]

"""Prices out of files, and made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recurra.errors import DataError
from recurra.labs.prices import FEWEST, Days, newest_first, read, walk


def written(path: Path, days: Days, head: str = "") -> Path:
    lines = [",".join(f"{value:.2f}" for value in row) for row in days]
    path.write_text(head + "\n".join(lines))
    return path


@pytest.mark.parametrize("seed", range(5))
def test_the_way_time_runs_shows_in_the_prices(seed: int, tmp_path: Path) -> None:
    days = walk(seed).days
    head = "# a comment\n#open, high\n\n"
    for given, turned in ((days, False), (days[::-1], True)):
        found = read(written(tmp_path / "prices.csv", given, head))
        assert found.turned is turned
        assert found.name == "prices.csv"
        np.testing.assert_array_equal(found.days, days)


def test_one_way_is_kept_where_nothing_tells() -> None:
    assert not newest_first(np.ones((9, 5)))


def test_a_walk_is_a_stock() -> None:
    first, again, other = walk(3), walk(3), walk(4)
    np.testing.assert_array_equal(first.days, again.days)
    assert not np.array_equal(first.days, other.days)
    opened, high, low, volume, close = first.days.T
    assert first.days.shape == (732, 5)
    assert (high >= np.maximum(opened, close)).all()
    assert (low <= np.minimum(opened, close)).all()
    assert (low > 0).all()
    assert (volume > 1e5).all()
    changes = np.diff(np.log(close))
    assert abs(np.corrcoef(changes[:-1], changes[1:])[0, 1]) < 0.15


@pytest.mark.parametrize(
    "line", ["1,2,3,4", "1,2,3,4,5,6", "1,2,x,4,5", "1,2,nan,4,5", "Open,High"]
)
def test_a_line_that_is_no_day_is_named(line: str, tmp_path: Path) -> None:
    path = written(tmp_path / "prices.csv", walk(0).days[:FEWEST])
    path.write_text(f"{path.read_text()}\n{line}\n")
    with pytest.raises(DataError, match=f"line {FEWEST + 1}: '{line}'"):
        read(path)


def test_too_few_days_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "prices.csv", walk(0).days[: FEWEST - 1])
    with pytest.raises(DataError, match="59 days"):
        read(path)
    with pytest.raises(DataError, match=r"none\.csv"):
        read(tmp_path / "none.csv")

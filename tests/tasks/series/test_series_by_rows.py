from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from recurra.errors import DataError
from recurra.tasks.series.data import from_python, more, read
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.reading.form import Form

LENGTHS = [40, 25, 33, 60]
DRAW = np.random.default_rng(0)
SERIES = [DRAW.normal(10, 2, length).round(3) for length in LENGTHS]


def m4(path: Path, begin: int = 0, end: int | None = None) -> Path:
    """As the M4 competition has its files: names in quotes, and nothing behind the last value."""
    parts = [values[begin:end] for values in SERIES]
    wide = max(map(len, parts))
    lines = [",".join(f'"V{n}"' for n in range(1, wide + 2))]
    for number, values in enumerate(parts, 1):
        cells = [*map(str, values), *[""] * (wide - len(values))]
        lines.append(",".join([f'"Y{number}"', *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("target", [None, "all"])
def test_a_row_a_series_as_in_m4(tmp_path: Path, target: str | None) -> None:
    data = read([m4(tmp_path / "Yearly-train.csv")], SeriesOptions(target=target, horizon=3))
    assert data.panel.ids == ("Y1", "Y2", "Y3", "Y4")
    assert data.panel.lengths.tolist() == LENGTHS
    np.testing.assert_array_equal(data.panel.values, np.concatenate(SERIES))
    assert data.found["trimmed"] == 0
    assert "a row a series: its steps stand in columns 'V2' to 'V61'" in data.summary()
    # The same in the long form.
    long = polars.DataFrame(
        {
            "V1": np.repeat(["Y1", "Y2", "Y3", "Y4"], LENGTHS),
            "y": np.concatenate(SERIES),
        }
    )
    assert from_python(long, SeriesOptions(id="V1", horizon=3)).digest == data.digest


def test_its_parts_in_files_of_their_own(tmp_path: Path) -> None:
    train = m4(tmp_path / "train.csv", 0, 20)
    test = m4(tmp_path / "test.csv", 20, 25)
    data = read([train], SeriesOptions(horizon=5, test=str(test)))
    assert data.panel.lengths.tolist() == [25] * 4
    assert data.select_ends.tolist() == [20] * 4
    whole = read([m4(tmp_path / "whole.csv", 0, 25)], SeriesOptions(horizon=5, test="5"))
    assert data.digest == whole.digest
    # Newer data of one step.
    form = Form.from_json(Form.of(data).to_json())
    found = more(m4(tmp_path / "new.csv", 0, 1), form)
    assert (found.ids, found.lengths.tolist()) == (data.panel.ids, [1] * 4)


@pytest.mark.parametrize(
    ("names", "description", "first"),
    [
        ([f"2015-07-{day:02}" for day in range(1, 31)], "daily", "2015-07-01"),
        ([str(year) for year in range(1960, 1990)], "yearly", "1960-01-01"),
        ([f"{y}-{m:02}" for y in (1, 2, 3) for m in range(1, 11)], None, None),
        ([str(number) for number in range(30)], "numbered steps", "0"),
        ([f"d_{number}" for number in range(1, 31)], "numbered steps", "0"),
    ],
)
def test_columns_that_are_dates_or_numbered(
    names: list[str], description: str | None, first: str | None
) -> None:
    table: dict[str, list[object]] = {"Country": ["A", "A", "B"], "Indicator": ["x", "y", "x"]}
    table |= {name: [float(at), 1.0, 2.0] for at, name in enumerate(names)}
    options = SeriesOptions(target="all", horizon=2, stat_exog="Country", season=1)
    if description is None:  # names of two readings say nothing
        with pytest.raises(DataError, match="3"):
            from_python(table, SeriesOptions(target="all", horizon=2))
        return
    data = from_python(table, options)
    assert data.panel.ids == ("A/x", "A/y", "B/x")
    assert data.panel.static.tolist() == [[1, 0], [1, 0], [0, 1]]
    assert data.panel.of(0).tolist() == list(range(30))
    assert data.panel.frequency.description == description
    assert str(data.panel.frequency.stamps(data.panel.starts)[0]).startswith(str(first))


def test_other_wide_tables_stay_what_they_are() -> None:
    wide = {f"s{number}": np.arange(40.0) for number in range(5)}
    options = SeriesOptions(target="all", horizon=2)
    days = np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]")
    for before in ({"when": days}, {"when": days.astype(str)}, {}, {"kind": ["a", "b"] * 20}):
        assert from_python({**before, **wide}, options).panel.ids == tuple(wide)
    some = {"name": [f"n{number}" for number in range(40)], **wide}
    assert from_python(some, options).panel.ids == tuple(wide)  # too few to be steps
    wide = {f"s{number}": np.arange(40.0) for number in range(12)}
    names = {"name": [f"n{number}" for number in range(40)], **wide}
    assert len(from_python(names, options).panel) == 40
    asked = SeriesOptions(target="all", horizon=2, time="none")
    assert from_python(names, asked).panel.ids == tuple(wide)
    assert from_python(names, SeriesOptions(target="s1", horizon=2)).panel.ids == ("s1",)


def test_a_wide_table_is_read_column_by_column_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from recurra.data import date_formats

    tried: list[Sequence[str]] = []

    def read(texts: Sequence[str], spelling: str) -> Any:
        tried.append(texts)
        return read_once(texts, spelling)

    read_once = date_formats.read
    monkeypatch.setattr(date_formats, "read", read)
    wide = {f"s{number}": [f"{value:.2f}" for value in np.arange(40)] for number in range(300)}
    data = from_python({"kind": ["a", "b"] * 20, **wide}, SeriesOptions(target="all", horizon=2))
    assert len(data.panel) == 300
    assert not tried  # plain numbers are not looked at as dates

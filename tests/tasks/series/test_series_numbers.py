from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recurra.errors import DataError, OptionError
from recurra.tasks.series.data import more, read
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.reading.form import Form

DAYS = np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]").astype(str)


def table(path: Path, header: str, *columns: list[str]) -> Path:
    rows = [";".join(row) for row in zip(DAYS, *columns, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_spreadsheet_of_german_make(tmp_path: Path) -> None:
    halves = [f"{number},5" for number in range(40)]
    path = table(tmp_path / "a.csv", "Datum;Umsatz, netto", halves)
    data = read([path], SeriesOptions(horizon=3))
    assert data.columns["target"] == ["Umsatz, netto"]
    assert data.panel.of(0).tolist() == [number + 0.5 for number in range(40)]
    assert "commas before decimals" in data.summary()
    # What the training said holds for newer data, which could be read in two ways.
    form = Form.from_json(Form.of(data).to_json())
    newer = tmp_path / "b.csv"
    newer.write_text("Datum;Umsatz, netto\n2024-03-01;1,234\n")
    assert more(newer, form).values.tolist() == [1.234]


def test_one_column_says_it_for_the_others(tmp_path: Path) -> None:
    halves = [f"{number},5" for number in range(40)]
    thousands = [f"{number + 1}.234" for number in range(40)]
    path = table(tmp_path / "a.csv", "ds;y;price;visits", halves, thousands, thousands)
    data = read([path], SeriesOptions(target="y,price", horizon=3))
    assert data.panel.of(1).tolist() == [1000 * number + 1234 for number in range(40)]
    # Alone it is a decimal point, as everywhere.
    alone = read([path], SeriesOptions(target="price", horizon=3))
    assert alone.panel.of(0)[0] == 1.234


def test_two_readings_are_settled_by_an_option(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "ds;y", [f"{number + 1},234" for number in range(40)])
    with pytest.raises(DataError, match="'1,234' is 1234 or") as caught:
        read([path], SeriesOptions(horizon=3))
    assert "--decimal ," in caught.value.fix
    for mark, first in ((",", 1.234), (".", 1234)):
        data = read([path], SeriesOptions(horizon=3, decimal=mark))
        assert data.panel.of(0)[0] == first
        assert more(path, Form.of(data)).values[0] == first
    with pytest.raises(OptionError, match="decimal"):
        read([path], SeriesOptions(horizon=3, decimal="x"))


def test_a_table_without_names(tmp_path: Path) -> None:
    rows = [f"{day},{number}" for number, day in enumerate(DAYS)]
    path, test, new = (tmp_path / name for name in ("a.csv", "b.csv", "c.csv"))
    path.write_text("\n".join(rows[:34]))
    test.write_text("\n".join(rows[34:39]))
    new.write_text(rows[39])
    data = read([path], SeriesOptions(horizon=3, test=str(test)))
    assert data.panel.of(0).tolist() == list(range(39))
    assert data.found["headerless"] == 1
    assert "its first line is data" in data.summary()
    form = Form.from_json(Form.of(data).to_json())
    assert more(new, form).values.tolist() == [39]
    assert read([path], SeriesOptions(horizon=3, header=True, target="2", time="1")).panel.of(0)[0]
    # By number, with names or without.
    named = tmp_path / "d.csv"
    named.write_text("\n".join(["day,sold,2x", *(f"{row},7" for row in rows)]))
    assert read([named], SeriesOptions(horizon=3, target="2")).panel.of(0).tolist() == [*range(40)]

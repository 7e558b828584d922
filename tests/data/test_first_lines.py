from __future__ import annotations

from pathlib import Path

import pytest

from recurra.data.first_lines import names_columns
from recurra.data.frames import read_frame
from recurra.data.tables import read_table
from recurra.errors import DataError, OptionError

KNOWN = ("text", "label", "y", "ds", "x")

HEADERS = [
    "ds,y\n2024-01-01,1\n2024-01-02,2\n",
    "day,sold\n2024-01-01,1\n2024-01-02,2\n",
    "id,2019,2020\nA,1.5,2\nB,3.5,4\n".replace("id", "n").replace("A", "1").replace("B", "2"),
    "country,2019,2020,2021\nA,1.5,2,2\nB,3.5,4,4\n",
    "Page,2015-07-01,2015-07-02\na,1,2\nb,3,4\n",
    "a,0,1,2,3,4\nx,9,8,7,6,5\ny,9,8,7,6,5\n",
    "text,label\nso so,bad\nfine,good\n",
    "text,label\nsame,same\ntext,label\nthis is a text,good\n",
    "x,y\na,b\nc,d\n",
    "What do you think of it?,stars\nso so,1\nfine,2\n",
    "date,0\n2024-01-01,5\n2024-01-02,6\n",
    "b\n1\nNA\n2\n",
]

ROWS = [
    "2024-01-01,1\n2024-01-02,2\n",
    "2024-01-01;1,5\n2024-01-02;2\n",
    "1\n2\n3\n",
    "good film,1\nbad film,0\n",
    "ham,Hello there\nspam,Win now\nham,And you\n",
    "Go on.,Weiter.\nHi,Hallo\n",
    "Go on with what you are doing,Weiter\nHi,Hallo\n",
    "a.png,zwei\nb.png,drei\n",
    "5.1,3.5,setosa\n4.9,3.0,setosa\n",
    "01.01.2024 10:00,7\n01.01.2024 11:00,9\n",
]

EITHER = ["one,two\neins,zwei\ndrei,vier\n", "1,2\n3,4\n", "1,2,3\n9,8,7\n"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [(t, True) for t in HEADERS] + [(t, False) for t in ROWS] + [(t, None) for t in EITHER],
)
def test_what_a_first_line_is(text: str, expected: bool | None) -> None:
    rows = [line.split(";" if ";" in text else ",") for line in text.splitlines()]
    assert names_columns(rows[0], rows[1:], KNOWN) is expected


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_tables_without_names(tmp_path: Path, suffix: str, end: str, quoted: bool) -> None:
    path = tmp_path / f"a{suffix}"
    text = "2024-01-01,1,a\n2024-01-02,2,b\n2024-01-03,3,c\n"
    text = (
        '"' + text.strip("\n").replace(",", '","').replace("\n", '"\n"') + '"' if quoted else text
    )
    text = text.replace(",", "\t") if suffix == ".tsv" else text
    path.write_bytes(text.replace("\n", end).encode())
    frame = read_frame(path)
    assert not frame.header
    assert frame.names == ["1", "2", "3"]
    assert frame.numbers("2").tolist() == [1, 2, 3]
    assert frame.texts("3").to_list() == ["a", "b", "c"]
    assert [frame.where(row) for row in (0, 2)] == [f"{path}, line 1", f"{path}, line 3"]
    table = read_table(path)
    assert not table.header
    assert table.columns["3"] == ["a", "b", "c"]
    assert table.where(0) == f"{path}, line 1"
    # As it is told.
    for names in (read_frame(path, header=True).names, read_table(path, header=True).columns):
        assert list(names) == ["2024-01-01", "1", "a"]


def test_either_is_settled_by_an_option(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1,2\n3,4\n")
    with pytest.raises(DataError, match="line 1: '1,2' may name the columns") as caught:
        read_frame(path)
    assert caught.value.fix == "say which: --header or --no-header"
    assert read_frame(path, header=False).numbers("2").tolist() == [2, 4]
    assert read_frame(path, header=True).numbers("2").tolist() == [4]
    path.write_text("one,two\neins,zwei\n")
    table = read_table(path)
    assert list(table.columns) == ["one", "two"]
    assert table.pick("Two", "label") == "two"
    with pytest.raises(DataError, match="may name the columns"):
        table.pick("2", "label")
    with pytest.raises(DataError) as caught:
        table.pick(None, "label", ["label"])
    assert "--no-header" in caught.value.fix
    assert read_table(path, header=True).pick("2", "label") == "two"
    assert read_table(path, header=False).columns == {"1": ["one", "eins"], "2": ["two", "zwei"]}


def test_columns_by_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label,2\nso so,bad,7\n")
    table = read_table(path, known=KNOWN)
    assert [table.pick(each, "label") for each in ("1", "3", "2")] == ["text", "2", "2"]
    for wrong in ("0", "4", "-1", "٢", "9" * 30):
        with pytest.raises(OptionError, match="no such column"):
            table.pick(wrong, "label")
    assert read_frame(path, known=KNOWN).pick("1", "target") == "text"


def test_bars_between_fields_and_returns_at_the_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"ds|y\r2024-01-01|1,5\r2024-01-02|2\r")
    assert read_frame(path).numbers("y").tolist() == [1.5, 2]
    assert read_table(path).columns["y"] == ["1,5", "2"]

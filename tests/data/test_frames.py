from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import polars
import pytest

from recurra.data.frame_columns import column_of
from recurra.data.frames import Frame, read_frame, stacked
from recurra.errors import DataError, OptionError


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path, column: str | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        _ = read_frame(path) if column is None else read_frame(path).numbers(column)
    assert caught.value.expected
    return caught.value


ROWS = [{"a": "x", "b": "1.5"}, {"a": "y", "b": ""}, {"a": "z", "b": "-2e3"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["", "# told by nobody\n\n# two lines\n", "\ufeff"])
def test_csv_in_all_its_forms(tmp_path: Path, delimiter: str, ends: str, before: str) -> None:
    lines = [delimiter.join(ROWS[0]), *(delimiter.join(each.values()) for each in ROWS)]
    for last, quoted in itertools.product(["\n", ""], [False, True]):
        rows = [f'"{line.replace(delimiter, f"{chr(34)}{delimiter}{chr(34)}")}"' for line in lines]
        text = before + "\n".join(rows if quoted else lines) + last
        frame = read_frame(write(tmp_path / "a.csv", text.replace("\n", ends)))
        assert frame.names == ["a", "b"]
        assert frame.texts("a").to_list() == ["x", "y", "z"]
        np.testing.assert_array_equal(frame.numbers("b"), [1.5, np.nan, -2000])
        skipped = before.count("\n")
        assert frame.where(2) == f"{tmp_path / 'a.csv'}, line {skipped + 4}"


def test_names_may_stand_in_the_comment(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "# whence\n# Open,Close\n1,2\n3,4\n")
    frame = read_frame(path)
    assert frame.names == ["Open", "Close"]
    assert frame.numbers("Open").tolist() == [1, 3]
    assert frame.where(1).endswith("line 4")
    assert "line 5: 3 fields" in refusal(write(path, path.read_bytes() + b"5,6,7\n")).got
    error = refusal(write(tmp_path / "b.csv", "# whence\n1,2\n3,4\n"))
    assert "line 2: '1,2' may name the columns, or be the first row" in error.got
    assert "--no-header" in error.fix


def test_rows_of_several_lines_are_found(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'a,b\n"x\nx",1\n\ny,2\nz,oops\n')
    assert "line 6: column 'b': 'oops' is no number" in refusal(path, "b").got
    assert read_frame(path).texts("a")[0] == "x\nx"


@pytest.mark.parametrize(
    ("content", "summary"),
    [
        ("a,b\n1,2\n3\n", "line 3: 1 field"),
        ("# c\na,b\n1,2\n3\n", "line 4: 1 field"),
        ("a,b\n1,2\n3,4,5\n", "line 3: 3 fields"),
        ('a,b\n1,"2\n3,4\n', "line 2: a quote is opened"),
        ("a,a\n1,2\n", "two columns are called 'a'"),
        (",b\n1,2\n", "column 1 has no name"),
        ("", "empty"),
        ("a,b\n", "no rows"),
        ("# nothing\n", "no rows"),
        ("\r\r-\r\rM\r\n", "no rows"),
        ("a,b\r1,2\r\n3,4\n", "line 3: 2 fields"),
        (b"a,b\n1,\xff\n", "line 2"),
        ("a,é\n1,2\n".encode("latin-1"), "line 1"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_broken_csv_is_explained(tmp_path: Path, content: str | bytes, summary: str) -> None:
    assert summary in refusal(write(tmp_path / "a.csv", content)).got


def test_json_lines_and_parquet_say_the_same(tmp_path: Path) -> None:
    columns = {"a": ["x", None, "z"], "b": [1.5, None, 3.0], "c": [1, 2, 3]}
    frame = polars.DataFrame(columns)
    frame.write_ndjson(tmp_path / "a.jsonl")
    frame.write_parquet(tmp_path / "a.parquet")
    for name, unit in (("a.jsonl", "line"), ("a.parquet", "row")):
        found = read_frame(tmp_path / name)
        assert found.texts("a").to_list() == ["x", None, "z"]
        np.testing.assert_array_equal(found.numbers("b"), [1.5, np.nan, 3])
        assert found.missing("b").tolist() == [False, True, False]
        assert found.where(2) == f"{tmp_path / name}, {unit} 3"
    path = write(tmp_path / "b.jsonl", '{"a": 1}\n\n{"a": "x"}\n')
    assert "line 3: column 'a': 'x' is no number" in refusal(path, "a").got
    assert "line 2, column 6" in refusal(write(path, '{"a": 1}\n{"a":\n')).got
    assert "damaged" in refusal(write(tmp_path / "c.parquet", b"PAR1 and PAR1")).got
    assert "'.xlsx' says nothing" in refusal(write(tmp_path / "d.xlsx", "x")).got


def test_what_stands_for_nothing(tmp_path: Path) -> None:
    words = ["", "NA", "n/a", "NaN", "nan", "null", "None", "?", "-", " ", " NA "]
    path = write(tmp_path / "a.csv", "a,b\n" + "".join(f"{each},1\n" for each in words))
    frame = read_frame(path)
    assert np.isnan(frame.numbers("a")).all()
    assert frame.missing("a").all()
    assert frame.texts("a").to_list() == [None] * len(words)
    assert np.isnan(frame.share_of_numbers("a"))
    assert frame.share_of_numbers("b") == 1


@pytest.mark.parametrize("value", ["inf", "-Infinity", "1e999"])
def test_infinite_values_are_refused(tmp_path: Path, value: str) -> None:
    error = refusal(write(tmp_path / "a.csv", f"a,b\n1,1\n{value},2\n{value},3\n"), "a")
    assert "line 3: column 'a'" in error.got
    assert "infinite (and in 1 more rows)" in error.got


def test_numbers_are_read_strictly(tmp_path: Path) -> None:
    for value in ("1_0", "12x", "1.2.3", "٣", "0x10", "1 2"):
        error = refusal(write(tmp_path / "a.csv", f"a,b\n1,1\n{value},2\n"), "a")
        assert f"line 3: column 'a': {value!r} is no number" in error.got
    error = refusal(write(tmp_path / "a.csv", "a;b\n1.5;1\n1,5;2\n"), "a")
    assert "line 3: column 'a': '1,5' is no number" in error.got
    assert "--decimal ," in error.fix


def test_columns_by_name() -> None:
    columns = {"Date": column_of([1]), "n": column_of([[1]])}
    frame = Frame("a", columns, lambda row: f"row {row}")
    assert frame.pick("date", "time") == "Date"
    with pytest.raises(OptionError, match="time='Dat': a has no such column") as caught:
        frame.pick("Dat", "time")
    assert caught.value.fix == "did you mean Date?"
    assert "'Date', 'n'" in caught.value.expected
    with pytest.raises(DataError, match="holds values of list"):
        frame.pick("n", "target")


def test_frames_one_behind_the_other(tmp_path: Path) -> None:
    one = read_frame(write(tmp_path / "a.csv", "a,b\n1,2\n3,4\n"))
    other = read_frame(write(tmp_path / "b.jsonl", '{"b": 6, "a": 5, "c": 7}\n'))
    found = stacked([one, other])
    assert found.numbers("a").tolist() == [1, 3, 5]
    assert found.numbers("b").tolist() == [2, 4, 6]
    assert [found.where(row).rsplit("/", 1)[1] for row in range(3)] == [
        "a.csv, line 2",
        "a.csv, line 3",
        "b.jsonl, line 1",
    ]
    with pytest.raises(DataError, match="no column 'c'"):
        stacked([other, one])

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurra.data.tables import Table, read_table
from recurra.errors import DataError, InputError, MissingExtra, OptionError


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert str(path) in caught.value.got
    return caught.value


def test_columns_come_as_text_with_the_lines_they_stand_on(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", '\ufeff id , text\n\n1.50,"a\nb"\n,c\n'))
    assert table.columns == {"id": ["1.50", ""], "text": ["a\nb", "c"]}
    assert table.lines == [3, 5]
    assert len(table) == 2
    assert table.where(1) == f"{tmp_path / 'a.csv'}, line 5"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".tab", ".CSV"])
def test_broken_headers(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    sep = "," if suffix.lower() == ".csv" else "\t"
    assert "two columns" in refusal(write(path, f"a{sep}b{sep}a\n1{sep}2{sep}3\n")).got
    error = refusal(write(path, f"{sep}text\n0{sep}a\n"))
    assert "column 1 has no name" in error.got
    assert "index=False" in error.fix
    assert "no rows" in refusal(write(path, f"a{sep}b\n\n")).got
    assert "the file is empty" in refusal(write(path, "")).got
    assert "no column names" in refusal(write(path, "\n\n")).got
    assert "not UTF-8 at byte 4 (0xe9), line 2" in refusal(write(path, b"a,b\n\xe9,1\n")).got


def test_what_is_no_table(tmp_path: Path) -> None:
    assert "suffix '.xls'" in refusal(write(tmp_path / "a.xls", "a")).got
    write(tmp_path / "reviews.csv", "a\n1\n")
    assert refusal(tmp_path / "review.csv").fix == f"did you mean {tmp_path / 'reviews.csv'}?"
    (tmp_path / "b.csv").mkdir()
    assert "a folder" in refusal(tmp_path / "b.csv").got


# -- columns ------------------------------------------------------------------------------------

TABLE = Table("t.csv", {"ID": ["1", "2"], "Review": ["a", None], "y": ["0", "1"]}, [2, 4])


def test_a_column_by_its_name_or_the_likely_one() -> None:
    assert TABLE.column("ID", "text") == ["1", "2"]
    assert TABLE.column("id", "text") == ["1", "2"]
    assert TABLE.pick(None, "text", ["text", "review", "y"]) == "Review"
    assert TABLE.pick(None, "label", ["label", "y", "id"]) == "y"
    both = Table("t", {"a": ["1"], "A": ["2"]}, [2])
    assert both.column("A", "text") == ["2"]


def test_a_column_that_does_not_exist() -> None:
    with pytest.raises(OptionError) as caught:
        TABLE.column("Reviews", "text")
    assert str(caught.value) == (
        "text='Reviews': t.csv has no such column\n"
        "  expected: one of its columns: 'ID', 'Review', 'y'\n"
        "  to do: did you mean Review?"
    )
    with pytest.raises(DataError, match=r"which column is the label\? It has 'ID', 'Review', 'y'"):
        TABLE.pick(None, "label", ["label", "class"])


def test_missing_values_are_errors_where_they_are_needed() -> None:
    with pytest.raises(DataError, match=r"t\.csv, line 4: no value in column 'Review'\n"):
        TABLE.column("Review", "text")
    many = Table("t", {"a": ["1", None, None, None]}, [1, 2, 3, 4], "row")
    with pytest.raises(DataError, match=r"t, row 2: no value in column 'a' \(and in 2 more rows\)"):
        many.column("a", "text")


# -- JSON lines ---------------------------------------------------------------------------------


def test_json_lines(tmp_path: Path) -> None:
    lines = [
        '{"text": "a\\nb\\u00e9\\ud83d\\ude00", "n": 1, "f": 1.0, "t": true}',
        "",
        '{"n": 123456789012345678901234567890, "text": "c", "new": "x", "f": 1e300}\r',
        '{"text": null, "f": 0.1, "new": ["nested"]}',
    ]
    table = read_table(write(tmp_path / "a.jsonl", "\n".join(lines)))
    assert table.columns == {
        "text": ["a\nbé😀", "c", None],
        "n": ["1", "123456789012345678901234567890", None],
        "f": ["1.0", "1e+300", "0.1"],
        "t": ["true", None, None],
        "new": [None, "x", '["nested"]'],
    }
    assert table.lines == [1, 3, 4]
    with pytest.raises(DataError, match="line 4: no value in column 'text'"):
        table.column("text", "text")
    with pytest.raises(DataError, match="line 4: column 'new' holds a list"):
        table.column("new", "text")
    assert read_table(write(tmp_path / "a.ndjson", '{"a": 9' + "9" * 9000 + "}")).columns["a"]


@pytest.mark.parametrize(
    ("line", "got"),
    [
        ('{"a": 1,}', "line 2, column 9: not JSON"),
        ("text,label", "line 2, column 1: not JSON"),
        ("[1, 2]", "line 2: not an object"),
        ('"text"', "line 2: not an object"),
        ("[" * 100_000, "line 2: brackets within brackets"),
        ('{"a": "\\ud800"}', "line 2: half a character (\\ud800 alone)"),
    ],
)
def test_broken_json_lines(tmp_path: Path, line: str, got: str) -> None:
    assert got in refusal(write(tmp_path / "a.jsonl", f'{{"a": "x"}}\n{line}\n')).got
    assert "no rows" in refusal(write(tmp_path / "a.jsonl", "\n \n")).got


TEXT = st.text(st.characters(codec="utf-8"), max_size=9)


@given(st.lists(st.fixed_dictionaries({"a": TEXT}, optional={"b": TEXT}), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_json_writes_is_read(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    for ascii_only in (True, False):
        content = "\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows)
        columns = read_table(write(tmp_path / "a.jsonl", content)).columns
        assert columns["a"] == [row["a"] for row in rows]
        assert columns.get("b", [None] * len(rows)) == [row.get("b") for row in rows]


# -- Parquet ------------------------------------------------------------------------------------


def test_parquet(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {
            "text": ["a", None, "c"],
            "n": [1, 2, 3],
            "f": [1.0, 0.1, None],
            "t": [True, False, None],
            "l": [[1], [2], [3]],
            "b": [b"x", b"\xff", b""],
        }
    ).with_columns(c=polars.col("text").cast(polars.Categorical))
    frame.write_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert table.columns["text"] == table.columns["c"] == ["a", None, "c"]
    assert table.columns["n"] == ["1", "2", "3"]
    assert table.columns["f"] == ["1.0", "0.1", None]
    assert table.columns["t"] == ["true", "false", None]
    with pytest.raises(DataError, match=r"a\.parquet, row 2: no value"):
        table.column("text", "text")
    for nested in "lb":
        with pytest.raises(DataError, match="holds a list, an object or bytes"):
            table.column(nested, "text")
    frame.head(0).write_parquet(tmp_path / "b.parquet")
    assert "no rows" in refusal(tmp_path / "b.parquet").got


def test_damaged_parquet(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    assert "not a Parquet file" in refusal(write(tmp_path / "a.parquet", "text\n")).got
    out = io.BytesIO()
    polars.DataFrame({"a": [str(n) for n in range(99)]}).write_parquet(out)
    whole = out.getvalue()
    assert "damaged" in refusal(write(tmp_path / "a.parquet", b"PAR1" + whole[99:])).got
    assert "not a Parquet" in refusal(write(tmp_path / "a.parquet", whole[:-9])).got


def test_a_panic_of_polars_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    polars = pytest.importorskip("polars")
    kind: type[BaseException] = type("PanicException", (BaseException,), {})

    def panic(*_: object) -> None:
        raise kind("index out of bounds\nmore")

    monkeypatch.setattr(polars, "read_parquet", panic)
    error = refusal(write(tmp_path / "a.parquet", "PAR1PAR1"))
    assert error.got.endswith("damaged: index out of bounds")
    kind = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        read_table(tmp_path / "a.parquet")


def test_parquet_without_polars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtra, match=r'pip install "recurra\[all\]"'):
        read_table(write(tmp_path / "a.parquet", "PAR1"))


# -- anything -----------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [b'{"a": ', b"1", b"}", b'"', b",", b"\t", b"\n", b"\r", b"[", b"PAR1", b"\xff", b"\0", b"a"]
)


@given(st.lists(PIECES | st.binary(max_size=9), max_size=30), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_bytes_are_a_table_or_an_error(
    tmp_path: Path, pieces: list[bytes], data: st.DataObject
) -> None:
    suffix = data.draw(st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet"]))
    content = b"".join(pieces)
    try:
        table = read_table(write(tmp_path / f"a{suffix}", content))
    except InputError:
        return
    assert {len(values) for values in table.columns.values()} == {len(table)}


def test_real_tables(data_folder: Path) -> None:
    train = read_table(data_folder / "nsmc-sample" / "train.tsv")
    assert list(train.columns) == ["id", "document", "label"]
    assert len(train) == 20_000
    assert set(train.column("label", "label")) == {"0", "1"}
    reviews = train.column("document", "text")
    assert len(set(reviews)) == 20_000
    lines = (data_folder / "nsmc-sample" / "train.tsv").read_text("utf-8").split("\n")
    assert [line.split("\t")[1] for line in lines[1:-1]] == reviews  # quotes and all
    assert sum('"' in review for review in reviews) > 90
    chat = read_table(data_folder / "chatbot-ko" / "ChatbotData.csv")
    assert len(chat) == 11_823
    assert set(chat.column("label", "label")) == {"0", "1", "2", "2   "}

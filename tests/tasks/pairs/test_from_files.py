"""Files -> pairs: every form that is read, and every kind of bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recurra.errors import DataError, InputError, OptionError
from recurra.tasks.pairs.from_files import Found, Reading, pairs_of
from recurra.tasks.pairs.splits import notes

SOURCES = ("one", "two dogs", "drei, vier", "다섯")
TARGETS = ("eins", "zwei Hunde", "три; четыре", "五")


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(*rows: tuple[str, ...], end: str = "\n") -> str:
    return "".join("\t".join(row) + end for row in rows)


def read(*files: Path, **reading: Any) -> Found:
    return pairs_of(files, Reading(**reading))


def sides(found: Found) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return found.pairs.sources, found.pairs.targets


def refused(error: type[InputError], *files: Path, **reading: Any) -> InputError:
    with pytest.raises(error) as caught:
        read(*files, **reading)
    assert caught.value.exit_code == 2
    assert caught.value.expected
    return caught.value


PAIRS = lines(*zip(SOURCES, TARGETS, strict=True))


# -- forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.tsv", "a.txt", "a.tab", "a.pairs", "a"])
@pytest.mark.parametrize("change", ["", "bom", "crlf", "ends", "no end", "header"])
def test_lines_with_a_tab(tmp_path: Path, name: str, change: str) -> None:
    content = PAIRS
    match change:
        case "crlf":
            content = content.replace("\n", "\r\n")
        case "bom":
            content = "\ufeff" + content
        case "ends":
            content += "\n\r\n\t\n"
        case "no end":
            content = content.removesuffix("\n")
        case "header":
            content = "Source\tTARGET\n" + content
    found = read(written(tmp_path / name, content))
    assert sides(found) == (SOURCES, TARGETS)
    first = 2 if change == "header" else 1
    assert list(found.pairs.where)[2] == f"{name}, line {first + 2}"
    assert found.columns == (
        {"source": "column 'Source'", "target": "column 'TARGET'"}
        if change == "header"
        else {"source": "first column", "target": "second column"}
    )
    assert found.name == "a"
    assert found.counts.get("blank_lines", 0) == 0


def test_further_columns_are_not_read_and_counted(tmp_path: Path) -> None:
    rows = [(*both, "CC-BY") for both in zip(SOURCES, TARGETS, strict=True)]
    found = read(written(tmp_path / "a.txt", lines(*rows, ("six", "sechs"))))
    assert sides(found) == ((*SOURCES, "six"), (*TARGETS, "sechs"))
    assert found.counts["further"] == 4


@pytest.mark.parametrize("form", ["csv", "semicolons", "jsonl", "parquet", "tsv"])
def test_tables_with_named_columns(tmp_path: Path, form: str) -> None:
    rows = list(zip(SOURCES, TARGETS, strict=True))
    path = tmp_path / f"a.{form}"
    if form == "parquet":
        polars = pytest.importorskip("polars")
        polars.DataFrame({"n": [0, 1, 2, 3], "A": list(TARGETS), "Q": list(SOURCES)}).write_parquet(
            path
        )
    elif form == "jsonl":
        listed = [json.dumps({"n": n, "A": t, "Q": s}) for n, (s, t) in enumerate(rows)]
        written(path, "\n".join(listed))
    else:
        mark = {"csv": ",", "semicolons": ";", "tsv": "\t"}[form]
        quote = "" if form == "tsv" else '"'
        path = tmp_path / ("a.tsv" if form == "tsv" else "a.csv")
        listed = [
            f"{n}{mark}{quote}{t}{quote}{mark}{quote}{s}{quote}" for n, (s, t) in enumerate(rows)
        ]
        written(path, "\n".join([mark.join(["n", "A", "Q"]), *listed]))
    assert sides(read(path)) == (SOURCES, TARGETS)
    assert sides(read(path, reverse=True)) == (TARGETS, SOURCES)
    assert sides(read(path, source="a", target="q")) == (TARGETS, SOURCES)
    assert sides(read(path, source="n"))[1] == TARGETS
    assert read(path, reverse=True).columns == {"source": "column 'A'", "target": "column 'Q'"}
    assert "no such column" in refused(OptionError, path, source="B").got
    assert "both source and target" in refused(OptionError, path, source="A", target="A").got


def test_parallel_files(tmp_path: Path) -> None:
    one = written(tmp_path / "train.en", "\ufeff" + "\r\n".join(SOURCES) + "\r\n\r\n\r\n")
    other = written(tmp_path / "train.ko-KR", "\n".join(TARGETS))
    found = read(one, other)
    assert sides(found) == (SOURCES, TARGETS)
    assert found.name == "train-en-ko-KR"
    assert found.columns == {"source": "train.en", "target": "train.ko-KR"}
    assert found.pairs.where[1] == "train.en and train.ko-KR, line 2"
    assert sides(read(other, one)) == (TARGETS, SOURCES)
    assert sides(read(one, other, reverse=True)) == (TARGETS, SOURCES)
    assert read(one, other, reverse=True).columns["source"] == "train.ko-KR"
    assert "only where there are columns" in refused(OptionError, one, other, source="en").expected


def test_lines_of_text_hold_what_is_no_line_end(tmp_path: Path) -> None:
    odd = ("a\u2028b", "a\x0bb", "a\x85b", "a\tb")
    one = written(tmp_path / "a.x", "\n".join((*odd, *SOURCES)))
    other = written(tmp_path / "a.y", "\n".join((*TARGETS, *SOURCES)))
    assert read(one, other).pairs.sources[:4] == odd


def test_blank_lines_on_both_sides_are_skipped(tmp_path: Path) -> None:
    one = written(tmp_path / "a.x", "a\n\n  \nb\n")
    other = written(tmp_path / "a.y", "A\n\n\nB\n")
    found = read(one, other)
    assert sides(found) == (("a", "b"), ("A", "B"))
    assert found.counts["blank_lines"] == 2
    assert list(found.pairs.where)[1] == "a.x and a.y, line 4"
    found = read(written(tmp_path / "a.tsv", "a\tA\n\nb\tB\n\t\nc\tC\n\n"))
    assert sides(found) == (("a", "b", "c"), ("A", "B", "C"))
    assert found.counts["blank_lines"] == 2
    assert found.pairs.where[2] == "a.tsv, line 5"


def test_several_tables(tmp_path: Path) -> None:
    one = written(tmp_path / "a.txt", PAIRS)
    other = written(tmp_path / "b.csv", "source,target\nsix,sechs\n")
    found = read(one, other)
    assert sides(found) == ((*SOURCES, "six"), (*TARGETS, "sechs"))
    assert found.pairs.where[4] == "b.csv, line 2"
    assert found.name == "a-and-1-more"
    two = written(tmp_path / "c.txt", PAIRS)
    assert len(read(one, two).pairs) == 8  # tables, not parallel files: there are tabs


def test_quotes_in_lines_with_a_tab(tmp_path: Path) -> None:
    # Said in quotes from the first line on: they belong to the text.
    said = ('"Yes," he said.', '"No."', 'A 5" disk', '"Why?"')
    content = lines(*zip(said, TARGETS, strict=True))
    assert read(written(tmp_path / "a.tsv", content)).pairs.sources == said
    content = '"No."\t"Nein."\nA 5" disk\t"x"\n'
    found = read(written(tmp_path / "d.tsv", content))
    assert sides(found) == (('"No."', 'A 5" disk'), ('"Nein."', '"x"'))
    # Written by pandas: they stand around what holds a tab or a quote.
    content = 'source\ttarget\n"a ""b"" c"\tx\n"a\tb"\ty\n'
    assert read(written(tmp_path / "b.tsv", content)).pairs.sources == ('a "b" c', "a\tb")
    content = '"source"\t"target"\n"a"\t"x"\n'
    assert read(written(tmp_path / "c.tsv", content)).pairs.sources == ("a",)


def test_texts_are_composed_and_without_blanks_around(tmp_path: Path) -> None:
    found = read(written(tmp_path / "a.tsv", " cafe\u0301 \tx\ny\t각\n"))
    assert sides(found) == (("café", "y"), ("x", "각"))
    assert found.counts["trimmed"] == 1


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    import os
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(PAIRS,))
    writer.start()
    assert sides(read(pipe)) == (SOURCES, TARGETS)
    writer.join()


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.tsv", "a.txt"])
def test_lines_without_a_separator(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, PAIRS + "no tab\n" + PAIRS + "nor here\nx\ty\nnor here\n")
    error = refused(DataError, path)
    assert error.got == f"{path}, line 5: no separator: 'no tab' (and 2 more such lines)"
    assert "drop these lines" in error.fix
    path = written(tmp_path / name, "no tab\n")
    error = refused(DataError, path)
    assert error.got == f"{path}, line 1: no separator: 'no tab'"
    # All are without: it is one of two.
    assert "the file of the other language" in error.fix
    path = written(tmp_path / name, "source\ttarget\na\tb\nc\n")
    assert "line 3: no separator: 'c'" in refused(DataError, path).got


def test_rows_of_another_width(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "source,target\na,b\none, two,c\nd\ne\n")
    error = refused(DataError, path)
    assert (
        "line 3: 3 fields, but the first line names 2 columns (and 2 more such lines)" in error.got
    )
    path = written(tmp_path / "a.tsv", "source\ttarget\na\tb\nc\td\te\n")
    assert "line 3: 3 fields, but the first line names 2 columns" in refused(DataError, path).got
    path = written(tmp_path / "a.tsv", "id\tsource\ttarget\n1\tb\n")
    assert "line 2: 2 fields" in refused(DataError, path).got


def test_unequal_line_counts(tmp_path: Path) -> None:
    one = written(tmp_path / "a.en", "a\n\nc\nd\n")
    other = written(tmp_path / "a.de", "A\nC\nD\n\n\n")
    error = refused(DataError, one, other)
    assert error.got.startswith(f"{one} has 4 lines, {other} has 3")
    assert error.got.endswith("empty in one alone: a.en, line 2")
    one = written(tmp_path / "a.en", "a\nb\n")
    assert refused(DataError, one, other).got == f"{one} has 2 lines, {other} has 3"


def test_empty_sides(tmp_path: Path) -> None:
    one = written(tmp_path / "a.en", "a\n\nc\n \ne\nf\n")
    other = written(tmp_path / "a.de", "A\nB\nC\nD\n\u00a0\nF\n")
    found = pairs_of([one, other], Reading())
    assert (found.pairs.sources, found.pairs.targets) == (("a", "c", "f"), ("A", "C", "F"))
    assert (found.counts["empty"], found.pairs.where[2]) == (3, "a.en and a.de, line 6")
    assert "3 pairs without a source or a target, left out" in notes(found.counts)
    path = written(tmp_path / "a.tsv", "a\tA\nb\t\n" + "\tC\n" * 4 + "d\tD\n")
    found = pairs_of([path], Reading())
    assert (found.pairs.sources, found.counts["empty"]) == (("a", "d"), 5)
    assert list(found.pairs.where) == ["a.tsv, line 1", "a.tsv, line 7"]
    path = written(tmp_path / "b.tsv", "b\t\n\tC\n")
    assert refused(DataError, path).got == (
        "b.tsv, line 1: 2 pairs, each without a source or without a target"
    )
    path = written(
        tmp_path / "a.jsonl",
        '{"q": "a", "a": "b"}\n{"q": "", "a": "b"}\n{"q": "c", "a": null}\n{"q": "d"}\n',
    )
    assert (sides(read(path)), read(path).counts["empty"]) == ((("a",), ("b",)), 3)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp949"])
@pytest.mark.parametrize("name", ["a.tsv", "a.txt", "a.csv", "a.jsonl"])
def test_wrong_encoding(tmp_path: Path, encoding: str, name: str) -> None:
    text = "café\tà la carte\n" if encoding != "cp949" else "가나다라\t마바사아\n"
    path = written(tmp_path / name, (text * 20).encode(encoding))
    error = refused(DataError, path)
    assert "not UTF-8" in error.got
    assert "iconv" in error.fix


def test_wrong_encoding_of_a_parallel_file(tmp_path: Path) -> None:
    one = written(tmp_path / "a.en", "a\nb\n")
    other = written(tmp_path / "a.fr", "c\né\n".encode("latin-1"))
    assert f"{other}: not UTF-8 at byte 2 (0xe9), line 2" in refused(DataError, one, other).got


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.jsonl", "a.txt", "a.parquet"])
@pytest.mark.parametrize("content", ["", "\n\n", "source\ttarget\n", "\x00\x01", "PK\x03\x04"])
def test_files_of_nothing(tmp_path: Path, name: str, content: str) -> None:
    refused(DataError, written(tmp_path / name, content))
    with pytest.raises(DataError):
        read(written(tmp_path / "b.en", content), written(tmp_path / "b.de", content))


def test_which_column_is_what(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "en,de,fr\na,b,c\n")
    assert "which column is the source?" in refused(DataError, path).got
    assert sides(read(path, source="fr", target="en")) == (("c",), ("a",))
    assert refused(DataError, path, source="fr").got.count("which column is the target?") == 1
    path = written(tmp_path / "a.tsv", "id\tdocument\tlabel\n1\tb\tc\n")
    assert "which column is the source?" in refused(DataError, path).got
    path = written(tmp_path / "a.csv", "word,meaning\na,b\n")
    assert "'word,meaning' may name the columns" in refused(DataError, path).got
    assert sides(read(path, header=True)) == (("a",), ("b",))
    assert sides(read(path, header=False)) == (("word", "a"), ("meaning", "b"))
    path = written(tmp_path / "a.csv", "How are you?,Wie geht es?\na,b\n")
    found = read(path)
    assert sides(found) == (("How are you?", "a"), ("Wie geht es?", "b"))
    assert found.counts["headerless"] == 1
    assert sides(read(path, source="2", target="1"))[0] == ("Wie geht es?", "b")
    path = written(tmp_path / "a.csv", "text\na\n")
    assert "one column, 'text'" in refused(DataError, path).got
    path = written(tmp_path / "a.csv", "source,source\na,b\n")
    assert "two columns are called 'source'" in refused(DataError, path).got
    path = written(tmp_path / "a.tsv", PAIRS)
    assert "has no such column" in refused(OptionError, path, target="de").got
    assert sides(read(path, source="2")) == (TARGETS, SOURCES)


@pytest.mark.parametrize(
    ("header", "picked"),
    [
        (("id", "src", "tgt"), (1, 2)),
        (("German", "ENGLISH"), (0, 1)),
        (("n", "en-US", "zh_Hans"), (1, 2)),
        (("answer", "question"), (1, 0)),
        (("translation", "en", "source"), (2, 0)),
        (("kor", "eng"), (0, 1)),
        # A number more often than Indonesian.
        (("id", "en", "de"), (1, 2)),
        (("en", "de", "ID"), (0, 1)),
        (("en", "id"), (0, 1)),
    ],
)
def test_known_names(tmp_path: Path, header: tuple[str, ...], picked: tuple[int, int]) -> None:
    row = tuple(f"text {n}" for n in range(len(header)))
    found = read(written(tmp_path / "a.tsv", lines(header, row)))
    assert sides(found) == ((row[picked[0]],), (row[picked[1]],))


def test_files_that_do_not_go_together(tmp_path: Path) -> None:
    files = [written(tmp_path / name, "a\nb\n") for name in ("a.en", "a.de", "a.fr")]
    assert "3 files in all" in refused(DataError, *files).got
    table = written(tmp_path / "t.tsv", PAIRS)
    assert "no tab in its lines" in refused(DataError, table, files[0]).got
    assert "given twice" in refused(DataError, files[0], files[0]).got
    assert "standard input" in refused(DataError, Path("-")).got
    assert "no such file" in refused(DataError, tmp_path / "none.tsv").got
    assert "a folder" in refused(DataError, tmp_path).got


def test_hugging_faces_translations(tmp_path: Path) -> None:
    rows = [{"id": n, "translation": {"de": f"Hund {n}", "en": f"dog {n}"}} for n in range(3)]
    path = written(tmp_path / "a.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    found = pairs_of([path], Reading())
    assert (found.pairs.sources[2], found.pairs.targets[2]) == ("Hund 2", "dog 2")
    assert found.columns == {"source": "column 'de'", "target": "column 'en'"}
    assert pairs_of([path], Reading(source="en")).pairs.targets[0] == "Hund 0"
    polars = pytest.importorskip("polars")
    polars.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    assert pairs_of([tmp_path / "a.parquet"], Reading()).pairs.digest == found.pairs.digest
    rows = [{"translation": {"de": "Hund", "en": "dog", "fr": None}}] * 2
    path = written(tmp_path / "b.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    assert "which column is the source? It has 'de', 'en', 'fr'" in refused(DataError, path).got
    found = pairs_of([path], Reading(source="en", target="de"))
    assert (found.pairs.sources[0], found.pairs.targets[0]) == ("dog", "Hund")

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recurra.errors import DataError, OptionError
from recurra.tasks.labels.from_files import Found, Reading, examples_of


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(*sources: Path | str, **columns: str | bool) -> DataError | OptionError:
    with pytest.raises((DataError, OptionError)) as caught:
        examples_of(sources, Reading(**columns))  # type: ignore[arg-type]
    assert caught.value.expected
    return caught.value  # type: ignore[return-value]


# -- tables -------------------------------------------------------------------------------------


def test_a_table_without_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "1,a good film\n0,a bad one\n1,fine\n")
    found = examples_of([path], Reading(label="1", text="2"))
    assert found.examples.inputs == ["a good film", "a bad one", "fine"]
    assert found.examples.labels == ["1", "0", "1"]
    assert found.counts["headerless"] == 1
    assert examples_of([path], Reading("1", "2", header=True)).examples.inputs == ["0", "1"]
    assert "which column is the label? It has '1', '2'" in refusal(path).got
    path = write(tmp_path / "b.csv", "titel,film\nso so,bad\n")
    assert "--no-header" in refusal(path).fix
    assert "may name the columns" in refusal(path, text="1", label="2").got
    found = examples_of([path], Reading("1", "2", header=False))
    assert found.examples.labels == ["film", "bad"]


def test_a_table_by_likely_names(tmp_path: Path) -> None:
    found = examples_of(
        [write(tmp_path / "a.csv", "Label,id,Review\n x ,1,good\ny,2,bad\n")], Reading()
    )
    assert found.examples.inputs == ["good", "bad"]
    assert found.examples.labels == ["x", "y"]
    assert list(found.examples.where) == ["a.csv, line 2", "a.csv, line 3"]
    assert found.columns == {"text": "Review", "label": "Label"}
    assert found.counts == {"trimmed_labels": 1}
    assert (found.examples.kind, found.examples.tagged) == ("text", False)


def test_the_one_column_left_is_the_text(tmp_path: Path) -> None:
    found = examples_of(
        [write(tmp_path / "a.tsv", "zeile\tklasse\na\t1\n")], Reading(label="klasse")
    )
    assert found.columns == {"text": "zeile", "label": "klasse"}


def test_columns_that_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label,film,titel\na,1,f,t\nb,2,g,u\n")
    found = examples_of([path], Reading(text="titel", label="film", group="label"))
    assert found.examples.inputs == ["t", "u"]
    assert found.examples.labels == ["f", "g"]
    assert found.examples.groups == ["1", "2"]
    error = refusal(path, text="titl")
    assert error.fix == "did you mean titel?"
    assert "'text', 'label', 'film', 'titel'" in error.expected
    assert "one column is to be two" in refusal(path, text="label").got
    assert "one column is to be two" in refusal(path, group="label", text="film").got
    error = refusal(write(tmp_path / "b.csv", "a,b,c\n1,2,3\n"))
    assert "which column is the label? It has 'a', 'b', 'c'" in error.got
    assert error.fix == "name it: --label COLUMN"
    assert "which column is the text?" in refusal(tmp_path / "b.csv", label="a").got


def test_tables_are_joined(tmp_path: Path) -> None:
    one = write(tmp_path / "a.csv", "text,label\na,1\n")
    other = write(tmp_path / "b.jsonl", '{"label": 2, "text": "b"}\n')
    found = examples_of([one, other], Reading())
    assert found.examples.labels == ["1", "2"]
    assert list(found.examples.where) == ["a.csv, line 2", "b.jsonl, line 1"]
    assert found.files == (one, other)


def test_empty_cells_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,label\na,1\n" ",1\nb,\n')
    assert refusal(path).got == "an empty text: a.csv, line 3"
    path = write(tmp_path / "a.csv", "text,label\na,1\nb, \n")
    assert refusal(path).got == "an empty label: a.csv, line 3"


def test_the_test_table_may_have_no_groups(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\na,1\n")
    assert "--group film" in refusal(path, group="film").got
    found = examples_of([path], Reading(group="film"), groups_needed=False)
    assert found.examples.groups is None


# -- one file a class ---------------------------------------------------------------------------


def check_classes(found: Found) -> None:
    assert found.examples.inputs == ["bad", "worse", "good"]
    assert found.examples.labels == ["neg", "neg", "pos"]
    assert found.counts == {"blank_lines": 2}


def test_a_file_is_a_class(tmp_path: Path) -> None:
    write(tmp_path / "neg.txt", "bad\n\n worse \n")
    write(tmp_path / "pos.txt", "\r\ngood\r\n")
    write(tmp_path / "README.md", "what these are\n")
    write(tmp_path / ".hidden", "no\n")
    (tmp_path / "folder").mkdir()
    found = examples_of([tmp_path], Reading())
    check_classes(found)
    assert list(found.examples.where) == ["neg.txt, line 1", "neg.txt, line 3", "pos.txt, line 2"]
    check_classes(examples_of([tmp_path / "neg.txt", tmp_path / "pos.txt"], Reading()))


def test_where_names_are_the_same_the_suffix_tells(tmp_path: Path) -> None:
    write(tmp_path / "rt.neg", "bad\n\nworse")
    write(tmp_path / "rt.pos", "\ngood\n")
    check_classes(examples_of([tmp_path], Reading()))
    write(tmp_path / "x.txt", "good\n")
    assert "two files are called 'rt'" in refusal(tmp_path).got


def test_folders_that_hold_no_classes(tmp_path: Path) -> None:
    assert "holds no files" in refusal(tmp_path).got
    write(tmp_path / "a.txt", "a\n")
    assert "holds one file" in refusal(tmp_path).got
    table = write(tmp_path / "train.tsv", "text\tlabel\n")
    assert refusal(tmp_path).fix == f"give the file itself: {table}"
    assert (
        "not UTF-8 at byte 0"
        in refusal(write(tmp_path / "b.txt", b"\xe9 "), tmp_path / "a.txt").got
    )
    blank = [write(tmp_path / name, "\n \n") for name in ("c.txt", "d.txt")]
    assert "only blank lines" in refusal(*blank).got


# -- numbers and tags ---------------------------------------------------------------------------


def test_numbers(tmp_path: Path) -> None:
    ts = write(tmp_path / "a.ts", "@classLabel true x y\n@data\n1,2:3,4:x\n5:6:y\n")
    found = examples_of([ts], Reading())
    assert [each.tolist() for each in found.examples.inputs] == [[[1, 3], [2, 4]], [[5, 6]]]
    assert found.examples.labels == ["x", "y"]
    assert list(found.examples.where) == ["a.ts, line 3", "a.ts, line 4"]
    np.savez(tmp_path / "a.npz", X=np.ones((2, 3, 2)), y=np.array([1, 2]))
    found = examples_of([tmp_path / "a.npz"], Reading())
    assert list(found.examples.where) == ["a.npz, X[0]", "a.npz, X[1]"]
    long = write(tmp_path / "long.csv", "id,t,u,label,g\n1,2,.5,x,p\n1,1,.25,x,p\n2,1,0,y,q\n")
    found = examples_of([long], Reading(sequence="id", time="t", group="g"))
    assert [each.tolist() for each in found.examples.inputs] == [[[0.25], [0.5]], [[0]]]
    assert found.examples.channels == ("u",)
    assert found.examples.groups == ["p", "q"]
    assert list(found.examples.where) == ["long.csv, line 2", "long.csv, line 4"]


def test_tags(tmp_path: Path) -> None:
    path = write(tmp_path / "a.annotated", "a\tO\nb\tB-x\n\nc\tO\n")
    found = examples_of([path, write(tmp_path / "b.conll", "d O\n")], Reading(tag=True))
    assert found.examples.inputs == [("a", "b"), ("c",), ("d",)]
    assert found.examples.labels == [("O", "B-x"), ("O",), ("O",)]
    assert found.examples.tagged
    assert found.examples.where[1] == "a.annotated, line 4"
    assert examples_of([tmp_path / "b.conll"], Reading()).examples.tagged


def test_forms_that_do_not_go_together(tmp_path: Path) -> None:
    ts = write(tmp_path / "a.ts", "@data\n")
    table = write(tmp_path / "a.csv", "text,label\n")
    text = write(tmp_path / "a.txt", "a\n")
    assert "a.ts and " in refusal(ts, table).got
    assert "one file, and nothing says its labels" in refusal(text).got
    assert "given twice" in refusal(table, tmp_path / "." / "a.csv").got
    assert "standard input" in refusal("-").got
    assert refusal(tmp_path / "a.tsv").fix == f"did you mean {tmp_path / 'a.ts'}?"


@pytest.mark.parametrize("name", ["a.ts", "a.npz", "a.conll", "a.csv", "long"])
def test_columns_where_there_are_none(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name.replace("long", "a.csv"), "a,b\n1,2\n")
    if name == "long":
        assert "--text a" in refusal(path, text="a", sequence="b").got
    elif name == "a.csv":
        assert "--time a" in refusal(path, time="a").got
    else:
        assert "--label a" in refusal(path, label="a").got
        assert "--sequence a" in refusal(path, sequence="a").got

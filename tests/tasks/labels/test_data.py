from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.bundle import Run
from recurra.errors import BundleError, DataError, MissingExtra, OptionError
from recurra.tasks.input import ROWS
from recurra.tasks.labels import stored
from recurra.tasks.labels.data import (
    INPUT,
    LabelData,
    digits,
    from_python,
    read,
)
from recurra.tasks.labels.from_memory import as_given
from recurra.tasks.labels.options import LabelOptions


def table(path: Path, n: int = 40, first: int = 0) -> Path:
    rows = [f'"text, {row}",{"ab"[row % 2]},{row // 2}' for row in range(first, first + n)]
    path.write_text("\n".join(["text,label,film", *rows, ""]), encoding="utf-8")
    return path


def same(one: LabelData, other: LabelData) -> bool:
    return (
        one.facts() == other.facts()
        and list(one.examples.where) == list(other.examples.where)
        and all(
            np.array_equal(getattr(one, name), getattr(other, name))
            for name in ("learn", "test", "folds")
        )
    )


# -- reading ------------------------------------------------------------------------------------


def test_a_table_is_read_as_the_options_say(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv")
    data = read([path], LabelOptions(group="film", seed=3))
    assert (data.name, data.files, data.test_files) == ("a", (path,), ())
    assert data.columns == {"text": "text", "label": "label", "group": "film"}
    assert len(data.test) == 4
    assert len({row // 2 for row in data.test.tolist()}) == 2
    assert not same(data, read([path], LabelOptions(group="film", seed=4)))
    with pytest.raises(OptionError, match="label='lable'"):
        read([path], LabelOptions(label="lable"))


def test_a_test_file_reports(tmp_path: Path) -> None:
    train, test = table(tmp_path / "a.csv"), table(tmp_path / "b.csv", 10, first=35)
    data = read([train], LabelOptions(test=str(test)))
    assert data.test.tolist() == list(range(40, 50))
    assert len(data.learn) == 35
    assert data.found["in_test"] == 5
    assert data.test_files == (test,)
    summary = data.summary()
    assert "a: 45 texts (text: column 'text', label: column 'label'), 2 classes" in summary
    assert "10 of b report" in summary
    with pytest.raises(DataError, match="given twice"):
        read([train], LabelOptions(test=str(train)))
    with pytest.raises(DataError, match="no data to train on"):
        read([], LabelOptions(test=str(test)))
    (tmp_path / "c.txt").write_text("a\n")
    with pytest.raises(DataError, match="one file, and nothing says its labels"):
        read([train], LabelOptions(test=str(tmp_path / "c.txt")))


def test_the_default_is_digits() -> None:
    pytest.importorskip("sklearn")
    data = read([], LabelOptions(seed=1))
    assert data.examples.inputs[0].shape == (8, 8)
    assert 0.9 < max(each.max() for each in data.examples.inputs) <= 1
    assert data.classes == tuple("0123456789")
    assert "digits: 1,797 sequences of 8 channels, 8 steps, 10 classes" in data.summary()


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtra, match=r'pip install "recurra\[labels\]"'):
        digits(0)


def test_python_values() -> None:
    X = [f"text {n}" for n in range(50)]
    data = from_python(X, [n % 2 == 0 for n in range(50)], [n // 5 for n in range(50)], seed=2)
    assert data.classes == ("False", "True")
    assert as_given(data.classes, data.label_type).tolist() == [False, True]
    assert data.targets(np.array([0, 1])).tolist() == [1, 0]
    assert len({row // 5 for row in data.test.tolist()}) == 1
    assert len(from_python(X, [n % 3 for n in range(50)], test=0).test) == 0
    assert data.examples.where[7] == "X[7]"


# -- facts and resuming -------------------------------------------------------------------------


def begun(tmp_path: Path, data: LabelData) -> tuple[Run, dict[str, Any]]:
    run = Run.create(tmp_path / "run", overwrite=False)
    INPUT.store(run, data)
    return run, json.loads(json.dumps(data.facts()))


def test_facts_count_what_each_part_has(tmp_path: Path) -> None:
    data = read([table(tmp_path / "a.csv", 100)], LabelOptions())
    facts = data.facts()
    assert (facts["examples"], facts["learn"], facts["test"], facts["select"]) == (100, 90, 10, 9)
    assert facts["counts"] == {"learn": {"a": 45, "b": 45}, "test": {"a": 5, "b": 5}}
    assert facts["files"] == [str(tmp_path / "a.csv")]
    assert facts["classes"] == ["a", "b"]
    assert len(facts["sha256"]) == 64


def test_files_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "a.csv")
    table(tmp_path / "b.csv", 10, first=35)
    data = read(["a.csv"], LabelOptions(test="b.csv", group="film", seed=5))
    run, facts = begun(tmp_path, data)
    assert not INPUT.is_kept(run)
    monkeypatch.chdir("/")
    again = INPUT.read_again(run, facts)
    monkeypatch.chdir(tmp_path)
    assert same(again, data)


def test_a_folder_is_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "moods"
    folder.mkdir()
    for each in ("good", "bad"):
        (folder / f"{each}.txt").write_text("".join(f"{each} {n}\n\n" for n in range(20)))
    data = read([folder], LabelOptions())
    run, facts = begun(tmp_path, data)
    assert not INPUT.is_kept(run)
    assert same(INPUT.read_again(run, facts), data)
    assert data.name == "moods"


def test_digits_are_made_again(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    data = digits(3)
    run, facts = begun(tmp_path, data)
    assert not INPUT.is_kept(run)
    assert same(INPUT.read_again(run, facts), data)


def some(kind: str) -> LabelData:
    random = np.random.default_rng(0)
    y = [n % 2 for n in range(30)]
    if kind == "text":
        return from_python(
            [f"line\n{n} é\u2028" for n in range(30)], y, [str(n // 3) for n in range(30)]
        )
    if kind == "tokens":
        return from_python([["a", str(n)] for n in range(30)], y)
    if kind == "tags":
        return from_python([["a", str(n)] for n in range(30)], [[n, 1] for n in y], seed=4)
    X = [random.normal(size=(n % 4 + 1, 3)) for n in range(30)]
    return from_python(X, y, [None if n % 2 else n for n in range(30)])


@pytest.mark.parametrize("kind", ["text", "tokens", "tags", "numbers"])
def test_python_values_are_kept(tmp_path: Path, kind: str) -> None:
    data = some(kind)
    run, facts = begun(tmp_path, data)
    assert INPUT.is_kept(run)
    again = INPUT.read_again(run, facts)
    assert same(again, data)
    assert as_given(again.classes, again.label_type).tolist() == [0, 1]
    # A copy that is damaged, or another one, is told.
    file = run.path / (stored.NUMBERS if kind == "numbers" else ROWS)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((BundleError, DataError)):
        INPUT.read_again(run, facts)
    file.write_bytes(whole)
    with pytest.raises(DataError, match="have changed"):
        INPUT.read_again(run, facts | {"sha256": "0" * 64})
    file.unlink()
    with pytest.raises(DataError, match="copy of the data is gone"):
        INPUT.read_again(run, facts)


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")
def test_a_pipe_is_kept(tmp_path: Path) -> None:
    content = table(tmp_path / "a.csv").read_text()
    os.mkfifo(tmp_path / "pipe.csv")
    writer = threading.Thread(target=(tmp_path / "pipe.csv").write_text, args=(content,))
    writer.start()
    data = read([tmp_path / "pipe.csv"], LabelOptions())
    writer.join()
    run, facts = begun(tmp_path, data)
    assert same(INPUT.read_again(run, facts), data)


def test_what_changed_before_the_run_was_begun_is_kept(tmp_path: Path) -> None:
    paths = [table(tmp_path / "a.csv"), table(tmp_path / "b.csv", 30, first=50)]
    paths[1].write_text(paths[1].read_text().replace("\n", "\n\n", 1))
    data = read(paths, LabelOptions())
    paths[0].unlink()
    run, facts = begun(tmp_path, data)
    again = INPUT.read_again(run, facts)
    assert same(again, data)
    assert again.examples.where[41] == "b.csv, line 4"


def test_a_column_that_is_gone_when_the_run_is_begun(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv")
    data = read([path], LabelOptions(label="film"))
    path.write_text(path.read_text().replace("film", "movie", 1))
    run, facts = begun(tmp_path, data)
    assert same(INPUT.read_again(run, facts), data)


def test_changed_data_are_told(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv")
    run, facts = begun(tmp_path, read([path], LabelOptions()))
    table(path, 41)
    with pytest.raises(DataError, match="a: the data have changed") as caught:
        INPUT.read_again(run, facts)
    assert caught.value.fix
    path.unlink()
    with pytest.raises(DataError, match=r"a\.csv: no such file"):
        INPUT.read_again(run, facts)


def test_a_row_that_moves_to_the_test_file_is_a_change(tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    lines = ["text,label", *(f"{n},{'ab'[n % 2]}" for n in range(40))]

    def split(at: int) -> None:
        for path, part in zip(paths, (lines[1:at], lines[at:]), strict=True):
            path.write_text("\n".join([lines[0], *part, ""]))

    split(30)
    run, facts = begun(tmp_path, read(paths[:1], LabelOptions(test=str(paths[1]))))
    split(31)
    with pytest.raises(DataError, match="have changed"):
        INPUT.read_again(run, facts)


# -- real data ----------------------------------------------------------------------------------


def of_real(folder: Path, source: str, **options: Any) -> LabelData:
    if "test" in options:
        options["test"] = str(folder / options["test"])
    return read(
        [folder / each for each in source.split(" ")] if source else [], LabelOptions(**options)
    )


def check_whole(data: LabelData) -> None:
    """No text or sequence is in two parts, and every class is learnt and in the facts."""
    keys = data.examples.keys
    learnt = {keys[row] for row in data.learn.tolist()}
    assert not learnt & {keys[row] for row in data.test.tolist()}
    folds: dict[Any, int] = {}
    for row, fold in zip(data.learn.tolist(), data.folds.tolist(), strict=True):
        assert folds.setdefault(keys[row], fold) == fold
    facts = data.facts()
    assert min(facts["counts"]["learn"].values()) > 0
    json.dumps(facts)


def test_nsmc(data_folder: Path) -> None:
    data = of_real(data_folder, "nsmc-sample/train.tsv", test="nsmc-sample/test.tsv")
    check_whole(data)
    assert (len(data.learn), len(data.test)) == (20_000, 5_000)
    assert data.columns == {"text": "document", "label": "label"}
    with pytest.raises(DataError, match="20,000 different numbers as labels in 20,000 examples"):
        of_real(data_folder, "nsmc-sample/train.tsv", label="id")


def test_names(data_folder: Path) -> None:
    data = of_real(data_folder, "names")
    check_whole(data)
    assert (len(data.examples), len(data.classes)) == (20_050, 18)
    assert data.found["repeats"] == 2038
    assert min(data.counts(data.test).values()) > 0


def test_sentence_polarity(data_folder: Path) -> None:
    data = of_real(data_folder, "sentence-polarity")
    check_whole(data)
    assert data.classes == ("neg", "pos")
    assert len(data.learn) + len(data.test) == 10_662


def test_chatbot(data_folder: Path) -> None:
    data = of_real(data_folder, "chatbot-ko/ChatbotData.csv")
    check_whole(data)
    assert data.classes == ("0", "1", "2")
    assert data.found["trimmed_labels"] == 1
    assert data.columns["text"] == "Q"


def test_wnut(data_folder: Path) -> None:
    files = {"test": "wnut17/emerging.test.annotated", "tag": True}
    data = of_real(data_folder, "wnut17/wnut17train.conll wnut17/emerging.dev.conll", **files)
    check_whole(data)
    assert len(data.classes) == 13
    assert sum(data.counts(data.test).values()) == 23_394
    assert sum(map(len, data.step_targets(data.test))) == 23_394


@pytest.mark.parametrize(
    ("name", "learn", "test", "classes"),
    [("japanese-vowels/JapaneseVowels", 270, 370, 9), ("basic-motions/BasicMotions", 40, 40, 4)],
)
def test_recordings(data_folder: Path, name: str, learn: int, test: int, classes: int) -> None:
    data = of_real(data_folder, f"{name}_TRAIN.ts", test=f"{name}_TEST.ts")
    check_whole(data)
    assert (len(data.learn), len(data.test), len(data.classes)) == (learn, test, classes)
    assert set(data.folds.tolist()) == set(range(10))

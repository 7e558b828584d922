"""Files or values as data, and the same data again when a training is resumed."""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.bundle import Run
from recurra.errors import BundleError, DataError, MissingExtra, OptionError
from recurra.tasks.input import ROWS
from recurra.tasks.pairs.data import (
    INPUT,
    PairData,
    from_python,
    given,
    pairs_to_judge,
    read,
)
from recurra.tasks.pairs.dates import dates
from recurra.tasks.pairs.options import PairOptions


def table(path: Path, n: int = 40, first: int = 0) -> Path:
    rows = [f"text {row}\tТекст {row}" for row in range(first, first + n)]
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return path


def parallel(folder: Path, name: str, n: int = 40, first: int = 0) -> list[str]:
    for suffix in ("en", "de"):
        lines = "".join(f"{suffix} {row}\n" for row in range(first, first + n))
        (folder / f"{name}.{suffix}").write_text(lines)
    return [str(folder / f"{name}.en"), str(folder / f"{name}.de")]


VALUES = [(f"source {n}", f"target {n}") for n in range(50)]


def same(one: PairData, other: PairData) -> bool:
    return (
        one.facts() == other.facts()
        and list(one.pairs.where) == list(other.pairs.where)
        and one.summary() == other.summary()
        and all(
            np.array_equal(getattr(one, name), getattr(other, name))
            for name in ("learn", "select", "test")
        )
    )


# -- reading -------------------------------------------------------------------------------------


def test_files_as_the_options_say(tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv")
    data = read([path], PairOptions(seed=3))
    assert (data.name, data.files, data.test_files) == ("a", (path,), ())
    assert (len(data.learn), len(data.select), len(data.test)) == (34, 2, 4)
    assert not same(data, read([path], PairOptions(seed=4)))
    assert data.summary() == (
        "a: 40 pairs (source: first column, target: second column); 4 report; 2 choose"
    )
    turned = read([path], PairOptions(seed=3, reverse=True))
    assert turned.pairs.sources == data.pairs.targets
    with pytest.raises(OptionError, match="source"):
        read([path], PairOptions(source="en"))


@pytest.mark.parametrize("reverse", [False, True])
def test_parallel_files_that_choose_and_report(tmp_path: Path, reverse: bool) -> None:
    files = {
        name: parallel(tmp_path, name, n, first)
        for name, n, first in (("train", 40, 0), ("val", 6, 40), ("test", 8, 39))
    }
    options = PairOptions(valid=files["val"], test=files["test"], reverse=reverse)
    data = read(files["train"], options)
    assert data.learn.tolist() == list(range(40))
    assert data.select.tolist() == list(range(40, 46))
    assert data.of(data.test).sources == (("de 46",) if reverse else ("en 46",))
    assert data.found["test_removed"] == 7
    assert data.of(data.test).where[0] == "test.en and test.de, line 8"
    summary = data.summary()
    assert "train-en-de: 47 pairs" in summary
    assert "; 1 of test-en-de report; 6 of val-en-de choose" in summary
    assert [len(data.facts()[each]) for each in ("files", "valid_files", "test_files")] == [2, 2, 2]


def test_parts_that_are_no_parts(tmp_path: Path) -> None:
    path, other = table(tmp_path / "a.tsv"), table(tmp_path / "b.tsv", 10, 35)
    data = read([path], PairOptions(test=[str(other)], valid=[]))
    assert (data.found["test_removed"], len(data.test)) == (5, 5)
    with pytest.raises(DataError, match="given twice"):
        read([path], PairOptions(test=[str(path)]))
    with pytest.raises(DataError, match="given twice"):
        read([path], PairOptions(test=[str(other)], valid=[str(other)]))
    with pytest.raises(DataError, match="no data to train on"):
        read([], PairOptions(valid=[str(other)]))
    with pytest.raises(OptionError, match="valid is given 3 times"):
        read([path], PairOptions(valid=[str(other)] * 3))
    with pytest.raises(OptionError, match="a list of words"):
        PairOptions(test=str(other))  # type: ignore[arg-type]


def test_python_values(tmp_path: Path) -> None:
    data = from_python(VALUES, seed=2)
    X, y = [s for s, _ in VALUES], [t for _, t in VALUES]
    for again in (
        from_python(X, y, seed=2),
        from_python(np.array(X), np.array(y), seed=2),
        from_python([list(each) for each in VALUES], seed=2),
        from_python(zip(X, y, strict=True), seed=2),
        from_python(y, X, seed=2, reverse=True),
    ):
        assert again.pairs.digest == data.pairs.digest
        assert again.test.tolist() == data.test.tolist()
        assert type(again.pairs.sources[0]) is str
    assert data.pairs.where[7] == "X[7]"
    assert len(from_python(VALUES, test=0.5).test) == 25
    held = table(tmp_path / "a.tsv", 12)
    data = given(VALUES, None, PairOptions(test=[str(held)]))
    assert len(data.test) == 12
    assert data.files == ()
    data = given([str(held)], None, PairOptions())
    assert data.files == (held,)


def test_rows_with_names_are_pairs() -> None:
    flat = [{"id": n, "de": s, "en": t} for n, (s, t) in enumerate(VALUES)]
    nested = [{"id": each.pop("id"), "translation": each} for each in map(dict, flat)]
    data = from_python(VALUES)
    for rows in (flat, nested):
        assert from_python(rows).pairs.digest == data.pairs.digest
        turned = given(rows, None, PairOptions(source="en", target="de"))
        assert turned.pairs.digest == data.pairs.reversed.digest
    three = [{"translation": {**each, "fr": None}} for each in flat]
    assert given(three, None, PairOptions(source="de", target="en")).pairs.digest == (
        data.pairs.digest
    )
    polars = pytest.importorskip("polars")
    assert from_python(polars.DataFrame(flat)).pairs.digest == data.pairs.digest
    assert from_python([*flat, {"de": None, "en": "b"}]).found["empty"] == 1


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        ("text", ["a"], "X: one text"),
        (["a", "b"], "text", "y: one text"),
        (["a", "b"], ["c"], "2 sources, but 1 targets"),
        ([("a", "b"), "cd"], None, r"X\[1\]: one text"),
        ([("a", "b"), ("c",)], None, r"X\[1\]: \('c',\), no pair"),
        ([("a", "b"), ("c", 3)], None, r"X\[1\]: .*no pair"),
        ([("a", "b"), None], None, r"X\[1\]: None, no pair"),
        (["a", 3], ["b", "c"], r"X\[1\]: 3, no text"),
        (["a", "b"], ["b", None], r"y\[1\]: None, no text"),
        ([], None, "X: empty"),
        (3, None, "X: int"),
        ([("a", ""), ("", "d")], None, r"X\[0\]: 2 pairs, each without"),
        ([{"de": "a", "en": 3}], None, r"X\[0\]\['en'\]: 3, no text"),
        ([{"de": "a", "en": "b", "fr": "c"}], None, "X: which column is the source"),
        ([("a", "b")] * 9, None, "9 pairs: too few"),
        ([("a", "b")] * 30, None, "too few sources"),
        ([("a", "\ud800")], None, "half a character"),
    ],
)
def test_python_values_that_are_no_pairs(X: Any, y: Any, says: str) -> None:
    with pytest.raises(DataError, match=says) as error:
        from_python(X, y)
    assert error.value.exit_code == 2


def test_the_share_that_reports_is_a_share() -> None:
    with pytest.raises(OptionError, match="share of the whole"):
        from_python(VALUES, test=1.0)


def test_pairs_to_judge(tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv", 3)
    found = pairs_to_judge(path, None, PairOptions())
    assert (found.pairs.sources[0], found.pairs.targets[0]) == ("text 0", "Текст 0")
    assert (found.name, len(found.pairs)) == ("a", 3)
    found = pairs_to_judge([str(path)], None, PairOptions(reverse=True))
    assert found.pairs.sources[0] == "Текст 0"
    found = pairs_to_judge(["a", ""], ["b", "c"], PairOptions())
    assert (found.pairs.sources, found.pairs.targets) == (("a",), ("b",))
    assert (found.name, found.counts) == ("given", {"empty": 1})
    assert pairs_to_judge([("a", "b")], None, PairOptions(reverse=True)).pairs.sources == ("b",)
    found = pairs_to_judge(parallel(tmp_path, "p", 2), None, PairOptions())
    assert (found.name, len(found.pairs)) == ("p-en-de", 2)
    with pytest.raises(DataError, match="no pairs to judge by"):
        pairs_to_judge([], None, PairOptions())


# -- dates ---------------------------------------------------------------------------------------


def test_dates_are_the_default() -> None:
    pytest.importorskip("babel")
    data = read([], PairOptions(seed=1))
    assert len(data.pairs) == 20_000
    assert (len(data.learn), len(data.select), len(data.test)) == (17_100, 900, 2_000)
    assert data.found["repeats"] == data.found["several"] == 0
    assert data.summary() == (
        "dates: 20,000 pairs (source: English, target: Korean); 2,000 report; 900 choose"
    )
    # They come from no Python value: a place reads as on the command line.
    assert (data.pairs.where[0], data.pairs.where[999]) == ("date 1", "date 1,000")
    turned = read([], PairOptions(seed=1, reverse=True))
    assert turned.pairs.targets == data.pairs.sources
    assert turned.columns == {"source": "Korean", "target": "English"}
    with pytest.raises(OptionError, match="target"):
        read([], PairOptions(target="en"))


def test_each_date_becomes_the_same_in_korean() -> None:
    pytest.importorskip("babel")
    pairs, days = dates(2, count=2_000)
    seen = set()
    for source, target, day in zip(pairs.sources, pairs.targets, days.tolist(), strict=True):
        of = date.fromordinal(day)
        year, month, numbers = of.year, of.strftime("%B"), f"{of.month}월 {of.day}일"
        weekday = "월화수목금토일"[of.weekday()] + "요일"
        written = {
            f"{of:%A}, {month} {of.day}, {year}": f"{year}년 {numbers} {weekday}",
            f"{of.month}/{of.day}/{year % 100:02}": f"{year % 100:02}. {of.month}. {of.day}.",
            f"{month[:3]} {of.day}, {year}": f"{year}. {of.month}. {of.day}.",
            f"{month} {of.day}, {year}": f"{year}년 {numbers}",
        }
        assert written[source] == target
        seen.add(list(written).index(source))
        assert year >= 2000 or "/" not in source
    assert seen == {0, 1, 2, 3}


def test_the_day_of_a_test_date_is_in_no_other_part() -> None:
    pytest.importorskip("babel")
    _, days = dates(5)
    data = read([], PairOptions(seed=5))
    parts = [set(days[rows].tolist()) for rows in (data.learn, data.select, data.test)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    years = {date.fromordinal(day).year for day in days.tolist()}
    assert (min(years), max(years)) == (1900, 2099)
    assert days.tolist() != dates(6)[1].tolist()


def test_without_babel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel.dates", None)
    with pytest.raises(MissingExtra, match=r'pip install "recurra\[pairs\]"'):
        dates(0)


# -- facts and resuming --------------------------------------------------------------------------


def begun(tmp_path: Path, data: PairData) -> tuple[Run, dict[str, Any]]:
    run = Run.create(tmp_path / "run", overwrite=False)
    INPUT.store(run, data)
    return run, json.loads(json.dumps(data.facts()))


def test_files_are_read_again(tmp_path: Path) -> None:
    options = PairOptions(
        test=parallel(tmp_path, "test", 8, 38), valid=parallel(tmp_path, "val", 5, 50), reverse=True
    )
    data = read(parallel(tmp_path, "train"), options)
    run, facts = begun(tmp_path, data)
    assert not INPUT.is_kept(run)
    assert same(INPUT.read_again(run, facts), data)
    (tmp_path / "test.de").write_text("".join(f"de {n}\n" for n in range(8)))
    with pytest.raises(DataError, match="have changed since"):
        INPUT.read_again(run, facts)
    (tmp_path / "val.en").unlink()
    with pytest.raises(DataError, match="no such file"):
        INPUT.read_again(run, facts)


def test_values_are_kept(tmp_path: Path) -> None:
    odd = [*VALUES, ("a\u2028b\n\tc", "\x00 🙂"), ("ends ", " begins")]
    held, other = table(tmp_path / "a.tsv", 12), table(tmp_path / "b.tsv", 20, 50)
    parts = from_python(odd, test_files=[held], valid_files=[other])
    for number, data in enumerate((from_python(odd), parts)):
        run, facts = begun(tmp_path / str(number), data)
        assert INPUT.is_kept(run)
        again = INPUT.read_again(run, facts)
        assert same(again, data)
        assert again.pairs.sources == data.pairs.sources
        assert list(again.pairs.where) == list(data.pairs.where)
    (run.path / ROWS).unlink()
    with pytest.raises(DataError, match="copy of the data is gone"):
        INPUT.read_again(run, facts)


def test_a_damaged_copy_is_told(tmp_path: Path) -> None:
    run, facts = begun(tmp_path, from_python(VALUES))
    path = run.path / ROWS
    whole = path.read_text()
    for content in ("", "{}\n", whole[:200], whole.replace('"source"', '"sauce"')):
        path.write_text(content)
        with pytest.raises(BundleError, match="damaged"):
            INPUT.read_again(run, facts)
    path.write_text(whole.replace("source 7", "source 8"))
    with pytest.raises(DataError, match="have changed"):
        INPUT.read_again(run, facts)


def test_a_pipe_is_kept(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = table(tmp_path / "a.tsv").read_text()
    writer = threading.Thread(target=pipe.write_text, args=(content,))
    writer.start()
    data = read([pipe], PairOptions())
    writer.join()
    run, facts = begun(tmp_path, data)
    assert INPUT.is_kept(run)
    assert same(INPUT.read_again(run, facts), data)


def test_dates_are_written_again(tmp_path: Path) -> None:
    pytest.importorskip("babel")
    data = read([], PairOptions(seed=3, reverse=True))
    run, facts = begun(tmp_path, data)
    assert not INPUT.is_kept(run)
    assert same(INPUT.read_again(run, facts), data)

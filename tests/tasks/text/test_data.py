from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.bundle import CONFIG, FORMAT, INPUT, Run
from recurra.codecs.characters import Characters
from recurra.codecs.tokenizer import UNKNOWN
from recurra.data.embedded_text import embedded_text
from recurra.data.files import TextSource, listed
from recurra.errors import DataError
from recurra.tasks.text import data, stored
from recurra.tasks.text.data import TextData
from small import small_text

TEXTS = st.text(st.characters(codec="utf-8"), min_size=60, max_size=300)


def of(text: str) -> TextData:
    return TextData.from_source(TextSource(text, "made"))


@given(TEXTS.filter(lambda text: len(set(text[: int(len(text) * 0.85)])) > 1))
def test_the_parts_are_the_text_and_the_vocabulary_is_the_training_parts(text: str) -> None:
    read = of(text)
    split = read.split
    assert read.text(split.train) + read.text(split.select) + read.text(split.test) == text
    assert len(read.train) + len(read.select) + len(read.test) == len(text)
    model = read.vocabulary.model
    assert isinstance(model, Characters)
    assert set(model.symbols) == set(read.text(split.train))
    assert read.vocabulary.decode(read.train) == read.text(split.train)
    assert not (read.train == UNKNOWN).any()
    facts = read.facts()
    strange = [c for c in read.text(split.test) if c not in model.symbols]
    assert facts["unknown_in_test"] == len(strange)
    strange = [c for c in read.text(split.select) if c not in model.symbols]
    assert facts["unknown_in_select"] == len(strange)
    assert (facts["train"], facts["select"], facts["test"]) == tuple(
        len(part) for part in (split.train, split.select, split.test)
    )
    assert 0 < read.unknown_rate <= 0.5


def test_the_unknown_is_as_probable_as_what_was_seen_once() -> None:
    # 85 characters train: "xyz" once each, "ab" the rest.
    read = of("ab" * 41 + "xyz" + "ab" * 8)
    assert read.unknown_rate == 3 / 85
    assert of("ab" * 50).unknown_rate == 0.5 / 85


def test_where_no_character_comes_twice_the_known_keep_a_half() -> None:
    read = of("".join(chr(0xAC00 + n) for n in range(200)))
    assert read.unknown_rate == 0.5


@pytest.mark.parametrize("text", ["x", "ab", "abc" * 5])
def test_too_short_a_text_is_an_error(text: str) -> None:
    with pytest.raises(DataError, match=r"made has .* too few") as caught:
        of(text)
    assert "at least 40 characters" in caught.value.expected


def test_a_text_of_one_character_is_an_error() -> None:
    with pytest.raises(DataError, match="repeats one character, 'z'"):
        of("z" * 500)
    with pytest.raises(DataError, match="repeats one character"):
        of("z" * 500 + "abc")


def test_no_source_is_the_embedded_text() -> None:
    assert data.read([]).source == embedded_text()
    assert listed(None) == []
    assert listed("a.txt") == ["a.txt"]
    assert listed(Path("a")) == [Path("a")]
    assert listed(["a", Path("b")]) == ["a", Path("b")]


# -- reading again ------------------------------------------------------------------------------


def begun(tmp_path: Path, read: TextData) -> Run:
    run = Run.create(tmp_path / "run", overwrite=True)
    inference = {"tokens": "characters", "apart": read.apart}
    known = {"format": FORMAT, "task": "text", "recurra": "0.1.0"}
    run.write_json(CONFIG, known | {"inference": inference, "data": read.facts()})
    stored.store_input(run, read)
    return run


def same(one: TextData, other: TextData) -> bool:
    return (one.source.text, one.source.name, one.split, one.vocabulary) == (
        other.source.text,
        other.source.name,
        other.split,
        other.vocabulary,
    ) and one.ids.tobytes() == other.ids.tobytes()


def test_files_and_folders_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "b.txt").write_text(small_text(9))
    (folder / "a.md").write_text("Title\r\n" * 9)
    monkeypatch.chdir(tmp_path)
    for sources in (["texts"], ["texts/b.txt"], ["texts/b.txt", "texts/a.md"]):
        read = data.read(sources)
        run = begun(tmp_path, read)
        assert not run.has(INPUT)
        # From elsewhere, too.
        monkeypatch.chdir("/")
        assert same(stored.read_again(run), read)
        monkeypatch.chdir(tmp_path)


def test_the_embedded_text_is_read_again(tmp_path: Path) -> None:
    read = data.read([])
    run = begun(tmp_path, read)
    assert not run.has(INPUT)
    assert same(stored.read_again(run), read)


def test_standard_input_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.TextIOWrapper(io.BytesIO(small_text(9).replace("\n", "\r\n").encode()))
    monkeypatch.setattr(sys, "stdin", given)
    read = data.read(["-"])
    run = begun(tmp_path, read)
    assert same(stored.read_again(run), read)


def test_standard_input_beside_files_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text(small_text(9))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe")))
    read = data.read([tmp_path / "a.txt", "-"])
    run = begun(tmp_path, read)
    assert same(stored.read_again(run), read)


def test_a_text_that_was_given_as_such_is_kept(tmp_path: Path) -> None:
    read = of(small_text(9))
    run = begun(tmp_path, read)
    assert same(stored.read_again(run), read)


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")
def test_a_pipe_is_kept(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(small_text(9),))
    writer.start()
    read = data.read([tmp_path / "pipe"])
    writer.join()
    run = begun(tmp_path, read)
    assert same(stored.read_again(run), read)


def test_changed_data_are_told(tmp_path: Path) -> None:
    file = tmp_path / "corpus.txt"
    file.write_text(small_text(9))
    run = begun(tmp_path, data.read([file]))
    file.write_text(small_text(9).replace("lazy", "hazy", 1))
    with pytest.raises(DataError, match="corpus: the text has changed") as caught:
        stored.read_again(run)
    assert caught.value.fix
    file.unlink()
    with pytest.raises(DataError, match=r"corpus\.txt: no such file"):
        stored.read_again(run)

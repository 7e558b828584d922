"""Long texts: read from disk as they would be in memory, and refused with the same words."""

from __future__ import annotations

import codecs
import io
import os
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from recurra.data import long_text
from recurra.data.files import TextSource, read_text
from recurra.data.long_text import LongText, open_text
from recurra.errors import DataError

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), min_size=1, max_size=60
)


PLACES = st.integers(0, 99)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_text, "IN_MEMORY", 0)
    monkeypatch.setattr(long_text, "_BLOCK", 7)


def written(folder: Path, contents: list[bytes]) -> list[Path]:
    files = [folder / f"{n}.txt" for n in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    return files


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(TEXTS, min_size=1, max_size=4), st.booleans(), st.integers(0, 99), st.integers(0, 99)
)
@example(["한국어 🙂🙂🙂🙂 naïve", "é\n", "x"], True, 3, 9)
def test_it_is_the_text_that_memory_would_hold(
    tmp_path: Path, texts: list[str], mark: bool, start: int, more: int
) -> None:
    contents = [(codecs.BOM_UTF8 if mark else b"") + text.encode() for text in texts]
    files = written(tmp_path, contents)
    assume(not any(text.startswith(("%PDF-", "PK", "BZh", "\x1f")) for text in texts))
    whole, found = read_text(files), open_text(files)
    assert isinstance(found, LongText)
    assert (found.text, found.name, found.files) == (whole.text, whole.name, whole.files)
    assert (found.length, found.sha256) == (whole.length, whole.sha256)
    assert found.starts == whole.starts
    for at, text in zip(found.starts, texts, strict=True):
        assert found.text[at:].startswith(text)
    part = range(min(start, found.length), min(start + more, found.length))
    assert found.part(part) == whole.part(part) == whole.text[part.start : part.stop]
    assert all(len(block) <= 7 for block in found.blocks(part))


FAULTS = {
    "latin-1": "line one\nline two\nO\u00f9 est la biblioth\u00e8que, mon fr\u00e8re\n".encode(
        "latin-1"
    )
    * 3,
    "cut off": b"a line\n" * 5 + "한".encode()[:2],
    "in the middle": b"abcdef\n" * 4 + b"\xe2\x82x" + b"more\n" * 4,
    "first byte": b"\xff\xfd abc",
    "mark, then a fault": codecs.BOM_UTF8 + b"0123456789\n\xff 0123456789",
    "binary late": b"0123456789\n" * 3 + b"\0 and on",
    "a picture": b"\x89PNG\r\n\x1a\n\0\0",
    "utf-16": "wide text\n".encode("utf-16"),
    "empty": b"",
    "a mark alone": codecs.BOM_UTF8,
    "overlong": b"0123456" + b"\xc0\xaf" + b"0123456",
}


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("block", [4, 7, 8, 1 << 20])
def test_faults_are_told_as_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, block: int
) -> None:
    monkeypatch.setattr(long_text, "IN_MEMORY", -1)
    monkeypatch.setattr(long_text, "_BLOCK", block)
    files = written(tmp_path, [b"first\n", FAULTS[what]])
    with pytest.raises(DataError) as expected:
        read_text(files)
    with pytest.raises(DataError) as caught:
        open_text(files)
    if block == 1 << 20 or what not in ("a picture", "utf-16"):
        assert str(caught.value) == str(expected.value)


def test_what_fits_is_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_text, "IN_MEMORY", 10)
    files = written(tmp_path, [b"12345", b"6789"])
    assert open_text(files) == read_text(files)
    assert isinstance(open_text(files), TextSource)
    files[0].write_bytes(b"1234567")
    assert isinstance(open_text(files), LongText)


@pytest.mark.parametrize("most", [5, 1000])
def test_what_comes_once_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(long_text, "IN_MEMORY", most)
    (file,) = written(tmp_path, ["é from a file".encode()])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("ü from a stream".encode())))
    found = open_text(["-", file])
    assert isinstance(found, LongText if most == 5 else TextSource)
    assert found.text == "ü from a stream\né from a file"
    assert found.part(range(2, 6)) == "from"
    assert (found.name, found.files, found.starts) == ("stdin-and-1-more", (file,), (0, 16))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"0123456789 \xff")))
    with pytest.raises(DataError, match="standard input: not UTF-8 at byte 11"):
        open_text(["-"])


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")
def test_a_pipe_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("through a pipe",))
    writer.start()
    assert open_text([tmp_path / "pipe"]).text == "through a pipe"
    writer.join()


def test_a_file_that_changes_meanwhile_is_told(tmp_path: Path) -> None:
    (file,) = written(tmp_path, ["한국어 텍스트".encode()])
    found = open_text([file])
    file.write_bytes(b"short")
    with pytest.raises(DataError, match=r"0\.txt: has changed"):
        _ = found.text
    file.unlink()
    with pytest.raises(DataError, match=r"0\.txt: cannot be read"):
        _ = found.text

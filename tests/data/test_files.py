from __future__ import annotations

import codecs
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurra.data.embedded_text import embedded_text
from recurra.data.files import bytes_of, decoded, given_once, read_text
from recurra.data.passages import repeated
from recurra.errors import DataError

KOREAN = "옛날 옛적에 호랑이가 담배를 피우던 시절에 한 나무꾼이 살았습니다.\n"
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n"
CHINESE = "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。\n"
RUSSIAN = "Все счастливые семьи похожи друг на друга.\n"
FRENCH = "Où est la bibliothèque de l'été? À côté du café, mon frère.\n"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read_text([path])
    assert str(path) in caught.value.got
    assert caught.value.expected
    assert "{" not in caught.value.fix
    return caught.value


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_a_file_is_read_as_it_is(tmp_path: Path, text: str) -> None:
    if text.startswith(("\ufeff", "%PDF-", "PK", "\x1f")):
        return
    assert read_text([write(tmp_path / "a.txt", text)]).text == text


def test_line_ends_stay_and_the_byte_order_mark_goes(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", codecs.BOM_UTF8 + b"one\r\ntwo\rthree")
    source = read_text([str(file)])
    assert source.text == "one\r\ntwo\rthree"
    assert source.name == "a"
    assert source.files == (file,)


def test_several_files_come_in_the_given_order(tmp_path: Path) -> None:
    b, a = write(tmp_path / "b.txt", "no line end"), write(tmp_path / "a.txt", "line\n")
    c = write(tmp_path / "c.txt", codecs.BOM_UTF8 + b"last")
    source = read_text([b, a, c])
    assert source.text == "no line end\nline\nlast"
    assert source.files == (b, a, c)
    assert source.name == "b-and-2-more"


def test_equal_files_are_joined_alike(tmp_path: Path) -> None:
    files = [write(tmp_path / name, "same") for name in ("a.txt", "b.txt", "c.txt")]
    assert read_text(files).text == "same\nsame\nsame"


def test_a_folder_gives_its_text_sorted_and_names_what_it_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "book"
    write(folder / "b.txt", "B\n")
    write(folder / "a" / "z.md", "Z\n")
    write(folder / "a" / "deep" / "LICENSE", "L\n")
    write(folder / "c.json", "{}\n" + "é" * 5000)  # the sniffed head ends inside a character
    write(folder / "a.png", b"\x89PNG\r\n\x1a\n\0\0")
    write(folder / "d.dat", b"\xff" * 10)
    write(folder / "empty.txt", "")
    write(folder / ".hidden.txt", "no\n")
    write(folder / ".git" / "a.txt", "no\n")
    source = read_text([folder])
    assert source.text == "L\nZ\nB\n{}\n" + "é" * 5000
    assert source.name == "book"
    assert [file.name for file in source.skipped] == ["a.png", "d.dat", "empty.txt"]


def test_the_name_of_the_present_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "book" / "a.txt", "A")
    monkeypatch.chdir(tmp_path / "book")
    assert read_text(["."]).name == "book"


def test_a_text_file_of_a_folder_must_be_text(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "fine\n")
    broken = write(tmp_path / "b.txt", FRENCH.encode("latin1"))
    with pytest.raises(DataError, match="not UTF-8 at byte 1 ") as caught:
        read_text([tmp_path])
    assert str(broken) in caught.value.got


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given_ = SimpleNamespace(buffer=io.BytesIO("옛날".encode()))
    monkeypatch.setattr(sys, "stdin", given_)
    source = read_text(["-"])
    assert (source.text, source.name, source.files) == ("옛날", "stdin", ())
    with pytest.raises(DataError, match="standard input: the file is empty"):
        read_text(["-"])
    given_.buffer = io.BytesIO(b"a\xff")
    with pytest.raises(DataError, match="standard input: not UTF-8 at byte 1 "):
        read_text(["-"])
    given_.buffer = io.BytesIO(b"a")
    with pytest.raises(DataError, match="standard input: given twice"):
        read_text(["-", "-"])
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="standard input is closed"):
        read_text(["-"])


def test_a_missing_file_and_its_neighbour(tmp_path: Path) -> None:
    write(tmp_path / "corpus.txt", "a")
    error = refusal(tmp_path / "copus.txt")
    assert "no such file" in error.got
    assert error.fix == f"did you mean {tmp_path / 'corpus.txt'}?"
    assert "no such file" in refusal(tmp_path / "corpus.txt" / "below.txt").got
    assert "no such file" in refusal(tmp_path / "nowhere" / "a.txt").got


def test_nothing_given() -> None:
    with pytest.raises(DataError, match="no text was given"):
        read_text([])


@pytest.mark.parametrize("content", [b"", codecs.BOM_UTF8])
def test_an_empty_file(tmp_path: Path, content: bytes) -> None:
    assert refusal(write(tmp_path / "a.txt", content)).got.endswith("the file is empty")


def test_folders_without_text(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no files" in refusal(tmp_path / "empty").got
    write(tmp_path / "pictures" / "a.png", b"\x89PNG\r\n\x1a\n\0\0")
    write(tmp_path / "pictures" / "a.txt", b"")
    assert "not text" in refusal(tmp_path / "pictures").got


def test_the_same_file_twice(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "a")
    for again in (file, tmp_path, tmp_path / "b" / ".." / "a.txt"):
        (tmp_path / "b").mkdir(exist_ok=True)
        with pytest.raises(DataError, match="given twice"):
            read_text([file, again])


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "a.txt", "a")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read anything
    assert refusal(file).got == f"{file}: cannot be read: Permission denied"


def test_a_path_that_cannot_be(tmp_path: Path) -> None:
    for name in ("a\0b", "a" * 20_000, "some text\n" * 900):
        with pytest.raises(DataError, match="no such file or folder") as caught:
            read_text([str(tmp_path / name)])
        assert max(map(len, str(caught.value).splitlines())) < 120


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"ab\0cd", "binary (byte 2 is 0)"),
        (b"%PDF-1.7\nabc", "a PDF"),
        (b"PK\x03\x04abc", "ZIP"),
        (KOREAN.encode("utf-16"), "mark says UTF-16"),
        (KOREAN.encode("utf-32"), "mark says UTF-32"),
        (b"\xff\xfea\0b\0", "mark says UTF-16"),
        (KOREAN.encode("utf-16-le"), "UTF-16LE"),
        (FRENCH.encode("utf-16-le"), "UTF-16LE"),
        (FRENCH.encode("utf-16-be"), "UTF-16BE"),
    ],
)
def test_what_is_no_utf8_text_at_all(tmp_path: Path, content: bytes, found: str) -> None:
    assert found in refusal(write(tmp_path / "a.txt", content)).got


@pytest.mark.parametrize("times", [1, 3000])
@pytest.mark.parametrize(
    ("text", "codec", "hint"),
    [
        (KOREAN, "cp949", "CP949 (Korean)"),
        (JAPANESE, "shift_jis", "SHIFT_JIS (Japanese)"),
        (JAPANESE, "euc-jp", "EUC-JP (Japanese)"),
        (CHINESE, "gb18030", "GB18030 (Chinese)"),
        (RUSSIAN, "cp1251", "WINDOWS-1251 (Cyrillic)"),
        (RUSSIAN, "koi8-r", "KOI8-R (Cyrillic)"),
        (FRENCH, "latin1", "Latin-1"),
        ("“" + FRENCH, "cp1252", "Windows-1252"),
    ],
)
def test_the_likely_encoding(tmp_path: Path, text: str, codec: str, hint: str, times: int) -> None:
    data = ("plain ASCII first\n" + text * times).encode(codec)
    error = refusal(write(tmp_path / "a.txt", data))
    assert hint in error.got
    assert "iconv -f" in error.fix
    # The hint can be followed.
    assert data.decode(error.fix.split()[4]) == data.decode(codec)


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_the_place_of_the_fault(tmp_path: Path, mark: bytes) -> None:
    content = mark + "é\n".encode() * 1000 + b"a\xe9b" + "é\n".encode() * 1000
    got = refusal(write(tmp_path / "a.txt", content)).got
    assert f"not UTF-8 at byte {3001 + len(mark):,} (0xe9), line 1,001:" in got
    assert content[3001 + len(mark)] == 0xE9
    assert "damaged here" in got


def test_a_file_cut_off_inside_a_character(tmp_path: Path) -> None:
    got = refusal(write(tmp_path / "a.txt", KOREAN.encode()[:-3])).got
    assert "ends in the middle of a character" in got


def test_the_embedded_text() -> None:
    source = embedded_text()
    assert source.name == f"python-{sys.version_info.major}.{sys.version_info.minor}-reference"
    assert len(source.text) > 300_000
    assert "\0" not in source.text
    # Its topics repeat each other: as it comes, a fifth of its last tenth stands before it too.
    cut = 9 * len(source.text) // 10
    assert repeated(source.text[cut:], [source.text[:cut]]).mean() < 0.05
    assert source.text.index('The "assert" statement') < source.text.index('The "with" statement')


def test_a_python_without_the_embedded_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DataError, match=r"pydoc_data\.topics"):
        embedded_text()


def test_equal_files_of_one_character_stay_lines_of_their_own(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert read_text([tmp_path]).text == "x\nx\nx"


def test_bytes_of_a_file(tmp_path: Path) -> None:
    file = write(tmp_path / "table.csv", b"\xff\0")
    assert bytes_of(file) == b"\xff\0"
    with pytest.raises(DataError, match="no such file") as caught:
        bytes_of(tmp_path / "tabel.csv", "a table")
    assert caught.value.expected == "a table"
    assert caught.value.fix == f"did you mean {file}?"
    with pytest.raises(DataError, match="a folder"):
        bytes_of(tmp_path)


def test_bytes_become_text_or_the_place_is_told() -> None:
    assert decoded(codecs.BOM_UTF8 + "é\r\n".encode(), "a") == "é\r\n"
    with pytest.raises(DataError, match=r"a: not UTF-8 at byte 2 \(0xe9\), line 2"):
        decoded(b"x\n\xe9 ", "a")


def test_a_file_is_given_once_by_whatever_path(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "x")
    (tmp_path / "b").mkdir()
    given_once([file, write(tmp_path / "b" / "a.csv", "x")])
    with pytest.raises(DataError, match="given twice"):
        given_once([file, tmp_path / "b" / ".." / "a.csv"])

"""Lines of standard input: any bytes in any pieces, and each line as soon as it is whole."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recurra.data import line_reader as module
from recurra.data.line_reader import RawLine, raw_lines, standard_input_lines
from recurra.errors import DataError

BOM = b"\xef\xbb\xbf"


class Pieces(io.RawIOBase):
    """What is read comes in these pieces, never more than one at once."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self.pieces:
            return 0
        piece = self.pieces.pop(0)
        took = piece[: len(buffer)]
        buffer[: len(took)] = took
        if len(took) < len(piece):
            self.pieces.insert(0, piece[len(took) :])
        return len(took)


def groups(pieces: list[bytes]) -> Iterator[list[str]]:
    with pytest.MonkeyPatch.context() as patch:
        raw = Pieces(pieces)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(raw)))
        yield from standard_input_lines()


def lines(pieces: list[bytes]) -> list[str]:
    return [line for group in groups(pieces) for line in group]


@st.composite
def cut(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    places = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=9)))
    return [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True)]


line = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=9)


@given(
    st.lists(line, max_size=8),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
    st.booleans(),
    st.data(),
)
def test_lines_do_not_depend_on_how_they_come(
    texts: list[str], end: bytes, mark: bool, ended: bool, data: st.DataObject
) -> None:
    whole = end.join(text.encode() for text in texts)
    if ended and texts:
        whole += end
    expected = texts if ended or (texts and texts[-1]) else texts[:-1]
    if expected and not mark:
        # A first line that begins with a mark is a file that begins with one.
        expected = [expected[0].removeprefix("\ufeff"), *expected[1:]]
        expected = [] if expected == [""] and whole == BOM else expected
    pieces = data.draw(cut(BOM + whole if mark else whole))
    assert lines(pieces) == expected


@example([b"\xef", b"\xbb\xbfa\n"])
@example([b"\xef\xbb\xbf", b"a\n"])
@example([b"\xef", b"\xbb", b"\xbf", b"a", b"\n"])
@given(cut(BOM + b"a\n"))
def test_a_mark_may_come_in_pieces(pieces: list[bytes]) -> None:
    assert lines(pieces) == ["a"]


def test_empty_lines_are_kept() -> None:
    assert lines([b"\n\na\n\n"]) == ["", "", "a", ""]
    assert lines([b"\n", b"\n", b"\r\n"]) == ["", "", ""]
    assert lines([]) == lines([BOM]) == []
    assert lines([BOM + b"\n"]) == [""]
    # Within a line a carriage return is a character like others.
    assert lines([b"a\rb\r\n"]) == ["a\rb"]


def test_a_line_may_be_long() -> None:
    long = "한" * 100_000
    assert lines([(long + "\nb").encode()]) == [long, "b"]


@given(st.integers(1, 9), st.data())
def test_wrong_utf8_names_its_line(at: int, data: st.DataObject) -> None:
    good = [f"line {n} é\n".encode() for n in range(1, 12)]
    bad = [*good[: at - 1], b"caf\xe9 \n", *good[at:]]
    with pytest.raises(DataError, match=rf"not UTF-8 in line {at} \(byte 0xe9\)"):
        lines(data.draw(cut(b"".join(bad))))


def test_wrong_utf8_names_its_line_after_many_and_at_the_end() -> None:
    many = b"a\n" * 99_999
    with pytest.raises(DataError, match="line 100,000 "):
        lines([many + b"\xff\n"])
    with pytest.raises(DataError, match="line 100,000 "):
        lines([many + b"\xff"])
    # A character cut short by the end of the input is wrong, one cut by a piece is not.
    with pytest.raises(DataError, match="line 2 "):
        lines([b"a\n", "é".encode()[:1]])
    assert lines([b"a\n" + "é".encode()[:1], "é".encode()[1:]]) == ["a", "é"]


def test_a_line_is_there_as_soon_as_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    # Unbuffered on this side; whatever reads must not wait for more than there is.
    with os.fdopen(reading) as source, os.fdopen(writing, "wb", buffering=0) as sink:
        monkeypatch.setattr(sys, "stdin", source)
        found: Queue[list[str] | None] = Queue()

        def read() -> None:
            for group in standard_input_lines():
                found.put(group)
            found.put(None)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        sink.write("첫 줄\n둘".encode()[:-1])
        assert found.get(timeout=20) == ["첫 줄"]
        sink.write("둘".encode()[-1:] + b"\nthird\n\nfif")
        assert found.get(timeout=20) == ["둘", "third", ""]
        sink.close()
        assert found.get(timeout=20) == ["fif"]
        assert found.get(timeout=20) is None
        reader.join(20)


def test_a_closed_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="closed"):
        list(standard_input_lines())


# -- lines of whatever bytes ----------------------------------------------------------------------


def raw(pieces: list[bytes]) -> list[RawLine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Pieces(pieces))))
        return [line for group in raw_lines("-") for line in group]


@given(st.binary(max_size=60), st.data())
def test_any_bytes_are_lines(whole: bytes, data: st.DataObject) -> None:
    found = raw(data.draw(cut(whole)))
    *expected, rest = whole.removeprefix(BOM).split(b"\n")
    ends = [line.removesuffix(b"\r") for line in expected]
    assert [line.text for line in found if line.ended] == [
        line.decode("utf-8", "replace") for line in ends
    ]
    assert [line.text for line in found if not line.ended] == (
        [rest.decode("utf-8", "replace")] if rest else []
    )
    for line, source in zip(found, [*ends, rest], strict=False):
        assert line.damaged == (source.decode("utf-8", "ignore").encode() != source)


def test_a_line_without_end_is_cut_between_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 100)
    whole = "한é😀a" * 100
    data = (whole + "\nb\n").encode()
    found = raw([data[at : at + 7] for at in range(0, len(data), 7)])
    *parts, last = found
    assert last == RawLine("b", True, False)
    assert "".join(part.text for part in parts) == whole
    assert [part.ended for part in parts] == [False] * (len(parts) - 1) + [True]
    assert not any(part.damaged for part in parts)
    assert max(len(part.text.encode()) for part in parts) < 110
    # Bytes that are no characters are cut too.
    assert len(raw([b"\x80" * 50] * 9)) >= 4


def test_lines_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_bytes(BOM + b"one\r\n\ncaf\xe9\nrest")
    assert [line for group in raw_lines(file) for line in group] == [
        RawLine("one", True, False),
        RawLine("", True, False),
        RawLine("caf\ufffd", True, True),
        RawLine("rest", False, False),
    ]
    file.write_bytes("one\ntwo\n".encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16"):
        list(raw_lines(file))
    for wrong, words in ((tmp_path, "a folder"), (tmp_path / "no.log", "no such file")):
        with pytest.raises(DataError, match=words):
            list(raw_lines(wrong))

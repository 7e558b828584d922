"""Lines of standard input and of files, as soon as they are there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from recurra.data.encodings import BOM, foreign
from recurra.data.files import STANDARD_INPUT, is_folder
from recurra.errors import DataError

AT_ONCE: Final = 1 << 16  # bytes

LONGEST: Final = 1 << 20
"""Bytes of a line beyond which `raw_lines` cuts it, so that its memory has a bound."""


@final
@dataclass(frozen=True)
class RawLine:
    """A line of whatever comes.

    Args:
        text: without its end ("\\n" or "\\r\\n").
        ended: whether it has one; the last may not, nor the pieces of a line that was cut.
        damaged: whether bytes of it are not UTF-8; they are read as U+FFFD.
    """

    text: str
    ended: bool
    damaged: bool


def raw_lines(source: str | Path) -> Iterator[list[RawLine]]:
    """Yield groups of lines of a file, or of "-", standard input: what has come since the last.

    Memory has a bound: lines above a mebibyte are cut into pieces.

    Raises:
        DataError: no such file, one that cannot be read, or one in another encoding than UTF-8 or
            binary, as its first bytes tell; standard input is read whatever it holds.
    """
    with ExitStack() as held:
        if str(source) == STANDARD_INPUT:
            _check_open()
            read = _piece
        else:
            file = Path(source)
            if is_folder(file, "a file, or - for standard input"):
                raise DataError(f"{file}: a folder", expected="a file, or - for standard input")
            try:
                opened = held.enter_context(file.open("rb"))
                head = opened.peek(AT_ONCE)
            except OSError as error:
                raise DataError(
                    f"{file}: cannot be read: {error.strerror}",
                    expected="a file that this user may read",
                ) from error
            if what := foreign(head):
                raise DataError(
                    f"{file}: not UTF-8 text: {what.found}",
                    expected="UTF-8 text",
                    fix=what.fix_for(str(file)),
                )

            def read() -> bytes:
                return opened.read1(AT_ONCE)

        first = True
        for block in _blocks(read, LONGEST):
            whole = block.removeprefix(BOM) if first else block
            first = False
            *lines, rest = whole.split(b"\n")
            ended = [_raw(line, True) for line in lines]
            yield [*ended, _raw(rest, False)] if rest else ended


def _raw(line: bytes, ended: bool) -> RawLine:
    line = line.removesuffix(b"\r") if ended else line
    try:
        return RawLine(line.decode("utf-8"), ended, False)
    except UnicodeDecodeError:
        return RawLine(line.decode("utf-8", "replace"), ended, True)


def standard_input_lines() -> Iterator[list[str]]:
    """Yield groups of whole lines, without their ends: those that have come since the last group.

    A pipe that is full gives large groups; whoever types gets an answer after each line.

    Raises:
        DataError: standard input is closed, or not UTF-8.
    """
    _check_open()
    seen = 0
    for block in _blocks(_piece):
        # What follows the last line end is a line of its own, unless nothing does.
        if seen or block != BOM:
            yield _lines(block.removesuffix(b"\n"), seen)
        seen += block.count(b"\n")


def _blocks(read: Callable[[], bytes], longest: int | None = None) -> Iterator[bytes]:
    """Whole lines with their ends, and what follows the last end; `longest` cuts longer ones."""
    begun: list[bytes] = []
    size = 0
    while piece := read():
        whole, end, rest = piece.rpartition(b"\n")
        if end:
            yield b"".join([*begun, whole, end])
            begun, size = [rest], len(rest)
            continue
        begun.append(piece)
        size += len(piece)
        if longest is not None and size >= longest:
            data = b"".join(begun)
            cut = _between_characters(data)
            yield data[:cut]
            begun, size = [data[cut:]], size - cut
    if data := b"".join(begun):
        yield data


def _between_characters(data: bytes) -> int:
    """The last place at which UTF-8 can be cut without cutting a character."""
    for place in range(len(data) - 1, max(len(data) - 5, 0), -1):
        if data[place] & 0xC0 != 0x80:
            return place
    return len(data)


def _check_open() -> None:
    if sys.stdin is None:
        raise DataError("standard input is closed", expected="lines: recurra ... < lines.txt")


def _piece() -> bytes:
    found: bytes = sys.stdin.buffer.read1(AT_ONCE)  # type: ignore[union-attr]
    return found


def _lines(data: bytes, before: int) -> list[str]:
    if not before:
        data = data.removeprefix(BOM)
    try:
        return [line.removesuffix("\r") for line in data.decode("utf-8").split("\n")]
    except UnicodeDecodeError as error:
        line = before + data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"standard input: not UTF-8 in line {line:,} (byte 0x{data[error.start]:02x})",
            expected="UTF-8 text",
            fix="convert it: iconv -f LATIN1 -t UTF-8",
        ) from error

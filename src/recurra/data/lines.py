"""Lines of standard input, as soon as they are there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from recurra.data.encodings import BOM
from recurra.errors import DataError

AT_ONCE: Final = 1 << 16  # bytes


def standard_input_lines() -> Iterator[list[str]]:
    """Yield groups of whole lines, without their ends: those that have come since the last group.

    A pipe that is full gives large groups; whoever types gets an answer after each line.

    Raises:
        DataError: standard input is closed, or not UTF-8.
    """
    if sys.stdin is None:
        raise DataError("standard input is closed", expected="lines: recurra ... < lines.txt")
    rest, seen = b"", 0
    while piece := sys.stdin.buffer.read1(AT_ONCE):
        if not seen and not rest:
            piece = piece.removeprefix(BOM)
        whole, end, after = (rest + piece).rpartition(b"\n")
        if not end:
            rest += piece
            continue
        rest = after
        yield _lines(whole, seen)
        seen += whole.count(b"\n") + 1
    if rest:
        yield _lines(rest, seen)


def _lines(data: bytes, before: int) -> list[str]:
    try:
        return [line.removesuffix("\r") for line in data.decode("utf-8").split("\n")]
    except UnicodeDecodeError as error:
        line = before + data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"standard input: not UTF-8 in line {line:,} (byte 0x{data[error.start]:02x})",
            expected="UTF-8 text",
            fix="convert it: iconv -f LATIN1 -t UTF-8",
        ) from error

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
    begun: list[bytes] = []
    seen = 0
    while piece := _piece():
        whole, end, rest = piece.rpartition(b"\n")
        if not end:
            begun.append(piece)
            continue
        data = b"".join([*begun, whole])
        yield _lines(data, seen)
        begun, seen = [rest], seen + data.count(b"\n") + 1
    # What follows the last line end is a line of its own, unless nothing does.
    if (data := b"".join(begun)) and (seen or data != BOM):
        yield _lines(data, seen)


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

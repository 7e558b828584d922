"""Texts too long for memory: their files are looked through once, then read passage by passage."""

from __future__ import annotations

import hashlib
import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Final, final

from recurra.data.encodings import BOM, binary, foreign, likely_encoding
from recurra.data.files import (
    STANDARD_INPUT,
    TextSource,
    given,
    incoming,
    joined,
    name_of,
    not_utf8,
    unreadable,
)
from recurra.errors import DataError

IN_MEMORY: Final = 50_000_000
"""Bytes up to which a text is held in memory as one string."""

_BLOCK: Final = 1 << 20  # bytes read at a time
_LOOKED_AT: Final = 1 << 16  # bytes around a fault from which its encoding is guessed


@final
@dataclass(frozen=True)
class _Block:
    """A stretch of a file that begins and ends with whole characters."""

    file: Path | BufferedIOBase | None  # None for the line end between two files
    at: int
    size: int


@final
@dataclass(frozen=True, eq=False)
class LongText:
    """A text on disk, as one with what a TextSource is: `starts` are where its files begin."""

    name: str
    files: tuple[Path, ...]
    skipped: tuple[Path, ...]
    starts: tuple[int, ...]
    length: int
    sha256: str
    _firsts: list[int] = field(repr=False)  # the first character of each block
    _blocks: list[_Block] = field(repr=False)

    def blocks(self, part: range) -> Iterator[str]:
        """The characters of a part, some at a time."""
        for number in range(max(0, bisect_right(self._firsts, part.start) - 1), len(self._blocks)):
            first = self._firsts[number]
            if first >= part.stop:
                return
            text = _read(self._blocks[number])
            yield text[max(0, part.start - first) : part.stop - first]

    def part(self, part: range) -> str:
        """The characters of a part as one string."""
        return "".join(self.blocks(part))

    @property
    def text(self) -> str:
        """All of it as one string: for whoever has the memory."""
        return self.part(range(self.length))


Text = TextSource | LongText


def open_text(sources: Sequence[str | Path]) -> Text:
    """As `read_text`, but what is longer than IN_MEMORY stays where it is.

    Standard input and pipes, which cannot be read twice, go through a file without a name.

    Raises:
        DataError: as `read_text`.
    """
    names, skipped = given(sources)
    files = tuple(Path(each) for each in names if each != STANDARD_INPUT)
    inputs: list[tuple[str, Path | BufferedIOBase]] = []
    total, name = 0, name_of(sources)
    with ExitStack() as held:
        for each in names:
            path = Path(each)
            if each != STANDARD_INPUT and path.is_file():
                inputs.append((each, path))
                total += path.stat().st_size
                continue
            aside: Any = held.enter_context(
                tempfile.SpooledTemporaryFile(max_size=max(IN_MEMORY, 1))
            )
            for block in incoming(each, _BLOCK):
                aside.write(block)
            total += aside.tell()
            inputs.append(("standard input" if each == STANDARD_INPUT else each, aside))
        if total > IN_MEMORY:
            found = _looked_through(inputs, name, files, skipped)
            # It is read from for as long as the text is there.
            weakref.finalize(found, held.pop_all().close)
            return found
        contents = [(b"".join(_raw(source, called, 0)), called) for called, source in inputs]
    return joined(contents, name, files, skipped)


def _raw(file: Path | BufferedIOBase, name: str, at: int) -> Iterator[bytes]:
    """The bytes of a file from one on, a block at a time."""
    try:
        if isinstance(file, Path):
            with file.open("rb") as stream:
                stream.seek(at)
                while data := stream.read(_BLOCK):
                    yield data
            return
        file.seek(at)
        while data := file.read(_BLOCK):
            yield data
    except OSError as error:
        raise unreadable(name, error) from error


def _read(block: _Block) -> str:
    if block.file is None:
        return "\n"
    if isinstance(block.file, Path):
        try:
            with block.file.open("rb") as stream:
                stream.seek(block.at)
                data = stream.read(block.size)
        except OSError as error:
            raise unreadable(str(block.file), error) from error
    else:
        block.file.seek(block.at)
        data = block.file.read(block.size)
    try:
        if len(data) == block.size:
            return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise DataError(
        f"{block.file}: has changed while it was read", expected="files that stay as they are"
    )


def _looked_through(
    inputs: Sequence[tuple[str, Path | BufferedIOBase]],
    name: str,
    files: tuple[Path, ...],
    skipped: tuple[Path, ...],
) -> LongText:
    """Check all files, count their characters, and note where blocks begin."""
    digest = hashlib.sha256()
    firsts: list[int] = []
    blocks: list[_Block] = []
    starts: list[int] = []
    length, ended = 0, True
    for called, file in inputs:
        if not ended:
            firsts.append(length)
            blocks.append(_Block(None, 0, 1))
            digest.update(b"\n")
            length += 1
        starts.append(length)
        for at, data, text in _checked(called, file):
            firsts.append(length)
            blocks.append(_Block(file, at, len(data)))
            digest.update(data)
            length += len(text)
            ended = text.endswith("\n")
    return LongText(name, files, skipped, tuple(starts), length, digest.hexdigest(), firsts, blocks)


def _checked(name: str, file: Path | BufferedIOBase) -> Iterator[tuple[int, bytes, str]]:
    """Where each block of a file begins, its bytes and its text; no mark, no half characters.

    Raises:
        DataError: as `decoded`.
    """
    at, left, line, head = 0, b"", 1, b""
    for raw in _raw(file, name, 0):
        if not head:
            head = raw
            at, raw = (len(BOM), raw.removeprefix(BOM)) if raw.startswith(BOM) else (0, raw)
        # Of what kind it is its beginning tells; a 0 anywhere means that it is no text.
        what = foreign(head) if raw is head or not at else None
        if what is None and 0 in raw:
            what = binary(at + len(left) + raw.index(0))
        if what:
            raise DataError(
                f"{name}: not UTF-8 text: {what.found}",
                expected="UTF-8 text",
                fix=what.fix_for(name),
            )
        data = left + raw
        whole = _whole(data)
        try:
            text = data[:whole].decode("utf-8")
        except UnicodeDecodeError as error:
            raise _fault(name, file, at, data, error.start, line) from error
        if text:
            yield at, data[:whole], text
        at, left, line = at + whole, data[whole:], line + data.count(b"\n", 0, whole)
    if left:
        raise _fault(name, file, at, left, 0, line)
    if not head or head == BOM:
        raise DataError(f"{name}: the file is empty", expected="a text")


def _whole(data: bytes) -> int:
    """How many bytes there are before a last character that is not all there."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:
            need = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if back < need else len(data)
        if byte < 0x80:
            break
    return len(data)


def _fault(
    name: str, file: Path | BufferedIOBase, at: int, data: bytes, place: int, line: int
) -> DataError:
    offset = at + place
    first = max(0, offset - _LOOKED_AT)
    near = b""
    for block in _raw(file, name, first):
        near += block
        if len(near) > 2 * _LOOKED_AT:
            near = near[: 2 * _LOOKED_AT]
            break
    guess = likely_encoding(near, offset - first)
    return not_utf8(name, offset, data[place], line + data.count(b"\n", 0, place), guess)

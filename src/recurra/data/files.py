"""Bytes and text of files, folders and standard input: strict UTF-8, errors that name the byte."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from os import PathLike
from pathlib import Path
from typing import Any, Final, final

from recurra.data.encodings import BOM, Guess, foreign, likely_encoding
from recurra.errors import DataError

STANDARD_INPUT: Final = "-"

TEXT_SUFFIXES: Final = frozenset({".txt", ".md", ".text", ".rst"})
"""In a folder these must be text; files with other names are read where they are text."""

LONGEST_NAME: Final = 1000
"""Characters of a path that messages tell whole."""

_SNIFFED: Final = 8192  # bytes looked at to tell whether a file of a folder is text


@final
@dataclass(frozen=True)
class TextSource:
    """A text and where it came from.

    `name` is short and fits into a folder's name; `files` are in the order of the text; `skipped`
    are the files of a given folder that are not text; `starts` are where in the text files begin,
    standard input among them.
    """

    text: str
    name: str
    files: tuple[Path, ...] = ()
    skipped: tuple[Path, ...] = ()
    starts: tuple[int, ...] = (0,)

    @property
    def length(self) -> int:
        """Characters."""
        return len(self.text)

    @property
    def sha256(self) -> str:
        """The digest of the text in UTF-8."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    def part(self, part: range) -> str:
        """The characters of a part."""
        return self.text[part.start : part.stop]

    def blocks(self, part: range) -> Iterator[str]:
        """The characters of a part, at once."""
        yield self.part(part)


def read_text(sources: Sequence[str | Path]) -> TextSource:
    """Read files, folders (all text in them, sorted by path) and "-", standard input, into one.

    A byte order mark is dropped; line ends stay as they are; where a file does not end with a
    line, one line end comes between it and the next.

    Raises:
        DataError: nothing was given, a file is missing, empty, unreadable, binary, not UTF-8 or
            given twice, or a folder holds no text.
    """
    names, skipped = given(sources)
    contents = [
        (_standard_input(), "standard input")
        if each == STANDARD_INPUT
        else (bytes_of(Path(each)), each)
        for each in names
    ]
    files = tuple(Path(each) for each in names if each != STANDARD_INPUT)
    return joined(contents, name_of(sources), files, skipped)


def given(sources: Sequence[str | Path]) -> tuple[list[str], tuple[Path, ...]]:
    """The files named, those of folders one by one, and "-"; and what folders hold besides.

    Raises:
        DataError: nothing was given, a file is missing or given twice, or a folder holds no text.
    """
    if not sources:
        raise DataError("no text was given", expected="files, folders, or - for standard input")
    names: list[str] = []
    skipped: list[Path] = []
    seen: set[Path] = set()
    for source in sources:
        if str(source) == STANDARD_INPUT:
            _once(Path(STANDARD_INPUT), "standard input", seen)
            names.append(STANDARD_INPUT)
            continue
        path = Path(source)
        found = [path]
        if is_folder(path):
            found, left = _of_folder(path)
            skipped.extend(left)
        for file in found:
            _once(file.resolve(), str(file), seen)
            names.append(str(file))
    return names, tuple(skipped)


def joined(
    contents: Sequence[tuple[bytes, str]],
    name: str,
    files: tuple[Path, ...],
    skipped: tuple[Path, ...],
) -> TextSource:
    """The contents of files, each with its name, as one text.

    Raises:
        DataError: as `decoded`.
    """
    parts = [decoded(data, called) for data, called in contents]
    parts = [each if each.endswith("\n") else each + "\n" for each in parts[:-1]] + parts[-1:]
    ends = accumulate(map(len, parts), initial=0)
    return TextSource("".join(parts), name, files, skipped, tuple(ends)[:-1])


def incoming(name: str, size: int) -> Iterator[bytes]:
    """What comes through standard input ("-") or a pipe, up to `size` bytes at a time.

    Raises:
        DataError: it cannot be read.
    """
    if name == STANDARD_INPUT and sys.stdin is None:
        raise _closed()
    try:
        with contextlib.ExitStack() as opened:
            if name == STANDARD_INPUT:
                stream = sys.stdin.buffer
            else:
                stream = opened.enter_context(Path(name).open("rb"))
            while data := stream.read(size):
                yield data
    except (OSError, ValueError) as error:
        raise unreadable("standard input" if name == STANDARD_INPUT else name, error) from error


def is_folder(
    path: Path,
    expected: str = "a text file, a folder of text files, or - for standard input",
    fix: str = "look for a slip in the path",
) -> bool:
    """Whether `path` is a folder.

    Args:
        path: of a file or a folder.
        expected: what should be there.
        fix: what to do where nothing there has a like name.

    Raises:
        DataError: it is nothing at all, or cannot be looked at; the nearest name is told.
    """
    called = _called(path)
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError) as error:
        # What is no path at all: too long for one, or with a 0 in it.
        if called != str(path) or isinstance(error, FileNotFoundError | NotADirectoryError):
            near = _nearest(path) if called == str(path) else None
            raise DataError(
                f"{called}: no such file or folder",
                expected=expected,
                fix=f"did you mean {near}?" if near else fix,
            ) from error
        raise unreadable(called, error) from error


def _called(path: Path) -> str:
    """A path as messages have it: what is no path, but a text, by its beginning."""
    name = str(path)
    if len(name) <= LONGEST_NAME and name.isprintable():
        return name
    return repr(name if len(name) <= 60 else name[:60] + "...")


def _nearest(path: Path) -> Path | None:
    """The file beside `path` whose name is most like it."""
    import difflib  # only where a name is wrong

    try:
        beside = [other.name for other in path.parent.iterdir()]
    except OSError:
        return None
    near = difflib.get_close_matches(path.name, beside, n=1)
    return path.with_name(near[0]) if near else None


def _of_folder(folder: Path) -> tuple[list[Path], list[Path]]:
    """The text files below `folder`, sorted by path, and the files left out."""
    found: list[Path] = []
    skipped: list[Path] = []
    for file in sorted(_walk(folder), key=lambda file: file.relative_to(folder).parts):
        if file.stat().st_size and (file.suffix.lower() in TEXT_SUFFIXES or _looks_like_text(file)):
            found.append(file)
        else:
            skipped.append(file)
    if not found:
        what = "only empty files or files that are not text" if skipped else "no files"
        raise DataError(
            f"{folder}: the folder holds {what}",
            expected="a folder with *.txt, *.md or other UTF-8 text in it, at any depth",
        )
    return found, skipped


def _walk(folder: Path) -> Iterator[Path]:
    """Regular files below `folder`, hidden ones and hidden folders left out."""

    def refuse(error: OSError) -> None:
        raise unreadable(str(error.filename), error)

    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(root, name)
            if not name.startswith(".") and file.is_file():
                yield file


def _looks_like_text(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            head = stream.read(_SNIFFED)
    except OSError as error:
        raise unreadable(str(file), error) from error
    if foreign(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character that the limit cut in two is no fault.
        return len(head) == _SNIFFED and error.start >= len(head) - 3
    return True


def bytes_of(file: Path, expected: str = "a file") -> bytes:
    """The content of a file.

    Raises:
        DataError: there is no such file (the nearest name is told), it is a folder, or it cannot
            be read.
    """
    if is_folder(file, expected):
        raise DataError(f"{file}: a folder", expected=expected)
    try:
        return file.read_bytes()
    except OSError as error:
        raise unreadable(str(file), error) from error


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise _closed()
    try:
        return sys.stdin.buffer.read()
    except (OSError, ValueError) as error:
        raise unreadable("standard input", error) from error


def _closed() -> DataError:
    return DataError("standard input is closed", expected="text: recurra ... - < corpus.txt")


def unreadable(name: str, error: OSError | ValueError) -> DataError:
    """What is said of a file that the system does not let us read."""
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return DataError(
        f"{name}: cannot be read: {why}",
        expected="a file that this user may read",
        fix="look at its permissions: ls -l",
    )


def with_newlines(data: bytes) -> bytes:
    """Lines as they are, but where carriage returns alone end them, as on old Macintoshes."""
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def lined(file: Path, expected: str = "a file") -> str:
    """The text of a file of lines.

    Raises:
        DataError: as `bytes_of` and `decoded`.
    """
    return decoded(with_newlines(bytes_of(file, expected)), str(file))


def decoded(data: bytes, name: str) -> str:
    """The text of `data`, strict UTF-8; a byte order mark is dropped.

    Raises:
        DataError: it is empty, binary or not UTF-8; byte, line and likely encoding are told.
    """
    body = data.removeprefix(BOM)
    if not body:
        raise DataError(f"{name}: the file is empty", expected="a text")
    what = foreign(data)
    if what:
        raise DataError(
            f"{name}: not UTF-8 text: {what.found}", expected="UTF-8 text", fix=what.fix_for(name)
        )
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        offset = len(data) - len(body) + error.start
        line = data.count(b"\n", 0, offset) + 1
        guess = likely_encoding(data, offset)
        raise not_utf8(name, offset, data[offset], line, guess) from error


def not_utf8(name: str, offset: int, byte: int, line: int, guess: Guess) -> DataError:
    """What is said of a file with a byte that is not UTF-8."""
    return DataError(
        f"{name}: not UTF-8 at byte {offset:,} (0x{byte:02x}), line {line:,}: {guess.found}",
        expected="UTF-8 text",
        fix=guess.fix_for(name),
    )


def given_once(files: Sequence[Path]) -> None:
    """Refuse a file that stands twice among `files`, under whatever path.

    Raises:
        DataError: one does.
    """
    seen: set[Path] = set()
    for file in files:
        _once(file.resolve(), str(file), seen)


def _once(key: Path, name: str, seen: set[Path]) -> None:
    if key in seen:
        raise DataError(
            f"{name}: given twice",
            expected="each file once: a text that trains and tests at once tells nothing",
        )
    seen.add(key)


def listed(given: Any, got: str = "no paths", expected: str = "files") -> list[str | Path]:
    """One path or several as a list; none for None.

    Raises:
        DataError: these are no paths; `got` and `expected` say what they are, and should be.
    """
    several = isinstance(given, Iterable) and not isinstance(given, str | PathLike)
    paths = list(given) if several else [] if given is None else [given]
    if not all(isinstance(each, str | PathLike) for each in paths):
        raise DataError(got, expected=expected)
    return [each if isinstance(each, str) else Path(each) for each in paths]


def name_of(sources: Sequence[str | Path]) -> str:
    """A short name of what is read, which fits into a folder's name."""
    path, name = Path(sources[0]), "stdin"
    if str(sources[0]) != STANDARD_INPUT:
        name = (path.resolve().name if path.is_dir() else path.stem) or "text"
    return name if len(sources) == 1 else f"{name}-and-{len(sources) - 1}-more"

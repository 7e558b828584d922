"""Files replaced whole or not at all, and what a disk can refuse."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from recurra.errors import BundleError

_HALF: Final = re.compile("[\ud800-\udfff]")

ASIDE: Final = ".aside"
"""How files end that were being written when a process was killed."""


def encoded(text: str) -> bytes:
    """A text as UTF-8.

    Names of files can hold bytes that are no text, which Python reads as halves of characters:
    they are written out, as JSON has them, and as its reader takes them back.
    """
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode("utf-8")


def write(target: Path, parts: Iterable[bytes]) -> None:
    """Replace a file by these parts one after the other, or leave it as it was."""
    with errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = _open_aside(target)
        try:
            with os.fdopen(handle, "wb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise
        sync_folder(target.parent)


@contextlib.contextmanager
def errors(path: Path) -> Iterator[None]:
    """Tell what the disk refuses as an error that names the path."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise BundleError(
            f"{path}: cannot be written ({error.strerror or error})",
            fix="free some space; what was saved before is intact"
            if full
            else "check the folder and its permissions, or choose another --out",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder durable."""
    # A rename is durable only once its folder is; Windows cannot open folders and needs none of it.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _open_aside(target: Path) -> tuple[int, Path]:
    """Open a new file beside a target: what it writes to, and where it is.

    With the permissions of any new file, which the system takes the umask off. tempfile's are for
    its owner alone, and to look the umask up is to set it, for all threads of the process.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        aside = target.with_name(f".{target.name}.{os.urandom(4).hex()}{ASIDE}")
        with contextlib.suppress(FileExistsError):
            return os.open(aside, flags, 0o666), aside

"""Files replaced whole or not at all, regular files read, and what a disk can refuse."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
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


def is_aside(path: Path) -> bool:
    """Whether a process was killed while it wrote this file."""
    return path.name.startswith(".") and path.name.endswith(ASIDE)


def read(target: Path, folder: Path) -> bytes:
    """The content of a regular file in a folder: a device has no end, a pipe may wait for ever.

    Raises:
        BundleError: it is a link, but for those of a cache (`own`), something else than a file, or
            larger than the memory.
        OSError: the system refuses it.
    """
    target = own(target, folder)
    # Not waiting for whoever writes into a pipe; no link that was made since the check.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(target, os.O_RDONLY | getattr(os, "O_BINARY", 0) | flags), "rb") as file:
        found = os.fstat(file.fileno())
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(found.st_mode):
            raise _odd(target, "a device or a pipe")
        if found.st_size > _memory():
            raise _odd(target, f"{found.st_size:,} bytes, more than the memory of this machine")
        return file.read()


def own(target: Path, folder: Path) -> Path:
    """Where a file of a folder lies: there, and nowhere that a link leads to.

    But Hugging Face's cache keeps the files of snapshots/NAME as links into the folder blobs beside
    snapshots, which holds files of the same origin and nothing else.

    Raises:
        BundleError: it is another link, or a link puts it outside of the folder.
    """
    check_within(target, folder)
    if not target.is_symlink():
        return target
    with contextlib.suppress(OSError, RuntimeError):  # links in a circle
        blob = target.resolve()
        if blob.parent in (each.parent / "blobs" for each in _snapshots(folder)):
            return blob
    raise _odd(target, "a link")


def _snapshots(folder: Path) -> Iterator[Path]:
    return (each for each in folder.resolve().parents if each.name == "snapshots")


def check_within(target: Path, folder: Path) -> None:
    """Refuse a file that a link would put outside of a folder.

    Raises:
        BundleError: it would be there.
    """
    try:
        inside = target.parent.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle
        inside = False
    if not inside:
        raise _odd(target.parent, "a link that leads out of the run")


def _odd(path: Path, found: str) -> BundleError:
    return BundleError(
        f"{path}: {found}",
        expected="of a run, regular files in its folder alone",
        fix="copy it with links followed (cp -rL) if you trust it, or restore it from a copy",
    )


def _memory() -> int:
    """The bytes of memory that this machine has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 1 << 36  # Windows says it by other means


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


def append(target: Path, line: bytes) -> None:
    """Add to the end of a file, which is no link: what that leads to is another's."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
    with (
        errors(target),
        open(os.open(target, flags | getattr(os, "O_NOFOLLOW", 0), 0o666), "ab") as file,
    ):
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


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

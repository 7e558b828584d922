"""One process at a time trains into a run's folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from recurra.bundle import Run, disk
from recurra.errors import BundleError


@contextlib.contextmanager
def held(path: str | os.PathLike[str]) -> Iterator[None]:
    """Be the only process that trains into this folder, which need not be there yet.

    The lock is the operating system's, on a file beside the folder: no crash leaves it behind, and
    it stays where a run is set aside by one that overwrites it. Who only reads needs none.

    Raises:
        BundleError: another process has it.
    """
    import filelock  # torch requires it

    place = Path(path).resolve()
    file = place.with_name(f".{place.name}.lock")
    with disk.errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        holder = _holder(file)
        lock = filelock.FileLock(file)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise BundleError(
                f"{path}: {holder} is training there",
                expected="one process at a time",
                fix="wait until it ends, end it, or choose another folder by --out",
            ) from None
        file.write_text(str(os.getpid()))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink()
        lock.release()


def check_unchanged(run: Run, name: str | None) -> None:
    """Refuse to go on writing where another run stands by now, or none.

    Args:
        name: what `run.name` was when the training began.

    Raises:
        BundleError: the folder was removed, or replaced.
    """
    if run.name != name:
        raise BundleError(
            f"{run.path}: was removed or replaced while it was trained",
            expected="the folder as it was",
            fix="train again, into a folder that is left alone",
        )


def _holder(file: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return f"process {int(file.read_text())}"
    return "another process"

"""Calls in forked children with limits: what is loaded already is not loaded again."""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest import mock

BYTES: Final = 1 << 30
"""Of memory, beyond what the parent has."""

_LATE: Final = (
    *("matplotlib.figure", "rich.console", "jinja2", "polars", "PIL.Image", "filelock"),
    *("sklearn.linear_model", "sklearn.feature_extraction.text", "sklearn.multiclass"),
    *(
        "torch._dynamo",
        "tokenizers",
        "sacrebleu.metrics",
        "rapidfuzz.distance",
        "PIL.PngImagePlugin",
    ),
    *("recurra.cli.train", "recurra.tasks.command", "recurra.training.progress"),
)


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Args:
        code: its exit code, or minus the signal that ended it.
        seconds: how long it took.
        said: what it printed.
    """

    code: int
    seconds: float
    said: str

    @property
    def how(self) -> str:
        """The code in words."""
        name = signal.Signals(-self.code).name if self.code < 0 else str(self.code)
        return f"ended by {name} after {self.seconds:.1f} s"


@dataclass(frozen=True)
class Child:
    """A call in a child of this process, which has begun."""

    pid: int
    began: float
    said: Path

    def wait(self, seconds: float) -> Ended:
        """Wait for its end, and kill it when it has done nothing for so long.

        What uses a processor is ended by its limit: on a busy machine the clock says nothing.
        """
        busy, since = "", time.perf_counter()
        while True:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            took = time.perf_counter() - self.began
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return Ended(code, took, self.said.read_text("utf-8", "replace"))
            with contextlib.suppress(OSError):
                # In user's and in system's time, of /proc/PID/stat.
                used = " ".join(Path(f"/proc/{self.pid}/stat").read_text().split()[13:15])
                if used != busy:
                    busy, since = used, time.perf_counter()
            if time.perf_counter() - since > seconds:
                self.kill()
            time.sleep(min(0.002 + took / 100, 0.05))

    def kill(self) -> None:
        """End it now; one that has ended is still there to be waited for."""
        os.kill(self.pid, signal.SIGKILL)


def load_all() -> None:
    """Import what children need, so that each does not take seconds for it."""
    from recurra.tasks import TASKS

    for task in TASKS.values():
        for part in ("estimator", "trainer", "certify", "show", "command"):
            task.part(part)
    for name in _LATE:
        importlib.import_module(name)


def begin(
    what: Callable[[], int], said: Path, *, processor: int = 300, memory: int | None = BYTES
) -> Child:
    """Begin a call.

    Args:
        what: gives the exit code.
        said: the file that standard output and standard error go to.
        processor: seconds of a processor that it has.
        memory: bytes that it may add to those of this process, or None for any number.
    """
    sys.stdout.flush()
    began = time.perf_counter()
    child = os.fork()
    if child:
        return Child(child, began, said)
    code = 70
    try:
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        if memory is not None:
            held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (held + memory, held + memory))
        resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 1))
        code = what()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def called(words: list[str], place: Path) -> int:
    """A command in a folder, with nothing on its standard input; its exit code."""
    from recurra.cli import main

    os.chdir(place)
    with mock.patch.object(sys, "stdin", open(os.devnull, encoding="utf-8")):
        return main(words)

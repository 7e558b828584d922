"""Trainings killed at every file operation and at random moments, gone on with to their ends.

However often a training was killed, and wherever: it ends with the weights and the history of one
that never was, leaves nothing behind, and a run that it was to replace is there until it has
ended. For systems that fork.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import random
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

from fuzz import children, options
from recurra.bundle import CHECKPOINT, CONFIG, REPORT, WEIGHTS, Run
from recurra.errors import BundleError
from recurra.training import lock

MOST: Final = 4
"""Kills of one training."""

STRIDE: Final = 37
"""Operations between the first kills of two cases of one training; prime to most numbers."""

PATIENCE: Final = 120
"""Seconds of the clock for one command."""

LEFT_ALONE: Final = 30
"""Seconds in which a process ends after it has lost the others."""

SEED: Final = 71
"""That no run to be replaced has."""

FEW: Final = (
    *("--steps", "6", "--threads", "1", "--precision", "float32", "--seed", str(SEED), "--quiet"),
)

TRAININGS: Final = (
    ("text", 1, ("--train-on-validation", "0.4", "--dropout", "0.2")),
    ("labels", 1, ("--ensemble", "2",)),
    ("series", 1, ("--train-on-validation", "0.4", "--model", "segments", "--horizon", "4")),
    ("pairs", 1, ("--dropout", "0.2",)),
    ("captions", 1, ()),
    ("text", 2, ("--train-on-validation", "0.4",)),
    ("text", 1, ("--ensemble", "2",)),
    ("labels", 1, ()),
    ("series", 1, ("--model", "autoregressive", "--ensemble", "2", "--horizon", "4")),
    ("pairs", 1, ("--ensemble", "2",)),
    ("captions", 1, ("--reading", "ctc")),
)  # fmt: skip
"""Task, processes, options."""


@dataclass
class Whole:
    """A training that nobody killed: what it left, and how many file operations it took."""

    said: dict[str, Any]
    operations: int
    seconds: float


def campaign(numbers: Iterable[int], folder: Path) -> int:
    """Run cases and print what is wrong; how many there are of that."""
    children.load_all()
    prepare(folder)
    wholes = [_whole(number, folder) for number in range(len(TRAININGS))]
    faults = kills = inside = 0
    for number in numbers:
        wrong, killed, halves = case(number, folder, wholes)
        kills, inside = kills + killed, inside + halves
        if wrong:
            faults += 1
            print(
                f"kills {number} {' '.join(map(str, TRAININGS[number % len(wholes)]))}: {wrong}\n"
            )
        if number % 10 == 9:
            print(f"kills {number}: {kills:,} kills so far, {inside:,} of them inside a write")
        sys.stdout.flush()
    print(f"kills: {kills:,} kills, {inside:,} of them inside a write; operations of a training:")
    print(" ", ", ".join(str(each.operations) for each in wholes))
    return faults


def prepare(folder: Path) -> None:
    """Data of every task, below a folder."""

    def data() -> int:
        options.prepare(folder)
        return 0

    ended = children.begin(data, folder / "said").wait(PATIENCE)
    assert ended.code == 0, ended.said


def case(number: int, folder: Path, wholes: list[Whole]) -> tuple[str, int, int]:
    """Kill one training several times, and go on with it; what is wrong, how many kills, and how
    many of them left a file half-written."""
    draw, which, kills, halves = random.Random(number), number % len(TRAININGS), 0, 0
    whole, (_, count, _) = wholes[which], TRAININGS[which]
    place = folder / "case"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    replacing = draw.random() < 0.4
    if replacing:
        shutil.copytree(options.FROZEN / options.RUNS["text"] / "run", place / "run")
    told: list[str] = []
    for turn in range(draw.randint(1, MOST) + 1):
        words = _next(which, folder, place / "run")
        if words is None:
            break
        # Each operation of each training in turn, then any.
        last = turn and not draw.randrange(MOST - turn + 1)
        nth = number // len(TRAININGS)
        operation: int | None = nth * STRIDE % whole.operations
        if turn:
            operation = draw.randrange(whole.operations)
        moment = None
        if last or turn == MOST:
            operation = None
        elif (nth >= whole.operations or turn) and draw.random() < 0.4:
            operation, moment = None, draw.uniform(0, 1.2) * whole.seconds
        victim = draw.randrange(count)
        ended = _command(words, folder, place, count, victim, operation, moment)
        told.append(f"{words[0]} {operation} {moment} {[each.code for each in ended]}")
        codes = {each.code for each in ended}
        said = "\n".join(each.said for each in ended)
        if -signal.SIGKILL in codes:
            kills += 1
            halves += any(place.rglob("*.aside"))
            if count > 1 and codes != {-signal.SIGKILL} and not codes & {0, 1, -signal.SIGKILL}:
                return f"{told}: the others ended by {codes}\n{said[-1500:]}", kills, halves
        elif codes != {0}:
            return f"{told}: exit {codes}\n{said[-1500:]}", kills, halves
        if replacing and (wrong := _lost(place)):
            return f"{told}: {wrong}", kills, halves
    for _ in range(3):
        # A kill may have come when all that was left was to clear away.
        if (words := _next(which, folder, place / "run")) is None:
            break
        ended = _command(words, folder, place, count, 0, None, None)
        told.append(f"{words[0]} {[each.code for each in ended]}")
        if {each.code for each in ended} != {0}:
            return f"{told}: {ended[0].said[-1500:]}", kills, halves
    if (place / ".run.lock").exists() or (place / "run" / CHECKPOINT).parent.exists():
        # A kill when all was done leaves a lock that nobody has, or a folder that says nothing.
        ended = _command(["resume", str(place / "run")], folder, place, 1, 0, None, None)
        if "this training is finished" not in ended[0].said:
            return f"{told}: {ended[0].said[-1500:]}", kills, halves
        with lock.held(place / "run"):
            pass
    try:
        found = _said(place)
    except (BundleError, OSError, KeyError) as error:
        return f"{told}: {error!r}", kills, halves
    off = [name for name in whole.said if found[name] != whole.said[name]]
    shown = {name: (found[name], whole.said[name]) for name in off if name == "files"}
    return (f"{told}: others: {off} {shown}" if off else ""), kills, halves


def _whole(which: int, folder: Path) -> Whole:
    place = folder / "case"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    words = _next(which, folder, place / "run")
    assert words is not None
    ended = _command(words, folder, place, TRAININGS[which][1], 0, None, None)
    assert all(each.code == 0 for each in ended), ended[0].said
    operations = int((folder / "operations").read_text())
    return Whole(_said(place), operations, max(each.seconds for each in ended))


def _next(which: int, folder: Path, run: Path) -> list[str] | None:
    """What a user types: `train`, and once there is something to go on from `resume`."""
    task, _, more = TRAININGS[which]
    if (run / CONFIG).exists() and Run(run).config()["options"]["seed"] == SEED:
        if (run / CHECKPOINT).exists():
            return ["resume", str(run), "--quiet"]
        if (run / REPORT).exists():
            return None
    data = next(iter(sorted((folder / task).iterdir())))
    if task == "captions":
        data = folder / task / "a.tsv"
    words = ["train", task, str(data), "--out", str(run), "--overwrite"]
    return [*words, *options.SMALL[task], *FEW, *more]


def _lost(place: Path) -> str:
    """What is wrong where a run is being replaced: one whole run is there, the old or the new."""
    aside = place / ".run.replaced-1"
    for each in (aside, place / "run"):
        with contextlib.suppress(BundleError, OSError):
            run = Run.open(each)
            if run.has(REPORT):
                run.check(WEIGHTS, REPORT)
                return ""
    return f"no whole run is left: {sorted(each.name for each in place.iterdir())}"


def _said(place: Path) -> dict[str, Any]:
    """What a training left, without the clock."""
    run = Run.open(place / "run")
    report = run.read_json(REPORT)
    arrays, _ = run.read_arrays(WEIGHTS)
    return {
        "weights": {
            name: (each.dtype, each.shape, each.tobytes()) for name, each in arrays.items()
        },
        "history": [{k: v for k, v in each.items() if k != "seconds"} for each in run.history()],
        "model": report["model"],
        "best": report["training"]["best_step"],
        "held": report["certificate"]["held"],
        "files": sorted(each.relative_to(place).as_posix() for each in place.rglob("*")),
    }


def _command(
    words: list[str],
    folder: Path,
    place: Path,
    count: int,
    victim: int,
    operation: int | None,
    moment: float | None,
) -> list[children.Ended]:
    """A command in so many processes, one of which is killed at an operation or a moment."""
    port = _free_port() if count > 1 else 0
    begun = []
    for rank in range(count):
        its = operation if rank == victim else None
        what = partial(_training, words, folder, place, count, rank, port, its)
        begun.append(children.begin(what, folder / f"said-{rank}", memory=None))
    if moment is not None:
        time.sleep(moment)
        begun[victim].kill()
    ended = {victim: begun[victim].wait(PATIENCE)}
    for rank, each in enumerate(begun):
        if rank != victim:
            ended[rank] = each.wait(LEFT_ALONE + ended[victim].seconds)
    return [ended[rank] for rank in range(count)]


def _training(
    words: list[str],
    folder: Path,
    place: Path,
    count: int,
    rank: int,
    port: int,
    operation: int | None,
) -> int:
    from recurra.tasks.text import evaluate

    if count > 1:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
        os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    with mock.patch.object(evaluate, "FREE_LENGTH", 20), _counted(place, operation) as counted:
        code = children.called(words, place)
    if rank == 0:
        (folder / "operations").write_text(str(counted()))
    return code


@contextlib.contextmanager
def _counted(place: Path, fatal: int | None) -> Iterator[Callable[[], int]]:
    """Count what changes files below a folder, and end the process just before one of it.

    Opening to write, renaming, removing, making and removing folders, as Python's own hooks tell
    them, each write, of which half is done, and each flush to the disk.
    """
    count, on = 0, True

    def passed(half: Callable[[], object] = lambda: None) -> None:
        nonlocal count
        if count == fatal:
            half()
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if not on:
            return
        if event == "open":
            path, _, flags = given
            if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(str(place)):
                passed()
        elif event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"):
            # Names alone are of folders that are removed with all that is in them.
            path = Path(given[0])
            if not path.is_absolute() or path.is_relative_to(place):
                passed()

    class Written:
        """A file whose writes are counted."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def __enter__(self) -> Written:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, content: bytes) -> int:
            def half() -> None:
                self.file.write(content[: len(content) // 2])
                self.file.flush()

            passed(half)
            return int(self.file.write(content))

    sync, opened, by_handle = os.fsync, builtins.open, os.fdopen

    def synced(handle: int) -> None:
        passed()
        sync(handle)

    def counting(handle: Any, mode: str = "r", *given: Any, **named: Any) -> Any:
        own = isinstance(handle, int) and mode in ("wb", "ab")
        file = opened(handle, mode, *given, **named)
        return Written(file) if own else file

    def counting_handle(handle: int, mode: str = "r", *given: Any, **named: Any) -> Any:
        file = by_handle(handle, mode, *given, **named)
        return Written(file) if mode in ("wb", "ab") else file

    sys.addaudithook(hook)
    from recurra.bundle import disk

    with (
        mock.patch.object(os, "fsync", synced),
        mock.patch.object(os, "fdopen", counting_handle),
        mock.patch.object(disk, "open", counting, create=True),
    ):
        yield lambda: count
    on = False


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return int(one.getsockname()[1])

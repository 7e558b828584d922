"""Exact resume: a training that was killed, wherever, ends as if it never had been."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import recurra
from damage import FEW, fit
from recurra.bundle import CHECKPOINT, HISTORY, REPORT, WEIGHTS, Run
from recurra.cli import main
from recurra.errors import BundleError
from recurra.tasks import trainer
from small import small_text
from toy_labels import numbers

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")

STEPS = 400
OPTIONS = [
    *["--steps", str(STEPS), "--size", "tiny", "--hidden", "16", "--embedding", "8"],
    *["--layers", "2", "--dropout", "0.3", "--batch", "4", "--bptt", "12", "--lr", "0.05"],
    *["--train-on-validation", "0.4", "--threads", "1", "--precision", "float32", "--seed", "7"],
]
LIMIT = 120.0

Moment = Callable[[Path, "subprocess.Popen[bytes]"], None]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    path.write_text(small_text(40))
    return path


@pytest.fixture(scope="module")
def whole(corpus: Path) -> Run:
    """The run that nobody interrupted."""
    out = corpus.parent / "whole"
    assert main(["train", "text", str(corpus), "--out", str(out), "--quiet", *OPTIONS]) == 0
    return Run.open(out)


def summary(run: Run) -> list[dict[str, Any]]:
    """The history without the clock."""
    return [{k: v for k, v in line.items() if k != "seconds"} for line in run.history()]


def weights(run: Run) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in run.read_arrays(WEIGHTS)[0].items()}


def same(run: Run, whole: Run) -> None:
    assert summary(run) == summary(whole)
    assert weights(run) == weights(whole)
    mine, theirs = run.read_json(REPORT), whole.read_json(REPORT)
    assert mine["model"] == theirs["model"]
    assert mine.get("free_running") == theirs.get("free_running")
    assert mine["training"]["best_step"] == theirs["training"]["best_step"]
    # Nothing half-written stays.
    assert sorted(p.name for p in run.path.rglob("*")) == sorted(
        p.name for p in whole.path.rglob("*")
    )


def start(arguments: list[str], run: Path) -> subprocess.Popen[bytes]:
    with open(f"{run}.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "recurra", *arguments, "--quiet"], stdout=log, stderr=log
        )


def reported(run: Path) -> int:
    try:
        return (run / HISTORY).read_bytes().count(b"\n")
    except OSError:
        return 0


def wait(process: subprocess.Popen[bytes], until: Callable[[], bool], pause: float) -> None:
    """Wait until something is so, or the process has ended."""
    end = time.monotonic() + LIMIT
    while process.poll() is None and not until():
        assert time.monotonic() < end
        if pause:
            time.sleep(pause)


def after(lines: int, seconds: float) -> Moment:
    """So many more reports, and then a while."""

    def moment(run: Path, process: subprocess.Popen[bytes]) -> None:
        goal = reported(run) + lines
        wait(process, lambda: reported(run) >= goal, 0.001)
        time.sleep(seconds)

    return moment


def inside_a_write(lines: int, folder: str) -> Moment:
    """While a file lies there half-written."""

    def moment(run: Path, process: subprocess.Popen[bytes]) -> None:
        after(lines, 0)(run, process)
        place = run / folder
        wait(process, lambda: any(p.suffix == ".aside" for p in place.iterdir()), 0)

    return moment


def killed(
    run: Path, corpus: Path, datetimes: list[Moment], number: signal.Signals
) -> tuple[int, int]:
    """Train, kill at each moment, and go on; how often it was cut off, and half-way in a write."""
    cuts = halves = 0
    arguments = ["train", "text", str(corpus), "--out", str(run), *OPTIONS]
    for moment in datetimes:
        process = start(arguments, run)
        # Before its first checkpoint there is nothing to go on from.
        wait(process, lambda: (run / CHECKPOINT).exists(), 0.001)
        moment(run, process)
        process.send_signal(number)
        code = process.wait(LIMIT)
        if code == 0:
            return cuts, halves
        assert code == (-9 if number == signal.SIGKILL else 130), Path(f"{run}.log").read_text()
        cuts += 1
        halves += any(run.rglob("*.aside"))
        arguments = ["resume", str(run)]
    process = start(arguments, run)
    assert process.wait(LIMIT) == 0, Path(f"{run}.log").read_text()
    return cuts, halves


def test_killed_at_any_moment_and_resumed_it_ends_alike(
    tmp_path: Path, corpus: Path, whole: Run
) -> None:
    chance = random.Random(os.getpid())
    delays = [chance.uniform(0, 0.1) for _ in range(2)]
    datetimes = [
        after(chance.randrange(1, 4), delays[0]),
        inside_a_write(2, "checkpoint"),
        # The finishing phase has begun by the twelfth report.
        after(chance.randrange(6, 8), delays[1]),
        inside_a_write(1, "checkpoint"),
    ]
    run = tmp_path / "run"
    cuts, halves = killed(run, corpus, datetimes, signal.SIGKILL)
    print(f"cut off {cuts} times, {halves} of them inside a write; delays {delays}")
    assert cuts >= 2
    assert halves >= 1
    same(Run.open(run), whole)


def test_ctrl_c_ends_with_130_and_can_be_resumed(tmp_path: Path, corpus: Path, whole: Run) -> None:
    run = tmp_path / "run"
    cuts, halves = killed(run, corpus, [after(4, 0.01)], signal.SIGINT)
    assert (cuts, halves) == (1, 0)
    log = Path(f"{run}.log").read_text()
    assert log.count(f"what was learnt is kept\n  to do: recurra resume {run}\n") == 1
    assert "Traceback" not in log
    same(Run.open(run), whole)


class Killed(BaseException):
    """As far as this process is concerned."""


@pytest.mark.parametrize("where", ["_certified", "_finish"])
def test_killed_between_the_report_and_the_end_it_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    whole, run, old = (Run(tmp_path / name) for name in ("whole", "run", "old"))
    fit("labels", 0, whole.path)
    fit("labels", 1, old.path)
    old.path.rename(run.path)

    def end(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(trainer, where, end)
        X, y = numbers(60, 0)
        with pytest.raises(Killed):
            recurra.LabelModel(hidden=8, batch=8, seed=0, **FEW).fit(
                X, y, out=run.path, overwrite=True
            )
    assert run.has(REPORT)
    assert run.has(CHECKPOINT)
    recurra.resume(run.path)
    same(run, whole)
    assert not run.has(CHECKPOINT)
    assert run.replaced == []
    with pytest.raises(BundleError, match="is finished"):
        recurra.resume(run.path)


@pytest.mark.long
def test_killed_thirty_times_it_still_ends_alike(tmp_path: Path, corpus: Path, whole: Run) -> None:
    chance = random.Random(0)
    run = tmp_path / "run"
    datetimes = [after(chance.randrange(2), chance.uniform(0, 0.2)) for _ in range(30)]
    killed(run, corpus, datetimes, signal.SIGKILL)
    same(Run.open(run), whole)

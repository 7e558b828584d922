"""Several processes under torchrun train as one does, and one of them speaks and writes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import psutil
import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from recurra.bundle import CHECKPOINT, HISTORY, WEIGHTS, Run
from recurra.cli import main
from recurra.errors import OptionError
from recurra.judge.loss import LossSum
from recurra.tasks.labels.estimator import LabelModel
from recurra.tasks.text.estimator import TextModel
from recurra.training import processes

gloo = pytest.mark.skipif(
    sys.platform == "win32" or not dist.is_available(), reason="no processes that train together"
)

LIMIT = 120.0

# Seven rows for two processes: shares of unequal size. Small steps, since Muon rounds to bfloat16,
# and what differs in the last bit grows.
OPTIONS = [
    *["--steps", "200", "--size", "tiny", "--hidden", "24", "--embedding", "8", "--layers", "2"],
    *[
        "--dropout",
        "0",
        "--batch",
        "7",
        "--bptt",
        "24",
        "--lr",
        "0.001",
        "--train-on-validation",
        "0.3",
    ],
    *["--threads", "1", "--precision", "float32", "--seed", "7", "--quiet"],
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    path.write_text("".join(f"{n}: the fox {n % 7} jumps {n * n % 13} times\n" for n in range(300)))
    return path


@pytest.fixture(scope="module")
def whole(corpus: Path) -> Run:
    """The run of two processes that nobody interrupted."""
    return by_two(corpus, corpus.parent / "whole")


def torchrun(log: Path, *words: object, script: Path | None = None) -> subprocess.Popen[bytes]:
    program = ["-m", "recurra"] if script is None else [str(script)]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *program]
    with open(log, "wb") as file:
        return subprocess.Popen(
            [sys.executable, *launch, *map(str, words)],
            stdout=file,
            stderr=file,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )


def by_two(corpus: Path, out: Path, *words: object) -> Run:
    log = Path(f"{out}.log")
    process = torchrun(log, "train", "text", corpus, "--out", out, *OPTIONS, *words)
    assert process.wait(LIMIT) == 0, log.read_text()
    return Run.open(out)


def summary(run: Run) -> list[dict[str, Any]]:
    """The history without clock and samples."""
    left = ("seconds", "sample")
    return [{k: v for k, v in line.items() if k not in left} for line in run.history()]


def weights(run: Run) -> dict[str, Any]:
    return dict(sorted(run.read_arrays(WEIGHTS)[0].items()))


def alike(run: Run, other: Run) -> None:
    """The same to rounding."""
    for mine, theirs in zip(summary(run), summary(other), strict=True):
        for name, figure in mine.items():
            assert figure is theirs[name] or figure == pytest.approx(theirs[name], rel=1e-4)
    for name, weight in weights(run).items():
        np.testing.assert_allclose(weight, weights(other)[name], atol=2e-3)


def cut_off(
    corpus: Path, out: Path, *words: str, number: signal.Signals, victim: int | None = None
) -> str:
    """Train until some reports are there, then send a signal; returns what was printed."""
    log, end = Path(f"{out}.log"), time.monotonic() + LIMIT
    process = torchrun(log, "train", "text", corpus, "--out", out, *OPTIONS, *words)
    while not (out / HISTORY).is_file() or (out / HISTORY).read_bytes().count(b"\n") < 2:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(process.pid if victim is None else children(process.pid)[victim], number)
    assert process.wait(LIMIT) != 0
    assert (out / CHECKPOINT).is_file()
    return log.read_text()


def children(pid: int) -> list[int]:
    return [each.pid for each in psutil.Process(pid).children()]


@gloo
def test_two_processes_train_as_one_does(corpus: Path, whole: Run) -> None:
    out = corpus.parent / "one"
    assert main(["train", "text", str(corpus), "--out", str(out), *OPTIONS]) == 0
    one = Run.open(out)
    assert one.config()["training"]["processes"] == 1
    assert whole.config()["training"]["processes"] == 2
    alike(whole, one)
    files = [sorted(path.name for path in run.path.rglob("*")) for run in (one, whole)]
    assert files[0] == files[1]
    printed = Path(f"{whole.path}.log").read_text()
    assert printed.count("Verdict: ") == 1
    assert printed.count(f"run: {whole.path}") == 1


@gloo
def test_ctrl_c_keeps_what_was_learnt_and_any_number_goes_on(
    tmp_path: Path, corpus: Path, whole: Run
) -> None:
    out = tmp_path / "run"
    printed = cut_off(corpus, out, number=signal.SIGINT)
    assert printed.count(f"what was learnt is kept\n  to do: recurra resume {out}\n") == 1
    assert printed.count("recurra: ") == 1
    shutil.copytree(out, tmp_path / "alone")
    assert torchrun(tmp_path / "log", "resume", out, "--quiet").wait(LIMIT) == 0
    resumed = Run.open(out)
    assert summary(resumed) == summary(whole)
    for name, weight in weights(resumed).items():
        assert weight.tobytes() == weights(whole)[name].tobytes()
    assert main(["resume", str(tmp_path / "alone"), "--quiet"]) == 0
    alike(Run.open(tmp_path / "alone"), whole)


@gloo
def test_a_mistake_has_one_message(tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "run"
    process = torchrun(log, "train", "text", tmp_path / "absent.txt", "--out", out)
    assert process.wait(LIMIT) != 0
    printed = log.read_text()
    assert printed.count("recurra: ") == 1
    assert printed.count("absent.txt: no such file") == 1
    assert "exitcode  : 2" in printed
    assert printed.count("Traceback") <= 1  # torchrun's own
    assert not out.exists()


@gloo
@pytest.mark.long
def test_a_killed_process_ends_all_and_the_run_goes_on(tmp_path: Path, corpus: Path) -> None:
    dropping = ["--dropout", "0.2"]
    whole, out = by_two(corpus, tmp_path / "whole", *dropping), tmp_path / "run"
    cut_off(corpus, out, *dropping, number=signal.SIGKILL, victim=1)
    assert torchrun(tmp_path / "log", "resume", out, "--quiet").wait(LIMIT) == 0
    assert summary(Run.open(out)) == summary(whole)


@gloo
@pytest.mark.long
def test_weights_that_drift_apart_are_noticed(tmp_path: Path, corpus: Path) -> None:
    script, log = tmp_path / "drifting.py", tmp_path / "log"
    script.write_text(
        "import sys\n"
        "from recurra.cli import main\n"
        "from recurra.training import processes\n"
        "summed = processes.summed\n"
        "def drifting(network, own):\n"
        "    total = summed(network, own)\n"
        "    next(network.parameters()).grad.mul_(1 + processes.rank())\n"
        "    return total\n"
        "processes.summed = drifting\n"
        "sys.exit(main())\n"
    )
    words = ["train", "text", corpus, "--out", tmp_path / "run", *OPTIONS]
    assert torchrun(log, *words, script=script).wait(LIMIT) != 0
    printed = log.read_text()
    assert printed.count("recurra: ") == 1
    assert "disagree about the weights at step 10: 1 of 0 to 1" in printed
    assert "exitcode  : 1" in printed


def placed(rank: int, count: int) -> Any:
    summary = {"RANK": str(rank), "WORLD_SIZE": str(count)}
    return mock.patch.dict(
        os.environ, summary | {"MASTER_ADDR": "localhost", "MASTER_PORT": "1", "LOCAL_RANK": "0"}
    )


@pytest.mark.parametrize(("rows", "count"), [(7, 2), (8, 2), (3, 3), (32, 5)])
def test_shares_make_up_the_batch(rows: int, count: int) -> None:
    shares = []
    for rank in range(count):
        with placed(rank, count):
            shares.append(list(range(rows))[processes.share(rows)])
            assert processes.is_first() == (rank == 0)
    assert list(chain(*shares)) == list(range(rows))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


class Added:
    """Adds up what two processes give, one after the other: the second has the sum."""

    def __init__(self) -> None:
        self.sum: Tensor | float = 0.0

    def all_reduce(self, flat: Tensor) -> None:
        flat += self.sum
        self.sum = flat.clone()


@pytest.mark.parametrize("counted", [(3, 4), (1, 6), (0, 5), (4, 0), (0, 0)])
def test_gradients_are_those_of_the_whole_batch(
    monkeypatch: pytest.MonkeyPatch, counted: tuple[int, int]
) -> None:
    added = Added()
    monkeypatch.setattr(processes, "_joined", lambda: nullcontext(added))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), nn.Linear(1, 1))
    network[3].weight.requires_grad_(False)
    x = torch.randn(sum(counted), 3)
    squares = network(x).square().sum()
    (squares / max(1, len(x))).backward()
    expected = [None if w.grad is None else w.grad.clone() for w in network.parameters()]
    total = LossSum()
    for rows in torch.split(x, list(counted)):
        network.zero_grad()
        own = network(rows).square().sum()
        (own / max(1, len(rows))).backward()
        with placed(0, 2):
            total = processes.summed(network, LossSum(own.item(), len(rows)))
    assert total.count == len(x)
    assert total.total == pytest.approx(squares.item())
    for weight, gradient in zip(network.parameters(), expected, strict=True):
        if gradient is None:
            assert weight.grad is None
        else:
            torch.testing.assert_close(weight.grad, gradient)


class Summary:
    """Says what the other processes said."""

    def __init__(self, *others: str) -> None:
        self.others = others

    def all_gather_object(self, found: list[Any], own: str) -> None:
        found[:] = [own, *self.others]


@pytest.mark.parametrize(
    ("gpus", "at", "others", "taken"),
    [
        # torchrun: all see all.
        (2, 0, ["b"], 0),
        (2, 1, ["a"], 1),
        (4, 2, ["a", "b", "d"], 2),
        (2, 2, [], None),
        (0, 1, [], None),
        # SLURM: each sees its own.
        (1, 0, ["b"], 0),
        (1, 1, ["b"], 0),
        (1, 3, ["b", "c", "d"], 0),
        # Two that see the same one.
        (1, 1, ["a"], None),
    ],
)
def test_each_process_has_a_gpu_of_its_own(
    monkeypatch: pytest.MonkeyPatch, gpus: int, at: int, others: list[str], taken: int | None
) -> None:
    found: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "set_device", found.append)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda gpu: SimpleNamespace(uuid="abcd"[gpu])
    )
    monkeypatch.setattr(processes, "_joined", lambda: nullcontext(Summary(*others)))
    processes._shared.cache_clear()
    with placed(at, 9), mock.patch.dict(os.environ, {"LOCAL_RANK": str(at)}):
        if taken is None:
            with pytest.raises(OptionError, match=f"more processes than GPUs.*sees {gpus}"):
                processes.own(torch.device("cuda"))
        else:
            assert processes.own(torch.device("cuda")) == torch.device("cuda")
    processes._shared.cache_clear()
    assert found == ([] if taken is None else [taken])


def test_what_cannot_be_shared_is_refused(tmp_path: Path) -> None:
    with placed(0, 2):
        with pytest.raises(OptionError, match="2 processes for batches of 1"):
            processes.share(1)
        with pytest.raises(OptionError, match="2 processes for task labels"):
            LabelModel(steps=1).fit(out=tmp_path / "run")
        with pytest.raises(OptionError, match="standard input for 2 processes"):
            TextModel(steps=1).fit("-", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_process_needs_nobody() -> None:
    with placed(0, 1):
        assert (processes.count(), processes.rank()) == (1, 0)
        assert processes.share(7) == slice(0, 7)
        assert processes.first(lambda: 3) == 3
    assert not dist.is_initialized()

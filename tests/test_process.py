"""The process is left as it was found: by trainings, stopped or not, by all verbs, and by labs."""

from __future__ import annotations

import csv
import decimal
import gc
import hashlib
import locale
import logging
import os
import pickle
import random
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import recurra
from commands import Pressed
from recurra.errors import OptionError
from recurra.labs import find
from recurra.native.binding import instructions
from recurra.training.progress import Silence
from small import SMALL, small_text
from toy_captions import strips
from toy_labels import texts
from toy_pairs import turned

# These change what they find when they are loaded, as others do; that is theirs.
for _library in ("torch._dynamo", "polars", "statsmodels.api", "sklearn", "sacrebleu"):
    pytest.importorskip(_library)


def _digest(value: object) -> str:
    return hashlib.sha256(pickle.dumps(value)).hexdigest()


def _umask() -> str:
    status = Path("/proc/self/status")
    return status.read_text().split("Umask:")[1].split()[0] if status.exists() else ""


def process() -> dict[str, Any]:
    """All that a library could change in the process around it."""
    tiny = torch.tensor(1e-310, dtype=torch.float64)
    return {
        "threads of torch": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "threads of torch to come": _later(torch.get_num_threads),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "torch's chance": _digest(torch.get_rng_state().tolist()),
        "deterministic": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.benchmark,
        ),
        "float32 products": (
            torch.get_float32_matmul_precision(),
            torch.backends.cuda.matmul.allow_tf32,
            torch.backends.cudnn.allow_tf32,
        ),
        "oneDNN": (torch.backends.mkldnn.enabled, torch.backends.mkldnn.deterministic),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "anomalies": torch.is_anomaly_enabled(),
        "denormals": (float(tiny * 0.5), float(np.float64(1e-310) * np.float64(0.5))),
        "NumPy's chance": _digest(np.random.get_state()),  # noqa: NPY002
        "NumPy's errors": np.geterr(),
        "NumPy's printing": repr(np.get_printoptions()),
        "chance": _digest(random.getstate()),
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "umask": _umask(),
        "warnings": list(warnings.filters),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "locale": locale.setlocale(locale.LC_ALL),
        "limits": (sys.getrecursionlimit(), sys.getswitchinterval(), csv.field_size_limit()),
        "garbage": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()),
        "streams": (id(sys.stdin), id(sys.stdout), id(sys.stderr)),
        "hooks": (sys.excepthook, threading.excepthook, sys.gettrace(), sys.getprofile()),
        "path": list(sys.path),
        "decimals": repr(decimal.getcontext()),
        "logging": (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
        "sockets": socket.getdefaulttimeout(),
        "cores": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "instructions": instructions(),
    }


def _later(ask: Callable[[], int]) -> int:
    """What a thread sees that is started now."""
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(ask()))
    thread.start()
    thread.join()
    return seen[0]


@pytest.fixture(autouse=True)
def unusual() -> Iterator[None]:
    """A process with settings of its own, none of which is what anyone starts with."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002
    random.seed(11)
    with np.errstate(over="raise", under="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "nobody ever warns like this")
        yield
    torch.set_num_threads(threads)


FEW: dict[str, Any] = {"hidden": 8, "batch": 8, "threads": 1, "steps": 20, "precision": "float32"}

Fit = Callable[[Any, Path], Any]
Use = Callable[[Any], object]


def _text() -> tuple[Any, Fit, list[Use]]:
    def fit(model: Any, folder: Path) -> Any:
        (folder / "text.txt").write_text(small_text())
        return lambda **how: model.fit(folder / "text.txt", **how)

    return (
        recurra.TextModel(**{**SMALL, "steps": 20}),
        fit,
        [
            lambda model: model.generate("The", length=5, seed=3),
            lambda model: model.evaluate([model.run.path.parent / "text.txt"]),
        ],
    )


def _labels() -> tuple[Any, Fit, list[Use]]:
    X, y = texts(80)
    return (
        recurra.LabelModel(embedding=8, **FEW),
        lambda model, _: lambda **how: model.fit(X, y, **how),
        [lambda model: model.predict(X[:5]), lambda model: model.evaluate(X, y)],
    )


def _pairs() -> tuple[Any, Fit, list[Use]]:
    X, y = map(list, zip(*turned(60), strict=True))
    return (
        recurra.PairModel(embedding=8, **FEW),
        lambda model, _: lambda **how: model.fit(X, y, **how),
        [lambda model: model.translate(X[:5]), lambda model: model.evaluate(X, y)],
    )


def _captions() -> tuple[Any, Fit, list[Use]]:
    X, y = strips(60)
    return (
        recurra.CaptionModel(reading="ctc", **FEW),
        lambda model, _: lambda **how: model.fit(X, y, **how),
        [lambda model: model.caption(X[:5]), lambda model: model.evaluate(X, y)],
    )


def _series(kind: str) -> tuple[Any, Fit, list[Use]]:
    def frame(steps: int) -> dict[str, Any]:
        days = np.arange(steps)
        dates = np.datetime64("2024-01-01", "us") + days * np.timedelta64(1, "D")
        values = 10 + 3 * np.sin(2 * np.pi * days / 7)
        return {"unique_id": ["one"] * steps, "ds": dates, "y": values}

    options = {name: value for name, value in FEW.items() if name != "precision"}
    return (
        recurra.SeriesModel(model=kind, horizon=4, **options),
        lambda model, _: lambda **how: model.fit(frame(120), **how),
        [lambda model: model.predict(), lambda model: model.evaluate(frame(140))],
    )


TASKS: dict[str, Callable[[], tuple[Any, Fit, list[Use]]]] = {
    "text": _text,
    "labels": _labels,
    "pairs": _pairs,
    "captions": _captions,
    "segments": lambda: _series("segments"),
    "autoregressive": lambda: _series("autoregressive"),
}


class Breaks(Silence):  # type: ignore[misc]
    """Whoever watches breaks down at a step."""

    def stepped(self, step: int, *_: Any) -> None:
        if step == 5:
            raise ZeroDivisionError


@pytest.mark.parametrize("task", TASKS)
def test_a_training_and_what_follows_it_leave_the_process_as_it_was(
    task: str, tmp_path: Path
) -> None:
    model, prepare, uses = TASKS[task]()
    fit = prepare(model, tmp_path)
    before = process()
    with pytest.raises(ZeroDivisionError):
        fit(out=tmp_path / "broken", callbacks=Breaks())
    assert process() == before, "after an error"
    with pytest.raises(OptionError):
        prepare(type(model)(**model.get_params() | {"device": "nowhere"}), tmp_path)()
    assert process() == before, "before the first step"
    with pytest.raises(KeyboardInterrupt):
        fit(out=tmp_path / "run", callbacks=Pressed(10))
    assert process() == before, "after Ctrl-C"
    ended = recurra.resume(tmp_path / "run")
    assert process() == before, "after resuming"
    assert ended.run.config()["training"]["threads"] == 1
    for use in (*uses, type(model).certify):
        for each in (ended, recurra.load(tmp_path / "run")):
            use(each)
            assert process() == before, use


def test_a_training_takes_the_threads_it_is_told_to(tmp_path: Path) -> None:
    seen = []

    class Counts(Silence):  # type: ignore[misc]
        def stepped(self, *_: Any) -> None:
            seen.append(torch.get_num_threads())

    model, prepare, _ = _labels()
    prepare(model, tmp_path)(callbacks=Counts())
    model.set_params(threads=None)
    prepare(model, tmp_path)(callbacks=Counts())
    assert seen == [1] * 20 + [2] * 20


@pytest.mark.parametrize("name", ["basics", "hihello", "memory-rnn"])
def test_a_lab_leaves_the_process_as_it_was(name: str) -> None:
    class Nobody:
        def begin(self, part: object) -> None: ...

        def tell(self, output: object) -> None: ...

    find(name).run(Nobody())  # which loads what it draws with
    before = process()
    find(name).run(Nobody())
    assert process() == before

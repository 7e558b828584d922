"""How good forecasts are after a given time, and how fast many series are read and forecast.

Data: a folder that holds some of the sets below, each in the folder it is known by. Quality is
that of `--minutes` alone (those of the set, not more than `--minutes`), in a process of its own.
"""

from __future__ import annotations

import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from benchmarks import BenchOptions
from benchmarks.machine import described
from benchmarks.series_peer import stock_seconds
from benchmarks.trained import train
from recurra.tasks.series.baselines.measured import SEASONAL

MANY: Final = (10_000, 200)
"""Series and points of each that are read, checked and forecast."""

Given = tuple[Path, dict[str, object]]


@final
@dataclass(frozen=True)
class Set:
    """A data set: how it is given to the command, and what is asked of it.

    Args:
        needs: a file of the data folder without which it is left out.
        given: makes (source, options) from the data folder and a folder for what is written first.
        minutes: of each training.
        figures: makes the figures that count, by their names, from the run.
        targets: what figures should reach: at most so much, or within (low, high).
        seeds: trainings with different seeds; 0 stands for `--repeats`.
    """

    needs: str
    given: Callable[[Path, Path], Given]
    minutes: float
    figures: Callable[[Path, dict[str, Any]], dict[str, float]]
    targets: dict[str, float | tuple[float, float]]
    seeds: int = 1


def _m4(data: Path, made: Path) -> Given:
    """A series a row becomes a row a step; the official test part follows on the training part."""
    lengths: dict[str, int] = {}
    for part in ("train", "test"):
        target = made / f"m4-{part}.csv"
        with (
            open(data / "m4-hourly" / f"Hourly-{part}.csv", newline="") as source,
            open(target, "w") as out,
        ):
            out.write("unique_id,ds,y\n")
            for row in list(csv.reader(source))[1:]:
                name, values = row[0], [each for each in row[1:] if each]
                first = lengths.get(name, 0)
                lengths[name] = first + len(values)
                out.writelines(f"{name},{first + k},{each}\n" for k, each in enumerate(values))
    return made / "m4-train.csv", {
        "test": made / "m4-test.csv",
        "horizon": 48,
        "season": 24,
    }


def _etth1(data: Path, made: Path) -> Given:
    """12, 4 and 4 months of 30 days; the seven columns are seven series."""
    lines = (data / "etth1" / "ETTh1.csv").read_text("ascii").splitlines()
    month = 30 * 24
    target = made / "etth1.csv"
    target.write_text("\n".join(lines[: 1 + 20 * month]) + "\n")
    parts = {"test": 4 * month, "select": 4 * month}
    return target, parts | {"target": "all", "horizon": 96}


def _air(data: Path, _: Path) -> Given:
    return data / "univariate" / "AirPassengers.csv", {"test": 36, "horizon": 36}


def _air_year(data: Path, _: Path) -> Given:
    return data / "univariate" / "AirPassengers.csv", {"test": 12, "horizon": 12}


def _temperatures(data: Path, _: Path) -> Given:
    return data / "univariate" / "daily-min-temperatures.csv", {"horizon": 14}


def _of_report(*names: str) -> Callable[[Path, dict[str, Any]], dict[str, float]]:
    def figures(_: Path, report: dict[str, Any]) -> dict[str, float]:
        model = report["model"]
        found = {name: float(model[name]) for name in names}
        for number, third in enumerate(model["thirds"], 1):
            found[f"cover {number}"] = third["coverage"]["80"]
        naive = next(each for each in report["baselines"] if each["name"] == SEASONAL)
        found["crps of naive"] = model["crps"] / naive["crps"]
        if answer := report.get("answer"):
            found |= {f"answer {name}": float(answer[name]) for name in names}
            found["answer covers"] = answer["intervals"]["80"]["coverage"]
        return found

    return figures


def _every_window(run: Path, _: dict[str, Any]) -> dict[str, float]:
    """Errors of all windows of the test part, on the scale of the training part."""
    from recurra.tasks.series import data as series_data
    from recurra.tasks.series.estimator import SeriesModel
    from recurra.tasks.series.forecast import forecasts
    from recurra.tasks.series.windows import Reader

    model = SeriesModel.load(run)
    read = series_data.INPUT.read_again(model.run, model.run.config()["data"])
    windows = series_data.origins(read, "test", stride=1)
    reader = Reader.of(model.network.architecture, read.panel, read.scale)
    found = forecasts(model.network, reader, read.scale, model.widths, windows)
    spread = np.array(
        [read.panel.of(k)[: read.train_ends[k]].std() for k in range(len(read.panel))]
    )
    actual = read.panel.actuals(windows.series, windows.origins, read.horizon)
    errors = (found.point - actual) / spread[windows.series][:, None]
    figures = {"mse": float((errors**2).mean()), "mae": float(np.abs(errors).mean())}
    # From the first origin of the test part on, as its report has it.
    answer = model.backtest([str(file) for file in read.files])[1]
    own = read.panel.actuals(answer.series, answer.origins, read.horizon)
    errors = (answer.point - own) / spread[answer.series][:, None]
    return figures | {"answer mse": float((errors**2).mean())}


HOLDS: Final = {f"cover {third}": (0.75, 0.85) for third in (1, 2, 3)}

SETS: Final[dict[str, Set]] = {
    "m4": Set(
        "m4-hourly",
        _m4,
        10,
        _of_report("owa", "smape", "mase", "crps"),
        {"owa": 0.42, "answer owa": 0.41, "crps of naive": 1.0} | HOLDS,
    ),
    "etth1": Set("etth1", _etth1, 10, _every_window, {"mse": 0.358, "answer mse": 0.355}),
    "air": Set(
        "univariate/AirPassengers.csv",
        _air,
        5,
        _of_report("smape", "crps"),
        {"answer smape": 8.0},
        seeds=0,
    ),
    "year": Set(
        "univariate/AirPassengers.csv",
        _air_year,
        5,
        _of_report("smape", "crps"),
        {"answer smape": 3.5},
        seeds=0,
    ),
    "temperatures": Set(
        "univariate/daily-min-temperatures.csv",
        _temperatures,
        5,
        _of_report("mae", "crps"),
        {"mae": 2.0, "answer mae": 1.97, "crps of naive": 1.0} | HOLDS,
    ),
}


PARTS: Final = {"stock": "", "many": "", **{name: each.needs for name, each in SETS.items()}}
"""What is measured, in this order, and what it needs in the folder of data."""


def run(options: BenchOptions) -> None:
    """Measure what `--only` names, or everything there are data of.

    Raises:
        OptionError: nothing is named by `--only`, or its data are not there.
        TrainingError: a training failed.
    """
    selected = options.select("series", PARTS)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="recurra-bench-") as folder:
        made = Path(folder)
        for name in selected:
            if name == "stock":
                rows += _stock(options)
            elif name == "many":
                rows += _many(made)
            else:
                rows += _quality(name, SETS[name], options, made)
    print(json.dumps({"bench": "series", "rows": rows, "machine": described()}))


def _quality(name: str, each: Set, options: BenchOptions, made: Path) -> Iterator[dict[str, Any]]:
    assert options.data is not None
    source, given = each.given(options.data, made)
    minutes = min(each.minutes, options.minutes)
    every: list[dict[str, float]] = []
    for seed in range(each.seeds or options.repeats):
        out = made / f"{name}-{seed}"
        done = train("series", [str(source)], out, **given, minutes=minutes, seed=seed)
        every.append(each.figures(out, done.report))
        shown = ", ".join(f"{key} {value:.4g}" for key, value in every[-1].items())
        print(f"{name:<13} seed {seed}  {shown}   {done.seconds:.0f} s", flush=True)
        best = done.report["verdict"]["sentence"]
        print(f"{'':<13} {best}", flush=True)
        yield {
            "kind": "quality",
            "set": name,
            "seed": seed,
            "minutes": minutes,
            "figures": every[-1],
            "verdict": best,
            "architecture": done.config["inference"]["architecture"],
            "seconds": round(done.seconds, 1),
        }
    for key, target in each.targets.items():
        median = statistics.median(found[key] for found in every)
        low, high = target if isinstance(target, tuple) else (-np.inf, target)
        asked = f"at most {high:g}" if np.isinf(low) else f"{low:g} to {high:g}"
        met = "reached" if low <= median <= high else "MISSED"
        print(f"{name:<13} median {key} {median:.4g}, to reach: {asked}: {met}", flush=True)


def _stock(options: BenchOptions) -> Iterator[dict[str, Any]]:
    """The model of the lab `stock`, against a plain torch loop of the same."""
    found = stock_seconds(options.repeats)
    print(
        f"stock, 500 steps: ours {min(found.ours):.2f} s, torch {min(found.peer):.2f} s: "
        f"{found.ratio:.2f} times, to reach: 4"
    )
    yield {"kind": "stock", "ours": found.ours, "torch": found.peer, "ratio": found.ratio}


def _many(made: Path) -> Iterator[dict[str, Any]]:
    """Seconds and memory of `recurra forecast RUN FILE` for many series."""
    count, points = MANY
    draw = np.random.default_rng(0)
    steps = np.arange(points)
    stamps = np.datetime_as_string(np.datetime64("2024-01-01") + steps)
    file, few = made / "many.csv", made / "few.csv"
    with open(file, "w") as out, open(few, "w") as short:
        for each in (out, short):
            each.write("unique_id,ds,y\n")
        for number in range(count):
            level = draw.lognormal(3)
            season = 1 + 0.3 * np.sin(2 * np.pi * (steps + draw.integers(7)) / 7)
            values = level * season * draw.lognormal(sigma=0.1, size=points)
            rows = "".join(f"s{number},{a},{b:.2f}\n" for a, b in zip(stamps, values, strict=True))
            out.write(rows)
            if number < 100:
                short.write(rows)
    model = made / "many"
    train("series", [str(few)], model, horizon=14, steps=50)
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "recurra", "forecast", str(model), str(file)],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    seconds = time.perf_counter() - start
    memory = _most_memory()
    print(
        f"{count:,} series x {points} points forecast in {seconds:.1f} s and {memory:.2f} GB; to "
        "reach: 60 s, 2 GB"
    )
    yield {"kind": "many", "seconds": seconds, "gigabytes": memory}


def _most_memory() -> float:
    """Gigabytes of the largest process that was waited for; NaN where nothing tells."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    found = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return found / (2**30 if sys.platform == "darwin" else 2**20)

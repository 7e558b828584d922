"""How good a text model becomes in a given time: the default training, over several seeds."""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

from benchmarks import BenchOptions
from benchmarks.machine import described
from benchmarks.trained import train
from recurra.errors import OptionError


def run(options: BenchOptions) -> None:
    """Train with `--minutes` alone, each time in a process of its own; print the median.

    Raises:
        OptionError: no text was given.
        TrainingError: a training failed.
    """
    if options.data is None:
        raise OptionError("bench text without a file", expected="./dev bench text FILE")
    print(f"{'seed':>5}{'nats':>9}{'bits':>9}{'baseline':>10}{'seconds':>9}   model", flush=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="recurra-bench-") as folder:
        for seed in range(options.repeats):
            out = Path(folder) / str(seed)
            done = train("text", [str(options.data)], out, minutes=options.minutes, seed=seed)
            report, config, seconds = done.report, done.config, done.seconds
            row = {
                "seed": seed,
                "nats": report["model"]["nats"],
                "bits": report["model"]["bits"],
                "baseline": min(each["nats"] for each in report["baselines"]),
                "seconds": round(seconds, 1),
                "steps": report["training"]["step"],
                "architecture": config["inference"]["architecture"],
            }
            rows.append(row)
            a = config["inference"]["architecture"]
            several = f"{a['members']} times " if a["members"] > 1 else ""
            print(
                f"{seed:>5}{row['nats']:>9.4f}{row['bits']:>9.4f}{row['baseline']:>10.4f}"
                f"{seconds:>9.1f}   {several}{a['layers']} x "
                f"{a['cell'].upper()}({a['hidden']}), dropout "
                f"{a['dropout']:.2f}, {row['steps']:,} steps",
                flush=True,
            )
    median = statistics.median(row["nats"] for row in rows)
    print(f"median {median:.4f} nats a character after {options.minutes:g} minutes")
    print(
        json.dumps(
            {
                "bench": "text",
                "data": options.data.name,
                "minutes": options.minutes,
                "median_nats": median,
                "rows": rows,
                "machine": described(),
            }
        )
    )

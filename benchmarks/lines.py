"""Whether what is promised of usual lines holds on text that follows, of many kinds."""

from __future__ import annotations

import json
import random
import sysconfig
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import BenchOptions
from recurra.data.files import read_text
from recurra.tasks.text.estimator import TextModel

MODEL: Final[dict[str, Any]] = {
    "hidden": 128,
    "layers": 1,
    "embedding": 32,
    "ensemble": 1,
    "batch": 32,
    "bptt": 64,
}


def run(options: BenchOptions) -> None:
    """Train on three quarters of each text, score the lines of the last one.

    The texts are those that can be made anywhere, or the files of a folder, each one a text.
    """
    texts = MADE if options.data is None else _files(options.data)
    print(f"{'text':<16}{'steps':>6}{'lines':>7}{'score':>8}{'promised':>10}   of 1,000, in thirds")
    rows = []
    for name, made in texts.items():
        for steps in (150, 12):
            row = {"text": name, "steps": steps} | _measured(made(), steps)
            rows.append(row)
            promised = "none" if row["promised"] is None else f"{row['promised']:.0f}"
            thirds = " ".join(f"{each:.1f}" for each in row["thirds"])
            held = row["promised"] is None or max(row["thirds"]) <= row["promised"]
            print(
                f"{name:<16}{steps:>6}{row['lines']:>7,}{row['threshold']:>8.2f}{promised:>10}   "
                f"{thirds}{'' if held else ' BROKEN'}",
                flush=True,
            )
    print(json.dumps({"bench": "lines", "rows": rows}))


def _measured(text: str, steps: int) -> dict[str, Any]:
    cut = text.rindex("\n", 0, 3 * len(text) // 4) + 1
    with tempfile.TemporaryDirectory(prefix="recurra-bench-") as folder:
        fresh = Path(folder) / "fresh.txt"
        fresh.write_text(text[cut:], "utf-8")
        model = TextModel(**MODEL, steps=steps).fit(text=text[:cut])
        scores = np.array([line.score for line in model.lines(fresh)])
    found = model.report["lines"]
    rates = [1000 * (each > found["threshold"]).mean() for each in np.array_split(scores, 3)]
    return {name: found[name] for name in ("lines", "threshold", "promised")} | {
        "thirds": [float(each) for each in rates]
    }


def _files(folder: Path) -> dict[str, Callable[[], str]]:
    return {each.stem: partial(_read, each) for each in sorted(folder.iterdir())}


def _read(file: Path) -> str:
    return read_text([file]).text


# -- what can be made anywhere ---------------------------------------------------------------------


def _reference() -> str:
    from pydoc_data.topics import topics

    return "\n\n".join(text for _, text in sorted(topics.items()) if isinstance(text, str))


def _library() -> str:
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:60]
    return read_text(files).text[:800_000]


def _log(lines: int, *, changing: bool = False) -> str:
    """Dates go on; where it is changing, so do the users, and errors come."""
    draw, clock, rows = random.Random(lines), datetime(2025, 3, 1), []
    for number in range(lines):
        clock += timedelta(seconds=draw.randrange(1, 200))
        user = f"user{draw.randrange(40 + (number // 500 if changing else 0))}"
        address = f"10.0.{draw.randrange(4)}.{draw.randrange(1, 255)}"
        took = f"{draw.randrange(1, 90)} ms"
        said = [
            f"INFO {address} GET /item/{draw.randrange(10000)} 200 {took}",
            f"INFO {address} GET /search?q={draw.choice(['shoes', 'books', 'tea'])} 200 {took}",
            f"INFO {address} POST /cart 201 {took}",
            f"INFO login ok user={user} ip={address}",
            f"WARN login failed user={user} ip={address}",
        ]
        line = draw.choice(said)
        if changing and draw.random() < 0.01:
            line = f"ERROR worker {draw.randrange(10**6):x} died: signal {draw.randrange(30)}"
        rows.append(f"{clock:%Y-%m-%d %H:%M:%S} {line}\n")
    return "".join(rows)


def _accesses(lines: int) -> str:
    draw, clock, rows = random.Random(3), datetime(2025, 3, 1), []
    pages = [f"/{a}/{b}.html" for a in ("docs", "blog", "shop") for b in ("index", "list", "faq")]
    for _ in range(lines):
        clock += timedelta(seconds=int(draw.expovariate(1 / 20)))
        host = ".".join(str(draw.randrange(most)) for most in (256, 256, 4, 256))
        code, size = draw.choices([200, 304, 404, 500], [90, 6, 3, 1])[0], draw.lognormvariate(7, 1)
        rows.append(
            f"{host} - - [{clock:%d/%b/%Y:%H:%M:%S}] "
            f'"GET {draw.choice(pages)} HTTP/1.1" {code} {size:.0f}\n'
        )
    return "".join(rows)


MADE: Final[dict[str, Callable[[], str]]] = {
    "reference": _reference,
    "library": _library,
    "log": lambda: _log(9000),
    "changing log": lambda: _log(9001, changing=True),
    "short log": lambda: _log(1500),
    "accesses": lambda: _accesses(6000),
}

"""Using a text model: how soon it writes, how fast, in how much memory, alone and beside others."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import BenchOptions
from benchmarks.machine import described
from recurra.data.files import TextSource
from recurra.tasks.text.estimator import TextModel

_STREAM: Final = """
import sys, time
import psutil
import recurra
model = recurra.load(sys.argv[1], weights=sys.argv[2])
pieces = model.generate(length=None, seed=0)
for _ in zip(range(200), pieces): pass
before = psutil.Process().memory_info().rss
start = time.perf_counter()
for _ in zip(range({count}), pieces): pass
took = time.perf_counter() - start
after = psutil.Process().memory_info().rss
print({count} / took, after / 1e6, (after - before) / 1e6)
"""

_TORCH: Final = """
import sys, time
import torch
torch.set_num_threads(1)
V, H = int(sys.argv[1]), 256
embedding, layer, head = torch.nn.Embedding(V, H), torch.nn.LSTM(H, H, 2), torch.nn.Linear(H, V)
token, state = torch.zeros(1, 1, dtype=torch.long), None
with torch.inference_mode():
    for step in range({count} + 100):
        if step == 100: start = time.perf_counter()
        out, state = layer(embedding(token), state)
        token = torch.multinomial((head(out[0]) / 0.8).softmax(-1), 1)
print({count} / (time.perf_counter() - start), 0, 0)
"""

_POOL: Final = """
import sys, time
import numpy as np
import recurra
model = recurra.load(sys.argv[1])
pool, chance = model.pool(), np.random.default_rng(0)
rows = chance.permutation(pool.open(10_000))
took = []
for _ in range(8):
    ids = chance.integers(1, len(model.vocabulary), len(rows))
    start = time.perf_counter()
    pool.push(rows, ids)
    took.append(time.perf_counter() - start)
print(1000 * sorted(took[1:])[3], 0, 0)
"""

_COUNT: Final = 4_000


def run(options: BenchOptions) -> None:
    """Time first characters, streams and a pool; the ways of a repeat follow one another."""
    with tempfile.TemporaryDirectory(prefix="recurra-bench-") as folder:
        out = Path(folder) / "run"
        symbols = "".join(map(chr, range(33, 127)))
        text = TextSource(f"a sentence of some length, over and over.{symbols}\n" * 400, "made")
        sizes: dict[str, Any] = {"hidden": 256, "layers": 2, "embedding": 256, "ensemble": 1}
        model = TextModel(steps=1, size="small", **sizes).fit(text, out=out)
        run, vocabulary = str(out), str(len(model.vocabulary))
        generate = ["generate", run, "--length", "1"]
        ways: dict[str, Callable[[], list[float]]] = {
            "help, first line, s": lambda: [_first_byte(["--help"])],
            "generate, first character, s": lambda: [_first_byte(generate)],
            "characters/s, float32": lambda: _child(_STREAM, run, "float32"),
            "characters/s, bfloat16": lambda: _child(_STREAM, run, "bfloat16"),
            "characters/s, torch.nn": lambda: _child(_TORCH, vocabulary),
            "10,000 streams' step, ms": lambda: _child(_POOL, run, threads=2),
        }
        found = {name: [way() for _ in range(options.repeats)] for name, way in ways.items()}
        with _busy(2):
            for name in list(ways)[1:5]:
                found[f"{name}, busy"] = [ways[name]() for _ in range(options.repeats)]
    rows = {name: statistics.median(each[0] for each in runs) for name, runs in found.items()}
    streams = found["characters/s, float32"]
    rows["memory of a stream, MB"] = statistics.median(each[1] for each in streams)
    rows["its growth, MB"] = statistics.median(each[2] for each in streams)
    for name, value in rows.items():
        print(f"{name:40}{value:>12,.2f}")
    print(json.dumps({"bench": "use", **rows, "machine": described()}))


def _child(script: str, *words: str, threads: int = 1) -> list[float]:
    """The figures that a script prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script.replace("{count}", str(_COUNT)), *words],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )
    return [float(each) for each in done.stdout.split()]


def _first_byte(arguments: Sequence[str]) -> float:
    """Seconds from the start of a command to its first byte."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "recurra", *arguments], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 1)
        took = time.perf_counter() - start
        process.stdout.read()
    return took


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    """Other processes that keep the cores busy."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in others:
            each.kill()
            each.wait()

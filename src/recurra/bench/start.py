"""How soon the command line answers, and whether a stream's memory stays flat."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from recurra.bench import BenchOptions
from recurra.bench.machine import described
from recurra.data.files import TextSource
from recurra.errors import MissingExtra
from recurra.tasks.text.estimator import TextModel

_CHARACTERS = 100_000


def run(options: BenchOptions) -> None:
    """Time `recurra --help` and the first character of `recurra generate`; watch a stream's memory.

    Raises:
        MissingExtra: psutil, which reads the memory, is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="recurra-bench-") as folder:
        out = Path(folder) / "run"
        text = TextSource("a sentence of some length, over and over again.\n" * 400, "sentences")
        model = TextModel(steps=3, size="small").fit(text, out=out)
        rows = {
            "help_s": _first_byte(["--help"], options.repeats),
            "first_character_s": _first_byte(["generate", str(out)], options.repeats),
            "stream_grows_mb": _growth(model),
        }
    print(f"recurra --help, first line          {rows['help_s']:.3f} s")
    print(f"recurra generate, first character   {rows['first_character_s']:.3f} s")
    print(f"{_CHARACTERS:,} characters grow memory by  {rows['stream_grows_mb']:.2f} MB")
    print(json.dumps({"bench": "start", **rows, "machine": described()}))


def _first_byte(arguments: Sequence[str], repeats: int) -> float:
    """The median seconds from the start of a command to its first byte."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "recurra", *arguments], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            os.read(process.stdout.fileno(), 1)
            seconds.append(time.perf_counter() - start)
            process.stdout.read()
    return statistics.median(seconds)


def _growth(model: TextModel) -> float:
    """Megabytes that the process grows by while it writes, after the first 1,000 characters."""
    try:
        import psutil
    except ImportError as error:
        raise MissingExtra("psutil is not installed", fix="pip install psutil") from error
    process = psutil.Process()
    stream = model.generate(length=None, seed=0)
    for _ in islice(stream, 1_000):
        pass
    before = process.memory_info().rss
    for _ in islice(stream, _CHARACTERS):
        pass
    return float(process.memory_info().rss - before) / 1e6

"""A training as a user starts it: the command, in a process of its own, timed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from recurra.errors import TrainingError


@final
@dataclass(frozen=True)
class Trained:
    """The report and configuration of a run, and the seconds that its command took in all."""

    report: dict[str, Any]
    config: dict[str, Any]
    seconds: float


def train(task: str, sources: list[str], out: Path, **options: object) -> Trained:
    """Run `recurra train TASK SOURCES --out OUT`, and an option for each that is given.

    One that is a list is given again for each of its values.

    Raises:
        TrainingError: it failed.
    """
    command = [sys.executable, "-m", "recurra", "train", task, *sources, "--out", str(out)]
    for name, value in options.items():
        for each in value if isinstance(value, list) else [value]:
            command += [f"--{name}"] if each is True else [f"--{name}", str(each)]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--json", "--quiet"], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise TrainingError(f"{' '.join(command[2:])}: {done.stderr.strip()}")
    config = json.loads((out / "config.json").read_text("utf-8"))
    return Trained(json.loads(done.stdout), config, seconds)

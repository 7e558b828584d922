"""The campaign on runs: what it changes is sealed; a few cases where there is time."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import options
from recurra.bundle import CONFIG, seal

runs = pytest.importorskip("fuzz.runs", reason="a system that forks")


def test_changes_are_sealed_and_follow_from_the_number(tmp_path: Path) -> None:
    whole = options.FROZEN / "text-words" / "run" / CONFIG
    seen, opened = set(), 0
    for number in range(60):
        file = tmp_path / CONFIG
        shutil.copy(whole, file)
        what = runs.changed(file, random.Random(number))
        again = tmp_path / "again"
        shutil.copy(whole, again)
        assert runs.changed(again, random.Random(number)) == what
        assert again.read_bytes() == file.read_bytes()
        seen.add(file.read_bytes())
        try:
            opened += seal.opened(json.loads(file.read_bytes()))[1] is not None
        except (ValueError, RecursionError):
            continue
    assert len(seen) > 50
    assert opened > 40


@pytest.mark.long
def test_some_changed_runs_are_used_or_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", "--only", "runs", "--cases", "50"],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

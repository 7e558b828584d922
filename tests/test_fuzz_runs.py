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
from recurra.bundle import CONFIG, disk, seal

runs = pytest.importorskip("fuzz.runs", reason="a system that forks")
kills = pytest.importorskip("fuzz.kills", reason="a system that forks")
children = pytest.importorskip("fuzz.children", reason="a system that forks")


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


def test_what_changes_files_is_counted_and_ends_a_process_there(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()

    def ended(fatal: int | None) -> int:
        def write() -> int:
            with kills._counted(place, fatal) as counted:
                disk.write(place / "file", [b"whole"])
                disk.append(place / "lines", b"line")
            (tmp_path / "count").write_text(str(counted()))
            return 0

        code: int = children.begin(write, tmp_path / "said", memory=None).wait(60).code
        return code

    assert ended(None) == 0
    operations = int((tmp_path / "count").read_text())
    assert operations == 9  # folder, open, write, flush, rename, flush; open, write, flush
    seen = set()
    for fatal in range(operations):
        shutil.rmtree(place)
        place.mkdir()
        assert ended(fatal) == -9
        seen.add(tuple(sorted((e.name[-5:], e.stat().st_size) for e in place.iterdir())))
    assert len(seen) > 4  # among them a file half-written


@pytest.mark.long
def test_some_kills_change_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", "--only", "kills", "--cases", "22"],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

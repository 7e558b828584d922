"""What use needs: every verb where torch, pandas, scikit-learn and matplotlib are not installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from blocks import ROOT
from frozen.calls import CALLS

HEAVY = ("torch", "pandas", "sklearn", "matplotlib")

ROOMS = ("native", "bundle", "codecs", "search", "runtime", "data", "judge", "cli", "show")
"""Rooms of what use needs; those that are not there yet are passed over."""


def without(packages: tuple[str, ...], what: str, *names: str) -> dict[str, Any]:
    """What came of calls or imports in a fresh Python without these packages."""
    done = subprocess.run(
        [sys.executable, "-m", "frozen.without", ",".join(packages), what, *names],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests"), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check_verbs(packages: tuple[str, ...], *fixtures: str) -> None:
    """No verb of a task needs these packages."""
    calls = without(packages, "calls", *fixtures)
    assert calls
    assert {call: came["error"] for call, came in calls.items() if came is not None} == {}


@pytest.mark.parametrize("task", ["text", "labels", "series", "pairs", "captions"])
def test_verbs_do_without_torch(task: str) -> None:
    check_verbs(("torch",), *(each for each in CALLS if each.startswith(task)))


def test_verbs_do_without_pandas_scikit_learn_and_matplotlib() -> None:
    few = ["text-words", "labels-texts", "labels-tags", "series-panel", "pairs-words"]
    few += ["captions-columns"]
    check_verbs(HEAVY[1:], *few)


def modules() -> list[str]:
    """The modules of ROOMS, and those of each task that use begins with."""
    source = ROOT / "src" / "recurra"
    found = [path for room in ROOMS for path in sorted((source / room).rglob("*.py"))]
    for name in ("estimator", "command", "options"):
        found += sorted(source.glob(f"tasks/*/{name}.py"))
    found += [source / "tasks" / "__init__.py", source / "doctor.py"]
    names = [".".join(path.relative_to(source.parent).with_suffix("").parts) for path in found]
    return [name.removesuffix(".__init__") for name in names]


def test_what_use_imports_reaches_nothing_heavy() -> None:
    found = without(HEAVY, "imports", *modules())
    assert {name: came["error"] for name, came in found.items() if came is not None} == {}


@pytest.mark.parametrize("task", ["text", "labels", "series", "pairs", "captions"])
def test_training_without_torch_says_what_is_missing(task: str) -> None:
    script = f"""
import sys
from frozen.without import hide
hide(frozenset({{"torch"}}))
from recurra.cli import main
sys.exit(main(["train", {task!r}]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
    )
    assert done.returncode == 2, done.stderr
    assert f"training a model of {task} needs what is not installed here: torch" in done.stderr
    assert 'pip install "recurra[all]"' in done.stderr

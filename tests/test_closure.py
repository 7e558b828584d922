"""What use needs: every verb where torch, pandas, scikit-learn and matplotlib are not installed.

OFFENDERS and IMPORTERS say what fails there as yet. They only shrink: what works and stands there
fails the test, and so does what fails and does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from typing import Any

import pytest

from blocks import ROOT
from frozen.calls import CALLS, verb_of

HEAVY = ("torch", "pandas", "sklearn", "matplotlib")

OFFENDERS: dict[str, dict[str, set[str]]] = {
    "torch": {
        "text": {"evaluate", "generate", "lines", "nats", "usual", "vocabulary"},
        "series": {"evaluate", "forecast", "predict", "stream"},
        "pairs": {"evaluate", "translate"},
    },
    "pandas": {},
    "sklearn": {},
    "matplotlib": {},
}
"""Package -> task -> the verbs that cannot do without it."""

ROOMS = ("native", "bundle", "codecs", "search", "runtime", "data", "judge", "cli", "show")
"""Rooms of what use needs; those that are not there yet are passed over."""

IMPORTERS = {
    "recurra.doctor",
    "recurra.search.beam",
    "recurra.search.choice",
    "recurra.search.draws",
    "recurra.search.stream",
    "recurra.search.writing",
    "recurra.show.figures",
    "recurra.show.labels",
    "recurra.show.page",
    "recurra.show.pairs",
    "recurra.show.series",
    "recurra.show.text",
    "recurra.tasks.pairs.command",
    "recurra.tasks.pairs.estimator",
    "recurra.tasks.series.command",
    "recurra.tasks.series.estimator",
    "recurra.tasks.text.command",
    "recurra.tasks.text.estimator",
}
"""Modules that import one of HEAVY as they are imported."""


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


def compare(listed: set[str], failed: set[str], told: dict[str, str], name: str) -> None:
    """Fail where what fails is not what is listed, and say what to do."""
    new = [f"  {each}: {told[each]}" for each in sorted(failed - listed)]
    assert not new, "\n".join(["needs what use must not need:", *new])
    gone = sorted(listed - failed)
    assert not gone, f"these work now, take them off {name}: {', '.join(gone)}"


def check_verbs(packages: tuple[str, ...], *fixtures: str) -> None:
    """The verbs of a task that fail without these packages are those of OFFENDERS."""
    failed: dict[tuple[str, str], set[str]] = defaultdict(set)
    told: dict[str, str] = {}
    tasks = {each.partition("-")[0] for each in fixtures}
    for call, came in without(packages, "calls", *fixtures).items():
        if came is None:
            continue
        assert came["reached"], f"{call}: fails, but not for want of a package: {came['error']}"
        fixture, _, asked = call.partition(": ")
        verb = verb_of(asked)
        for package in came["reached"]:
            failed[package, fixture.partition("-")[0]].add(verb)
            told.setdefault(verb, f"{call}: {came['error']}")
    for package in packages:
        for task in sorted(tasks):
            listed = OFFENDERS[package].get(task, set())
            name = f"OFFENDERS[{package!r}][{task!r}]"
            compare(listed, failed[package, task], told, name)


@pytest.mark.parametrize("task", ["text", "labels", "series", "pairs"])
def test_verbs_do_without_torch(task: str) -> None:
    check_verbs(("torch",), *(each for each in CALLS if each.startswith(task)))


def test_verbs_do_without_pandas_scikit_learn_and_matplotlib() -> None:
    few = ("text-words", "labels-texts", "labels-tags", "series-panel", "pairs-words")
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
    told = {name: came["error"] for name, came in found.items() if came is not None}
    compare(IMPORTERS, set(told), told, "IMPORTERS")

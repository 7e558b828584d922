"""Every verb says what it said before: runs that were frozen, against what they answered then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurra
from frozen import calls
from frozen.calls import CALLS, EXPECTED, FROZEN, RUN
from frozen.make import FIXTURES, migrate, runs
from recurra.bundle import CONFIG, WEIGHTS, Run
from recurra.errors import BundleError


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


@pytest.fixture(scope="module", autouse=True)
def nothing_is_written() -> Iterator[None]:
    before = content(FROZEN)
    yield
    assert content(FROZEN) == before


@cache
def expected(fixture: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FROZEN / fixture / EXPECTED).read_text("utf-8"))
    return found


@pytest.mark.parametrize(
    ("fixture", "call"), [(fixture, call) for fixture, asked in CALLS.items() for call in asked]
)
def test_an_answer_is_what_it_was(fixture: str, call: str) -> None:
    before, now = expected(fixture)[call], calls.answer(fixture, call)
    summary = list(CALLS[fixture][call].differs(before, now))
    assert not summary, "\n".join(
        [f"{len(summary)} differ from {EXPECTED} of {fixture}", *summary[:5]]
    )


def test_fixtures_are_asked_what_they_have_answers_to() -> None:
    assert set(FIXTURES) == set(CALLS)
    for fixture, asked in CALLS.items():
        assert list(expected(fixture)) == list(asked)


def test_they_are_small_and_hold_no_places_of_whoever_made_them() -> None:
    held = content(FROZEN)
    assert sum(map(len, held.values())) < 2_000_000
    for run in runs():
        assert not (run / "checkpoint").exists()
        assert b'"/' not in (run / CONFIG).read_bytes()


def test_what_differs_is_told() -> None:
    summary = ["evaluate run", {"a": [1.0, 0.5], "n": 3}, "cost 0.500 nats, 12 lines, 1.2e-05"]
    for other in (
        ["evaluate ruN", {"a": [1.0, 0.5], "n": 3}, summary[2]],
        [summary[0], {"a": [1.0, 0.5002], "n": 3}, summary[2]],
        [summary[0], {"a": [1.0, float("nan")], "n": 3}, summary[2]],
        [summary[0], {"a": [1.0], "n": 3}, summary[2]],
        [summary[0], {"a": [1.0, 0.5], "n": 4}, summary[2]],
        [summary[0], {"a": [1.0, 0.5]}, summary[2]],
        [*summary[:2], "cost 0.502 nats, 12 lines, 1.2e-05"],
        [*summary[:2], "cost 0.500 nats, 13 lines, 1.2e-05"],
        [*summary[:2], "cost 0.500 nats, 12 lines, 5.2e-05"],
    ):
        assert list(calls.close(summary, other)), other
    near = [summary[0], {"a": [1.0, 0.50004], "n": 3}, "cost 0.501 nats, 12 lines, 1.2e-05"]
    assert not list(calls.close(summary, near))
    assert list(calls.close(0.001, 0.00109)) != list(calls.nats(0.001, 0.00109)) == []


def test_other_draws_are_alike_and_other_forecasts_are_not() -> None:
    said = expected("series-walk")["forecast"]
    quantiles = np.asarray(said["quantiles"])
    widths = quantiles[..., -1:] - quantiles[..., :1]
    assert not list(calls.alike(said, said | {"quantiles": quantiles + 0.2 * widths}))
    assert list(calls.alike(said, said | {"quantiles": quantiles + 0.4 * widths}))
    assert list(calls.alike(said, said | {"origins": [0]}))


def test_a_run_is_migrated_without_being_trained_again(tmp_path: Path) -> None:
    run = Path(shutil.copytree(FROZEN / "text-words" / RUN, tmp_path / RUN))
    before = content(run)
    migrate(run, lambda config: config | {"new": {"rate": 0.5}})
    now = content(run)
    assert {name for name in now if now[name] != before[name]} == {CONFIG}
    assert Run(run).config()["new"] == {"rate": 0.5}
    Run(run).check(WEIGHTS, "report.json", "vocabulary.json")
    assert recurra.load(run).token_nll("the cat").tolist() == pytest.approx(
        recurra.load(FROZEN / "text-words" / RUN).token_nll("the cat").tolist(), rel=0
    )
    # Not so a file that is another run's.
    shutil.copy(FROZEN / "text-bytes" / RUN / "report.json", run / "report.json")
    with pytest.raises(BundleError, match="of another run"):
        Run(run).check("report.json")

"""`./dev fuzz`: odd files and odd options; exit 1 where one of them ends as it must not."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import pytest

from fuzz import kills, options, readers, runs, streams

TESTS: Final = {
    "terminal": ("test_terminal.py",),
    "damage": ("test_damage.py", "-m", "long or not long"),
}
"""Campaigns that are tests."""


@click.command()
@click.option(
    "--only",
    type=click.Choice(["readers", "options", "runs", "kills", "streams", *TESTS]),
    help="One of them.",
)
@click.option(
    "--cases",
    type=click.IntRange(1),
    help="How many of each, else 5,000; of options 3,000, of kills 600, steps of streams 10^7.",
)
@click.option("--first", default=0, help="The number of the first case.")
@click.option("--seconds", default=36_000.0, help="For the stream of each task, at most.")
def fuzz(only: str | None, cases: int | None, first: int, seconds: float) -> None:
    """Read changed files of every kind; call commands with odd options; use changed runs; kill
    trainings; push streams for long; read back from a terminal; damage every file of a run."""
    faults = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "of"
        folder.mkdir()

        def forked(name: str, usual: int, campaign: Callable[[int, Path], int]) -> int:
            # First, since no thread lives on in a child.
            if only not in (None, name):
                return 0
            count, began = cases or usual, time.perf_counter()
            (folder / f"{name}-of-all").mkdir()
            found = campaign(count, folder / f"{name}-of-all")
            print(f"{name}: {count:,} cases in {time.perf_counter() - began:.0f} s", flush=True)
            return found

        def some(count: int) -> range:
            return range(first, first + count)

        faults += forked("runs", 5000, lambda count, at: runs.campaign(some(count), at))
        faults += forked("kills", 600, lambda count, at: kills.campaign(some(count), at))
        faults += forked("streams", 10**7, lambda count, at: streams.campaign(count, seconds, at))
        for name, words in TESTS.items():
            if only in (None, name):
                where = Path(__file__).parents[1]
                code = pytest.main(
                    [str(where / words[0]), *words[1:], "-q", "-p", "no:cacheprovider"]
                )
                faults += code != 0
        if only in (None, "readers", "options"):
            faults += _inside(only, cases, first, folder)
    print(f"{faults} faults")
    sys.exit(min(faults, 1))


def _inside(only: str | None, cases: int | None, first: int, folder: Path) -> int:
    """What runs in this process."""
    faults, kinds, known = 0, readers.valid(), dict(enumerate(options.commands()))
    options.prepare(folder)
    parts: dict[str, tuple[int, Callable[[int], str | None]]] = {
        "readers": (cases or 5000, lambda number: readers.case(number, folder, kinds)),
        "options": (cases or 3000, lambda number: options.case(number, folder, known)),
    }
    for name, (count, case) in parts.items():
        if only not in (None, name):
            continue
        began = time.perf_counter()
        for number in range(first, first + count):
            if wrong := case(number):
                faults += 1
                print(f"{name} {wrong}\n")
        print(f"{name}: {count:,} cases in {time.perf_counter() - began:.0f} s")
    return faults


fuzz()

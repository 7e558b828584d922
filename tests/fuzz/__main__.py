"""`./dev fuzz`: odd files and odd options; exit 1 where one of them ends as it must not."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from fuzz import options, readers, runs


@click.command()
@click.option("--only", type=click.Choice(["readers", "options", "runs"]), help="One of them.")
@click.option(
    "--cases", type=click.IntRange(1), help="How many of each, else 5,000; of options 3,000."
)
@click.option("--first", default=0, help="The number of the first case.")
def fuzz(only: str | None, cases: int | None, first: int) -> None:
    """Read changed files of every kind; call commands with odd options; use changed runs."""
    faults = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "of"
        folder.mkdir()
        if only in (None, "runs"):
            # First, since no thread lives on in a child.
            count, began = cases or 5000, time.perf_counter()
            (folder / "runs-of-all").mkdir()
            faults += runs.campaign(range(first, first + count), folder / "runs-of-all")
            print(f"runs: {count:,} cases in {time.perf_counter() - began:.0f} s")
        kinds, known = readers.valid(), dict(enumerate(options.commands()))
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
    print(f"{faults} faults")
    sys.exit(min(faults, 1))


fuzz()

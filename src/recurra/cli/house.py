"""Labs, measurements, and what the machine has."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from recurra.cli.arguments import AsJson


def lab(
    name: Annotated[str | None, typer.Argument(help="Which; without one they are listed.")] = None,
    path: Annotated[Path | None, typer.Argument(help="A file, where the lab takes one.")] = None,
    run_all: Annotated[bool, typer.Option("--all", help="Run every lab.")] = False,
    quick: Annotated[bool, typer.Option(help="A shorter form of the long ones.")] = False,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 0,
    out: Annotated[Path | None, typer.Option(help="A folder for pictures and pages.")] = None,
) -> None:
    """Run a lab of the course: short, with an answer at the end."""
    from recurra.labs import command

    command.run(name, path, run_all=run_all, quick=quick, seed=seed, out=out)


def bench(
    name: Annotated[str, typer.Argument(help="labels, layers, pairs, series, text or use.")],
    data: Annotated[
        Path | None, typer.Argument(help="A file or folder, where it takes one.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="Time of each training.")] = 3.0,
    repeats: Annotated[int, typer.Option(help="Seeds, or timings.")] = 3,
    only: Annotated[
        str,
        typer.Option(
            help='Of layers, cases with all of these words: "train GRU small"; of labels these '
            'sets, "steps" or "lines"; of series these sets, "stock" or "many"; of pairs '
            '"translate", "dates", "multi30k", "reverse" or "speed".'
        ),
    ] = "",
    seconds: Annotated[float, typer.Option(help="Time of each way of a case of layers.")] = 1.0,
) -> None:
    """Measure speed or quality; the last line printed is JSON."""
    from recurra import bench as benches

    benches.run(name, benches.BenchOptions(data, minutes, repeats, only, seconds))


def doctor(
    as_json: AsJson = False,
    require_native: Annotated[
        bool, typer.Option("--require-native", help="Exit 1 where the native kernels are missing.")
    ] = False,
) -> int:
    """Say what recurra finds on this machine: versions, cores, and which path runs and why."""
    from recurra import doctor as examination

    found = examination.examine()
    print(json.dumps(found, indent=2) if as_json else examination.summary(found))
    if require_native and found["native"] is None:
        print(f"recurra: {found['native_absent']}", file=sys.stderr)
        return 1
    return 0

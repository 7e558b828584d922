"""Labs, and what the machine has."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from recurra.console import arguments
from recurra.console.commands import Argument, Command


@click.command(cls=Command)
@click.argument("name", cls=Argument, required=False, help="Which; without one they are listed.")
@click.argument(
    "path", cls=Argument, type=Path, required=False, help="A file, where the lab takes one."
)
@click.option("--all", "run_all", is_flag=True, help="Run every lab.")
@click.option("--quick/--no-quick", default=False, help="A shorter form of the long ones.")
@click.option("--seed", default=0, help="Everything random follows from it.")
@click.option("--out", type=Path, help="A folder for pictures and pages.")
def lab(
    name: str | None, path: Path | None, run_all: bool, quick: bool, seed: int, out: Path | None
) -> None:
    """Run a lab of the course: short, with an answer at the end."""
    from recurra.labs import command

    command.run(name, path, run_all=run_all, quick=quick, seed=seed, out=out)


@click.command(cls=Command)
@click.argument(
    "shell", cls=Argument, type=click.Choice(("bash", "zsh", "fish")), help="Which shell."
)
def completion(shell: str) -> None:
    """Print what a shell needs to complete commands, options and files at the Tab key."""
    from click.shell_completion import get_completion_class

    from recurra import cli

    made = get_completion_class(shell)
    assert made is not None
    print(made(cli.recurra, {}, "recurra", cli.COMPLETE).source())


@click.command(cls=Command)
@arguments.as_json
@click.option("--require-native", is_flag=True, help="Exit 1 where the native kernels are missing.")
@click.option(
    "--build",
    is_flag=True,
    help="First compile autograd's node in C++ for the torch that is here, which makes training "
    "steps of small layers faster; half a minute, kept in your cache folder.",
)
def doctor(as_json: bool, require_native: bool, build: bool) -> int:
    """Say what recurra finds on this machine: versions, cores, and which path runs and why."""
    from recurra import doctor as examination

    if build:
        examination.build()
    found = examination.examine()
    print(json.dumps(found, indent=2) if as_json else examination.summary(found))
    if require_native and found["native"] is None:
        print(f"recurra: {found['native_absent']}", file=sys.stderr)
        return 1
    return 0

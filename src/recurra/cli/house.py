"""Demos, labs, where the documentation is, and what the machine has."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from recurra.console import arguments
from recurra.console.commands import Argument, Command
from recurra.tasks import TASKS


@click.command(cls=Command)
@click.argument(
    "task",
    cls=Argument,
    type=click.Choice(list(TASKS)),
    default="text",
    help="Of which task; text where none is named.",
)
@click.option("--minutes", type=float, help="Minutes of training and report, else 1.4.")
@click.option("--steps", type=int, help="Training steps, in place of --minutes.")
@click.option("--seed", default=0, help="Everything random follows from it.")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder.")
@click.option("--overwrite/--no-overwrite", default=False, help="Replace the run at --out.")
def demo(task: str, out: Path | None, overwrite: bool, **options: Any) -> None:
    """Watch a model learn, on data that needs no download: 90 seconds."""
    from recurra.demo import command

    command.run(task, out=out, overwrite=overwrite, **arguments.given(**options))


@click.command(cls=Command)
@click.argument("name", cls=Argument, required=False, help="Which; without one they are listed.")
@click.option("--all", "run_all", is_flag=True, help="Run every lab.")
@click.option("--quick/--no-quick", default=False, help="A shorter form of the long ones.")
@click.option(
    "--lang", type=click.Choice(("en", "ko")), help="By default the locale's, or English."
)
@click.option("--data", type=Path, help="Your own data, where the lab takes some.")
@click.option("--seed", default=0, help="Everything random follows from it.")
@click.option("--out", type=Path, help="A folder for pictures.")
@click.option("--notebook", type=Path, help="Write the lab as a notebook, not run, to FILE.ipynb.")
@click.option("--html", type=Path, help="Write the lab and what came out of it to FILE.html.")
def lab(
    name: str | None,
    run_all: bool,
    quick: bool,
    lang: str | None,
    data: Path | None,
    seed: int,
    out: Path | None,
    notebook: Path | None,
    html: Path | None,
) -> None:
    """Run a lab of the course: a question, code to read and change, and the answer."""
    from recurra.labs import command

    command.run(
        name,
        run_all=run_all,
        quick=quick,
        seed=seed,
        language=lang,
        data=data,
        out=out,
        as_notebook=notebook,
        as_html=html,
    )


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
def docs() -> None:
    """Say where the documentation is: the site, the guides, the lessons."""
    from recurra import doctor as examination

    print(examination.documentation())


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

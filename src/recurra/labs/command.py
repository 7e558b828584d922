"""The labs on the command line."""

from __future__ import annotations

from pathlib import Path

from recurra import labs
from recurra.console import guard
from recurra.errors import OptionError
from recurra.labs.context import LabContext
from recurra.tasks.task import check_torch


def run(
    name: str | None,
    path: Path | None,
    *,
    run_all: bool,
    quick: bool,
    seed: int,
    out: Path | None,
) -> None:
    """`recurra lab`: one lab, all of them, or the list."""
    if run_all or name is not None:
        check_torch("the labs need")
    console = guard.console()
    context = LabContext(console, path, quick, seed, out)
    if run_all:
        if name is not None:
            raise OptionError(f"--all and {name}", expected="one of them")
        labs.run_all(context)
    elif name is not None:
        labs.find(name).run(context)
    else:
        context.table(
            ("lab", "what it shows"),
            [
                (f"{lab.name} [FILE]" if lab.file != "none" else lab.name, lab.question)
                for lab in labs.all_labs()
            ],
        )
        context.say("Run one: recurra lab NAME; all of them: recurra lab --all")

"""What is done with a run of any task: go on, judge, draw."""

from __future__ import annotations

from typing import Annotated

import typer

from recurra.cli.arguments import AsJson, Quiet, RunPath


def resume(run: RunPath, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Go on with a training that was interrupted, as if it never had been."""
    from recurra.tasks import command_of

    command_of(run).resume(run, as_json=as_json, quiet=quiet)


def evaluate(
    run: RunPath,
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATA", help="Other data; without any, the run's report."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a model is worth on other data, or print the run's report."""
    from recurra.tasks import command_of

    command_of(run).evaluate(run, data or [], as_json=as_json)


def show(run: RunPath) -> None:
    """Make the page of a run, report.html, and the pictures in its figures folder."""
    from recurra import show as room

    for path in room.draw(run):
        print(path)

"""What is done with a run of any task: go on, judge, draw."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from recurra.cli.arguments import AsJson, Quiet, RunPath
from recurra.errors import OptionError


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
    per_line: Annotated[
        bool, typer.Option("--per-line", help="Of a text model: the most surprising lines.")
    ] = False,
    top: Annotated[
        int | None, typer.Option(help="With --per-line: how many, else 20; 0 for all.")
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Of a text model: lines as they come, the odd ones marked."),
    ] = False,
    quantile: Annotated[
        float | None,
        typer.Option(help="With --watch: the share of usual lines not marked, else 0.99."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="With --watch: the score above which a line is marked.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="With --watch: print lines that are not marked too.")
    ] = False,
    dynamic: Annotated[
        bool,
        typer.Option("--dynamic", help="Of a text model: its weights learn from what is scored."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a model is worth on other data, or print the run's report."""
    own = {"--per-line": ["--top"], "--watch": ["--quantile", "--threshold", "--all"]}
    asked = {"--dynamic": dynamic, "--per-line": per_line, "--watch": watch}
    modes = [name for name, wanted in asked.items() if wanted]
    if len(modes) > 1:
        raise OptionError(" and ".join(modes), expected="one of them")
    given = {"--top": top, "--quantile": quantile, "--threshold": threshold, "--all": every or None}
    for mode, names in own.items():
        for name in names:
            if given[name] is not None and mode not in modes:
                raise OptionError(f"{name} without {mode}", expected=f"{mode} beside it")
    if modes:
        from recurra.tasks.text import command as text

        if dynamic:
            text.dynamic(run, data or [], as_json=as_json)
        elif watch:
            how = {"quantile": quantile, "threshold": threshold, "every": every}
            text.watched(run, data or [], as_json=as_json, **how)
        else:
            text.lines(run, data or [], top=20 if top is None else top, as_json=as_json)
        return
    from recurra.tasks import command_of

    command_of(run).evaluate(run, data or [], as_json=as_json)


def certify(
    run: RunPath,
    weights: Annotated[
        str, typer.Option(help="Kept as float32, or as bfloat16: half of the memory.")
    ] = "float32",
    as_json: AsJson = False,
) -> int:
    """Show that a model gives the same whatever way it is used, and what torch gives."""
    from recurra.tasks import load, render

    model = load(run, weights=weights)
    found = model.certify()
    told = json.dumps(found.to_json(), indent=2) if as_json else render.certificate(found)
    print(told)
    return 0 if found.held else 1


def show(run: RunPath) -> None:
    """Make the page of a run, report.html, and the pictures in its figures folder."""
    from recurra import show as room

    for path in room.draw(run):
        print(path)

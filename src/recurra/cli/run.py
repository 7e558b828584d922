"""What is done with a run of any task: go on, judge, draw."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from recurra.console import arguments
from recurra.console.commands import Argument, Command
from recurra.errors import OptionError
from recurra.tasks import TASKS, searches
from recurra.tasks.reading_options import reading_options


@click.command(cls=Command)
@arguments.run
@arguments.as_json
@arguments.quiet
def resume(run: Path, as_json: bool, quiet: bool) -> None:
    """Go on with a training that was interrupted, as if it never had been."""
    from recurra.tasks import command, task_of

    task = task_of(run)
    task.check_training()
    command.resume(task, run, as_json=as_json, quiet=quiet)


@click.command(cls=Command)
@arguments.run
@click.argument(
    "data",
    cls=Argument,
    nargs=-1,
    type=arguments.data,
    help="Other data; without any, the run's report.",
)
@click.option("--per-line", is_flag=True, help="Of a text model: the most surprising lines.")
@click.option("--top", type=int, help="With --per-line: how many, else 20; 0 for all.")
@click.option(
    "--watch", is_flag=True, help="Of a text model: lines as they come, the odd ones marked."
)
@click.option(
    "--quantile", type=float, help="With --watch: the share of usual lines not marked, else 0.99."
)
@click.option(
    "--threshold", type=float, help="With --watch: the score above which a line is marked."
)
@click.option(
    "--all", "every", is_flag=True, help="With --watch: print lines that are not marked too."
)
@click.option(
    "--dynamic", is_flag=True, help="Of a text model: its weights learn from what is scored."
)
@searches.judging
@reading_options(list(TASKS.values()))
@arguments.as_json
def evaluate(
    run: Path,
    data: tuple[str, ...],
    per_line: bool,
    top: int | None,
    watch: bool,
    quantile: float | None,
    threshold: float | None,
    every: bool,
    dynamic: bool,
    as_json: bool,
    **reading: Any,
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
            text.dynamic(run, data, as_json=as_json)
        elif watch:
            how = {"quantile": quantile, "threshold": threshold, "every": every}
            text.watched(run, data, as_json=as_json, **how)
        else:
            text.lines(run, data, top=20 if top is None else top, as_json=as_json)
        return
    from recurra.tasks import command, task_of

    how = {name: reading.pop(name) for name in searches.JUDGED}
    command.evaluate(
        task_of(run), run, list(data), reading, arguments.given(**how), as_json=as_json
    )


@click.command(cls=Command)
@arguments.run
@click.option(
    "--weights",
    default="float32",
    help="Kept as float32, as bfloat16 (half of the memory), or as int8 (a quarter).",
)
@arguments.as_json
def certify(run: Path, weights: str, as_json: bool) -> int:
    """Show that a model gives the same whatever way it is used, and what torch gives."""
    from recurra.tasks import command, load

    model = load(run, weights=weights)
    found = model.certify()
    summary = json.dumps(found.to_json(), indent=2) if as_json else command.certificate(found)
    print(summary)
    return 0 if found.held else 1


@click.command(cls=Command)
@arguments.run
@click.option("--out", type=click.Path(path_type=Path), help="The new run, else RUN-int8.")
@click.option("--overwrite", is_flag=True, help="Replace a run that is there.")
@arguments.as_json
def quantize(run: Path, out: Path | None, overwrite: bool, as_json: bool) -> int:
    """Write a run of its own with weights in int8: a quarter of the size, faster in use."""
    from recurra.console.text import filled
    from recurra.tasks.quantize import quantize

    found = quantize(run, out, overwrite=overwrite)
    if as_json:
        print(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(filled(found.summary().split("\n"))))
    return 0 if found.certificate.held else 1


@click.command(cls=Command)
@arguments.run
@click.option("--open", "opened", is_flag=True, help="Open the page in a browser.")
def show(run: Path, opened: bool) -> None:
    """Make the page of a run, report.html, and the pictures in its figures folder."""
    from recurra.tasks.show import draw

    page, *others = draw(run)
    for path in (page, *others):
        print(path)
    if opened:
        import webbrowser

        if not webbrowser.open(page.resolve().as_uri()):
            print(f"no browser is found here: open {page} in one", file=sys.stderr)

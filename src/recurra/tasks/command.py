"""What the commands of every task share: a training, its report, figures on other data."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recurra.console.text import filled
from recurra.errors import OptionError
from recurra.tasks.task import Task

if TYPE_CHECKING:
    from recurra.runtime.certificate import Certificate
    from recurra.tasks.model import Model


def train(
    task: Task,
    options: Any,
    sources: Sequence[str],
    out: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """`recurra train TASK`: the name of the run first, the training, its report."""
    began = time.perf_counter()
    from recurra.bundle import free_path
    from recurra.data.files import STANDARD_INPUT
    from recurra.training import processes
    from recurra.training.plan import COMMAND_BEGAN

    named = task.sample
    if sources:
        named = "stdin" if STANDARD_INPUT in sources else Path(sources[0]).stem
    path = processes.first(lambda: free_path(task.name, named)) if out is None else out
    model: Any = task.model_class(options)

    def fit() -> Model[Any, Any]:
        token = COMMAND_BEGAN.set(began)
        try:
            given = [list(sources)] if sources else []
            model.fit(*given, out=path, overwrite=overwrite, progress=not quiet)
        finally:
            COMMAND_BEGAN.reset(token)
        return model  # type: ignore[no-any-return]

    _trained(task, path, fit, as_json=as_json, quiet=quiet)


def resume(task: Task, path: Path, *, as_json: bool, quiet: bool) -> None:
    """`recurra resume`."""
    _trained(
        task,
        path,
        lambda: task.model_class.resume(path, progress=not quiet),
        as_json=as_json,
        quiet=quiet,
    )


def _trained(
    task: Task, path: Path, fit: Callable[[], Model[Any, Any]], *, as_json: bool, quiet: bool
) -> None:
    """Train, then print the report."""
    model = interruptible(path, fit)
    if as_json:
        print(json.dumps({"run": str(path)} | model.report, indent=2, ensure_ascii=False))
        return
    print(f"\n{task.summary(model.report)}\n")
    print("\n".join(filled([model.report["certificate"]["sentence"], ""])))
    if task.after is not None and not quiet:
        task.after(model)
    print(f"run: {path}")


def interruptible(path: Path, fit: Callable[[], Model[Any, Any]]) -> Model[Any, Any]:
    """Train; where Ctrl-C ends it, say what is kept and how to go on."""
    from recurra.bundle import CHECKPOINT, Run

    try:
        return fit()
    except KeyboardInterrupt:
        run, end = Run(path), " before anything was learnt"
        if run.has(CHECKPOINT):
            end = f"; what was learnt is kept\n  to do: recurra resume {path}"
            for before in run.replaced[-1:]:
                end += f"\n  the run that it replaces: {before}"
        print(f"recurra: interrupted{end}", file=sys.stderr)
        raise


def evaluate(
    task: Task,
    path: Path,
    sources: Sequence[str],
    reading: Mapping[str, Any],
    search: Mapping[str, Any],
    *,
    as_json: bool,
) -> None:
    """`recurra evaluate`: the report on other data, or the run's own.

    Raises:
        OptionError: options of a search, for a model that has none or for a report that is there.
    """
    from recurra.bundle import REPORT
    from recurra.tasks import quantize
    from recurra.tasks.reading_options import read_by

    if search and not (sources and task.searches):
        name, value = next(iter(search.items()))
        raise OptionError(
            f"--{name.replace('_', '-')} {value}"
            + (" without DATA" if task.searches else f" for a model of {task.name}"),
            expected="a model of pairs or captions, and other data to judge it on",
        )
    model: Any = task.model_class.load(path)
    read_by(model, reading)
    found = model.evaluate(list(sources), **search) if sources else model.report
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    with model.run.intact(REPORT):
        said = task.summary(found)
    print(said)
    if not sources and (lines := quantize.lines_of(model.run)):
        print("\n".join(["", *filled(lines)]))


def certificate(found: Certificate) -> str:
    """What was shown equal to what, a row each, and what it comes to."""
    rows = [f"runs on {found.kernels}", ""]
    for check in found.checks:
        held = {True: "held", False: "NOT HELD", None: "not shown"}[check.held]
        off = "" if check.difference is None else f"{check.difference:.1e}"
        allowed = "the last bit" if check.allowed == 0 else f"{check.allowed:g}"
        rows.append(f"{held:<10}{off:>9}  of {allowed:<13} {check.name}")
    notes = dict.fromkeys(check.note for check in found.checks)
    return "\n".join(filled([*rows, "", *notes, "", found.sentence()]))

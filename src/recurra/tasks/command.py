"""What the commands of every task share: who watches a training, how it ends, what is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from recurra.bundle import CHECKPOINT, Run, free_path
from recurra.tasks.model import Model
from recurra.tasks.render import Summary, filled
from recurra.training import processes
from recurra.training.loop import Callback
from recurra.training.progress import Bar, Silence

M = TypeVar("M", bound=Model[Any])


def callback(quiet: bool, *, unit: str, measure: str) -> Callback:
    """A bar on standard error, or silence."""
    if quiet:
        return Silence()
    return Bar(Console(stderr=True), unit=unit, measure=measure)


def train(
    model: Any,
    sources: Sequence[str],
    out: Path | None,
    named: str,
    sees: Callback,
    summary: Summary,
    shown: Callable[[Any], None] | None = None,
    *,
    overwrite: bool,
    as_json: bool,
) -> None:
    """`recurra train TASK`: the name of the run first, the training, its report.

    Args:
        model: of the task, not fitted.
        named: what the run is called after where `out` does not name it.
        sees: who watches.
        summary, shown: as in `trained`.
    """
    path = processes.first(lambda: free_path(model.task, named)) if out is None else out
    sees.says(f"run: {path}")

    def fit() -> Any:
        return model.fit(list(sources) or None, out=path, overwrite=overwrite, callback=sees)

    trained(path, fit, summary, shown, as_json=as_json)


def trained(
    path: Path,
    fit: Callable[[], M],
    summary: Summary,
    shown: Callable[[M], None] | None = None,
    *,
    as_json: bool,
) -> None:
    """Train, then print the report.

    Args:
        summary: the report for people.
        shown: prints what else there is to see, between the report and the run's name.
    """
    try:
        model = fit()
    except KeyboardInterrupt:
        run, end = Run(path), " before anything was learnt"
        if run.has(CHECKPOINT):
            end = f"; what was learnt is kept\n  to do: recurra resume {path}"
            for before in run.replaced[-1:]:
                end += f"\n  the run that it replaces: {before}"
        print(f"recurra: interrupted{end}", file=sys.stderr)
        raise
    if as_json:
        print(json.dumps({"run": str(path)} | model.report, indent=2, ensure_ascii=False))
        return
    print(f"\n{summary(model.report)}\n")
    print("\n".join(filled([model.report["certificate"]["sentence"], ""])))
    if shown is not None:
        shown(model)
    print(f"run: {path}")

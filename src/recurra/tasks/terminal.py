"""What the commands of every task share: who watches a training, how it ends, what is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from recurra.bundle import CHECKPOINT, Run
from recurra.tasks.model import Model
from recurra.training.loop import Watcher
from recurra.training.progress import Bar, Silence

M = TypeVar("M", bound=Model[Any, Any])
Told = Callable[[dict[str, Any]], str]


def watcher(quiet: bool, *, unit: str, measure: str) -> Watcher:
    """A bar on standard error, or silence."""
    if quiet:
        return Silence()
    return Bar(Console(stderr=True), unit=unit, measure=measure)


def trained(
    path: Path,
    fit: Callable[[], M],
    told: Told,
    shown: Callable[[M], None] | None = None,
    *,
    as_json: bool,
) -> None:
    """Train, then print the report.

    Args:
        told: the report for people.
        shown: prints what else there is to see, between the report and the run's name.
    """
    try:
        model = fit()
    except KeyboardInterrupt:
        kept = f"; what was learnt is kept\n  to do: recurra resume {path}"
        end = kept if Run(path).has(CHECKPOINT) else " before anything was learnt"
        print(f"recurra: interrupted{end}", file=sys.stderr)
        raise
    if as_json:
        print(json.dumps({"run": str(path)} | model.report, indent=2, ensure_ascii=False))
        return
    print(f"\n{told(model.report)}\n")
    if shown is not None:
        shown(model)
    print(f"run: {path}")

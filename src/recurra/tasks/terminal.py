"""What the commands of every task share: who watches a training, how it ends, what is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from recurra.bundle import CHECKPOINT, Run, free_path
from recurra.tasks.model import Model
from recurra.training import processes
from recurra.training.loop import Watcher
from recurra.training.progress import Bar, Silence

M = TypeVar("M", bound=Model[Any, Any])
Told = Callable[[dict[str, Any]], str]

WIDTH: Final = 79

_JOINERS: Final = "\u200c\u200d"  # they belong to words and emoji, and move no text


def watcher(quiet: bool, *, unit: str, measure: str) -> Watcher:
    """A bar on standard error, or silence."""
    if quiet:
        return Silence()
    return Bar(Console(stderr=True), unit=unit, measure=measure)


def train(
    model: Any,
    sources: Sequence[str],
    out: Path | None,
    named: str,
    sees: Watcher,
    told: Told,
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
        told, shown: as in `trained`.
    """
    path = processes.first(lambda: free_path(model.task, named)) if out is None else out
    sees.says(f"run: {path}")

    def fit() -> Any:
        return model.fit(list(sources) or None, out=path, overwrite=overwrite, watcher=sees)

    trained(path, fit, told, shown, as_json=as_json)


def evaluate(model: Any, sources: Sequence[str], told: Told, *, as_json: bool) -> None:
    """`recurra evaluate`: the report on other data, or the run's own."""
    found = model.evaluate(list(sources)) if sources else model.report
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else told(found))


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
    print(f"\n{told(model.report)}\n")
    if shown is not None:
        shown(model)
    print(f"run: {path}")


# -- text for 80 columns ------------------------------------------------------------------------


def filled(lines: Sequence[str]) -> Iterator[str]:
    """Lines no wider than a terminal, broken between words."""
    for line in lines:
        if cell_len(line) <= WIDTH:
            yield line
            continue
        so_far = ""
        for word in filter(None, line.split(" ")):
            if so_far and cell_len(so_far) + 1 + cell_len(word) > WIDTH:
                yield so_far
                so_far = ""
            so_far += f" {word}" if so_far else word
        yield so_far


def percent(share: float | None) -> str:
    """A share of one: 83.7 %."""
    return "-" if share is None else f"{100 * share:.1f} %"


def printable(text: str) -> str:
    """A text with what would move the terminal's cursor or its other text written out."""
    return "".join(
        each if each.isprintable() or each in _JOINERS else _written_out(each) for each in text
    )


def _written_out(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def fitted(text: str, width: int, *, tail: bool = False) -> str:
    """A text made printable, and no wider than so many columns: its beginning, or its end."""
    text = printable(text)
    if cell_len(text) <= width:
        return text
    if tail:
        kept = set_cell_size(text[::-1], max(width - 1, 0)).rstrip()[::-1]
        return "…" + kept
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…"

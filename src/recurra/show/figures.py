"""The figures of any task's report as one table: the model first, the baselines below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final


@final
@dataclass(frozen=True)
class Row:
    """A contender: its name, its figures as they are read, and how long the bar of the first is."""

    name: str
    cells: tuple[str, ...]
    bar: float | None


@final
@dataclass(frozen=True)
class Table:
    """The figures of all contenders, which way the first of them runs, and what else there is."""

    head: tuple[str, ...]
    rows: tuple[Row, ...]
    better: str
    note: str = ""


def contenders(report: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Who is compared, and the figures of each."""
    rows = [("this model", report["model"])]
    return rows + [(each["name"], each) for each in report["baselines"]]


def table_of(
    report: dict[str, Any],
    columns: Sequence[tuple[str, Callable[[dict[str, Any]], str]]],
    first: Callable[[dict[str, Any]], float | None],
    better: str,
) -> Table:
    """The table of a report.

    Args:
        columns: heads, and what makes a cell of a contender's figures.
        first: the figure that its bar shows.
        better: which way it runs.
    """
    listed = contenders(report)
    sizes = [first(figures) for _, figures in listed]
    most = max((size for size in sizes if size is not None), default=0.0)
    rows = tuple(
        Row(
            name,
            tuple(shown(figures) for _, shown in columns),
            None if size is None or most <= 0 else size / most,
        )
        for (name, figures), size in zip(listed, sizes, strict=True)
    )
    return Table(tuple(head for head, _ in columns), rows, better)


def within(found: dict[str, Any], scale: float, unit: str) -> str:
    """A figure with its interval."""
    estimate = f"{scale * found['estimate']:.1f}{unit}"
    if found["low"] is None:
        return estimate
    return f"{estimate} ({scale * found['low']:.1f} to {scale * found['high']:.1f})"

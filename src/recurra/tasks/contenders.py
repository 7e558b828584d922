"""Who is compared in a report, model first: one table for terminals, for pages, for model cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from recurra.console.text import WIDTH
from recurra.show.page import Row, Table

Figures = dict[str, Any]


@final
@dataclass(frozen=True)
class Column:
    """A figure that contenders are compared by.

    Args:
        name: its head.
        value: a contender's figures -> the figure; None where there is none.
        shown: the figure as it is read.
        interval: a contender's figures -> the 95 % interval as it is read, where there is one.
        meaning: what the figure is, in plain words, for who does not know its name.
    """

    name: str
    value: Callable[[Figures], float | None]
    shown: Callable[[float | None], str]
    interval: Callable[[Figures], str] | None = None
    meaning: str = ""

    def cell(self, figures: Figures) -> str:
        """The figure of a contender as it is read."""
        return self.shown(self.value(figures))


def estimated(
    name: str, key: str, shown: Callable[[float | None], str], scale: float, meaning: str = ""
) -> Column:
    """A column of figures that have intervals; `scale` times their ends are shown."""

    def interval(figures: Figures) -> str:
        found = figures[key]
        if found["low"] is None:
            return "not known"
        return f"{scale * found['low']:.1f} to {scale * found['high']:.1f}"

    return Column(name, lambda figures: figures[key]["estimate"], shown, interval, meaning)


def contenders(report: dict[str, Any]) -> list[tuple[str, Figures]]:
    """Who is compared, and the figures of each; the network apart from what is answered with."""
    rows = [("this model", report["model"])]
    if answer := report.get("answer"):
        rows = [("the answer", answer), ("the network", report["model"])]
    return rows + [(each["name"], each) for each in report["baselines"]]


def left_out(report: Mapping[str, Any]) -> list[str]:
    """A sentence for each baseline that could not be given all the data, and so is not compared."""
    return [
        f"Not compared with the {each['name']}, against which nothing is claimed: {each['why']}."
        for each in report.get("left_out", ())
    ]


def lines(report: dict[str, Any], columns: Sequence[Column]) -> list[str]:
    """The table for a terminal: the first figure with its interval, others as far as they fit."""
    listed = contenders(report)
    grid = [["", *(name for name, _ in listed)]]
    for number, column in enumerate(columns):
        grid.append([column.name, *(column.cell(figures) for _, figures in listed)])
        if number == 0 and column.interval is not None:
            grid.append(["95 % interval", *(column.interval(figures) for _, figures in listed)])
    wide = [max(map(len, cells)) for cells in grid]
    gap = 2 if sum(wide) + 2 * (len(wide) - 1) <= WIDTH else 1
    while sum(wide) + gap * (len(wide) - 1) > WIDTH:
        wide.pop()  # the last ones are in the report
    names, *others = (
        [cell.rjust(width) if number else cell.ljust(width) for cell in cells]
        for number, (cells, width) in enumerate(zip(grid, wide, strict=False))
    )
    return [(" " * gap).join(row) for row in zip(names, *others, strict=True)]


def table(report: dict[str, Any], columns: Sequence[Column], better: str, note: str = "") -> Table:
    """The table for a page; bars show the first figure, and `better` says which way it runs.

    Args:
        note: what else there is to say of it, beside what is not compared.
    """
    listed = contenders(report)
    sizes = [columns[0].value(figures) for _, figures in listed]
    most = max((size for size in sizes if size is not None), default=0.0)
    rows = tuple(
        Row(
            name,
            tuple(_with_interval(column, figures) for column in columns),
            None if size is None or most <= 0 else size / most,
        )
        for (name, figures), size in zip(listed, sizes, strict=True)
    )
    head = tuple(f"{each.name}{', 95 % interval' if each.interval else ''}" for each in columns)
    terms = tuple((each.name, each.meaning) for each in columns if each.meaning)
    return Table(head, rows, better, " ".join(filter(None, [*left_out(report), note])), terms)


def _with_interval(column: Column, figures: Figures) -> str:
    if column.interval is None:
        return column.cell(figures)
    return f"{column.cell(figures)} ({column.interval(figures)})"

"""The figures of any task's report as one table: the model first, the baselines below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from recurra.judge.translation import NAMES as PAIRS
from recurra.tasks.labels import render as labels
from recurra.tasks.labels.targets import NAMES as LABELS
from recurra.tasks.pairs import render as pairs
from recurra.tasks.render import percent
from recurra.tasks.series import render as series
from recurra.tasks.text import evaluate
from recurra.tasks.text import report as text


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


def summary(task: str, report: dict[str, Any]) -> str:
    """The report as a terminal has it."""
    tellers = {
        "labels": labels.summary,
        "pairs": pairs.summary,
        "series": series.summary,
        "text": text.summary,
    }
    return tellers[task](report) if task in tellers else ""


def table(task: str, report: dict[str, Any]) -> Table | None:
    """The table of a task's report; None for a task that has none yet."""
    makers = {"labels": _labels, "pairs": _pairs, "series": _series, "text": _text}
    return makers[task](report) if task in makers else None


def _contenders(report: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    rows = [("this model", report["model"])]
    return rows + [(each["name"], each) for each in report["baselines"]]


def _made(
    report: dict[str, Any],
    columns: Sequence[tuple[str, Callable[[dict[str, Any]], str]]],
    first: Callable[[dict[str, Any]], float | None],
    better: str,
) -> Table:
    contenders = _contenders(report)
    sizes = [first(figures) for _, figures in contenders]
    most = max((size for size in sizes if size is not None), default=0.0)
    rows = tuple(
        Row(
            name,
            tuple(shown(figures) for _, shown in columns),
            None if size is None or most <= 0 else size / most,
        )
        for (name, figures), size in zip(contenders, sizes, strict=True)
    )
    return Table(tuple(head for head, _ in columns), rows, better)


def _text(report: dict[str, Any]) -> Table:
    # Beside the baselines a model stands in their unit.
    nats, bits, others = text.own(report["model"])
    beside = report | {"model": {"nats": nats, "bits": bits}}
    unit = evaluate.beside(report["model"].get("unit", "characters"))
    heads = {"nats": unit, "bits": unit.replace("nats", "bits")}
    columns = [
        (head, lambda figures, key=key: f"{figures[key]:.4f}") for key, head in heads.items()
    ]
    found = _made(beside, columns, lambda figures: figures["nats"], "lower is better")
    return replace(found, note=f"This model: {others}" if others else "")


def _labels(report: dict[str, Any]) -> Table:
    names = [*(["span_f1"] if report["data"]["spans"] else []), "accuracy", "macro_f1"]
    columns = [
        (
            f"{LABELS[name]}, 95 % interval",  # type: ignore[index]
            lambda figures, name=name: _within(figures[name], 100.0, " %"),
        )
        for name in names
    ]
    return _made(report, columns, lambda each: each[names[0]]["estimate"], "higher is better")


def _pairs(report: dict[str, Any]) -> Table:
    names = pairs.METRICS[report["metric"]]
    columns = [
        (
            PAIRS[name] if name == "exact" else f"{PAIRS[name]}, 95 % interval",
            lambda figures, name=name: (
                percent(figures[name]["estimate"])
                if name == "exact"
                else _within(figures[name], 1.0, "")
            ),
        )
        for name in names
    ]
    return _made(report, columns, lambda each: each[names[0]]["estimate"], "higher is better")


def _series(report: dict[str, Any]) -> Table:
    rows = [figures for _, figures in _contenders(report)]
    names = [name for name in series.COLUMNS if any(each[name] is not None for each in rows)]
    names.sort(key=lambda name: name != report["metric"])
    columns = [
        (series.COLUMNS[name], lambda figures, name=name: series.figure(figures[name]))
        for name in names
    ]
    return _made(report, columns, lambda figures: figures[report["metric"]], "lower is better")


def _within(found: dict[str, Any], scale: float, unit: str) -> str:
    estimate = f"{scale * found['estimate']:.1f}{unit}"
    if found["low"] is None:
        return estimate
    return f"{estimate} ({scale * found['low']:.1f} to {scale * found['high']:.1f})"

"""The report of a series run in words and tables, for a terminal of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.cells import cell_len

from recurra.console.text import WIDTH, filled, fitted, printable
from recurra.errors import counted
from recurra.tasks.series.targets import NAMES

SHOWN: Final = 5
"""Windows that it is most wrong about."""

_JOINED: Final = "\u00a0"  # a blank that no line ends at

COLUMNS: Final = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mase": "MASE",
    "smape": "sMAPE",
    "crps": "CRPS",
    "owa": "OWA",
}
_FOUND: Final = {
    "gaps": "steps that no row stands for (masked)",
    "missing": "missing values (masked)",
    "short": "series too short for a part that reports",
    "constant": "series constant in training",
}


def summary(report: dict[str, Any]) -> str:
    """The report for a terminal of 80 columns."""
    data = report["data"]
    head = f"{printable(data['name'])}: {data['part']}, {counted(data['windows'], 'window')} of "
    head += counted(data["horizon"], "step")
    if data["series"] > 1:
        head += f", {data['series']:,} series"
    head += f", {data['frequency']}"
    head += f", season {data['period']:,}" if data["period"] > 1 else ", no season"
    blocks = [
        [head],
        _contenders(report),
        _verdicts(report),
        [coverage(report), *([report["calibrated"]] if report.get("calibrated") else [])],
        _thirds(report),
        list(_wrong(report)),
        [report["teacher_forced"]["sentence"]] if report.get("teacher_forced") else [],
        _found(data["found"]),
        [report["training"]["sentence"]] if report.get("training") else [],
    ]
    found = "\n\n".join("\n".join(filled(block)) for block in blocks if block)
    return found.replace(_JOINED, " ")


# -- figures ------------------------------------------------------------------------------------


def figure(value: float | None) -> str:
    """Four digits: 0.01234, 1.234, 123.4, 12,340, 1.234e+09; a dash where it is undefined."""
    if value is None or math.isnan(value):
        return "-"
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-4:
        return f"{value:.3e}"
    digits = 0 if size == 0 else 3 - math.floor(math.log10(size))
    return f"{value:,.{min(max(digits, 0), 3 if size >= 0.1 else 6)}f}"


def _contenders(report: dict[str, Any]) -> list[str]:
    """The table of model and baselines."""
    rows = [("this model", report["model"])]
    rows += [(each["name"], each) for each in report["baselines"]]
    keys = [key for key in COLUMNS if any(each[key] is not None for _, each in rows)]
    width = max(len(name) for name, _ in rows)
    cells = {key: [figure(each[key]) for _, each in rows] for key in keys}
    wide = {key: max(len(COLUMNS[key]), *map(len, cells[key])) + 2 for key in keys}
    if width + sum(wide.values()) > WIDTH:
        wide = {key: each - 1 for key, each in wide.items()}
    while width + sum(wide[key] for key in keys) > WIDTH:
        keys.pop()  # the last ones are in the report
    lines = [" " * width + "".join(f"{COLUMNS[key]:>{wide[key]}}" for key in keys)]
    for number, (name, _) in enumerate(rows):
        said = "".join(f"{cells[key][number]:>{wide[key]}}" for key in keys)
        lines.append(f"{name:{width}}{said}")
    return lines


def _verdicts(report: dict[str, Any]) -> list[str]:
    lines = []
    if report.get("verdict"):
        lines.append(f"Verdict: {report['verdict']['sentence']}")
    if report.get("interval_verdict"):
        lines.append(f"Its intervals: {report['interval_verdict']['sentence']}")
    if report.get("averaged"):
        lines.append(averaged(report))
    if report.get("better_on"):
        found = report["better_on"]
        lines.append(
            f"Its error is the smaller one on {found['series']:,} of {found['of']:,} series."
        )
    return lines


def averaged(report: dict[str, Any]) -> str:
    """What the mean of model and baseline is worth, in a sentence."""
    mean, metric = report["averaged"], report["metric"]
    if mean["weight"] in (0.0, 1.0):
        one = "this model" if mean["weight"] else f"the {mean['baseline']}"
        return f"Averaging the two does not help: where it was weighed, all went to {one}."
    gain = mean["advantage"]
    amount = gain["estimate"]
    side = "lower" if amount >= 0 else "higher"
    sentence = (
        f"Averaged with it ({mean['weight']:g} of this model, {1 - mean['weight']:g} of the "
        f"{mean['baseline']}, as the selection part weighs them): {NAMES[metric]} "
        f"{figure(mean[metric])}, {figure(abs(amount))} {side} than the baseline alone"
    )
    if gain["low"] is None:
        return f"{sentence}."
    return f"{sentence} (95 % interval {figure(gain['low'])} to {figure(gain['high'])})."


def coverage(report: dict[str, Any]) -> str:
    """How often its intervals hold, in a sentence."""
    found = report["model"]["intervals"]
    last, first = report["model"]["thirds"][-1], report["model"]["thirds"][0]
    held = [_share(each["coverage"]) for each in found.values()]
    sentence = (
        f"Its intervals of {_listed([*found])} % held {_listed(held)} % of what came"
        f"{'' if first is last else '; '}"
    ).replace(" %", f"{_JOINED}%")
    if first is last:
        return f"{sentence}."
    near, far = (_share(each["coverage"]["80"]) for each in (first, last))
    return f"{sentence}that of 80{_JOINED}% {near}{_JOINED}% near, {far}{_JOINED}% far ahead."


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _thirds(report: dict[str, Any]) -> list[str]:
    """The error near and far."""
    thirds, metric = report["model"]["thirds"], report["metric"]
    if len(thirds) < 2:
        return []
    rows = [("this model", thirds)]
    if report.get("verdict"):
        best = report["verdict"]["baseline"]
        rows += [(e["name"], e["thirds"]) for e in report["baselines"] if e["name"] == best]
    heads = [
        f"step {each['from']:,}"
        if each["from"] == each["to"]
        else f"{each['from']:,} to {each['to']:,}"
        for each in thirds
    ]
    title = f"{NAMES[metric]} by step ahead"
    width = max(len(title), *(len(name) for name, _ in rows))
    lines = [f"{title:{width}}" + "".join(f"{head:>14}" for head in heads)]
    for name, found in rows:
        said = "".join(f"{figure(each[metric]):>14}" for each in found)
        lines.append(f"{name:{width}}{said}")
    return lines


# -- windows ------------------------------------------------------------------------------------


def _wrong(report: dict[str, Any]) -> Iterator[str]:
    """The windows that it is most wrong about, a line each."""
    metric = report["metric"]
    shown = report["wrong"][:SHOWN]
    if not shown:
        return
    yield f"Most wrong about ({NAMES[metric]}; the best baseline's beside it):"
    for each in shown:
        other = "" if each["baseline"] is None else f" ({figure(each['baseline'])})"
        tail = f"{each['from']} to {each['to']}: {figure(each[metric])}{other}"
        where = ""
        if report["data"]["series"] > 1:
            where = fitted(str(each["series"]), max(WIDTH - 4 - cell_len(tail), 8)) + ", "
        yield f"  {where}{tail}"


def _found(found: dict[str, int]) -> list[str]:
    """What was found in the data, in a sentence."""
    parts = [f"{found[key]:,} {words}" for key, words in _FOUND.items() if found.get(key)]
    return [f"Found in the data: {'; '.join(parts)}."] if parts else []

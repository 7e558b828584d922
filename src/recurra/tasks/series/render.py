"""The report of a series run in words and tables, for a terminal of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, Final

from rich.cells import cell_len

from recurra.console.text import WIDTH, fitted
from recurra.errors import counted
from recurra.tasks import contenders
from recurra.tasks import summary as shared
from recurra.tasks.contenders import Column
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
_MEANS: Final = {
    "mae": "mean absolute error: how far off a forecast is on average, in the unit of the data",
    "rmse": "root mean square error: the same, in which large errors weigh more",
    "mase": "mean absolute scaled error: the MAE, where 1 is as good as saying, in the training "
    "part, what came a season (or a step) before",
    "smape": "symmetric mean absolute percentage error: 0 is exact, 200 the worst there is",
    "crps": "continuous ranked probability score: how far off the whole distribution that was said "
    "is, in the unit of the data; of a single number it is the MAE",
    "owa": "overall weighted average: sMAPE and MASE beside those of Naive2, which has 1",
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
    kept = data["found"]
    about = f"{counted(data['windows'], 'window')} of {counted(data['horizon'], 'step')}"
    if data["series"] > 1:
        about += f", {data['series']:,} series"
    about += f", {data['frequency']}"
    about += f", season {data['period']:,}" if data["period"] > 1 else ", no season"
    found = shared.summary(
        report,
        about,
        contenders.lines(report, columns(report)),
        verdicts(report),
        [coverage(report), *below_zero(report), *filter(None, [report.get("calibrated")])],
        _thirds(report),
        list(_wrong(report)),
        [report["teacher_forced"]["sentence"]] if report.get("teacher_forced") else [],
        shared.notes([f"{kept[key]:,} {words}" for key, words in _FOUND.items() if kept.get(key)]),
    )
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


def columns(report: dict[str, Any]) -> list[Column]:
    """What contenders are compared by: first what the verdict is on; nothing that all lack."""
    rows = [figures for _, figures in contenders.contenders(report)]
    keys = [key for key in COLUMNS if any(each[key] is not None for each in rows)]
    keys.sort(key=lambda key: key != report["metric"])
    return [Column(COLUMNS[key], itemgetter(key), figure, meaning=_MEANS[key]) for key in keys]


def whose(report: dict[str, Any]) -> str:
    """Whose the figures of "model" are, before what they are of."""
    return "The network's" if report.get("answer") else "Its"


def verdicts(report: dict[str, Any]) -> list[str]:
    """What is answered with, the verdicts on the network, and what else there is to say of them."""
    lines = shared.verdicts(report, interval_verdict=f"{whose(report)} intervals")
    lines += [
        f"The {each['name']} had less than all of the data, and nothing is claimed against it: it "
        f"was {each['less']}."
        for each in report["baselines"]
        if each.get("less")
    ]
    if answer := report.get("answer"):
        lines[0] = lines[0].replace("Verdict: ", "Verdict on the network: ", 1)
        lines.insert(0, f"{answer['sentence']} {_held(answer)}")
    if found := report.get("better_on"):
        lines.append(
            f"{whose(report)} error is the smaller one on {found['series']:,} of "
            f"{found['of']:,} series."
        )
    return lines


def coverage(report: dict[str, Any]) -> str:
    """How often its intervals hold, in a sentence."""
    found = report["model"]["intervals"]
    last, first = report["model"]["thirds"][-1], report["model"]["thirds"][0]
    held = [_share(each["coverage"]) for each in found.values()]
    sentence = (
        f"{whose(report)} intervals of {_listed([*found])} % held {_listed(held)} % of what came"
        f"{'' if first is last else '; '}"
    ).replace(" %", f"{_JOINED}%")
    if first is last:
        return f"{sentence}."
    near, far = (_share(each["coverage"]["80"]) for each in (first, last))
    return f"{sentence}that of 80{_JOINED}% {near}{_JOINED}% near, {far}{_JOINED}% far ahead."


def _held(figures: dict[str, Any]) -> str:
    """How often intervals hold, in half a line."""
    found = figures["intervals"]
    held = [_share(each["coverage"]) for each in found.values()]
    return f"Intervals of {_listed([*found])} % held {_listed(held)} %."


def below_zero(report: dict[str, Any]) -> list[str]:
    """That forecasts reach below 0 where nothing ever did, and what keeps them from it."""
    share = report.get("below_zero")
    if not share:
        return []
    return [
        f"Nothing in the data is below 0, but {_share(share)}{_JOINED}% of the forecast steps "
        "reach there: train with --positive, or --distribution counts, where it cannot be."
    ]


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _thirds(report: dict[str, Any]) -> list[str]:
    """The error near and far."""
    thirds, metric = report["model"]["thirds"], report["metric"]
    if len(thirds) < 2:
        return []
    rows = [("the network" if report.get("answer") else "this model", thirds)]
    if answer := report.get("answer"):
        rows.insert(0, ("the answer", answer["thirds"]))
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
    answer = report.get("answer")
    beside = not answer or any(each["baseline"] is not None for each in shown)
    who = "The answer is most" if answer else "Most"
    other = "; the best baseline's beside it" if beside else ""
    yield f"{who} wrong about ({NAMES[metric]}{other}):"
    for each in shown:
        other = "" if each["baseline"] is None else f" ({figure(each['baseline'])})"
        tail = f"{each['from']} to {each['to']}: {figure(each[metric])}{other}"
        where = ""
        if report["data"]["series"] > 1:
            where = fitted(str(each["series"]), max(WIDTH - 4 - cell_len(tail), 8)) + ", "
        yield f"  {where}{tail}"

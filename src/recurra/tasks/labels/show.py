"""Pictures of a labels run: what it confuses, how sure it may be, which steps it looked at."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from recurra.bundle import CONFIG, REPORT, Run
from recurra.console.text import printable
from recurra.show.page import Section, Table, alone, macro
from recurra.show.picture import (
    BLUE,
    CHART,
    GREY,
    ORANGE,
    Picture,
    figure,
    svg,
    titled,
    write,
)
from recurra.tasks import contenders
from recurra.tasks.labels import render
from recurra.tasks.labels.report import ATTRIBUTION

CHANNELS: Final = 6
"""Channels of a sequence that are drawn: the first."""

CLASSES: Final = 30
"""Classes that a matrix is drawn of: the commonest."""


def draw(run: Run) -> list[Picture]:
    """Draw what the run has recorded."""
    if not run.has(REPORT):
        return []
    report, found = run.read_json(REPORT), []
    if report["calibration"]:
        found.append(_calibration(run, report["calibration"]))
    return found + [alone(run, section) for section in sections(run)]


def _calibration(run: Run, found: dict[str, Any]) -> Picture:
    """How often it is right against how sure it is, bin by bin."""
    held = [k for k, count in enumerate(found["counts"]) if count]
    sure, right, count = (
        np.array([found[key][k] for k in held]) for key in ("confidences", "accuracies", "counts")
    )
    drawn = figure(CHART[0], 4.2)
    above, below = drawn.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], "--", color=GREY, label="as sure as right")
    above.plot(sure, right, "o-", color=BLUE, label=f"gap {100 * found['error']:.1f} points")
    titled(above, "share that is right")
    above.set_ylim(0, 1.02)
    above.legend(frameon=False, loc="upper left")
    above.grid(alpha=0.3)
    below.bar(sure, count, width=0.04, color=ORANGE)
    titled(below, "examples")
    below.set_xlabel("probability of its answer")
    below.set_xlim(0, 1.02)
    caption = (
        "How often it is right where it is so sure: on the dashed line as often as it says, below "
        "it less often."
    )
    label = "line chart of the share that is right by probability; bars: examples of each"
    return write(run, "figures/calibration.svg", drawn, caption, label)


def sections(run: Run) -> list[Section]:
    """What the run's page says beside its pictures: confusions, steps coloured by their share."""
    report = run.read_json(REPORT) if run.has(REPORT) else {}
    found = []
    if report.get("confusion"):
        with run.intact(REPORT):
            found.append(_confusion(report))
    if not run.has(ATTRIBUTION):
        return found
    channels = run.config()["data"]["channels"] if run.has(CONFIG) else []
    with run.intact(ATTRIBUTION):
        examples = run.read_json(ATTRIBUTION)
        if all("values" in each for each in examples):
            drawn = [each | {"drawn": _curve(each, channels)} for each in examples]
            body = macro("looked", "curves", drawn)
        else:
            body = macro("looked", "steps", [each | {"parts": _parts(each)} for each in examples])
    summary = (
        "The stronger the colour of a step, the larger its share in the score of the class that "
        "the network chose (gradient times input): where a small change would matter, not what it "
        "means."
    )
    chosen = report.get("chosen")
    if chosen and chosen["weight"] < 1:
        part = (
            f"{chosen['weight']:g} of the answer" if chosen["weight"] else "no part of the answer"
        )
        summary += f" The network is {part}."
    return [*found, Section("attribution", "Where the network looked", summary, body)]


def _confusion(report: dict[str, Any]) -> Section:
    """How many of each true class were taken for each class."""
    counts, classes = np.array(report["confusion"]), report["data"]["classes"]
    shown = np.sort(np.argsort(-counts.sum(1), kind="stable")[:CLASSES])
    part = counts[np.ix_(shown, shown)]
    shares = part / np.maximum(counts[shown].sum(1, keepdims=True), 1)
    rows = [
        (classes[k], list(zip(*cells, strict=True)))
        for k, cells in zip(shown, zip(part.tolist(), shares.tolist(), strict=True), strict=True)
    ]
    summary = (
        "A row for each true class, a column for each that was answered, and how many: the fuller "
        "a cell, the larger its share of the row. What is right is on the diagonal."
    )
    body = macro("looked", "confusion", [classes[k] for k in shown], rows)
    return Section("confusion", "What it confuses", summary, body)


def _parts(each: dict[str, Any]) -> list[tuple[str, float, float]]:
    """The steps of an example, their shares, and these beside the largest of them."""
    largest = max(*each["shares"], 1e-12)
    return [
        (k, share, share / largest) for k, share in zip(each["steps"], each["shares"], strict=True)
    ]


def _curve(each: dict[str, Any], channels: list[str]) -> str:
    """The channels of an example over its steps, behind them the shares of these."""
    from matplotlib.colors import LinearSegmentedColormap

    values, shares = (np.array(each[name], np.float64) for name in ("values", "shares"))
    if values.shape != (len(channels), len(shares)):
        raise ValueError(f"values of shape {values.shape}")
    several = len(values) > 1
    if several:  # each on a scale of its own
        spread = values.std(1, keepdims=True)
        values = (values - values.mean(1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    drawn = figure(CHART[0], 2.2)
    axes = drawn.add_subplot()
    steps = np.arange(1, len(shares) + 1)
    for line in values[:CHANNELS]:
        # A sequence of one step has no line.
        axes.plot(steps, line, "-" if len(steps) > 1 else "o", linewidth=1.2)
    for line in axes.get_lines() if not several else ():
        line.set_color("#000000")
    low, high = axes.get_ylim()
    axes.imshow(
        (shares / max(shares.max(), 1e-12))[None],
        LinearSegmentedColormap.from_list("shares", [f"{BLUE}00", f"{BLUE}aa"]),
        aspect="auto",
        extent=(0.5, len(steps) + 0.5, low, high),
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    axes.set_xlabel("step")
    titled(axes, "each channel standardised" if several else channels[0])
    if 1 < len(values) <= CHANNELS:
        drawn.legend(
            axes.get_lines(),
            [printable(name)[:20].replace("$", r"\$") for name in channels],
            loc="outside lower center", ncols=4, frameon=False, fontsize=9,
        )  # fmt: skip
    return svg(drawn, f"{each['where']}: its values over the steps, and what share each step has")


def table(report: dict[str, Any]) -> Table:
    """The figures of a report."""
    return contenders.table(report, render.columns(report), "higher is better")

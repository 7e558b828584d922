"""Pictures of a labels run: what it confuses, how sure it may be, which steps it looked at."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from recurra.bundle import CONFIG, REPORT, Run
from recurra.show.page import Section, Table, alone, macro
from recurra.show.picture import BLUE, CHART, ORANGE, figure, font_for, svg, write
from recurra.tasks import contenders
from recurra.tasks.labels import render
from recurra.tasks.labels.report import ATTRIBUTION

CHANNELS: Final = 6
"""Channels of a sequence that are drawn: the first."""

CLASSES: Final = 30
"""Classes that a matrix is drawn of: the commonest."""


def draw(run: Run) -> list[str]:
    """Draw what the run has recorded; returns the names of the files."""
    if not run.has(REPORT):
        return []
    report = run.read_json(REPORT)
    names = []
    if report["confusion"]:
        names.append(_confusion(run, report))
    if report["calibration"]:
        names.append(_calibration(run, report["calibration"]))
    return names + [alone(run, section) for section in sections(run)]


def _confusion(run: Run, report: dict[str, Any]) -> str:
    """The share of each true class that was taken for each class."""
    counts, classes = np.array(report["confusion"]), report["data"]["classes"]
    shown = np.sort(np.argsort(-counts.sum(1), kind="stable")[:CLASSES])
    part = counts[np.ix_(shown, shown)]
    shares = part / np.maximum(counts[shown].sum(1, keepdims=True), 1)
    side = max(3.5, 0.45 * len(shown) + 1.6)
    drawn = figure(side + 0.8, side)
    axes = drawn.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [str(classes[k])[:20] for k in shown]
    font = font_for(names)
    ticks = names if font else [str(k) for k in shown]
    for axis, place in ((axes.set_xticks, 90), (axes.set_yticks, 0)):
        axis(range(len(shown)), ticks, rotation=place, fontfamily=font)
    axes.set_xlabel("said" if font else "said (classes by number)")
    axes.set_ylabel("true")
    if len(shown) <= 12:
        for (row, column), count in np.ndenumerate(part):
            if count:
                dark = shares[row, column] > 0.5
                colour = "white" if dark else "black"
                axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
    drawn.colorbar(image, label="share of the true class", shrink=0.8)
    return write(run, "figures/confusion.png", drawn)


def _calibration(run: Run, found: dict[str, Any]) -> str:
    """How often it is right against how sure it is, bin by bin."""
    held = [k for k, count in enumerate(found["counts"]) if count]
    sure, right, count = (
        np.array([found[key][k] for k in held]) for key in ("confidences", "accuracies", "counts")
    )
    drawn = figure(5.0, 5.0)
    above, below = drawn.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], "--", color="grey", label="as sure as right")
    above.plot(sure, right, "o-", color=BLUE, label=f"gap {100 * found['error']:.1f} points")
    above.set_ylabel("share that is right")
    above.set_ylim(0, 1.02)
    above.legend(frameon=False, loc="upper left")
    above.grid(alpha=0.3)
    below.bar(sure, count, width=0.04, color=ORANGE)
    below.set_xlabel("probability of its answer")
    below.set_ylabel("examples")
    below.set_xlim(0, 1.02)
    return write(run, "figures/calibration.png", drawn)


def sections(run: Run) -> list[Section]:
    """What the run's page says beside its pictures: examples, steps coloured by their share."""
    if not run.has(ATTRIBUTION):
        return []
    channels = run.config()["data"]["channels"] if run.has(CONFIG) else []
    with run.intact(ATTRIBUTION):
        examples = run.read_json(ATTRIBUTION)
        if all("values" in each for each in examples):
            names = _shown(channels)
            drawn = [each | {"drawn": _curve(each, names)} for each in examples]
            body = macro("looked", "curves", drawn)
        else:
            body = macro("looked", "steps", [each | {"parts": _parts(each)} for each in examples])
    summary = (
        "The stronger the colour of a step, the larger its share in the score of the class that "
        "was chosen (gradient times input). It says where a small change would matter, not what "
        "it means."
    )
    return [Section("attribution", "Where it looked", summary, body)]


def _parts(each: dict[str, Any]) -> list[tuple[str, float, float]]:
    """The steps of an example, their shares, and these beside the largest of them."""
    largest = max(*each["shares"], 1e-12)
    return [
        (k, share, share / largest) for k, share in zip(each["steps"], each["shares"], strict=True)
    ]


def _shown(channels: list[str]) -> list[str]:
    """Names of channels as a picture has them; their numbers where no font has the letters."""
    names = [name.replace("$", r"\$")[:20] for name in channels]
    return names if font_for(names) else [str(k) for k in range(1, len(names) + 1)]


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
    drawn = figure(CHART[0], 1.9)
    axes = drawn.add_subplot()
    steps = np.arange(1, len(shares) + 1)
    for name, line in zip(channels[:CHANNELS], values[:CHANNELS], strict=True):
        # A sequence of one step has no line.
        axes.plot(steps, line, "-" if len(steps) > 1 else "o", linewidth=1.2, label=name)
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
    axes.set_ylabel("standardised" if several else channels[0])
    if 1 < len(values) <= CHANNELS:
        axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return svg(drawn, f"{each['where']}: its values over the steps, and what share each step has")


def table(report: dict[str, Any]) -> Table:
    """The figures of a report."""
    return contenders.table(report, render.columns(report), "higher is better")

"""Pictures of a labels run: what it confuses, how sure it may be, which steps it looked at."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from recurra.bundle import REPORT, Run
from recurra.show.page import Section, Table, alone, macro
from recurra.show.picture import BLUE, ORANGE, figure, font_for, write
from recurra.tasks import contenders
from recurra.tasks.labels import render
from recurra.tasks.labels.report import ATTRIBUTION

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
    with run.intact(ATTRIBUTION):
        examples = [each | {"parts": _parts(each)} for each in run.read_json(ATTRIBUTION)]
        body = macro("looked", "steps", examples)
    summary = (
        "The darker a step, the larger its share in the score of the class that was chosen "
        "(gradient times input). It says where a small change would matter, not what it means."
    )
    return [Section("attribution", "Where it looked", summary, body)]


def _parts(each: dict[str, Any]) -> list[tuple[str, float, float]]:
    """The steps of an example, their shares, and these beside the largest of them."""
    largest = max(*each["shares"], 1e-12)
    return [
        (k, share, share / largest) for k, share in zip(each["steps"], each["shares"], strict=True)
    ]


def table(report: dict[str, Any]) -> Table:
    """The figures of a report."""
    note = " ".join(contenders.left_out(report))
    return contenders.table(report, render.columns(report), "higher is better", note)

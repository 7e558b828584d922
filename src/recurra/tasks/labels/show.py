"""Pictures of a labels run: what it confuses, how sure it may be, which steps it looked at."""

from __future__ import annotations

from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import REPORT, Run
from recurra.console.text import printable
from recurra.show.page import Section, Table, macro
from recurra.show.picture import BLUE, ORANGE, figure, font_for, write
from recurra.tasks import contenders
from recurra.tasks.labels import render
from recurra.tasks.labels.report import ATTRIBUTION

CLASSES: Final = 30
"""Classes that a matrix is drawn of: the commonest."""

PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}: where it looked</title><style>
body {{ font: 15px/1.7 sans-serif; margin: 2em; max-width: 60em }}
.step {{ padding: 1px 2px; border-radius: 3px }} .facts {{ color: #555; font-size: 13px }}
p {{ margin: 0.2em 0 1.4em }}
</style></head><body>
<h1>{name}: where it looked</h1>
<p>The darker a step, the larger its share in the score of the class that was chosen (gradient times
input). It says where a small change would matter, not what a step means.</p>
{rows}
</body></html>
"""


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
    if run.has(ATTRIBUTION):
        run.write_text("figures/attribution.html", page(run.path.name, run.read_json(ATTRIBUTION)))
        names.append("figures/attribution.html")
    return names


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


def page(name: str, attributed: list[dict[str, Any]]) -> str:
    """The page of examples whose steps are coloured by their share."""
    return PAGE.format(name=escape(name), rows=examples(attributed))


def sections(run: Run) -> list[Section]:
    """What the run's page says beside its pictures."""
    if not run.has(ATTRIBUTION):
        return []
    with run.intact(ATTRIBUTION):
        body = macro("parts", "made", examples(run.read_json(ATTRIBUTION)))
    summary = "The darker a step, the larger its share in the score of the class that was chosen "
    summary += (
        "(gradient times input). It says where a small change would matter, not what it means."
    )
    return [Section("attribution", "Where it looked", summary, body)]


def examples(attributed: list[dict[str, Any]]) -> str:
    """HTML of examples whose steps are coloured by their share."""
    rows = []
    for each in attributed:
        shares: NDArray[np.float64] = np.array(each["shares"])
        strength = shares / max(shares.max(), 1e-12)
        steps = "".join(
            f'<span class="step" style="background: rgba(0,114,178,{0.75 * s:.2f})" '
            f'title="{100 * share:.1f} %">{escape(printable(step))}</span> '
            for step, s, share in zip(each["steps"], strength, shares, strict=True)
        )
        where, said, true = (escape(printable(each[key])) for key in ("where", "said", "true"))
        right = "right" if said == true else f"true: {true}"
        facts = f"{where}: said {said} ({right})"
        rows.append(f'<div class="facts">{facts}</div>\n<p>{steps}</p>')
    return "\n".join(rows)


def table(report: dict[str, Any]) -> Table:
    """The figures of a report."""
    return contenders.table(report, render.columns(report), "higher is better")

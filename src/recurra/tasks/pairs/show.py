"""Pictures of a pairs run: where attention lay, how good it is by length of the source."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import REPORT, Run
from recurra.console.text import fitted
from recurra.judge.translation import NAMES
from recurra.show.page import Section, Table, alone, macro
from recurra.show.picture import BLUE, ORANGE, figure, fonts_for, write
from recurra.tasks import contenders
from recurra.tasks.pairs import render
from recurra.tasks.pairs.attention_map import labels
from recurra.tasks.pairs.render import METRICS
from recurra.tasks.pairs.report import ATTENTION

PICTURES: Final = "figures/attention"
"""What the names of the pictures of attention begin with."""

LABEL: Final = 24
"""Columns of a piece beside a picture."""


def draw(run: Run) -> list[str]:
    """Draw what the run has recorded; returns the names of the files."""
    names = []
    if run.has(ATTENTION):
        for number, (each, weights) in enumerate(attention(run), 1):
            names.append(_attention(run, each, weights, f"{PICTURES}-{number}.png"))
        # Browsers have letters and ways of joining them that no picture here has.
        names += [alone(run, section) for section in sections(run)]
    if run.has(REPORT):
        report = run.read_json(REPORT)
        if len(report["lengths"]["rows"]) > 1:
            names.append(_lengths(run, report))
    return names


def _attention(run: Run, each: dict[str, Any], weights: NDArray[Any], name: str) -> str:
    """A heat map: pieces read from left to right, pieces written downwards."""
    down, across = weights.shape
    read, written = (
        [fitted(label, LABEL) for label in labels(pieces, count)]
        for pieces, count in ((each["source"], across), (each["pieces"], down))
    )
    families, missing = fonts_for([*read, *written])
    read, written = ([_drawn(label, missing) for label in part] for part in (read, written))
    longest = [0.09 * max(map(len, part)) for part in (read, written)]
    drawn = figure(max(4.0, 0.3 * across + longest[1] + 1.3), max(3.0, 0.3 * down + longest[0] + 1))
    axes = drawn.add_subplot()
    image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    upright = max(map(len, read)) == 1
    axes.set_xticks(range(across), read, rotation=0 if upright else 90, fontfamily=families)
    axes.set_yticks(range(down), written, fontfamily=families)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    # Fine lines between the cells, so that the eye keeps its row.
    axes.set_xticks(np.arange(0.5, across - 1), minor=True)
    axes.set_yticks(np.arange(0.5, down - 1), minor=True)
    axes.grid(which="minor", color="#e4e4e4", linewidth=0.5)
    axes.tick_params(which="minor", length=0, top=False, bottom=False)
    drawn.colorbar(image, label="share of what it read", shrink=0.8)
    right = each["said"] == each["true"]
    axes.set_xlabel(f"{'exact' if right else 'not as the reference'}", fontsize=9)
    return write(run, name, drawn)


def _drawn(label: str, missing: set[str]) -> str:
    """A label in letters that a font has; the others by their number, rather than as boxes."""
    return "".join(
        f"[{ord(letter):x}]" if letter in missing else letter for letter in label
    ).replace("$", r"\$")


def _lengths(run: Run, report: dict[str, Any]) -> str:
    """The figure that decides, and the exact ones, by length of the source."""
    rows, metric = report["lengths"]["rows"], METRICS[report["metric"]][0]
    places = np.arange(len(rows))
    drawn = figure()
    axes = drawn.add_subplot()
    axes.plot(places, [row[metric] for row in rows], "o-", color=BLUE, label=NAMES[metric])
    exact = [100 * row["exact"] for row in rows]
    axes.plot(places, exact, "s--", color=ORANGE, markersize=4, label="exact, %")
    whole = report["model"][metric]["estimate"]
    named = f"{NAMES[metric]} of all, {whole:.1f}"
    axes.axhline(whole, color=BLUE, alpha=0.35, linewidth=1, label=named)
    names = [
        f"{row['from']}" if row["from"] == row["to"] else f"{row['from']}-{row['to']}"
        for row in rows
    ]
    counts = [f"{name}\n({row['sentences']:,})" for name, row in zip(names, rows, strict=True)]
    axes.set_xticks(places, counts)
    axes.set_xlabel(f"{report['lengths']['unit']} in the source (sentences)")
    axes.set_ylim(0, 102)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    return write(run, "figures/lengths.png", drawn)


def sections(run: Run) -> list[Section]:
    """What the run's page says beside its pictures: a table of attention for each sentence."""
    if not run.has(ATTENTION):
        return []
    sentences = []
    with run.intact(ATTENTION):
        for each, weights in attention(run):
            down, across = weights.shape
            rows = zip(labels(each["pieces"], down), weights.tolist(), strict=True)
            sentences.append(each | {"across": labels(each["source"], across), "rows": list(rows)})
        body = macro("looked", "attention", sentences)
    summary = (
        "A row for each piece that it wrote, a column for each that it read. The stronger a cell's "
        "colour, the more of what it took from the source came from there as it wrote this piece."
    )
    return [Section("attention", "Where it looked", summary, body)]


def attention(run: Run) -> list[tuple[dict[str, Any], NDArray[Any]]]:
    """Sentences of the test part, and the weights (written, read) of their pieces."""
    arrays, facts = run.read_arrays(ATTENTION)
    with run.intact(ATTENTION):
        return [(each, arrays[str(k)]) for k, each in enumerate(facts["sentences"])]


def table(report: dict[str, Any]) -> Table:
    """The figures of a report."""
    return contenders.table(report, render.columns(report), "higher is better")

"""Pictures of a pairs run: where attention lay, how good it is by length of the source."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import REPORT, Run
from recurra.console.text import fitted
from recurra.judge.translation import NAMES
from recurra.show.page import Section, Table, alone, macro
from recurra.show.picture import (
    BLUE,
    CHART,
    GREY,
    ORANGE,
    Picture,
    figure,
    fonts_for,
    titled,
    write,
)
from recurra.tasks import contenders
from recurra.tasks.pairs import render
from recurra.tasks.pairs.attention_map import labels
from recurra.tasks.pairs.render import METRICS
from recurra.tasks.pairs.report import ATTENTION

PICTURES: Final = "figures/attention"
"""What the names of the pictures of attention begin with."""

LABEL: Final = 24
"""Columns of a piece beside a picture."""


def draw(run: Run) -> list[Picture]:
    """Draw what the run has recorded."""
    found = []
    if run.has(ATTENTION):
        for number, (each, weights) in enumerate(attention(run), 1):
            found.append(_attention(run, each, weights, f"{PICTURES}-{number}.png"))
        # Browsers have letters and ways of joining them that no picture here has.
        found += [alone(run, section) for section in sections(run)]
    if run.has(REPORT):
        report = run.read_json(REPORT)
        if len(report["lengths"]["rows"]) > 1:
            found.append(_lengths(run, report))
    return found


def _attention(run: Run, each: dict[str, Any], weights: NDArray[Any], name: str) -> Picture:
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


def _lengths(run: Run, report: dict[str, Any]) -> Picture:
    """The figure that decides, and the exact ones, by length of the source."""
    rows, metric = report["lengths"]["rows"], METRICS[report["metric"]][0]
    places = np.arange(len(rows))
    drawn = figure(CHART[0], 4.2)
    above, below = drawn.subplots(2, 1, sharex=True)
    whole = report["model"][metric]["estimate"]
    panels = (
        (above, [row[metric] for row in rows], BLUE, f"{NAMES[metric]}; of all {whole:.1f}", whole),
        (below, [100 * row["exact"] for row in rows], ORANGE, "exact to the letter, %", None),
    )
    for axes, values, colour, title, line in panels:
        axes.plot(places, values, "o-", color=colour)
        if line is not None:
            axes.axhline(line, color=GREY, linestyle=":", linewidth=1)
        titled(axes, title)
        axes.set_ylim(0, 102)
        axes.grid(alpha=0.3)
    names = [
        f"{row['from']}" if row["from"] == row["to"] else f"{row['from']}-{row['to']}"
        for row in rows
    ]
    counts = [f"{name}\n({row['sentences']:,})" for name, row in zip(names, rows, strict=True)]
    below.set_xticks(places, counts)
    unit = report["lengths"]["unit"]
    below.set_xlabel(f"{unit} in the source (sentences)")
    caption = (
        f"How good it is by how long the source is, in {unit}: higher is better; in brackets how "
        "many sentences there are."
    )
    label = f"line charts of {NAMES[metric]} and of exact matches by {unit} in the source"
    return write(run, "figures/lengths.svg", drawn, caption, label)


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

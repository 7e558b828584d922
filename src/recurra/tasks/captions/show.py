"""Pictures of a captions run: what it said of pictures, and where it looked for each piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.console.text import fitted
from recurra.show.page import Section, Table
from recurra.show.picture import BLUE, ORANGE, figure, fonts_for, write
from recurra.tasks import contenders
from recurra.tasks.captions import render
from recurra.tasks.captions.evaluate import METRICS
from recurra.tasks.captions.report import PICTURES, pictures

MOST: Final = 24
"""Pieces of a caption that are drawn."""

_ACROSS: Final = 6
_LABEL: Final = 28


def draw(run: Run) -> list[str]:
    """Draw what the run has recorded; returns the names of the files."""
    if not run.has(PICTURES):
        return []
    found = pictures(run)
    names = [_answers(run, found)]
    for number, (each, pixels, attention) in enumerate(found, 1):
        draws = _columns if attention.shape[1] == 1 else _places
        names.append(draws(run, each, pixels, attention, f"figures/attention-{number}.png"))
    return names


def _answers(run: Run, found: Sequence[tuple[dict[str, Any], Any, Any]]) -> str:
    """The pictures, and what was said of each: blue where it is right."""
    families, _ = fonts_for(
        [text for each, _, _ in found for text in (each["said"], *each["true"])]
    )
    across = min(3, len(found))
    down = -(-len(found) // across)
    drawn = figure(9.0, 2.4 * down)
    for number, (each, pixels, _) in enumerate(found, 1):
        axes = drawn.add_subplot(down, across, number)
        _show(axes, pixels)
        right = each["said"] in each["true"]
        said = _wrapped(each["said"] or "(nothing)")
        if not right:
            said += f"\ntrue: {_wrapped(each['true'][0])}"
        axes.set_title(said, fontsize=8, color=BLUE if right else ORANGE, fontfamily=families)
    return write(run, "figures/answers.png", drawn)


def _places(
    run: Run, each: dict[str, Any], pixels: Any, attention: NDArray[np.float32], name: str
) -> str:
    """The picture once for each piece, darker where that piece did not look."""
    pieces = [piece.strip() for piece in each["pieces"]][:MOST]
    families, _ = fonts_for(pieces)
    across = min(_ACROSS, max(1, len(pieces)))
    down = max(1, -(-len(pieces) // across))
    drawn = figure(1.5 * across, 1.75 * down)
    height, width = pixels.shape[:2]
    for number, (piece, weights) in enumerate(zip(pieces, attention, strict=False), 1):
        axes = drawn.add_subplot(down, across, number)
        _show(axes, pixels)
        shade = 1.0 - weights / max(float(weights.max()), 1e-9)
        axes.imshow(
            np.zeros_like(shade),
            cmap="gray",
            vmin=0,
            vmax=1,
            alpha=0.75 * shade,
            extent=(-0.5, width - 0.5, height - 0.5, -0.5),
            interpolation="bilinear",
        )
        axes.set_title(fitted(piece, _LABEL), fontsize=8, fontfamily=families)
    return write(run, name, drawn)


def _columns(
    run: Run, each: dict[str, Any], pixels: Any, attention: NDArray[np.float32], name: str
) -> str:
    """The strip, and below it each piece where it was read."""
    pieces = [piece if piece.strip() else "␣" for piece in each["pieces"]]
    families, _ = fonts_for(pieces)
    height, width = pixels.shape[:2]
    drawn = figure(min(12.0, max(4.0, 0.04 * width)), 1.6)
    axes = drawn.add_subplot()
    _show(axes, pixels)
    count = max(1, attention.shape[2])
    for piece, weights in zip(pieces, attention[:, 0], strict=False):
        middle = (float(weights @ np.arange(count)) / max(float(weights.sum()), 1e-9) + 0.5) / count
        axes.axvline(middle * width - 0.5, color=BLUE, alpha=0.35, linewidth=1)
        axes.text(
            middle * width - 0.5, height, piece, ha="center", va="top", color=BLUE,
            fontsize=9, fontfamily=families,
        )  # fmt: skip
    right = each["said"] in each["true"]
    axes.set_title(
        "right" if right else f"true: {_wrapped(each['true'][0])}",
        fontsize=8,
        color=BLUE if right else ORANGE,
        fontfamily=families,
    )
    return write(run, name, drawn)


def _show(axes: Any, pixels: Any) -> None:
    grey = pixels.shape[2] == 1
    axes.imshow(pixels[..., 0] if grey else pixels, cmap="gray" if grey else None, vmin=0, vmax=255)
    axes.set_axis_off()


def _wrapped(text: str) -> str:
    """A text in lines of a few words, at most three."""
    lines = [""]
    for word in text.replace("$", r"\$").split():
        if lines[-1] and len(lines[-1]) + len(word) > _LABEL + 8:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines[:3] + (["..."] if len(lines) > 3 else []))


def sections(run: Run) -> list[Section]:
    """Nothing beside the pictures."""
    del run
    return []


def table(report: dict[str, Any]) -> Table:
    """The figures of a report."""
    lower = METRICS[report["metric"]][0] == "cer"
    return contenders.table(
        report, render.columns(report), f"{'lower' if lower else 'higher'} is better"
    )

"""The losses of a training, as its history holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recurra.bundle import Run
from recurra.judge.translation import NAMES
from recurra.show.picture import BLUE, GREEN, ORANGE, figure, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(run: Run) -> str:
    """Draw the losses of a run into it; returns the name of the file."""
    return write(run, "figures/curves.png", plot(run))


def plot(run: Run, *size: float) -> Figure:
    """The loss on the training and on the selection part over the steps.

    Where a score chose in the loss's place, it is drawn beside them, on an axis of its own.

    Args:
        size: width and height in inches; a picture's own where they are not given.
    """
    lines, config = run.history(), run.config()
    # Step by step a network learns distributions, and is chosen by its free-running paths.
    apart = config["inference"]["architecture"].get("kind") == "autoregressive"
    scaled = config["task"] == "series"
    names = {
        "train": "training, nats" if apart else "training",
        "select": "selection, scaled CRPS" if apart else "selection",
    }
    scored = any(line.get("score") is not None for line in lines)
    drawn = figure(*size)
    axes = drawn.add_subplot()
    other = axes.twinx() if apart else axes
    shown = []
    for key, colour, on in (("train", BLUE, axes), ("select", ORANGE, other)):
        points = _points(lines, key)
        if points:
            shown += on.plot(
                *zip(*points, strict=True), "o-", color=colour, markersize=3, label=names[key]
            )
    if scored:
        _score(axes, lines, NAMES.get(config["training"].get("metric"), "score"))
    elif chosen := _points(lines, "select"):
        _best(other, min(chosen, key=lambda point: point[1]), ORANGE, 3)
    axes.set_xlabel("step")
    teacher = " (given the true pieces before)" if config["task"] == "pairs" else ""
    if apart:
        axes.set_ylabel(names["train"], color=BLUE)
        other.set_ylabel(names["select"], color=ORANGE)
    else:
        axes.set_ylabel("scaled CRPS" if scaled else f"loss, nats{teacher}")
        axes.set_ylim(bottom=0)
    axes.locator_params(axis="x", integer=True)  # there is no half of a step
    axes.grid(alpha=0.3)
    if axes.get_legend() is None:
        axes.legend(handles=shown, frameon=False)
    return drawn


def _points(lines: list[dict[str, Any]], key: str) -> list[tuple[int, float]]:
    return [(line["step"], line[key]) for line in lines if line.get(key) is not None]


def _best(axes: Axes, point: tuple[int, float], colour: str, decimals: int) -> None:
    """Mark the weights that are kept."""
    axes.plot(*point, "o", color=colour, markersize=8)
    axes.annotate(
        f"{point[1]:.{decimals}f}", point, textcoords="offset points", xytext=(0, 10), ha="center"
    )


def _score(axes: Axes, lines: list[dict[str, Any]], name: str) -> None:
    """Draw the score that chose, higher is better, on the right."""
    points = _points(lines, "score")
    other = axes.twinx()
    other.plot(*zip(*points, strict=True), "s--", color=GREEN, markersize=3, label=f"{name}")
    # Of equal scores the later weights are kept.
    _best(other, max(points, key=lambda point: (point[1], point[0])), GREEN, 1)
    other.set_ylabel(f"selection, written by itself: {name}", color=GREEN)
    other.set_ylim(0, max(10.0, 1.15 * max(score for _, score in points)))
    handles = [*axes.get_lines()[:2], *other.get_lines()[:1]]
    labels = [str(each.get_label()) for each in handles]
    # Losses fall and scores rise: only above both nothing is in the way.
    axes.legend(
        handles, labels, frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0)
    )

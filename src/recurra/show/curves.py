"""The losses of a training, as its history holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from recurra.bundle import Run
from recurra.judge.captions import NAMES
from recurra.show.picture import BLUE, CHART, GREEN, ORANGE, Picture, figure, titled, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES: Final = {
    "train": ("o-", BLUE, "training"),
    "select": ("o-", ORANGE, "selection"),
    "score": ("s--", GREEN, "score"),
}


def draw(run: Run) -> Picture:
    """Draw the losses of a run into it."""
    panels = len(_panels(run))
    size = (CHART[0], CHART[1] if panels == 1 else 2.1 * panels)
    caption = (
        "Lower is better: blue is the part that trains, orange the part that only chooses; the "
        "weights of the large dot are kept."
    )
    if _chooser(run) == "score":
        caption = (
            "Losses (above, lower is better) and what it writes by itself (below, higher is "
            "better): the weights of the large dot are kept."
        )
    label = f"line chart of {' and '.join(_panels(run))} over the steps of the training"
    return write(run, "figures/curves.svg", plot(run, *size), caption, label)


def plot(run: Run, *size: float) -> Figure:
    """The loss on the training and on the selection part over the steps.

    What is in another unit has a panel of its own: the score that chose in the loss's place.

    Args:
        size: width and height in inches; a picture's own where they are not given.
    """
    lines, panels, chooser = run.history(), _panels(run), _chooser(run)
    drawn = figure(*size)
    every = drawn.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (unit, keys) in zip(every, panels.items(), strict=True):
        for key in keys:
            style, colour, name = _LINES[key]
            points = [(line["step"], line[key]) for line in lines if line.get(key) is not None]
            if not points:
                continue
            axes.plot(*zip(*points, strict=True), style, color=colour, markersize=3, label=name)
            if key == "score" == chooser:  # of equal scores the later weights are kept
                _best(axes, max(points, key=lambda point: (point[1], point[0])), colour, 1)
            elif key == chooser:
                _best(axes, min(points, key=lambda point: point[1]), colour, 3)
        titled(axes, unit)
        axes.set_ylim(bottom=0)
        if chooser in keys:  # its number stands above the best
            top = axes.get_ylim()[1]
            axes.set_ylim(top=max(10.0, 1.3 * top) if chooser == "score" else 1.15 * top)
        axes.grid(alpha=0.3)
        if len(keys) > 1:
            axes.legend(frameon=False)
    axes.set_xlabel("step")
    axes.locator_params(axis="x", integer=True)  # there is no half of a step
    return drawn


def _chooser(run: Run) -> str:
    """What chose the weights that are kept."""
    scored = any(line.get("score") is not None for line in run.history())
    return "score" if scored else "select"


def _panels(run: Run) -> dict[str, tuple[str, ...]]:
    """The curves of a run, by what they are in."""
    config = run.config()
    # Step by step a network learns distributions, and is chosen by its free-running paths.
    if config["inference"]["architecture"].get("kind") == "autoregressive":
        return {"training, nats a step": ("train",), "selection, scaled CRPS": ("select",)}
    teacher = ", given the true pieces before" if config["task"] == "pairs" else ""
    loss = "scaled CRPS" if config["task"] == "series" else f"loss in nats{teacher}"
    found: dict[str, tuple[str, ...]] = {loss: ("train", "select")}
    if _chooser(run) == "score":
        name = NAMES.get(config["training"].get("metric"), "score")
        found[f"selection, written by itself: {name}"] = ("score",)
    return found


def _best(axes: Axes, point: tuple[int, float], colour: str, decimals: int) -> None:
    """Mark the weights that are kept."""
    axes.plot(*point, "o", color=colour, markersize=8)
    axes.annotate(
        f"{point[1]:.{decimals}f}", point, textcoords="offset points", xytext=(0, 10), ha="center"
    )

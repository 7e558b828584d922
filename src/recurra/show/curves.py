"""The losses of a training, as its history holds them."""

from __future__ import annotations

from recurra.bundle import Run
from recurra.show.picture import BLUE, ORANGE, figure, write


def draw(run: Run) -> str:
    """Draw the loss on the training and on the selection part over the steps."""
    lines, config = run.history(), run.config()
    # Step by step a network learns distributions, and is chosen by its free-running paths.
    apart = config.get("architecture", {}).get("kind") == "autoregressive"
    scaled = config["task"] == "series"
    names = {
        "train": "training, nats" if apart else "training",
        "select": "selection, scaled CRPS" if apart else "selection",
    }
    drawn = figure()
    axes = drawn.add_subplot()
    for key, colour in (("train", BLUE), ("select", ORANGE)):
        points = [(line["step"], line[key]) for line in lines if line[key] is not None]
        if points:
            steps, losses = zip(*points, strict=True)
            axes.plot(steps, losses, "o-", color=colour, markersize=3, label=names[key])
    chosen = [line for line in lines if line["select"] is not None]
    if chosen:
        best = min(chosen, key=lambda line: float(line["select"]))
        axes.plot([best["step"]], [best["select"]], "o", color=ORANGE, markersize=8)
        axes.annotate(
            f"{best['select']:.3f}",
            (best["step"], best["select"]),
            textcoords="offset points",
            xytext=(0, 10),
            ha="center",
        )
    axes.set_xlabel("step")
    axes.set_ylabel("loss" if apart else "scaled CRPS" if scaled else "loss, nats")
    if not apart:
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return write(run, "figures/curves.png", drawn)

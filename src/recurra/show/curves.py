"""The losses of a training, as its history holds them."""

from __future__ import annotations

from typing import Any

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
        best = min(chosen, key=_cost)
        score = f", score {best['score']:.2f}" if best.get("score") is not None else ""
        axes.plot([best["step"]], [best["select"]], "o", color=ORANGE, markersize=8)
        axes.annotate(
            f"{best['select']:.3f}{score}",
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


def _cost(line: dict[str, Any]) -> float:
    """What chose: the loss, or where there is a score, that."""
    score = line.get("score")
    return float(line["select"]) if score is None else -float(score)

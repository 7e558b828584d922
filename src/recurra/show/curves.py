"""The losses of a training, as its history holds them."""

from __future__ import annotations

from recurra.bundle import Run
from recurra.judge.translation import NAMES
from recurra.show.picture import BLUE, ORANGE, figure, write


def draw(run: Run) -> str:
    """Draw the loss on the training and on the selection part over the steps."""
    lines, config = run.history(), run.config()
    # Step by step a network learns distributions, and is chosen by its free-running paths.
    apart = config.get("architecture", {}).get("kind") == "autoregressive"
    scaled = config["task"] == "series"
    if config["task"] == "pairs":
        return _chosen_by_score(run)
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


def _chosen_by_score(run: Run) -> str:
    """Draw the loss of training, and the score by which weights are chosen on an axis of its own.

    The history has what that score lacks to 100, so that lower is better there too.
    """
    lines, metric = run.history(), run.config()["training"].get("score")
    name = NAMES.get(metric, "score")
    trained = [(line["step"], line["train"]) for line in lines if line["train"] is not None]
    scored = [(line["step"], 100 - line["select"]) for line in lines if line["select"] is not None]
    drawn = figure()
    axes = drawn.add_subplot()
    if trained:
        axes.plot(*zip(*trained, strict=True), "o-", color=BLUE, markersize=3)
    axes.set_xlabel("step")
    axes.set_ylabel("training: nats a piece, teacher-forced", color=BLUE)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    other = axes.twinx()
    if scored:
        other.plot(*zip(*scored, strict=True), "o-", color=ORANGE, markersize=3)
        best = max(scored, key=lambda point: point[1])
        other.plot(*best, "o", color=ORANGE, markersize=8)
        other.annotate(
            f"{best[1]:.1f}", best, textcoords="offset points", xytext=(0, -16), ha="center"
        )
    other.set_ylabel(f"selection: {name}, written by itself", color=ORANGE)
    other.set_ylim(0, 102)
    return write(run, "figures/curves.png", drawn)

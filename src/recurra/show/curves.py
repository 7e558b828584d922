"""The losses of a training, as its history holds them."""

from __future__ import annotations

from recurra.bundle import Run
from recurra.show.picture import BLUE, ORANGE, figure, write


def draw(run: Run) -> str:
    """Draw the loss on the training and on the selection part over the steps."""
    lines = run.history()
    drawn = figure()
    axes = drawn.add_subplot()
    for key, name, colour in (("train", "training", BLUE), ("select", "selection", ORANGE)):
        points = [(line["step"], line[key]) for line in lines if line[key] is not None]
        if points:
            steps, losses = zip(*points, strict=True)
            axes.plot(steps, losses, "o-", color=colour, markersize=3, label=name)
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
    axes.set_ylabel("loss, nats")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return write(run, "figures/curves.png", drawn)

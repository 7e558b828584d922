"""What lab shakespeare says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recurra.labs.shakespeare import Shakespeare


def tell(context: LabContext, r: Shakespeare, best: str) -> None:
    """Print the curves, samples of all, what temperature does to the best, and the answer."""
    counts = [count for count, _ in r.cells[best].curve]
    shown = [k for k in range(len(counts)) if k <= 4 or k % 4 == 0]
    context.section("nats a character on held-out text, its first 10,000 characters")
    context.table(
        ("chunks", *(name.upper() for name in r.cells)),
        [
            *(
                (counts[k], *(f"{each.curve[k][1]:.3f}" for each in r.cells.values()))
                for k in shown
            ),
            ("all of it", *(f"{each.nats:.3f}" for each in r.cells.values())),
            ("seconds", *(f"{each.seconds:.1f}" for each in r.cells.values())),
        ],
    )
    everyone = {name.upper(): each for name, each in r.cells.items()}
    if r.default is not None:
        everyone["recurra's default"] = r.default
        context.say(
            f"recurra's default, in the {r.default.seconds:.0f} s of the slowest of them, report "
            f"and all: {r.default.nats:.3f}"
        )
    for name, each in everyone.items():
        context.section(f"{name} writes, at temperature 0.8")
        context.say(each.sample)
    context.section(f"temperature, with the {best.upper()}")
    context.table(
        ("T", "bits of choice", "nats", "writes"),
        (
            (f"{t:g}", f"{w.entropy:.2f}", f"{w.nats:.3f}", " ".join(w.sample.split())[:46])
            for t, w in r.warmth.items()
        ),
    )
    cool, plain = r.warmth[0.8], r.warmth[1.0]
    context.answer(
        "What does dividing by 0.8 do?",
        f"It raises every probability to the power 1 / 0.8 = {1 / 0.8:g} and scales their sum back "
        f"to 1: odds of 2 to 1 become {2 ** (1 / 0.8):.2f} to 1. The likely gets likelier, and "
        f"the choice at each character falls from {plain.entropy:.2f} to {cool.entropy:.2f} bits: "
        "fewer slips in what is written, and less variety. It is for writing, not for predicting: "
        f"used for that, the loss goes from {plain.nats:.3f} to {cool.nats:.3f} nats.",
    )

    def draw(axes: Axes) -> None:
        for name, each in r.cells.items():
            axes.plot(*zip(*each.curve, strict=True), label=name.upper())
        if r.default is not None:
            axes.axhline(r.default.nats, color="grey", linestyle=":", label="recurra's default")
        axes.set(xlabel="chunks of 200", ylabel="nats a character, held out", title=r.text)
        axes.legend()

    context.picture("shakespeare", draw)

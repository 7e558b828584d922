"""What lab vanishing says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from recurra.labs.context import LabContext
from recurra.show.picture import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recurra.labs.vanishing import Reach, Vanishing

SHOWN: Final = (1, 2, 5, 10, 20, 50, 100)
COLOURS: Final = (ORANGE, "#009e73", BLUE)


def tell(context: LabContext, r: Vanishing, seeds: int) -> None:
    """Print both tables and the answer, and draw both pictures."""
    context.say(
        "A loss of the last state alone: how large is its gradient at the input of a step some "
        f"way back, as a share of that at the last step? Untrained layers of 64 units, random "
        f"input; medians of {seeds} seeds."
    )
    context.section("gradient by distance in steps")
    context.table(
        ("steps back", *map(str, SHOWN)),
        [(name, *(_short(each.median[k]) for k in SHOWN)) for name, each in r.layers.items()],
    )
    rnn, gru, lstm, gru_open, lstm_open = r.layers.values()
    context.say(
        f"Under 1 % from step {_below(rnn)} on in the RNN, {_below(gru)} in the GRU, "
        f"{_below(lstm)} in the LSTM: as they are made, all three forget. A gate starts half open "
        "and halves what it keeps, step after step. But a gate can be opened, by one bias (3: it "
        f"keeps 95 %), or by learning to: 50 steps back {_short(gru_open.median[50])} and "
        f"{_short(lstm_open.median[50])} are left, in place of {_short(gru.median[50])} and "
        f"{_short(lstm.median[50])}. An RNN has no such dial, only its matrix:"
    )
    context.section("RNN, recurrent matrix of a given spectral radius, 100 steps")
    tanh, relu = r.radii["tanh"], r.radii["relu"]
    context.table(
        ("radius", "tanh: gradient", "last state", "ReLU: gradient", "last state"),
        [
            (
                f"{radius:g}",
                _short(tanh[radius].median[100]),
                _short(tanh[radius].state),
                _short(relu[radius].median[100]),
                _short(relu[radius].state),
            )
            for radius in tanh
        ],
    )
    context.answer(
        "Why tanh and not ReLU?",
        "tanh is bounded, so a state of 64 numbers is never longer than 8, whatever the weights: "
        f"{_short(tanh[2.0].state)} at radius 2, where ReLU's is {_short(relu[2.0].state)} after "
        f"{len(rnn.median)} steps, and {_short(relu[3.0].state)} at radius 3.\n"
        "The gradient of ReLU is multiplied by the same active part of the matrix again and again: "
        f"over 100 steps {_short(relu[1.2].median[100])} at radius 1.2, "
        f"{_short(relu[1.6].median[100])} at 1.6, {_short(relu[2.0].median[100])} at 2. tanh "
        "flattens where its state grows, which brakes: "
        f"{_short(tanh[1.2].median[100])}, {_short(tanh[1.6].median[100])}, "
        f"{_short(tanh[2.0].median[100])}. Between a thousandth and a thousand for every seed: "
        f"tanh at {_radii(tanh)}, ReLU at {_radii(relu)}.\n"
        "It is a brake and no cure: at radius 1 tanh's gradient dies "
        f"({_short(tanh[1.0].median[100])}), at 3 it explodes ({_short(tanh[3.0].median[100])}). "
        "The cure is a gate.",
    )

    def by_distance(axes: Axes) -> None:
        for (name, each), colour, line in zip(
            r.layers.items(), (*COLOURS, *COLOURS[1:]), ("-",) * 3 + ("--",) * 2, strict=True
        ):
            axes.plot(each.median, line, color=colour, label=name)
            axes.fill_between(
                range(len(each.median)), each.lowest, each.highest, color=colour, alpha=0.15
            )
        axes.set(xlabel="steps back", ylabel="gradient, share of the last step's", yscale="log")
        axes.set_ylim(1e-12, 10)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8, loc="lower left")

    def by_radius(axes: Axes) -> None:
        for (name, each), colour in zip(
            (("tanh", tanh), ("ReLU", relu)), COLOURS[::2], strict=True
        ):
            radii, found = list(each), each.values()
            axes.plot(radii, [f.median[100] for f in found], "o-", color=colour, label=name)
            low, high = [f.lowest[100] for f in found], [f.highest[100] for f in found]
            axes.fill_between(radii, low, high, color=colour, alpha=0.15)
        axes.axhspan(1e-3, 1e3, color="grey", alpha=0.12, label="a thousandth to a thousand")
        axes.set(
            xlabel="spectral radius of the recurrent matrix",
            ylabel="gradient 100 steps back, share",
            yscale="log",
        )
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8, loc="upper left")

    context.picture("vanishing", by_distance)
    context.picture("vanishing-radius", by_radius)


def _short(value: float) -> str:
    """A figure of any size in a few characters."""
    if not 0.001 <= value < 1000:
        return f"{value:.0e}"
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def _below(each: Reach) -> int:
    """The first distance from which on less than 1 % is left."""
    above = [k for k, share in enumerate(each.median) if share >= 0.01]
    return above[-1] + 1


def _radii(found: dict[float, Reach]) -> str:
    usable = [
        f"{radius:g}"
        for radius, each in found.items()
        if each.lowest[100] > 1e-3 and each.highest[100] < 1e3
    ]
    return ", ".join(usable) or "none of these"

"""What lab stock says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurra.labs.context import LabContext
from recurra.show.picture import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recurra.labs.prices import Prices
    from recurra.labs.stock import Stock


def begin(context: LabContext, prices: Prices, train: int, test: int) -> None:
    """Say what is read and learnt."""
    turned = " (the file has the newest first: turned round)" if prices.turned else ""
    context.say(
        f"{prices.name}: {train + test} days{turned}. From open, high, low, volume and close of "
        f"seven days the close of the next; the first {train} days train, the last {test} test. "
        "LSTM of 10 units, linear head, 500 steps of Adam 0.01 on squared error."
    )


def tell(context: LabContext, r: Stock) -> None:
    """Print what each way is worth, what a window gives away, and the answer."""
    own, training, change, chosen = r.ways.values()
    context.say(f"The first target in training, scaled from 0 to 1: {r.first_target:.8f}")
    context.section(f"error on the test part, dollars, over {len(r.steps)} seeds")
    context.table(
        ("what is forecast", "RMSE", "best", "worst", "verdict"),
        [
            ("tomorrow = today", f"{r.today:.2f}", "", "", ""),
            *(
                (
                    name,
                    f"{way.rmse:.2f}",
                    f"{way.lowest:.2f}",
                    f"{way.highest:.2f}",
                    {True: "better", False: "worse", None: "not better"}[way.verdict.better],
                )
                for name, way in r.ways.items()
            ),
        ],
    )
    context.say(
        "Both levels come from the same networks, weight for weight: only the scale of what they "
        "read in the test part, and of what they say, differs."
    )
    context.say(f"Levels, range of training. {training.verdict.sentence}")
    if any(r.steps):
        context.say(f"The change, steps chosen. {chosen.verdict.sentence}")
    low, high = r.given_away
    gift = r.gift
    beside = "Beside it" if own.verdict.better else "Nor does the gift pay"
    within = (
        f" (95 % interval {gift.low + 0:.2f} to {gift.high + 0:.2f}, weeks drawn)"
        if gift.known
        else ""
    )
    context.answer(
        "What does the test part's own range give away?",
        "The future. Scaling is a line, and two closes of the first test window, in dollars and "
        f"as scaled, give it: no close of the {len(r.closes)} days to come is below {low:.2f} or "
        f"above {high:.2f}. True to the cent ({r.true_range[0]:.2f} and {r.true_range[1]:.2f}), "
        "and known to nobody on that day.\n"
        f"In errors: the same networks get {own.rmse:.2f} with that range and "
        f"{training.rmse:.2f} with the one they were trained on, {gift.estimate:.2f} dollars more"
        f"{within}. Closes they learnt from lie between {r.known[0]:.2f} and {r.known[1]:.2f}; "
        f"{100 * r.beyond:.0f} % of those to forecast do not.\n"
        f"{beside}: tomorrow = today gets {r.today:.2f}. A change has one range in "
        f"both parts, but 500 steps learn the noise of the first ({change.rmse:.2f}). The last "
        f"fifth of the training part chooses {', '.join(map(str, r.steps))} steps for the seeds"
        + (", which is tomorrow = today again" if max(r.steps) <= 5 else "")
        + f" ({chosen.rmse:.2f}).",
    )

    def draw(axes: Axes) -> None:
        axes.plot(r.closes, color="black", linewidth=1, label="true")
        for (name, way), colour in zip(r.ways.items(), (BLUE, ORANGE), strict=False):
            axes.plot(way.line, color=colour, linewidth=1.2, label=name)
        axes.axhspan(*r.known, color="grey", alpha=0.12, label="closes that were trained on")
        low, high = r.true_range
        axes.set_ylim(low - (high - low) / 10, high + (high - low) / 10)
        axes.set(xlabel="day of the test part", ylabel="close, dollars", title=r.name)
        axes.legend(frameon=False, fontsize=8)

    context.picture("stock", draw)

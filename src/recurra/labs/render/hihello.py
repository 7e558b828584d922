"""What lab hihello says of its result."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recurra.labs.hihello import HiHello


def tell(context: LabContext, r: HiHello, symbols: tuple[str, ...], seeds: int) -> None:
    """Print both trainings, the floor and why, what each loss needs, and the answer."""
    n = len(symbols)
    context.say(
        f"Read 'hihell' (1, 6), say 'ihello'. {n} symbols, {' '.join(symbols)}, one-hot; "
        f"RNN({n}, {n}); Adam 0.1."
    )
    both = (r.head, r.bare)
    context.table(
        ("step", "with a head: loss", "says", "without: loss", "says"),
        (
            (k, *(cell for t in both for cell in (f"{t.losses[k - 1]:.4f}", t.said[k - 1])))
            for k in (1, 2, 5, 10, 20, 50, 100)
        ),
    )
    context.say(
        "Without a head the state is taken for the scores, and each number of it lies between -1 "
        f"and 1. The best it can come to is 1 for the right letter and -1 for the other {n - 1}: a "
        f"loss of ln(1 + {n - 1} e^-2) = {r.floor:.3f}. No training gets below that."
    )
    count = f"medians of {seeds} seeds" if seeds > 1 else "one seed"
    context.section(f"cross entropy or squared error? With a head; {count}")
    context.table(
        ("", "new: steps", "gradient", "misled: steps", "gradient"),
        (
            (
                name,
                _steps(need.new_steps),
                f"{need.new_gradient:.2f}",
                _steps(need.misled_steps),
                f"{need.misled_gradient:.4f}",
            )
            for name, need in r.needed.items()
        ),
    )
    entropy, chances, scores = r.needed.values()
    context.answer(
        "Why cross entropy and not squared error?",
        "A new model tells little, as Adam divides the gradient's size away. A misled one, taught "
        "a wrong word for 100 steps before, does. Cross entropy's gradient on the scores is p - y, "
        f"large where a sure answer is wrong ({entropy.misled_gradient:.2f}): "
        f"{_steps(entropy.misled_steps)} steps set it right. Squared error of the probabilities "
        "multiplies that by their slope, which is near 0 where the model is sure "
        f"({chances.misled_gradient:.4f}): {_steps(chances.misled_steps)} steps. Squared error of "
        f"the scores has a large gradient ({scores.misled_gradient:.2f}) and spends it on drawing "
        f"every score to 0 or 1 exactly: {_steps(scores.misled_steps)} steps, and no probabilities "
        "in the end.",
    )

    def draw(axes: Axes) -> None:
        axes.plot(r.head.losses, label="with a head")
        axes.plot(r.bare.losses, label="without")
        axes.axhline(r.floor, color="grey", linestyle=":", label=f"floor without: {r.floor:.3f}")
        axes.set(xlabel="step", ylabel="loss, nats a letter", yscale="log", title="hihello")
        axes.legend()

    context.picture("hihello", draw)


def _steps(count: float) -> str:
    return "over 100" if math.isinf(count) else f"{count:g}"

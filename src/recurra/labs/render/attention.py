"""What lab attention says of its result."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recurra.labs.attention import AttentionLab, Learnt, Seen, Task, Weights

SCORES: Final = {
    "dot": "q . v",
    "scaled_dot": "q . v / sqrt(F)",
    "general": "q . W v",
    "concat": "w . tanh(W q + U v)",
    "location": "W q, a score for each place",
}
SHADES: Final = " ░▒▓█"
BESIDE: Final = 3
"""Maps that stand side by side on a terminal."""


def begin(context: LabContext, task: Task) -> None:
    """Say what is learnt."""
    context.say(
        f"Random strings of {task.shortest} to {task.longest} letters, said backwards. A GRU reads "
        "them both ways, another says them, letter by letter, each fed back. Weights are the "
        "softmax of the scores of each place; what is found is the sum of all places by weight."
    )
    context.table(("score of a place", ""), SCORES.items())
    context.say(
        f"General learns from {task.steps} batches; the others have as long. Figures are of "
        "strings that none of them saw."
    )


def learnt(context: LabContext, kind: str, r: Learnt) -> None:
    """Print the figures of one model as soon as they are there."""
    context.say(
        f"{kind:<13}{r.batches:>5} batches in {r.seconds:4.1f} s   letters "
        f"{100 * r.letters:5.1f} %   whole strings {100 * r.strings:5.1f} %"
    )


def tell(context: LabContext, r: AttentionLab) -> None:
    """Print the weights, and the answer."""
    context.section("where each looked: a line is a letter said, a column a place of the string")
    kinds = list(r.seen.items())
    for first in range(0, len(kinds), BESIDE):
        for line in side_by_side(kinds[first : first + BESIDE]):
            context.say(line)
        context.say("")
    context.say(
        "Weights sum to 1 to within "
        f"{max(each.from_one for each in r.seen.values()):.0e}; behind the end of a shorter string "
        f"in the batch the largest is {max(each.on_padding for each in r.seen.values()):g}."
    )
    *kinds_learnt, (_, fixed) = r.learnt.items()
    best, found = max(kinds_learnt, key=lambda each: each[1].letters)
    general, location = r.learnt["general"], r.learnt["location"]
    context.answer(
        "What does looking back give that a longer memory does not?",
        f"A way to every place that is no longer for what lies far off. In {fixed.seconds:.0f} s "
        f"the fixed vector, which has to hold {r.task.shortest} to {r.task.longest} letters in as "
        f"many numbers as ever, gets {100 * fixed.letters:.0f} % of them right ("
        f"{100 * fixed.halves[0]:.0f} % of what it says first, {100 * fixed.halves[1]:.0f} % of "
        f"the rest; a guess gets 4 %) and {100 * fixed.strings:.0f} % of strings. "
        f"With attention the same layers get {100 * found.letters:.0f} % and "
        f"{100 * found.strings:.0f} % ({best}), from {found.batches} batches instead of "
        f"{fixed.batches}: the gradient of a letter goes straight to the place it came from, "
        "not through all steps between.\n"
        f"It matters what is compared. General gets {100 * general.letters:.0f} %; location, which "
        f"reads no letter and has to count, {100 * location.letters:.0f} %.",
    )
    for kind, seen in r.seen.items():
        context.picture(f"attention-{kind.replace('_', '-')}", partial(draw, kind, seen), height=6)


def side_by_side(maps: list[tuple[str, Seen]]) -> list[str]:
    """Lines of a few maps, each under its name and the string."""
    parts = [
        [kind, f"  {seen.text}"]
        + [f"{said} {row}" for said, row in zip(seen.said, blocks(seen.weights), strict=True)]
        for kind, seen in maps
    ]
    width = max(len(line) for part in parts for line in part) + 2
    return [
        "".join(f"{cell:<{width}}" for cell in row).rstrip() for row in zip(*parts, strict=True)
    ]


def blocks(weights: Weights) -> list[str]:
    """A line for each row (T, S): the darker, the more weight, in five steps from 0 to 1."""
    return ["".join(SHADES[min(int(5 * weight), 4)] for weight in row) for row in weights.tolist()]


def draw(kind: str, seen: Seen, axes: Axes) -> None:
    """Draw the weights (T, S) of a string."""
    shown = axes.imshow(seen.weights, cmap="magma", vmin=0, vmax=1, aspect="equal")
    axes.set_xticks(range(len(seen.text)), list(seen.text))
    axes.set_yticks(range(len(seen.said)), list(seen.said))
    axes.set(xlabel="read", ylabel="said", title=f"{kind}: {SCORES[kind]}")
    assert axes.figure is not None
    axes.figure.colorbar(shown, ax=axes, label="weight", shrink=0.8)

"""What lab caption says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from recurra.console.shades import LEGEND, block
from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recurra.labs.caption import CaptionLab, Pixels, Said, Scene, Task, Way

BESIDE: Final = 4
"""Maps that stand side by side, to the right of a picture."""
NARROW: Final = 11


def begin(context: LabContext, task: Task) -> None:
    """Say what is learnt, and in which ways."""
    context.say(
        f"{task.pictures:,} pictures of 16 x 16 pixels, squares and crosses in four colours, one "
        "alone or two, and a sentence of 7 to 9 words each. The same convolutions leave 4 x 4 "
        "places; a GRU of 64 units says the sentence, word by word."
    )
    context.table(
        ("the decoder sees", ""),
        [
            ("once", "the places' mean, as its first state"),
            ("at every step", "that, and the mean again beside every word"),
            ("looks", "that as its first state, then the places, by general attention"),
        ],
    )
    context.say(
        f"{task.steps} batches of 64 each, the truth fed. Figures are of {task.tested:,} pictures "
        "that none of them saw, fed their own words but for the loss."
    )


def learnt(context: LabContext, name: str, way: Way) -> None:
    """Print that one is done."""
    context.aside(f"{name}: {way.weights:,} weights, {way.seconds:.1f} s")


def tell(context: LabContext, r: CaptionLab) -> None:
    """Print what each way gets right, what it says of black, where one looked, and the answer."""
    context.section("what the decoder sees, and what comes of it")
    context.table(
        ("sees", "nats a word", "if black", "right", "one thing", "two"),
        [
            (
                name,
                f"{way.nats:.3f}",
                f"{way.blind:.2f}",
                percent(way.right.mean()),
                percent(way.right[~r.two].mean()),
                percent(way.right[r.two].mean()),
            )
            for name, way in r.ways.items()
        ],
    )
    common, share = r.common
    context.say(
        f"If black: the loss of the same sentences with a black picture in the place of each. "
        f"Counts of the sentences, which see nothing either, get {r.counted:.2f}. Right: whole "
        "sentences."
    )
    context.section("what is said of a black picture, which shows nothing and was never shown")
    context.table(
        ("sees", "says", "as likely as", "told in training"),
        [
            (name, way.black.sentence, percent(way.black.probability), percent(way.share))
            for name, way in r.ways.items()
        ],
    )
    context.say(f'Told most often: "{common}", {percent(share)}.')
    context.section("where the one that looks looked for each word")
    for line in beside(r.scene, r.said):
        context.say(line)
    verdict = "right" if r.said.sentence == r.scene.sentence else f'true: "{r.scene.sentence}"'
    context.say(f'It says "{r.said.sentence}" ({verdict}). {LEGEND}.')
    context.say(
        f"Of colours and shapes rightly said, {percent(r.on_thing)} were said with the most "
        f"weight on a place that the thing covers; {percent(r.by_chance)} would be by chance."
    )
    context.answer("What is said of a black picture, and what does looking change?", answer(r))
    context.picture("caption", lambda axes: draw(r, axes))


def answer(r: CaptionLab) -> str:
    """The answer, of the figures."""
    from recurra.labs.caption import GRAMMAR, LOOKS, ONCE

    fluent = [name for name, way in r.ways.items() if GRAMMAR.fullmatch(way.black.sentence)]
    surest = max(r.ways.values(), key=lambda way: way.black.probability)
    two = {name: percent(way.right[r.two].mean()) for name, way in r.ways.items()}
    gain = r.gain
    within = (
        f" ({100 * gain.low:+.1f} to {100 * gain.high:+.1f}, pictures drawn)" if gain.known else ""
    )
    counts = " and ".join(", ".join(fluent).rsplit(", ", 1))
    return (
        "A sentence, as if there were something. "
        + (
            f"{counts[0].upper()}{counts[1:]} keep to the grammar: "
            if len(fluent) < len(r.ways)
            else "All three keep to the grammar: "
        )
        + "the decoder is a language model that a picture leans on, and without one it still "
        f"speaks. Nor does it doubt: the surest gives its sentence {percent(surest.black.probability)}"
        f", which was told {percent(surest.share)} of the time. With black for every picture a "
        f"word costs {min(w.blind for w in r.ways.values()):.2f} nats at best, bare counts of "
        f"sentences {r.counted:.2f}: "
        "how sure it sounds says nothing of whether it saw.\n"
        f"Two things told apart: seen once {two[ONCE]} of sentences are right, at every step "
        f"{two['at every step']}, looked at {two[LOOKS]}: {100 * gain.estimate:+.1f} points from "
        f"once to looking{within}, of one training each."
    )


def percent(share: float) -> str:
    """A share as it is printed."""
    return f"{100 * share:.1f} %"


def beside(scene: Scene, said: Said) -> list[str]:
    """Lines of a picture, two letters a pixel, and to its right a map for each word."""
    left = letters(scene)
    right: list[str] = []
    words = [*said.sentence.split(), "(end)"][: len(said.weights)]
    for first in range(0, len(words), BESIDE):
        some = slice(first, first + BESIDE)
        right.append("".join(f"{word:<{NARROW}}" for word in words[some]))
        for row in range(said.weights.shape[1]):
            cells = ("".join(map(block, each[row].tolist())) for each in said.weights[some])
            right.append("".join(f"{cell:<{NARROW}}" for cell in cells))
    right += [""] * (len(left) - len(right))
    return [f"{a}  {b}".rstrip() for a, b in zip(left, right, strict=True)]


def letters(scene: Scene) -> list[str]:
    """A line for each row of its picture: the first letter of a colour twice, dots for black."""
    rows = [[" ·"] * scene.picture.shape[1] for _ in scene.picture]
    for each in scene.things:
        lit = scene.picture[each.top : each.top + 5, each.left : each.left + 5].any(-1)
        for y, x in zip(*lit.nonzero(), strict=True):
            rows[each.top + y][each.left + x] = 2 * each.colour[0]
    return ["".join(row) for row in rows]


def draw(r: CaptionLab, axes: Axes) -> None:
    """Draw the picture beside itself under the weights of each word."""
    import numpy as np

    picture = r.scene.picture
    words = ["", *r.said.sentence.split(), "(end)"][: 1 + len(r.said.weights)]
    panels: list[Pixels] = [picture]
    for weights in r.said.weights:
        light = np.kron(weights / max(float(weights.max()), 1e-7), np.ones((4, 4)))[..., None]
        panels.append((0.15 + 0.85 * picture) * light.astype(np.float32))
    gap = np.ones((len(picture), 2, 3), np.float32)
    row = [each for panel in panels for each in (panel, gap)][:-1]
    axes.imshow(np.concatenate(row, 1), interpolation="nearest")
    step = picture.shape[1] + 2
    axes.set_xticks([step * k + step / 2 - 1.5 for k in range(len(words))], words, fontsize=8)
    axes.set_yticks([])
    axes.set_title("lit: where it looked while it said the word")

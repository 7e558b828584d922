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
        ("sees", "says", "likely", "told", "less sure"),
        [
            (
                name,
                way.black.sentence,
                percent(way.black.probability),
                percent(way.told),
                percent(way.below),
            )
            for name, way in r.ways.items()
        ],
    )
    context.say(
        "Likely: the probability it gives that sentence. Told: the share of it in training (most "
        f'often told: "{common}", {percent(share)}). Less sure: pictures that do show something, '
        "of which it says its sentence with a lower probability."
    )
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
    from recurra.labs.caption import EVERY, GRAMMAR, LOOKS, ONCE

    fluent = sum(bool(GRAMMAR.fullmatch(way.black.sentence)) for way in r.ways.values())
    surest = max(r.ways.values(), key=lambda way: way.black.probability)
    two = {name: percent(way.right[r.two].mean()) for name, way in r.ways.items()}
    blind = min(way.blind for way in r.ways.values())
    beyond = {
        name: f"{100 * each.estimate:+.1f} points"
        + (f" ({100 * each.low:+.1f} to {100 * each.high:+.1f})" if each.known else "")
        for name, each in r.gain.items()
    }
    return (
        f"Something fluent: {fluent} of {len(r.ways)} sentences keep to the grammar. The decoder "
        "is a language model that pictures lean on, and it speaks without one. The surest gives "
        f"its sentence {percent(surest.black.probability)}; it was told {percent(surest.told)} of "
        f"the time, and of {percent(surest.below)} of the pictures that show something the same "
        "network is less sure. "
        + (
            f"Nor is it a fair guess: with black for every picture a word costs {blind:.2f} nats "
            f"at best, by bare counts {r.counted:.2f}. No picture was black when it learnt.\n"
            if blind > r.counted
            else f"A word then costs {blind:.2f} nats at best, by bare counts {r.counted:.2f}.\n"
        )
        + f"Of two things, after {r.task.steps} batches: seen once {two[ONCE]} of the sentences "
        f"are right, at every step {two[EVERY]}, looked at {two[LOOKS]}. Looking is worth "
        f"{beyond[ONCE]} beside once, and {beyond[EVERY]} beside every step (of one training "
        "each; 95 % intervals, pictures drawn)."
        + (
            " Two things fit into one vector, then, if it may be read again."
            if r.gain[ONCE].low > 0 >= r.gain[EVERY].low
            else ""
        )
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

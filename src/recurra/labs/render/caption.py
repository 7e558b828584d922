"""What lab caption says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from recurra.console.shades import LEGEND, block
from recurra.labs.context import LabContext
from recurra.labs.squares_and_crosses import GRAMMAR, THING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recurra.labs.caption import CaptionLab, Said, Task, Way
    from recurra.labs.squares_and_crosses import Pixels, Scene

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


def learnt(context: LabContext, name: str, way: Way, seconds: float) -> None:
    """Print that one is done."""
    context.aside(f"{name}: {way.weights:,} weights, {seconds:.1f} s")


def tell(context: LabContext, r: CaptionLab) -> None:
    """Print what each way gets right, what it says of black, where one looked, and the answer."""
    context.section("what the decoder sees, and what comes of it")
    context.table(
        ("sees", "nats a word", "sentences right", "of one thing", "of two"),
        [
            (
                name,
                f"{way.nats:.3f}",
                percent(way.right.mean()),
                percent(way.right[~r.two].mean()),
                percent(way.right[r.two].mean()),
            )
            for name, way in r.ways.items()
        ],
    )
    context.section("what is said of a black picture, which shows nothing")
    context.table(
        ("sees", "says", "likely", "told", "nats"),
        [*blacks(r.ways), [""] * 5, *blacks(r.darkened)],
    )
    common, share = r.common
    rights = ", ".join(percent(way.right.mean()) for way in r.darkened.values())
    context.say(
        f"Above as they learnt, below after {r.task.darkened} batches more in which every tenth "
        f"picture was black (sentences right then: {rights}). Likely: the probability it "
        f'gives that sentence. Told: the share of it in training (most often: "{common}", '
        f"{percent(share)}). Nats: what a word of the true sentences costs with black in the "
        f"place of every picture; counts of the sentences, which see nothing, get {r.counted:.2f}."
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
    context.picture("caption", lambda axes: draw(r, axes), height=1.6)


def blacks(ways: dict[str, Way]) -> list[list[str]]:
    """What each says of black: rows of a table."""
    return [
        [
            name,
            black.sentence,
            percent(black.probability),
            percent(way.frequency),
            f"{way.blind:.2f}",
        ]
        for name, way in ways.items()
        for black in (way.black,)
    ]


def answer(r: CaptionLab) -> str:
    """The answer, of the figures."""
    fluent, later = (
        sum(bool(GRAMMAR.fullmatch(way.black.sentence)) for way in ways.values())
        for ways in (r.ways, r.darkened)
    )
    surest = max(r.ways.values(), key=lambda way: way.black.probability).black
    blind, known = (min(way.blind for way in ways.values()) for ways in (r.ways, r.darkened))
    (*_, before), (*_, then) = r.ways.values(), r.darkened.values()
    once, every, looks = (percent(way.right[r.two].mean()) for way in r.ways.values())
    beyond_once, beyond_every = (
        f"{100 * each.estimate:+.1f} points"
        + (f" ({100 * each.low:+.1f} to {100 * each.high:+.1f})" if each.known else "")
        for each in r.gain.values()
    )
    first, second = r.gain.values()
    return (
        f"Words all the same: none of them can say that it sees nothing. {fluent} of "
        f"{len(r.ways)} sentences keep to the grammar, the surest is given "
        f"{percent(surest.probability)}, and with black for every picture a word costs "
        f"{blind:.2f} nats at best, by bare counts of sentences {r.counted:.2f}. "
        + (
            "Nothing that was learnt says what to do with a picture like none before.\n"
            if blind > r.counted
            else "\n"
        )
        + f"Once every tenth picture was black, {later} keep to the grammar and a word costs "
        f"{known:.2f}. The one that looks gives its sentence {percent(then.black.probability)} "
        f"(before, {percent(before.black.probability)} to what it said then), and training told it "
        f"{percent(then.frequency)} of the time: "
        + (
            "it is the language model that speaks, about as unsure as counts are.\n"
            if known < r.counted + 0.1
            else "on its way to a language model.\n"
        )
        + f"Of two things, after {r.task.steps} batches: seen once {once} of the sentences "
        f"are right, at every step {every}, looked at {looks}. Looking is worth "
        f"{beyond_once} beside once, and {beyond_every} beside every step (of one training "
        "each; 95 % intervals, pictures drawn)."
        + (
            " Two things fit into one vector, then, if it may be read again."
            if first.low > 0 >= second.low
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
        lit = scene.picture[each.top : each.top + THING, each.left : each.left + THING].any(-1)
        for y, x in np.argwhere(lit).tolist():
            rows[each.top + y][each.left + x] = 2 * each.colour[0]
    return ["".join(row) for row in rows]


def draw(r: CaptionLab, axes: Axes) -> None:
    """Draw the picture beside itself under the weights of each word."""
    picture = r.scene.picture
    words = ["", *r.said.sentence.split(), "(end)"][: 1 + len(r.said.weights)]
    panels: list[Pixels] = [picture]
    for weights in r.said.weights:
        light = np.kron(weights / max(float(weights.max()), 1e-7), np.ones((4, 4)))[..., None]
        panels.append((0.25 + 0.75 * picture) * (0.2 + 0.8 * light).astype(np.float32))
    gap = np.ones((len(picture), 2, 3), np.float32)
    row = [each for panel in panels for each in (panel, gap)][:-1]
    axes.imshow(np.concatenate(row, 1), interpolation="nearest")
    step = picture.shape[1] + 2
    axes.set_xticks([step * k + step / 2 - 1.5 for k in range(len(words))], words, fontsize=8)
    axes.set_yticks([])
    axes.set_title("lit: where it looked while it said the word")

"""Pictures of a square or a cross, or of two such, drawn here, and what is true of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recurra.nn import Ragged

SIDE, THING, GRID = 16, 5, 4
"""Pixels along a picture and a thing, and places along what the decoder is given."""
EDGE: Final = SIDE - THING + 1
"""How many rows or columns a thing can begin at."""
MIDDLE: Final = {EDGE // 2 - 1, EDGE // 2}
"""Where a thing alone would be neither left nor right: it begins at none of these."""
CLEAR: Final = 2
"""Pixels by which a distance across and one down differ: which is longer can be seen."""
RGB: Final = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}
COLOURS: Final = ("red",) * 4 + ("green",) * 3 + ("blue",) * 2 + ("yellow",)
"""Red is four times as common as yellow: there is something to know without a picture."""
MASKS: Final = {
    "square": np.ones((THING, THING), np.float32),
    "cross": np.maximum.outer(np.eye(THING)[THING // 2], np.eye(THING)[THING // 2]),
}
SHAPES: Final = tuple(MASKS)
TWO: Final = 0.6
"""The share of pictures with two things."""

_THING = f"a ({'|'.join(RGB)}) ({'|'.join(SHAPES)})"
GRAMMAR: Final = re.compile(
    f"{_THING} (at the (top|bottom) (left|right)|is (left of|above) {_THING})"
)
"""Every sentence there is."""

END: Final = 0
"""The number of what stands before the first word and after the last."""
WORDS: Final = (".", *dict.fromkeys(re.findall(r"[a-z]+", GRAMMAR.pattern)))
LONGEST: Final = 10
"""Words of the longest sentence, its end included."""

Pixels = NDArray[np.float32]


class Thing(NamedTuple):
    """What is in a picture, and the pixels it begins at."""

    colour: str
    shape: str
    top: int
    left: int


class Scene(NamedTuple):
    """A picture (16, 16, 3), its things in the order they are named, and its sentence."""

    picture: Pixels
    things: tuple[Thing, ...]
    sentence: str


def scene(generator: np.random.Generator) -> Scene:
    """One thing in a corner, or two of which one is left of the other, or above it."""

    def thing() -> Thing:
        colour, shape, top, left = generator.integers((len(COLOURS), len(SHAPES), *(EDGE, EDGE)))
        return Thing(COLOURS[colour], SHAPES[shape], int(top), int(left))

    def named(each: Thing) -> str:
        return f"a {each.colour} {each.shape}"

    if generator.random() >= TWO:
        one = thing()
        while {one.top, one.left} & MIDDLE:
            one = thing()
        row, column = one.top > EDGE // 2, one.left > EDGE // 2
        place = f"{('top', 'bottom')[row]} {('left', 'right')[column]}"
        return Scene(drawn((one,), generator), (one,), f"{named(one)} at the {place}")
    while True:
        a, b = sorted((thing(), thing()), key=lambda each: each.left)
        across, down = b.left - a.left, abs(b.top - a.top)
        if max(across, down) > THING and abs(across - down) >= CLEAR:
            break
    relation = "left of"
    if down > across:
        a, b = sorted((a, b), key=lambda each: each.top)
        relation = "above"
    return Scene(drawn((a, b), generator), (a, b), f"{named(a)} is {relation} {named(b)}")


def drawn(things: Sequence[Thing], generator: np.random.Generator) -> Pixels:
    """A picture (16, 16, 3), black but for its things, each as bright as chance has it."""
    picture = np.zeros((SIDE, SIDE, 3), np.float32)
    for each in things:
        part = np.s_[each.top : each.top + THING, each.left : each.left + THING]
        bright = generator.uniform(0.5, 1)
        picture[part] = MASKS[each.shape][..., None] * np.multiply(RGB[each.colour], bright)
    return picture


def stacked(scenes: Sequence[Scene]) -> Tensor:
    """Their pictures, (B, 16, 16, 3)."""
    return torch.from_numpy(np.stack([each.picture for each in scenes]))


def numbered(scenes: Sequence[Scene]) -> Ragged:
    """The numbers of their sentences' words (N,), each with its end."""
    return Ragged.from_list(
        [torch.tensor([WORDS.index(w) for w in s.sentence.split()] + [END]) for s in scenes]
    )


def spelled(words: Tensor) -> str:
    """Numbers (T,) as a sentence, without its end."""
    return " ".join(WORDS[word] for word in words.tolist() if word != END)


def covered(thing: Thing) -> NDArray[np.bool_]:
    """The places (4, 4) whose pixels it is drawn into."""
    whole = np.zeros((SIDE, SIDE), bool)
    whole[thing.top : thing.top + THING, thing.left : thing.left + THING] = True
    places = whole.reshape(GRID, SIDE // GRID, GRID, -1)
    return np.asarray(places.any((1, 3)), np.bool_)

"""True pictures that ship with the package: seeded, without end.

GENERATORS["scenes"].make("train", 0).draw(7)    the seventh scene to train on, always the same
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from recurra.tasks.captions.generators.drawn import Generator

Part = Literal["train", "select", "test"]
PARTS: Final[tuple[Part, ...]] = ("train", "select", "test")


@dataclass(frozen=True)
class Choice:
    """One of the generators: what it draws, and how it is made for a part of the data.

    The parts of one seed have nothing in common: no picture, and no digit's picture or weight of a
    font that the generator draws with.
    """

    help: str
    make: Callable[[Part, int], Generator]


# Modules are imported when a generator is made: listing them needs neither NumPy nor Pillow.


def _seed(part: Part, seed: int) -> int:
    """Another for each part of each seed."""
    return len(PARTS) * seed + PARTS.index(part)


def _scenes(part: Part, seed: int) -> Generator:
    from recurra.tasks.captions.generators.scenes import Scenes

    return Scenes(_seed(part, seed), pairs="known")


def _digits(part: Part, seed: int) -> Generator:
    from recurra.tasks.captions.generators import digits

    rows = getattr(digits.parts(seed), part)
    return digits.Digits(*digits.scikit_learn(), rows, seed=_seed(part, seed))


def _displays(part: Part, seed: int) -> Generator:
    from recurra.tasks.captions.generators.displays import Displays

    return Displays(_seed(part, seed))


def _lines(part: Part, seed: int) -> Generator:
    from recurra.tasks.captions.generators.fonts import KOREAN
    from recurra.tasks.captions.generators.printed_lines import Lines

    bold = KOREAN[2]
    some = (bold,) if part == "test" else tuple(name for name in KOREAN if name != bold)
    return Lines(_seed(part, seed), fonts=some)


GENERATORS: Final[dict[str, Choice]] = {
    "scenes": Choice(
        "one to five coloured shapes, and a sentence that tells what is where", _scenes
    ),
    "digits": Choice("five handwritten digits side by side, by hands of scikit-learn's", _digits),
    "displays": Choice("photographs of seven-segment displays, hard to read", _displays),
    "lines": Choice("printed lines of Korean, the weight that reports never trained on", _lines),
}
"""Every generator, by its name."""

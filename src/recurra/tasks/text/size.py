"""The sizes of a text model, and which of them a time budget can train."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, final

from recurra.errors import OptionError
from recurra.training.optimiser import Rates

_SMALL: Final = 256


@final
@dataclass(frozen=True)
class Size:
    """A named set of sizes and rates that go together.

    Args:
        worth: tokens it must be able to read in training before it beats the size below it,
            measured on tiny Shakespeare (docs/results.md).
    """

    name: str
    hidden: int
    layers: int
    embedding: int
    batch: int
    bptt: int
    worth: float
    rates: Rates = field(default_factory=Rates)

    def operations(self, symbols: int = 0) -> float:
        """Floating-point operations for one token of training of an LSTM.

        Args:
            symbols: V; the head is counted from _SMALL symbols on, below which it is nothing.
        """
        inner = 4 * self.hidden * (self.embedding + self.hidden)
        head = self.hidden * max(0, symbols - _SMALL)
        return 6.0 * (inner + (self.layers - 1) * 8 * self.hidden * self.hidden + head)


SIZES: Final = (
    Size("tiny", 192, 1, 64, 32, 64, 0.0),
    Size("small", 256, 2, 128, 32, 128, 3e6),
    Size("medium", 384, 2, 128, 32, 128, 6e6),
    Size("large", 512, 2, 128, 32, 128, 2e7),
)


MOST_MEMBERS: Final = 8

ENOUGH: Final = 8
"""Passes over a text after which another member says more than further passes of one."""


def dropout(passes: float, members: int = 1) -> float:
    """The share to drop where the text is read so often: the more often, the more.

    Of several members a third of it: what each learns too well, their mean evens out. Measured on
    tiny Shakespeare (docs/tried.md): what is right for 16 passes slows 8 down.
    """
    return round(min(0.5, (0.015 if members == 1 else 0.005) * passes), 2)


def named(name: str) -> Size:
    """The size of this name.

    Raises:
        OptionError: no such size.
    """
    for size in SIZES:
        if size.name == name:
            return size
    raise OptionError(f"--size {name}", expected=", ".join(size.name for size in SIZES))


def largest_worth(operations: float, symbols: int = 0) -> Size:
    """The largest size that can read as many tokens as it is worth.

    Args:
        operations: floating-point operations that the time allows.
        symbols: V.
    """
    return [size for size in SIZES if operations / size.operations(symbols) >= size.worth][-1]


def members_worth(passes: float) -> int:
    """The members that share so many passes over a text."""
    return max(1, min(MOST_MEMBERS, int(passes / ENOUGH)))


def worth(operations: float, symbols: int, tokens: int) -> tuple[Size, int, str]:
    """The size and the members that a time is best spent on, and why in a few words.

    A text that one small network would read very often is learnt by heart by a larger one: several
    small ones, each reading it often enough, say more together (docs/tried.md).

    Args:
        operations: floating-point operations that the time allows.
        symbols: V.
        tokens: those of the training part.
    """
    passes = {size: operations / size.operations(symbols) / tokens for size in SIZES[1:]}
    for size in reversed(SIZES[1:]):
        if passes[size] >= MOST_MEMBERS * ENOUGH:
            return size, MOST_MEMBERS, f"{MOST_MEMBERS} of size {size.name}, what is worth"
    members = members_worth(passes[SIZES[1]])
    if members > 1:
        return SIZES[1], members, f"{members} of size {SIZES[1].name}, what is worth"
    size = largest_worth(operations, symbols)
    return size, 1, f"size {size.name}, the largest worth"

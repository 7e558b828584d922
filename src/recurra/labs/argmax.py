"""From scores (batch, time, vocabulary) to text, and how many windows a text has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch

from recurra.labs.context import LabContext
from recurra.labs.render import argmax as render
from recurra.labs.speller import Alphabet

SCORES = (
    ((0.1, 0.3, 0.5), (0.3, 0.5, 0.1)),
    ((0.5, 0.1, 0.3), (0.1, 0.3, 0.5)),
    ((0.3, 0.5, 0.1), (0.5, 0.1, 0.3)),
)


@final
@dataclass(frozen=True)
class ArgMax:
    """For each axis where the largest score stands; the last one as text; windows, targets."""

    axes: tuple[list[list[int]], ...]
    texts: tuple[str, ...]
    windows: tuple[tuple[str, str], ...]


def run(context: LabContext) -> ArgMax:
    """Show argmax along each axis, the text that the last one gives, and the windows of a text."""
    scores = torch.tensor(SCORES)
    alphabet = Alphabet.of("abc")
    result = ArgMax(
        axes=tuple(scores.argmax(axis).tolist() for axis in range(3)),
        texts=tuple(alphabet.text(row) for row in scores.argmax(2)),
        windows=windows("hello", 3),
    )
    render.tell(context, result, SCORES)
    return result


def windows(text: str, size: int) -> tuple[tuple[str, str], ...]:
    """Each stretch of `size` characters that has one after it, and that one."""
    return tuple((text[k : k + size], text[k + size]) for k in range(len(text) - size))

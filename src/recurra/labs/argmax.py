"""From scores (batch, time, vocabulary) to text, and how many windows a text has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import torch

from recurra.labs.context import LabContext
from recurra.labs.speller import Alphabet

SCORES = (
    ((0.1, 0.3, 0.5), (0.3, 0.5, 0.1)),
    ((0.5, 0.1, 0.3), (0.1, 0.3, 0.5)),
    ((0.3, 0.5, 0.1), (0.5, 0.1, 0.3)),
)

Rows = tuple[tuple[int, ...], ...]


@final
@dataclass(frozen=True)
class ArgMax:
    """Where the largest of the scores stands along each axis, and what that reads as."""

    over_batch: Rows
    over_time: Rows
    over_vocabulary: Rows
    texts: tuple[str, ...]
    windows: tuple[tuple[str, str], ...]


def run(context: LabContext) -> ArgMax:
    """Show argmax along each axis, the text that the last one gives, and the windows of a text."""
    scores = torch.tensor(SCORES)
    alphabet = Alphabet.of("abc")
    best = [scores.argmax(axis) for axis in range(3)]
    over_batch, over_time, over_vocabulary = (tuple(map(tuple, b.tolist())) for b in best)
    texts = tuple(alphabet.text(row) for row in best[2])
    result = ArgMax(over_batch, over_time, over_vocabulary, texts, windows("hello", 3))

    context.say(f"Scores {tuple(scores.shape)}: 3 rows of 2 steps, a score for each of a, b, c.")
    context.table(
        ("row", "step 1: a   b   c", "step 2: a   b   c"),
        ((r, *("  ".join(map(str, step)) for step in row)) for r, row in enumerate(SCORES)),
    )
    context.table(
        ("argmax over", "shape", "asks", "gives"),
        (
            ("0, batch", tuple(best[0].shape), "in which row is it highest?", _drawn(over_batch)),
            ("1, time", tuple(best[1].shape), "at which step?", _drawn(over_time)),
            ("2, vocabulary", tuple(best[2].shape), "of which symbol?", _drawn(over_vocabulary)),
        ),
    )
    context.section("how scores become text")
    context.table(
        ("row", "symbols", "text"),
        ((r, _drawn([ids]), texts[r]) for r, ids in enumerate(over_vocabulary)),
    )
    context.section("windows of 3 in 'hello', each with the character that comes after")
    for inputs, target in result.windows:
        context.say(f"  {inputs} -> {target}")
    context.answer(
        "Which argmax gives text, and how many windows does a text give?",
        "The one over the last axis: it leaves (batch, time), one symbol a step, so the three "
        f"rows read {', '.join(texts)}. The other two compare scores of different rows or steps, "
        f"which is no text.\nT characters give T - n windows of n with a target each: 5 - 3 = "
        f"{len(result.windows)}, not 3, as after 'llo' nothing comes that could be its target.",
    )
    return result


def windows(text: str, size: int) -> tuple[tuple[str, str], ...]:
    """Each stretch of `size` characters that has one after it, and that one."""
    return tuple((text[k : k + size], text[k + size]) for k in range(len(text) - size))


def _drawn(rows: Iterable[Iterable[int]]) -> str:
    return " / ".join(" ".join(map(str, row)) for row in rows)

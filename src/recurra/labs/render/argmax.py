"""What lab argmax says of its result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from recurra.labs.argmax import ArgMax


def tell(context: LabContext, r: ArgMax, scores: tuple[Any, ...]) -> None:
    """Print the scores, argmax along each axis, the text, the windows, and the answer."""
    context.say("Scores (3, 2, 3): 3 rows of 2 steps, a score for each of a, b, c.")
    context.table(
        ("row", "step 0: a   b   c", "step 1: a   b   c"),
        ((k, *("  ".join(map(str, step)) for step in row)) for k, row in enumerate(scores)),
    )
    asked = (
        ("0, batch", (2, 3), "in which row is it highest?"),
        ("1, time", (3, 3), "at which step?"),
        ("2, vocabulary", (3, 2), "for which symbol?"),
    )
    context.table(
        ("argmax over", "leaves", "asks", "gives"),
        ((*row, " / ".join(map(_line, axis))) for row, axis in zip(asked, r.axes, strict=True)),
    )
    context.section("the last of them as text")
    context.table(
        ("row", "symbols", "text"),
        ((k, _line(row), r.texts[k]) for k, row in enumerate(r.axes[2])),
    )
    context.section("windows of 3 in 'hello', each with the character that comes after")
    for inputs, target in r.windows:
        context.say(f"  {inputs} -> {target}")
    context.answer(
        "Which argmax gives text, and how many windows does a text give?",
        "The one over the last axis: it leaves (batch, time), a symbol for each step, so the three "
        f"rows read {', '.join(r.texts)}. The other two compare scores of different rows or steps, "
        "which is no text.\n"
        f"T characters give T - n windows of n with a target each: 5 - 3 = {len(r.windows)}, not "
        "3, as nothing comes after 'llo' that could be its target.",
    )


def _line(numbers: Iterable[int]) -> str:
    return " ".join(map(str, numbers))

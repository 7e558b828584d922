"""What lab charseq says of its result."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from recurra.labs.charseq import CharSeq


def tell(context: LabContext, r: CharSeq, text: str) -> None:
    """Print what is written freely, the loss without a head, both readings, and the answer."""
    context.spelled("free-running, from the first blank on:", r.free_running, text[1:])
    context.say(
        f"Without a head the loss ends at {r.loss_bare:.3f}: scores between -1 and 1 cannot get "
        f"below {r.floor:.3f} (see lab hihello). With a head: {r.loss:.4f}."
    )
    readings = (("one-hot", r.one_hot), ("its number", r.number))
    context.section("a letter as one-hot or as its number: steps, and how far apart states are")
    context.table(
        ("read as", "steps needed", "from one letter to the next", "from first to last"),
        (
            (
                name,
                f"{median(each.steps):g} ({min(each.steps)} to {max(each.steps)})",
                f"{each.next:.2f}",
                f"{each.ends:.2f}",
            )
            for name, each in readings
        ),
    )
    hot, number = r.one_hot, r.number
    context.answer(
        "Why one-hot and not the index itself?",
        "A number has an order and a size, and letters have neither. Read as numbers, letters next "
        f"to each other in the alphabet leave states {number.next:.2f} apart, the first and the "
        f"last {number.ends:.2f}; one-hot, {hot.next:.2f} and {hot.ends:.2f}: all alike. The "
        "network has to undo that first. It learns the phrase in the end, in "
        f"{median(number.steps):g} steps where one-hot letters need {median(hot.steps):g} (medians "
        f"of {len(hot.steps)} seeds).",
    )

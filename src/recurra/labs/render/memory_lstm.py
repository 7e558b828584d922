"""What lab memory-lstm says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from recurra.labs.memory_lstm import MemoryLSTM


def tell(context: LabContext, r: MemoryLSTM, lengths: tuple[int, ...]) -> None:
    """Print what each cell holds, and the answer."""
    longest = {
        name: max((n for n, rounds in zip(lengths, each.rounds, strict=False) if rounds), default=0)
        for name, each in r.holds.items()
    }
    beyond = {name: "" if None in each.rounds else "+" for name, each in r.holds.items()}
    quickest = min(r.holds, key=lambda name: r.holds[name].rounds[0] or 501)
    context.section("random letters a to d, 16 units: rounds until recited, 500 at most")
    context.table(
        ("letters", "weights", *map(str, lengths), "longest"),
        (
            (
                name,
                each.weights,
                *("-" if n is None else n for n in each.rounds),
                *("" for _ in lengths[len(each.rounds) :]),
                f"{longest[name]}{beyond[name]}",
            )
            for name, each in r.holds.items()
        ),
    )
    context.answer(
        "How much does each of them hold?",
        "With 16 units and 500 rounds: "
        + ", ".join(
            f"{name} {count} letters{' or more' * bool(beyond[name])}"
            for name, count in longest.items()
        )
        + ". Random letters leave nothing to guess from: all that is written comes out of the "
        "state. One seed each; another moves a cell by a length. Of the shortest text the "
        f"{quickest} is the quickest to learn.\n"
        f"The sentence needs no three layers: {r.head.weights:,} weights with a head recite it "
        f"after {r.head.rounds} rounds, {r.bare.weights:,} without one after {r.bare.rounds}. Each "
        "row of the batch has two symbols to begin with, as an 'l' alone begins two of them, and "
        "ends at its end symbol, which is not printed: it is no character.",
    )

"""What lab basics says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from recurra.labs.basics import Basics


def tell(context: LabContext, r: Basics, words: tuple[str, ...]) -> None:
    """Print shapes, the first word's states, what leaks between rows, and the answer."""
    shapes = r.shapes
    context.section("shapes: (batch, time, feature)")
    context.say(f"{', '.join(words)}: 3 words of 5 letters, each letter one of 4, one-hot")
    context.table(
        ("RNN(4, 2)", "reads", "gives"),
        (
            ("many to many: a state after every letter", shapes["read"], shapes["many to many"]),
            ("many to one: the last state alone", shapes["read"], shapes["many to one"]),
            ("one to many: the state runs on by itself", (3, 4), shapes["one to many"]),
            ("the state, for whatever comes next", "", shapes["state"]),
        ),
    )
    context.section(f"h_t = tanh(W_x x_t + b_x + W_h h_(t-1) + b_h), for '{words[0]}'")
    context.table(
        ("t", "letter", "h_t by hand", "the layer's"),
        (
            (t, letter, *(" ".join(f"{n:+.3f}" for n in state) for state in states))
            for t, (letter, states) in enumerate(zip(words[0], r.hello, strict=True), 1)
        ),
    )
    context.say(
        f"Largest difference over all three words: {r.from_hand:.0e}. One set of {r.weights} "
        "weights (8 + 4 + 2 + 2) serves every step, of a word of 5 letters or of 500."
    )
    context.section("batch first, or time first?")
    context.say(
        "The first word is changed to 'ooooo'. How much do the outputs of the other two change? "
        f"In our layer, which takes (batch, time, feature) alone, by {r.leaked:.2f}. In one "
        f"that takes the first axis for time, by {r.leaked_time_first:.2f}: it reads 5 rows of 3 "
        "steps, one word runs into the next, and the shape of the output does not show it."
    )
    context.answer(
        "Why is the output as wide as the state?",
        "Because it is the state: the output after each step is the state after that step "
        f"(difference at the last one: {r.output_from_state:g}). Any other width is the work of a "
        f"head: Linear(2, 7) on top gives {shapes['with a head']}.",
    )

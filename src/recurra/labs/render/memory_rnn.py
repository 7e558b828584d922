"""What lab memory-rnn says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from recurra.labs.memory_rnn import MemoryRNN


def tell(context: LabContext, r: MemoryRNN, text: str) -> None:
    """Print both ways to feed back, the reserved symbols, and the answer."""
    context.say(
        "These came from the library's layer, taught by squared error on one-hots and fed the true "
        "text. The cell written out in this lab, with the same weights, differs from it by "
        f"{r.from_library:.0e}, and recites freely from the start symbol. Fed back at each step is"
    )
    context.spelled("the chosen symbol:", r.chosen_fed_back, text)
    context.spelled("the raw scores:   ", r.scores_fed_back, text)
    digits, reserved = r.reserved
    context.say(
        f"Start and end are numbers behind the last character. In an alphabet with 0 and 1 in it, "
        f"those two are {digits}, start and end {reserved}: no text can hold them."
    )
    right = sum(a == b for a, b in zip(r.scores_fed_back, text, strict=False))
    context.answer(
        "Why is the sentence lost when scores are fed back?",
        "In training each input was a 1 among zeros. Scores are near that, not equal to it, and "
        f"each step adds its own error to the next one's input: {right} of {len(text)} characters "
        "are right. Choosing a symbol throws the error away at every step: the sentence is "
        f"{'whole' if r.chosen_fed_back == text else 'not whole yet'}"
        + (", and stops by itself at the end symbol." if r.ended else "."),
    )

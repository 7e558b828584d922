"""What lab packed says of its result."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from recurra.labs.packed import Packed

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>packed: states of five sentences</title><style>
body {{ font: 14px sans-serif; margin: 2em }} table {{ border-collapse: collapse }}
td, th {{ padding: 2px 6px; text-align: right; border-bottom: 1px solid #ddd }}
th:first-child {{ text-align: left; font-weight: normal; white-space: nowrap }}
.last {{ color: #c00; font-weight: bold }} .padding {{ color: #36c }}
</style></head><body>
<p>The last layer's state after each word: <span class="last">the last one of a sentence</span>, and
<span class="padding">the padding</span> that is never computed.</p>
<table><tr><th>sentence</th>{steps}</tr>
{rows}
</table></body></html>
"""


def tell(context: LabContext, r: Packed, sentences: tuple[str, ...]) -> None:
    """Print the coloured table, save it as a page, and print the batch sizes and the answer."""
    from rich.text import Text

    context.say(
        f"5 sentences of {', '.join(map(str, r.lengths))} words, as they come. RNN(5, 1, 3 "
        "layers), untrained: the state of its last layer after each word,"
    )
    colours = Text.assemble("the ", ("last one red", "bold red"), ", ", ("padding blue", "blue"))
    context.show(colours)
    words = [sentence.split() for sentence in sentences]
    context.table(
        ("t", *(f"sentence {k + 1}" for k in range(len(words)))),
        (
            (t + 1, *(_cell(words[k], r.states[k], t) for k in range(len(words))))
            for t in range(max(r.lengths))
        ),
    )
    context.page("packed", page(r.states, sentences))
    context.say(
        f"Rows alive at each step: {' '.join(map(str, r.batch_sizes))}\n"
        f"Largest differences: from each sentence alone {r.from_alone:.0e}, from torch's packed "
        f"sequence {r.from_torch:.0e}, in another order {r.from_other_order:.0e}, with an empty "
        f"sentence added {r.with_empty:.0e}."
    )
    cut = "; ".join(
        f"{guess} for the {length} words of sentence {k + 1}, which ends with '{words[k][-1]}'"
        for k, (length, guess) in enumerate(zip(r.lengths, r.guessed, strict=True))
        if length != guess
    )
    context.answer(
        "How much does packing save, and why not read lengths off the zeros?",
        f"{r.real_steps} real steps in place of {r.padded_steps} padded ones: {100 * r.saved:.0f} "
        "% saved, and the result is that of each sentence alone.\n"
        f"Words are numbered from 0, and 0 is a word. Lengths read off the zeros come out as {cut}."
        " A Ragged is told its lengths once, and nothing guesses them.",
    )


def page(states: tuple[tuple[float, ...], ...], sentences: tuple[str, ...]) -> str:
    """The same table as HTML, a row for each sentence."""
    steps = max(map(len, states))
    rows = []
    for sentence, row in zip(sentences, states, strict=True):
        cells = [f"<td>{value:.2f}</td>" for value in row[:-1]]
        cells.append(f'<td class="last">{row[-1]:.2f}</td>')
        cells += ['<td class="padding">0</td>'] * (steps - len(row))
        rows.append(f"<tr><th>{escape(sentence)}</th>{''.join(cells)}</tr>")
    numbers = "".join(f"<th>{t + 1}</th>" for t in range(steps))
    return PAGE.format(steps=numbers, rows="\n".join(rows))


def _cell(words: list[str], states: tuple[float, ...], t: int) -> object:
    from rich.text import Text

    if t >= len(words):
        return Text(f"{0:12}", style="blue")
    return Text(f"{words[t]:6} {states[t]:5.2f}", style="bold red" if t + 1 == len(words) else "")

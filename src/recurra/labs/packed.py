"""Sentences of unequal length in one batch: no padded step, no sorting, an empty one allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import final

import torch
from torch import Tensor, nn

from recurra.labs.context import LabContext
from recurra.nn import RNN, Ragged

SENTENCES = (
    "a river reads the rain one drop at a time and keeps all of it in one bed",
    "each word waits until the word before is done",
    "the last word knows all the others",
    "short lines should not pay for the long ones",
    "a net that reads a word at a time has to hold on to a",
)
WORDS = sorted({word for sentence in SENTENCES for word in sentence.split()})
NUMBERS = {word: k for k, word in enumerate(WORDS)}


@final
@dataclass(frozen=True)
class Packed:
    """What packing keeps and saves; differences are the largest of all numbers compared."""

    lengths: tuple[int, ...]
    real_steps: int
    padded_steps: int
    saved: float
    batch_sizes: tuple[int, ...]
    from_alone: float
    from_torch: float
    from_other_order: float
    empty: float
    guessed: tuple[int, ...]
    html: str = field(repr=False)


def run(context: LabContext) -> Packed:
    """Run a 3-layer RNN over five sentences at once, over each alone, and with an empty one."""
    torch.manual_seed(context.seed)
    embed, layer, theirs = nn.Embedding(len(WORDS), 5), RNN(5, 1, 3), nn.RNN(5, 1, 3)
    theirs.load_state_dict(layer.state_dict())
    rows = [torch.tensor([NUMBERS[word] for word in s.split()]) for s in SENTENCES]
    words = Ragged.from_list(rows)
    order = [4, 2, 0, 3, 1]
    with torch.no_grad():
        output, _ = layer(words.map(embed))
        alone = torch.cat([layer(embed(row)[None])[0][0] for row in rows])
        shuffled, _ = layer(words.select(order).map(embed))
        packed, _ = theirs(words.map(embed).packed())
        with_empty, state = layer(Ragged.from_list([*rows, rows[0][:0]]).map(embed))
    result = Packed(
        lengths=tuple(words.lengths.tolist()),
        real_steps=len(words.values),
        padded_steps=words.batch * words.steps,
        saved=1 - len(words.values) / (words.batch * words.steps),
        batch_sizes=tuple(words.batch_sizes.tolist()),
        from_alone=_apart(output.values, alone),
        from_torch=_apart(output.values, Ragged.from_packed(packed).values),
        from_other_order=_apart(output.select(order).values, shuffled.values),
        empty=_apart(with_empty.values, output.values) + float(state.layer(-1).hidden[5].abs()),
        # What the notes do: the last word whose number is not 0 ends a sentence.
        guessed=tuple(int(row.nonzero().max()) + 1 for row in words.padded()),
        html=as_html(output),
    )
    _tell(context, result, output)
    context.page("packed", result.html)
    return result


def as_html(output: Ragged) -> str:
    """A page with a row for each sentence: states, the last one red, padding blue."""
    lines = []
    for sentence, states in zip(SENTENCES, output.to_list(), strict=True):
        cells = [f"<td>{value:.2f}</td>" for value in states[:, 0].tolist()]
        cells[-1] = cells[-1].replace("<td>", '<td class="last">')
        cells += ['<td class="padding">0</td>'] * (output.steps - len(cells))
        lines.append(f"<tr><th>{escape(sentence)}</th>{''.join(cells)}</tr>")
    steps = "".join(f"<th>{t + 1}</th>" for t in range(output.steps))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>packed: states of five sentences</title><style>
body {{ font: 14px sans-serif }} table {{ border-collapse: collapse }}
td, th {{ padding: 2px 6px; text-align: right; border-bottom: 1px solid #ddd }}
th:first-child {{ text-align: left; font-weight: normal; white-space: nowrap }}
.last {{ color: #c00; font-weight: bold }} .padding {{ color: #36c }}
</style></head><body>
<p>The top layer's state after each word: the <span class="last">last one of a sentence</span>, and
the <span class="padding">padding</span> that is never computed.</p>
<table><tr><th>sentence</th>{steps}</tr>
{chr(10).join(lines)}
</table></body></html>
"""


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


def _tell(context: LabContext, r: Packed, output: Ragged) -> None:
    from rich.text import Text

    for k, sentence in enumerate(SENTENCES):
        context.say(f"{k + 1}  {r.lengths[k]:2} words  {sentence}")
    context.say(f"\nRNN(5, 1, 3 layers): the state of its last layer after each word,")
    context.show(Text.assemble("the ", ("last one red", "bold red"), ", ", ("padding blue", "blue")))
    rows = []
    for t in range(output.steps):
        row = [Text(str(t + 1))]
        for sentence, states in zip(SENTENCES, output.to_list(), strict=True):
            if t >= len(states):
                row.append(Text("      0", style="blue"))
                continue
            word, last = sentence.split()[t], t + 1 == len(states)
            row.append(Text(f"{word:6} {float(states[t]):5.2f}", style="bold red" if last else ""))
        rows.append(row)
    context.table(("t", *(f"sentence {k + 1}" for k in range(output.batch))), rows)
    context.say(
        f"Rows alive at each step: {' '.join(map(str, r.batch_sizes))}\n"
        f"Largest differences: from each sentence alone {r.from_alone:.0e}, from torch's packed "
        f"sequence {r.from_torch:.0e}, with the sentences in another order "
        f"{r.from_other_order:.0e}, with an empty sentence among them {r.empty:.0e}."
    )
    short = [k for k, (a, b) in enumerate(zip(r.lengths, r.guessed, strict=True)) if a != b]
    context.answer(
        "How much does packing save, and why not read lengths off the zeros?",
        f"{r.real_steps} real steps in place of {r.padded_steps} padded ones: {100 * r.saved:.0f} "
        "% saved, and the result is that of each sentence alone.\n"
        f"Numbers from 0 make '{WORDS[0]}' number 0. Lengths read off the zeros then give "
        + " and ".join(f"{r.guessed[k]} for the {r.lengths[k]} words of sentence {k + 1}" for k in short)
        + f", which ends with '{WORDS[0]}'. A Ragged is told its lengths once, and guesses nothing.",
    )

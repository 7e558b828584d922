"""Sentences of unequal length in one batch: no padded step, no sorting, an empty one allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import nn

from recurra.labs.basics import apart
from recurra.labs.context import LabContext
from recurra.labs.render import packed as render
from recurra.nn import RNN, Ragged

SENTENCES = (
    "the river reads rain one drop then the next and keeps all of it in one deep bed",
    "each word waits until the word before is done",
    "the last word knows all the others",
    "short lines should not pay for the long ones",
    "to hold the past in one number is hard so it may well be lost again",
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
    with_empty: float
    guessed: tuple[int, ...]
    states: tuple[tuple[float, ...], ...]


def run(context: LabContext) -> Packed:
    """Run a 3-layer RNN over five sentences at once, over each alone, and with an empty one."""
    torch.manual_seed(7 + context.seed)  # some draws leave one unit nearly still
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
        from_alone=apart(output.values, alone),
        from_torch=apart(output.values, Ragged.from_packed(packed).values),
        from_other_order=apart(output.select(order).values, shuffled.values),
        with_empty=apart(with_empty.values, output.values) + float(state.layer(-1).hidden[5].abs()),
        # Lengths read off the padding: the last number that is not 0 ends a sentence.
        guessed=tuple(int(row.nonzero().max()) + 1 for row in words.padded()),
        states=tuple(tuple(row[:, 0].tolist()) for row in output.to_list()),
    )
    render.tell(context, result, SENTENCES)
    return result

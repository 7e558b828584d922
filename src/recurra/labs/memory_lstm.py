"""A longer sentence recited alone and in a batch, and how much RNN, GRU and LSTM hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra.labs.context import LabContext
from recurra.labs.memory_rnn import ALPHABET, HIDDEN, SYMBOLS
from recurra.labs.memory_rnn import TEXT as BEGINNING
from recurra.labs.render import memory_lstm as render
from recurra.labs.speller import Alphabet, Loss, Speller, descend, squared_error
from recurra.nn import GRU, LSTM, RNN, Ragged

TEXT = BEGINNING + " show me your limit!"
RATES = [0.02] * 100
ROWS = 5
PROMPT = 2
RANDOM = Alphabet.of("abcd")
LENGTHS = (32, 64, 96)
MOST = 500
LAYERS: dict[str, type[RNN] | type[GRU] | type[LSTM]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}


@final
@dataclass(frozen=True)
class Recited:
    """What is written from the start symbol, and the round after which it first was right."""

    text: str
    rounds: int | None
    weights: int


class Held(NamedTuple):
    """A cell's weights, and the rounds that each length took; None at one that was not held."""

    weights: int
    rounds: tuple[int | None, ...]


@final
@dataclass(frozen=True)
class MemoryLSTM:
    """The sentence from two networks, and from a batch of shifted rows; what each cell holds."""

    bare: Recited
    head: Recited
    rows: tuple[str, ...]
    holds: dict[str, Held]


def run(context: LabContext) -> MemoryLSTM:
    """Recite alone, then five shifted rows in one batch, then measure how much each cell holds."""
    ids = ALPHABET.framed(TEXT)
    torch.manual_seed(context.seed)
    context.say("What is written freely, from the start symbol on, as training goes on:")
    context.section("3 layers of LSTM, their state taken for the scores, squared error")
    model = Speller(LSTM(SYMBOLS, HIDDEN, 3), head=False)
    bare = recited(context, model, ids, squared_error, [0.01] * 300)
    context.section("1 layer of LSTM and a head, cross entropy")
    head = recited(context, Speller(LSTM(SYMBOLS, HIDDEN)), ids, cross_entropy, RATES)
    context.section(f"a batch of {ROWS} rows, each a symbol shorter, each given its first {PROMPT}")
    rows = batched(Speller(LSTM(SYMBOLS, HIDDEN)), ids[0])
    for k, row in enumerate(rows):
        context.spelled(f"row {k + 1}:", row, TEXT[k + PROMPT - 1 :])
    lengths = LENGTHS[:2] if context.quick else LENGTHS
    holds = {name: held(context.seed, layer, lengths) for name, layer in LAYERS.items()}
    result = MemoryLSTM(bare, head, rows, holds)
    render.tell(context, result, LENGTHS)
    return result


def recited(
    context: LabContext, model: Speller, ids: Tensor, loss: Loss, rates: list[float]
) -> Recited:
    """Train until the text is written freely from its start symbol, without a mistake."""
    x, y = ids[:, :-1], ids[:, 1:]
    weights = sum(p.numel() for p in model.parameters())
    for step in descend(model, partial(model.loss, x, y, loss), rates):
        if step.number % 20 == 0:
            written = model.write(x[:, :1], y.shape[1])
            text = ALPHABET.text(written[0])
            context.spelled(f"round {step.number:3}", text, TEXT)
            if torch.equal(written, y):
                return Recited(text, step.number, weights)
    return Recited(text, None, weights)


def batched(model: Speller, ids: Tensor) -> tuple[str, ...]:
    """Train on ids (T,), and on those without the first, first two ..., as one ragged batch.

    Returns what each row writes after its prompt, up to its end.
    """
    rows = [ids[k:] for k in range(ROWS)]
    x = Ragged.from_list([one_hot(row[:-1], SYMBOLS).float() for row in rows])
    y = torch.cat([row[1:] for row in rows])

    def loss() -> Tensor:
        output, _ = model.layer(x)
        return cross_entropy(model.head(output.values), y)

    for _ in descend(model, loss, RATES):
        pass
    prompts = torch.stack([row[:PROMPT] for row in rows])
    return tuple(ALPHABET.text(row) for row in model.write(prompts, len(ids)))


def held(seed: int, layer: type[RNN] | type[GRU] | type[LSTM], lengths: Sequence[int]) -> Held:
    """Rounds until random letters of each length are recited, up to the first that are not."""
    letters = "".join("abcd"[k] for k in np.random.default_rng(0).integers(0, 4, LENGTHS[-1]))
    rounds: list[int | None] = []
    while len(rounds) < len(lengths) and None not in rounds:
        torch.manual_seed(seed)
        ids = RANDOM.framed(letters[: lengths[len(rounds)]])
        model = Speller(layer(RANDOM.letters + 2, 16))
        rounds.append(None)
        for step in descend(model, partial(model.loss, ids[:, :-1], ids[:, 1:]), [0.02] * MOST):
            # Before the loss is as low as this the text is not known, and need not be asked for.
            if step.loss < 0.1 and torch.equal(
                model.write(ids[:, :1], ids.shape[1] - 1), ids[:, 1:]
            ):
                rounds[-1] = step.number
                break
    return Held(sum(p.numel() for p in model.layer.parameters()), tuple(rounds))

"""A cell written out, and the sentence that it recites from a start symbol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from recurra.labs.basics import apart
from recurra.labs.context import LabContext
from recurra.labs.render import memory_rnn as render
from recurra.labs.speller import Alphabet, Speller, descend, squared_error
from recurra.nn import RNN

TEXT = "hello pytorch. how long can a rnn cell remember?"
ALPHABET = Alphabet.of("abcdefghijklmnopqrstuvwxyz ?!.,:;")
SYMBOLS = ALPHABET.letters + 2
HIDDEN = 35
ROUNDS = 100


@final
class WrittenCell(nn.Module):
    """One step of an RNN: hidden = tanh(i2h(x) + h2h(hidden)), scores = h2o(hidden)."""

    def __init__(self) -> None:
        super().__init__()
        self.i2h = nn.Linear(SYMBOLS, HIDDEN)
        self.h2h = nn.Linear(HIDDEN, HIDDEN)
        self.h2o = nn.Linear(HIDDEN, SYMBOLS)

    def forward(self, x: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (V,) and the next state (H,) after one input x (V,)."""
        hidden = torch.tanh(self.i2h(x) + self.h2h(hidden))
        return self.h2o(hidden), hidden

    @classmethod
    def of(cls, model: Speller) -> WrittenCell:
        """The cell with the weights of a library layer and its head."""
        cell = cls()
        theirs = model.layer.state_dict()
        cell.i2h.load_state_dict({n: theirs[f"{n}_ih_l0"] for n in ("weight", "bias")})
        cell.h2h.load_state_dict({n: theirs[f"{n}_hh_l0"] for n in ("weight", "bias")})
        cell.h2o.load_state_dict(model.head.state_dict())
        return cell


@final
@dataclass(frozen=True)
class MemoryRNN:
    """What is recited with either feedback, and how far the two cells are apart.

    `reserved` has the numbers of 0 and 1 in an alphabet with both, then those of start and end.
    """

    chosen_fed_back: str
    scores_fed_back: str
    ended: bool
    from_library: float
    reserved: tuple[list[int], list[int]]


def run(context: LabContext) -> MemoryRNN:
    """Teach the library's layer, copy its weights into the written cell, and let that recite."""
    torch.manual_seed(context.seed)
    ids = ALPHABET.framed(TEXT)
    x, y = ids[:, :-1], ids[:, 1:]
    model = Speller(RNN(SYMBOLS, HIDDEN))
    for step in descend(model, partial(model.loss, x, y, squared_error), [0.01] * ROUNDS):
        if step.number in (1, 10, 30, ROUNDS):
            said = ALPHABET.text(model.predict(x)[0])
            context.spelled(f"round {step.number:3}", said, TEXT)
    cell = WrittenCell.of(model)
    with torch.no_grad():
        scores, hidden = [], torch.zeros(HIDDEN)
        for symbol in one_hot(x[0], SYMBOLS).float():
            score, hidden = cell(symbol, hidden)
            scores.append(score)
        from_library = apart(model(x)[0][0], torch.stack(scores))
    chosen, raw = (recite(cell, feedback, y.shape[1]) for feedback in ("chosen", "scores"))
    wider = Alphabet.of("".join(ALPHABET.known.symbols) + "01")
    result = MemoryRNN(
        chosen_fed_back=ALPHABET.text(chosen),
        scores_fed_back=ALPHABET.text(raw),
        ended=bool(chosen[-1] == ALPHABET.end),
        from_library=from_library,
        reserved=(wider.ids("01")[0].tolist(), [wider.start, wider.end]),
    )
    render.tell(context, result, TEXT)
    return result


@torch.no_grad()
def recite(cell: WrittenCell, feedback: str, steps: int) -> Tensor:
    """The symbols (T,) written from the start; fed back are the "chosen" ones, or the "scores"."""
    x, hidden = one_hot(torch.tensor(ALPHABET.start), SYMBOLS).float(), torch.zeros(HIDDEN)
    written = []
    for _ in range(steps):
        scores, hidden = cell(x, hidden)
        written.append(scores.argmax())
        x = one_hot(written[-1], SYMBOLS).float() if feedback == "chosen" else scores
    return torch.stack(written)

"""A cell written out, and the sentence that it recites from a start symbol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, final

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from recurra.labs.context import LabContext
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
        cell, theirs = cls(), model.state_dict()
        for ours, name in ("i2h", "ih"), ("h2h", "hh"):
            getattr(cell, ours).weight.data = theirs[f"layer.weight_{name}_l0"]
            getattr(cell, ours).bias.data = theirs[f"layer.bias_{name}_l0"]
        cell.h2o.load_state_dict(model.head.state_dict())
        return cell


@final
@dataclass(frozen=True)
class MemoryRNN:
    """What is recited with either kind of feedback, and how far the two cells are apart."""

    chosen_fed_back: str
    scores_fed_back: str
    ended: bool
    from_library: float
    loss: float


def run(context: LabContext) -> MemoryRNN:
    """Teach the library's layer, copy its weights into the written cell, and let that recite."""
    torch.manual_seed(context.seed)
    ids = ALPHABET.framed(TEXT)
    x, y = ids[:, :-1], ids[:, 1:]
    context.say(
        f"{ALPHABET.letters} characters, start and end: {SYMBOLS} symbols. RNN({SYMBOLS}, "
        f"{HIDDEN}) and a head, {ROUNDS} rounds of squared error on one-hots, Adam 0.01."
    )
    wider = Alphabet.of("".join(ALPHABET.vocabulary.symbols) + "01")
    context.say(
        f"Start and end are the numbers {ALPHABET.start} and {ALPHABET.end}, behind the last "
        f"character. In an alphabet with 0 and 1 those two are {wider.ids('01')[0].tolist()}, and "
        f"start and end {[wider.start, wider.end]}: no text can hold them."
    )
    model = Speller(RNN(SYMBOLS, HIDDEN))
    for step in descend(model, partial(model.loss, x, y, squared_error), [0.01] * ROUNDS):
        if step.number in (1, 10, 30, ROUNDS):
            said = ALPHABET.text(model.predict(x)[0])
            context.spelled(f"round {step.number:3}", said, TEXT)
    cell = WrittenCell.of(model)
    chosen, raw = (recite(cell, feedback, y.shape[1]) for feedback in ("chosen", "scores"))
    with torch.no_grad():
        scores, hidden, steps = model(x)[0][0], torch.zeros(HIDDEN), []
        for symbol in one_hot(x[0], SYMBOLS).float():
            score, hidden = cell(symbol, hidden)
            steps.append(score)
    result = MemoryRNN(
        ALPHABET.text(chosen), ALPHABET.text(raw), bool(chosen[-1] == ALPHABET.end),
        float((scores - torch.stack(steps)).abs().max()), step.loss * SYMBOLS,
    )  # fmt: skip
    _tell(context, result)
    return result


@torch.no_grad()
def recite(cell: WrittenCell, feedback: Literal["chosen", "scores"], steps: int) -> Tensor:
    """The symbols (T,) written from the start symbol, with either the next step's input."""
    x, hidden = one_hot(torch.tensor(ALPHABET.start), SYMBOLS).float(), torch.zeros(HIDDEN)
    written = []
    for _ in range(steps):
        scores, hidden = cell(x, hidden)
        written.append(scores.argmax())
        x = one_hot(written[-1], SYMBOLS).float() if feedback == "chosen" else scores
    return torch.stack(written)


def _tell(context: LabContext, r: MemoryRNN) -> None:
    context.say(f"The written cell's scores differ from the library's by {r.from_library:.0e}.")
    context.section("free-running from the start symbol; fed back at each step is")
    context.spelled("the chosen symbol:", r.chosen_fed_back, TEXT)
    context.spelled("the raw scores:   ", r.scores_fed_back, TEXT)
    right = sum(a == b for a, b in zip(r.scores_fed_back, TEXT, strict=False))
    context.answer(
        "Why does it lose the sentence when its scores are fed back?",
        "In training each input was a 1 among zeros. Scores are near that, not equal to it, and "
        "each step adds its own error to the next one's input: "
        f"{right} of {len(TEXT)} characters are right. Choosing a symbol throws the error away at "
        f"every step: all {len(TEXT)} are right"
        + (", and it stops by itself at the end symbol." if r.ended else "."),
    )

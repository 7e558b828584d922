"""What the labs that spell have in common: symbols as ids, a model, a training loop, writing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, one_hot

from recurra.codecs.characters import Characters
from recurra.codecs.tokenizer import UNKNOWN_DRAWN
from recurra.errors import DataError
from recurra.nn import GRU, LSTM, RNN, State

Loss = Callable[[Tensor, Tensor], Tensor]
"""Scores (N, V) and the numbers of the true symbols (N,) -> their mean loss."""


def squared_error(scores: Tensor, targets: Tensor) -> Tensor:
    """The squares of the scores' distances from 1 for the true symbol and 0 for the others."""
    return mse_loss(scores, one_hot(targets, scores.shape[1]).float())


@final
@dataclass(frozen=True)
class Alphabet:
    """The characters of a lab, numbered from 0 in the order of their code points.

    Two symbols more, `start` and `end`, are numbers behind the last character: no text is ever
    encoded to mean them, whatever is in it. (A lab knows its text, so there is no unknown.)
    """

    known: Characters

    @classmethod
    def of(cls, text: str) -> Alphabet:
        """The characters of a text; the same whatever their order."""
        return cls(Characters.learn([text]))

    @property
    def letters(self) -> int:
        """How many characters there are."""
        return len(self.known.symbols)

    @property
    def start(self) -> int:
        """What is read before a text."""
        return self.letters

    @property
    def end(self) -> int:
        """What is written after a text."""
        return self.letters + 1

    def ids(self, text: str) -> Tensor:
        """The numbers (1, T) of the characters.

        Raises:
            DataError: the text has a character that is not in the alphabet.
        """
        ids = self.known.encode(text)
        if (ids < 0).any():
            raise DataError(f"{text[int((ids < 0).argmax())]!r} is not in the alphabet")
        return torch.from_numpy(ids).long()[None]

    def framed(self, text: str) -> Tensor:
        """Start, the numbers of the characters, end: (1, T + 2)."""
        start, end = torch.tensor([[self.start]]), torch.tensor([[self.end]])
        return torch.cat([start, self.ids(text), end], 1)

    def text(self, ids: Tensor) -> str:
        """The characters of the numbers (T,) before the first end, if there is one."""
        ends = (ids == self.end).nonzero()
        before = ids[: int(ends[0])] if len(ends) else ids
        drawn = (*self.known.symbols, UNKNOWN_DRAWN)
        return "".join(drawn[k] for k in before.tolist())


@final
class Speller(nn.Module):
    """One-hot symbols (B, T) -> recurrent layers -> linear head -> a score of each (B, T, V).

    Without a head the output of the layers is taken for the scores.
    """

    def __init__(self, layer: RNN | GRU | LSTM, *, head: bool = True) -> None:
        super().__init__()
        self.layer = layer
        size = layer.output_size
        self.head = nn.Linear(size, layer.input_size) if head else nn.Identity()

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Scores (B, T, V) of the symbol after each of ids (B, T), and the last state."""
        output, state = self.layer(one_hot(ids, self.layer.input_size).float(), state)
        return self.head(output), state

    def step(self, tokens: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Scores (B, V) of the symbol after tokens (B,), and the state."""
        scores, state = self(tokens[:, None], state)
        return scores[:, 0], state

    def loss(self, ids: Tensor, targets: Tensor, of: Loss = cross_entropy) -> Tensor:
        """Mean loss of the scores after ids (B, T) against targets (B, T), the true ones."""
        scores, _ = self(ids)
        return of(scores.flatten(0, 1), targets.flatten())

    @torch.no_grad()
    def predict(self, ids: Tensor) -> Tensor:
        """Teacher-forced: the likeliest symbol (B, T) after each of ids (B, T), the true ones."""
        scores: Tensor = self(ids)[0]
        return scores.argmax(2)

    @torch.no_grad()
    def write(self, ids: Tensor, steps: int) -> Tensor:
        """Free-running: read ids (B, T), then write (B, steps), each symbol fed back in turn."""
        scores, state = self(ids)
        written = [scores[:, -1].argmax(1)]
        while len(written) < steps:
            scores, state = self.step(written[-1], state)
            written.append(scores.argmax(1))
        return torch.stack(written, 1)


class Step(NamedTuple):
    """A step of training: its number from 1, the loss before it, the norm of the gradient."""

    number: int
    loss: float
    gradient: float


def descend(
    model: nn.Module,
    loss: Callable[[], Tensor],
    rates: Sequence[float],
    *,
    clip: float = math.inf,
) -> Iterator[Step]:
    """Go down `loss` with Adam, a step for each rate, and yield after each.

    Args:
        model: its parameters are learnt.
        loss: computes what is to become small.
        rates: the learning rate of each step.
        clip: a longer gradient is cut to this norm.
    """
    learnt = list(model.parameters())
    adam = torch.optim.Adam(learnt, fused=True)
    for number, rate in enumerate(rates, 1):
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(learnt, clip)
        adam.step()
        yield Step(number, value.item(), norm.item())

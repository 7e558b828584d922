"""A small encoder-decoder trained on one sentence a step: SGD, and no waiting for words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from recurra.core.layers import GRU
from recurra.core.ragged import Ragged
from recurra.core.state import HiddenState

BEGIN: Final = 0
"""The number of what stands before a target's first word."""


class Pair(NamedTuple):
    """The numbers of a source's words (S,) and of its target's (T,), the end of each included."""

    source: Tensor
    target: Tensor


@final
class Translator(nn.Module):
    """An encoder whose last state is all that a decoder knows of the source.

    Args:
        sources: numbers of words that a source may have.
        targets: those that a target may have.
        hidden: units of both, and size of a word's vector.
    """

    def __init__(self, sources: int, targets: int, hidden: int) -> None:
        super().__init__()
        self.source = nn.Embedding(sources, hidden)
        self.encoder = GRU(hidden, hidden)
        self.target = nn.Embedding(targets, hidden)
        self.decoder = GRU(hidden, hidden)
        self.head = nn.Linear(hidden, targets)

    def forward(self, source: Tensor, before: Tensor) -> Tensor:
        """Scores (T, V) of each word of a target, fed the true ones before them (T,)."""
        _, state = self.encoder(self.source(source[None]))
        output, _ = self.decoder(self.target(before[None]), state)
        scores: Tensor = self.head(output[0])
        return scores

    def forced(self, sources: Ragged, before: Ragged) -> Tensor:
        """As `forward`, for many sentences at once: scores (N, V)."""
        output, _ = self.decoder(before.map(self.target), self.read(sources))
        scores: Tensor = self.head(output.values)
        return scores

    def read(self, sources: Ragged) -> HiddenState:
        """The state (B, 1, H) that the decoder begins with."""
        state: HiddenState = self.encoder(sources.map(self.source))[1]
        return state

    def step(self, words: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """Scores (B, V) of what follows words (B,), and the state."""
        output, state = self.decoder.step(self.target(words), state)
        return self.head(output), state


def descend(model: Translator, pairs: Iterable[Pair], *, rate: float) -> Iterator[float]:
    """Take a step of SGD on each pair, its loss summed over words; yield the loss a word before it.

    The true words are known beforehand, so encoder and decoder are one call each. Nothing but the
    weights is kept from step to step, and they are moved as one vector.
    """
    learnt = list(model.parameters())
    weights = parameters_to_vector(learnt).detach()
    vector_to_parameters(weights, learnt)  # as views: what moves the vector moves them
    try:
        for source, target in pairs:
            before = torch.cat([target.new_tensor([BEGIN]), target[:-1]])
            loss = cross_entropy(model(source, before), target, reduction="sum")
            slopes = torch.autograd.grad(loss, learnt)
            weights.sub_(torch.cat([slope.flatten() for slope in slopes]), alpha=rate)
            yield loss.item() / len(target)
    finally:
        for each in learnt:
            each.data = each.data.clone()  # each its own again, as state_dicts and files want it


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Products of a few numbers: a second thread would only be waited for."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

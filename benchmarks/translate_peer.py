"""The training of lab translate written token by token with torch.nn: a peer, and both times."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, final

import torch
from torch import Tensor, nn

from recurra.labs.training.one_sentence import BEGIN, Pair, Translator, descend, one_thread

SIZES: Final = (17, 13, 16)
"""Numbers of source words and of target words, units: those of lab translate."""
RATE, STEPS = 0.01, 5000
PAIRS: Final = tuple(
    Pair(torch.tensor(source), torch.tensor(target))
    for source, target in (
        ([2, 3, 4, 1], [2, 3, 4, 1]),
        ([5, 6, 7, 8, 1], [5, 6, 7, 1]),
        ([5, 6, 9, 10, 11, 12, 13, 1], [5, 8, 9, 10, 1]),
        ([5, 6, 7, 14, 15, 16, 1], [5, 11, 6, 12, 1]),
    )
)
"""Sentences as many and as long as those of lab translate, which share as many words."""

Trained = tuple[nn.Module, list[float]]


class Seconds(NamedTuple):
    """Training times of each repeat, both means of the last losses, and by how much they differ."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]
    losses: tuple[float, float]
    apart: float

    @property
    def ratio(self) -> float:
        """The peer's fastest time over our fastest."""
        return min(self.peer) / min(self.ours)


@final
class TorchTranslator(nn.Module):
    """Embeddings, GRUs and a head of torch.nn that read a word at a time."""

    def __init__(self, sources: int, targets: int, hidden: int) -> None:
        super().__init__()
        self.source = nn.Embedding(sources, hidden)
        self.encoder = nn.GRU(hidden, hidden)
        self.target = nn.Embedding(targets, hidden)
        self.decoder = nn.GRU(hidden, hidden)
        self.head = nn.Linear(hidden, targets)

    def read(self, word: Tensor, state: Tensor) -> Tensor:
        """The encoder's state after a word ()."""
        _, state = self.encoder(self.source(word).view(1, 1, -1), state)
        return state

    def write(self, word: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (1, V) of what follows a word (), and the decoder's state."""
        output, state = self.decoder(self.target(word).view(1, 1, -1), state)
        return torch.log_softmax(self.head(output[0]), 1), state


def train_torch(drawn: Sequence[Pair]) -> Trained:
    """The plain loop: word by word through the encoder, then through the decoder."""
    model = TorchTranslator(*SIZES)
    sgd = torch.optim.SGD(model.parameters(), lr=RATE)
    criterion = nn.NLLLoss()
    losses = []
    for source, target in drawn:
        sgd.zero_grad()
        state = torch.zeros(1, 1, SIZES[2])
        for word in source:
            state = model.read(word, state)
        before, loss = torch.tensor(BEGIN), torch.zeros(())
        for word in target:
            chances, state = model.write(before, state)
            loss = loss + criterion(chances, word[None])
            before = word
        loss.backward()  # type: ignore[no-untyped-call]
        sgd.step()
        losses.append(loss.item() / len(target))
    return model, losses


def train_ours(drawn: Sequence[Pair]) -> Trained:
    """The lab's: the same settings, the same steps."""
    model = Translator(*SIZES)
    return model, list(descend(model, drawn, rate=RATE))


def translate_seconds(repeats: int = 3, steps: int = STEPS) -> Seconds:
    """Train both in turn, from the same first weights, on the same sentences one after another."""
    ways: tuple[Callable[[Sequence[Pair]], Trained], ...] = (train_ours, train_torch)
    times: tuple[list[float], list[float]] = ([], [])
    every: tuple[list[float], list[float]] = ([], [])
    apart = 0.0
    with torch.random.fork_rng(devices=[]), one_thread():
        for way in ways:
            way(PAIRS * 5)  # what only the first steps take
        for repeat in range(repeats):
            torch.manual_seed(repeat)
            drawn = [PAIRS[k] for k in torch.randint(len(PAIRS), (steps,)).tolist()]
            for way, found, losses in zip(ways, times, every, strict=True):
                torch.manual_seed(repeat)
                start = time.perf_counter()
                _, each = way(drawn)
                found.append(time.perf_counter() - start)
                losses[:] = each
            apart = max(apart, *(abs(a - b) for a, b in zip(*every, strict=True)))
    last = -min(1000, steps)
    means = tuple(sum(each[last:]) / -last for each in every)
    return Seconds(tuple(times[0]), tuple(times[1]), (means[0], means[1]), apart)

"""Five ways to look back at a whole sequence, and what they are worth: strings said backwards."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from recurra.core.attention import KINDS, Attention, Memory
from recurra.labs.context import LabContext
from recurra.labs.render import attention as render
from recurra.labs.training.one_sentence import one_thread
from recurra.nn import GRU, HiddenState, Ragged

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
BEGIN: Final = len(LETTERS)
FIXED: Final = "fixed vector"
SIZE, HIDDEN, INNER = 32, 64, 16
"""Features of a letter, units of a side, features that concat compares in."""
ROWS, RATE, CLIP, TESTED = 32, 0.008, 1.0, 256


@final
@dataclass(frozen=True)
class Task:
    """How long strings are, from shortest to longest, and the batches that general learns from."""

    shortest: int
    longest: int
    steps: int


FULL: Final = Task(20, 40, 400)
QUICK: Final = Task(6, 12, 150)

Weights = NDArray[np.float32]


class Learnt(NamedTuple):
    """What came of a model in its time.

    Args:
        batches, seconds: that it learnt from, that it had.
        letters: share right, fed its own letters, on strings that it never saw.
        strings: share right from end to end.
        halves: share of letters right in the first half of what is said, and in the second.
    """

    batches: int
    seconds: float
    letters: float
    strings: float
    halves: tuple[float, float]


class Seen(NamedTuple):
    """Where a kind looked while it said a string backwards: (T, S), and what it said.

    Args:
        from_one: the most by which a sum of weights differs from 1.
        on_padding: the largest weight behind a string's end.
    """

    text: str
    said: str
    weights: Weights
    from_one: float
    on_padding: float


@final
@dataclass(frozen=True, eq=False)
class AttentionLab:
    """Figures of each kind and of the fixed vector, and where each kind looked."""

    learnt: dict[str, Learnt]
    seen: dict[str, Seen]
    task: Task


@final
class Reverser(nn.Module):
    """Reads a string both ways, then says it backwards.

    The decoder knows the encoder's last state and the letter before, and, but for `FIXED`, what
    attention finds with the decoder's state for a query: o = head(tanh(W [h, c] + b)).
    """

    def __init__(self, kind: str, longest: int) -> None:
        super().__init__()
        self.letter = nn.Embedding(len(LETTERS), SIZE)
        self.encoder = GRU(SIZE, HIDDEN // 2, bidirectional=True)
        self.bridge = nn.Linear(HIDDEN, HIDDEN)
        self.before = nn.Embedding(len(LETTERS) + 1, SIZE)
        self.decoder = GRU(SIZE, HIDDEN)
        self.attention = (
            None if kind == FIXED else Attention(HIDDEN, HIDDEN, kind, size=INNER, reach=longest)
        )
        self.join = nn.Linear(HIDDEN if kind == FIXED else 2 * HIDDEN, HIDDEN)
        self.head = nn.Linear(HIDDEN, len(LETTERS))

    def read(self, strings: Ragged) -> tuple[Memory | None, HiddenState]:
        """What will be looked at, and the decoder's first state."""
        outputs, last = self.encoder(strings.map(self.letter))
        state = HiddenState(torch.tanh(self.bridge(last.hidden.flatten(1)))[:, None])
        return (self.attention.memory(outputs) if self.attention else None), state

    def said(
        self, before: Tensor, memory: Memory | None, state: HiddenState
    ) -> tuple[Tensor, Tensor | None, HiddenState]:
        """Letters before (B, T) -> scores (B, T, V), weights (B, T, S) if any, the state."""
        hidden, state = self.decoder(self.before(before), state)
        weights = None
        if self.attention is not None and memory is not None:
            attention = self.attention(hidden, memory)
            hidden, weights = torch.cat([hidden, attention.context], 2), attention.weights
        return self.head(torch.tanh(self.join(hidden))), weights, state

    def loss(self, strings: Ragged) -> Tensor:
        """Nats a letter of the strings said backwards, fed the true letters."""
        truth = strings.reverse().padded(-1)
        before = torch.cat([torch.full((len(truth), 1), BEGIN), truth[:, :-1]], 1)
        memory, state = self.read(strings)
        scores, _, _ = self.said(before.where(before >= 0, BEGIN), memory, state)
        return cross_entropy(scores.flatten(0, 1), truth.flatten(), ignore_index=-1)

    @torch.no_grad()
    def backwards(self, strings: Ragged) -> tuple[Tensor, Tensor | None]:
        """Fed its own letters: letters (B, T), T of the longest; weights (B, T, S) if any."""
        memory, state = self.read(strings)
        letter, letters, attention = torch.full((strings.batch, 1), BEGIN), [], []
        for _ in range(strings.steps):
            scores, weights, state = self.said(letter, memory, state)
            letter = scores.argmax(2)
            letters.append(letter)
            attention += [] if weights is None else [weights]
        return torch.cat(letters, 1), torch.cat(attention, 1) if attention else None


def run(context: LabContext) -> AttentionLab:
    """Give all the time that general takes, then show where each kind looks."""
    task = QUICK if context.quick else FULL
    render.begin(context, task)
    learnt, seen = {}, {}
    test = strings(task, TESTED, torch.Generator().manual_seed(context.seed + 1))
    shown = strings(task, 8, torch.Generator().manual_seed(context.seed + 2))
    begun = time.perf_counter()
    with one_thread():
        budget = math.inf
        for kind in ("general", *(kind for kind in KINDS if kind != "general"), FIXED):
            torch.manual_seed(context.seed)
            model = Reverser(kind, task.longest)
            steps = task.steps if kind == "general" else None
            batches, seconds = train(model, task, context.seed, steps, budget)
            budget = min(budget, seconds)
            learnt[kind] = judged(model, test, batches, seconds)
            if kind != FIXED:
                seen[kind] = look(model, shown)
            render.learnt(context, kind, learnt[kind])
    context.aside(f"{time.perf_counter() - begun:.0f} s")
    result = AttentionLab(learnt, seen, task)
    render.tell(context, result)
    return result


def strings(task: Task, rows: int, generator: torch.Generator) -> Ragged:
    """Random letters, (N,), of as many lengths as the task has."""
    lengths = torch.randint(task.shortest, task.longest + 1, (rows,), generator=generator)
    letters = torch.randint(len(LETTERS), (int(lengths.sum()),), generator=generator)
    return Ragged(letters, lengths)


def train(
    model: Reverser, task: Task, seed: int, steps: int | None, seconds: float
) -> tuple[int, float]:
    """Adam, its rate falling to 0, for so many batches or, without a number, so many seconds.

    Returns the batches and the seconds.
    """
    generator = torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    start, count = time.perf_counter(), 0
    while (done := (time.perf_counter() - start) / seconds if steps is None else count / steps) < 1:
        adam.param_groups[0]["lr"] = RATE * (1 - done)
        adam.zero_grad()
        model.loss(strings(task, ROWS, generator)).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        adam.step()
        count += 1
    return count, time.perf_counter() - start


def judged(model: Reverser, test: Ragged, batches: int, seconds: float) -> Learnt:
    """Figures of what it says of strings that it never saw."""
    said, _ = model.backwards(test)
    truth, mask = test.reverse().padded(-1), test.mask()
    right = said == truth
    late = torch.arange(said.shape[1]) >= (test.lengths / 2)[:, None]
    halves = [float(right[mask & half].float().mean()) for half in (~late, late)]
    return Learnt(
        batches,
        seconds,
        float(right[mask].float().mean()),
        float((right | ~mask).all(1).float().mean()),
        (halves[0], halves[1]),
    )


def look(model: Reverser, shown: Ragged) -> Seen:
    """Where it looks, in a batch of strings of unequal length; the shortest one is kept."""
    said, weights = model.backwards(shown)
    assert weights is not None
    row, length = int(shown.lengths.argmin()), int(shown.lengths.min())
    behind = weights.masked_fill(shown.mask()[:, None], 0)
    string = shown.to_list()[row]
    return Seen(
        spelled(string),
        spelled(said[row, :length]),
        weights[row, :length, :length].numpy(),
        float((weights.sum(2) - 1).abs().max()),
        float(behind.max()),
    )


def spelled(letters: Tensor) -> str:
    """Numbers (T,) as letters."""
    return "".join(LETTERS[k] for k in letters.tolist())

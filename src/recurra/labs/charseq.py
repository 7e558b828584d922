"""A phrase letter by letter: one-hot or the number itself, fed the truth or its own letters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import mean
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from recurra.labs.context import LabContext
from recurra.labs.hihello import floor
from recurra.labs.render import charseq as render
from recurra.labs.speller import Alphabet, Speller, descend
from recurra.nn import RNN

TEXT = " if you want you"
ALPHABET = Alphabet.of(TEXT)
SIZE = ALPHABET.letters
RATES = [0.1] * 100


@final
@dataclass(frozen=True)
class Reading:
    """What a way to read letters needs: steps until all are right, for each seed.

    `next` and `ends` are mean distances in an untrained state: between letters next to each other
    in the alphabet, and between its first and its last.
    """

    steps: tuple[int, ...]
    next: float
    ends: float


@final
@dataclass(frozen=True)
class CharSeq:
    """What the trained model says, its loss with a head and without, and two ways to read."""

    teacher_forced: str
    free_running: str
    loss: float
    loss_bare: float
    floor: float
    one_hot: Reading
    number: Reading


def run(context: LabContext) -> CharSeq:
    """Train on the phrase, write it freely, and compare one-hot letters with bare numbers."""
    ids = ALPHABET.ids(TEXT)
    x, y = ids[:, :-1], ids[:, 1:]
    context.say(f"Read '{TEXT[:-1]}', say '{TEXT[1:]}'. {SIZE} symbols; RNN({SIZE}, {SIZE}).")
    losses = []
    for head in (False, True):
        torch.manual_seed(context.seed)
        model = Speller(RNN(SIZE, SIZE), head=head)
        for step in descend(model, partial(model.loss, x, y), RATES):
            if head and step.number in (1, 2, 4, 8, 16, 100):
                said = ALPHABET.text(model.predict(x)[0])
                context.spelled(f"step {step.number:3}  loss {step.loss:.4f}", said, TEXT[1:])
        losses.append(step.loss)
    free = ALPHABET.text(model.write(x[:, :1], len(TEXT) - 1)[0])
    readings = [read(width, ids, 3 if context.quick else 10) for width in (SIZE, 1)]
    result = CharSeq(said, free, losses[1], losses[0], floor(SIZE), *readings)
    render.tell(context, result, TEXT)
    return result


def read(width: int, ids: Tensor, count: int) -> Reading:
    """Compare untrained states of all letters, and train, with `count` seeds."""
    near, far = [], []
    for seed in range(count):
        torch.manual_seed(seed)
        states = RNN(width, SIZE)(given(torch.arange(SIZE)[:, None], width))[0][:, 0].detach()
        near += [float((states[a] - states[b]).norm()) for a, b in pairwise(range(SIZE))]
        far.append(float((states[0] - states[-1]).norm()))
    needed = tuple(steps(width, ids, seed) for seed in range(count))
    return Reading(needed, mean(near), mean(far))


def given(ids: Tensor, width: int) -> Tensor:
    """What the layer reads for ids (B, T): (B, T, V) one-hot, or (B, T, 1) the number itself."""
    return ids[..., None].float() if width == 1 else one_hot(ids, width).float()


def steps(width: int, ids: Tensor, seed: int) -> int:
    """Steps until every letter is right; 100 where that does not come."""
    torch.manual_seed(seed)
    model = nn.ModuleList([RNN(width, SIZE), nn.Linear(SIZE, SIZE)])
    x, y = given(ids[:, :-1], width), ids[0, 1:]
    right = False

    def loss() -> Tensor:
        nonlocal right
        scores = model[1](model[0](x)[0])[0]
        right = torch.equal(scores.argmax(1), y)
        return cross_entropy(scores, y)

    for step in descend(model, loss, RATES):
        if right:
            return step.number - 1
    return len(RATES)

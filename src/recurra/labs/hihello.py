"""The smallest text model: reads 'hihell', says 'ihello'; with and without a head."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from recurra.labs.context import LabContext
from recurra.labs.render import hihello as render
from recurra.labs.speller import Alphabet, Loss, Speller, descend, squared_error
from recurra.nn import RNN

TEXT = "hihello"
ALPHABET = Alphabet.of(TEXT)
RATES = [0.1] * 100
LOSSES: dict[str, Loss] = {
    "cross entropy": cross_entropy,
    "squared error of probabilities": lambda scores, y: squared_error(scores.softmax(1), y),
    "squared error of scores": squared_error,
}


@final
@dataclass(frozen=True)
class Trained:
    """The loss before each step, and what the model says after it."""

    losses: tuple[float, ...] = field(repr=False)
    said: tuple[str, ...] = field(repr=False)


class Needed(NamedTuple):
    """Steps to the right word (infinite: more than 100) and first gradient; medians over seeds."""

    new_steps: float
    new_gradient: float
    misled_steps: float
    misled_gradient: float


@final
@dataclass(frozen=True)
class HiHello:
    """The model with a head, the one without, its lowest loss, and what each loss needs."""

    head: Trained
    bare: Trained
    floor: float
    needed: dict[str, Needed]


def run(context: LabContext) -> HiHello:
    """Train with and without a head, derive the floor without one, compare loss functions."""
    ids = ALPHABET.ids(TEXT)
    x, y = ids[:, :-1], ids[:, 1:]
    seeds = range(context.seed, context.seed + (1 if context.quick else 3))
    result = HiHello(
        head=train(speller(context.seed), x, y),
        bare=train(speller(context.seed, head=False), x, y),
        floor=floor(ALPHABET.letters),
        needed=needed(x, y, seeds),
    )
    render.tell(context, result, ALPHABET.known.symbols, len(seeds))
    return result


def speller(seed: int, *, head: bool = True) -> Speller:
    """An RNN as wide as the alphabet, with a linear head or with its state taken for scores."""
    torch.manual_seed(seed)
    return Speller(RNN(ALPHABET.letters, ALPHABET.letters), head=head)


def floor(symbols: int) -> float:
    """The lowest cross entropy of scores between -1 and 1: 1 for the right one, -1 for others."""
    return math.log(1 + (symbols - 1) * math.exp(-2))


def train(model: Speller, x: Tensor, y: Tensor) -> Trained:
    """Take all steps, and look at what the model says after each."""
    losses, said = [], []
    for step in descend(model, partial(model.loss, x, y), RATES):
        losses.append(step.loss)
        said.append(ALPHABET.text(model.predict(x)[0]))
    return Trained(tuple(losses), tuple(said))


def needed(x: Tensor, y: Tensor, seeds: range) -> dict[str, Needed]:
    """What each loss needs to teach the word: to a new model, and to one taught a wrong word."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in LOSSES}
    for seed in seeds:
        new, misled = speller(seed), speller(seed)
        train(misled, x, (y + 1) % ALPHABET.letters)
        for name, loss in LOSSES.items():
            runs = [until_right(deepcopy(model), loss, x, y) for model in (new, misled)]
            found[name].append((*runs[0], *runs[1]))
    return {name: Needed(*map(median, zip(*rows, strict=True))) for name, rows in found.items()}


def until_right(model: Speller, loss: Loss, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Steps until the whole word is right, and the norm of the first gradient."""
    steps = descend(model, partial(model.loss, x, y, loss), RATES)
    first = next(steps)
    while not torch.equal(model.predict(x), y):
        step = next(steps, None)
        if step is None:
            return math.inf, first.gradient
        first = first._replace(number=step.number)
    return first.number, first.gradient

"""A phrase letter by letter: one-hot or the number itself, fed the truth or its own letters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import mean, median
from typing import Literal, final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from recurra.labs.context import LabContext
from recurra.labs.hihello import floor
from recurra.labs.speller import Alphabet, Speller, descend
from recurra.nn import RNN

TEXT = " if you want you"
ALPHABET = Alphabet.of(TEXT)
SIZE = ALPHABET.letters
RATES = [0.1] * 100

Reading = Literal["one-hot", "the number"]


@final
@dataclass(frozen=True)
class Numbering:
    """What a way of reading letters needs: steps until all are right, by seed and by numbering.

    `neighbours` and `ends` are the mean distances, in an untrained state, between letters next to
    each other in the alphabet and between its first and last.
    """

    steps_by_seed: tuple[int, ...]
    steps_by_order: tuple[int, ...]
    neighbours: float
    ends: float


@final
@dataclass(frozen=True)
class CharSeq:
    """What the trained model says, its loss with a head and without, and the two ways to read."""

    teacher_forced: str
    free_running: str
    loss: float
    loss_bare: float
    floor: float
    readings: dict[Reading, Numbering]


def run(context: LabContext) -> CharSeq:
    """Train on the phrase, write it freely, and compare one-hot letters with bare numbers."""
    ids = ALPHABET.ids(TEXT)
    x, y = ids[:, :-1], ids[:, 1:]
    context.say(f"Read '{TEXT[:-1]}', say '{TEXT[1:]}': {SIZE} symbols, RNN({SIZE}, {SIZE}).")
    losses = {}
    for head in (False, True):
        torch.manual_seed(context.seed)
        model = Speller(RNN(SIZE, SIZE), head=head)
        for step in descend(model, partial(model.loss, x, y), RATES):
            if head and step.number in (1, 2, 4, 8, 16, 100):
                said = ALPHABET.text(model.predict(x)[0])
                context.spelled(f"step {step.number:3}  loss {step.loss:.4f}", said, TEXT[1:])
        losses[head] = step.loss
    free = ALPHABET.text(model.write(x[:, :1], y.shape[1])[0])
    context.spelled("free-running, from the first blank on:", free, TEXT[1:])
    context.say(
        f"Without a head the loss ends at {losses[False]:.3f}: scores between -1 and 1 cannot get "
        f"below {floor(SIZE):.3f} (see lab hihello). With a head: {losses[True]:.4f}."
    )
    count = 3 if context.quick else 10
    result = CharSeq(
        said, free, losses[True], losses[False], floor(SIZE),
        {"one-hot": numbering("one-hot", ids, count), "the number": numbering("the number", ids, count)},
    )  # fmt: skip
    _tell(context, result)
    return result


def numbering(reading: Reading, ids: Tensor, count: int) -> Numbering:
    """Train with `count` seeds, and with `count` other orders of the alphabet."""
    orders = [torch.randperm(SIZE, generator=torch.Generator().manual_seed(k)) for k in range(count)]
    alike = torch.arange(SIZE)
    near, far = [], []
    for seed in range(count):
        torch.manual_seed(seed)
        states = _layer(reading)(_read(reading, alike)[:, None])[0][:, 0].detach()
        near += [float((states[a] - states[b]).norm()) for a, b in pairwise(range(SIZE))]
        far.append(float((states[0] - states[-1]).norm()))
    return Numbering(
        tuple(_steps(reading, ids, seed) for seed in range(count)),
        tuple(_steps(reading, order[ids], 0) for order in orders),
        mean(near), mean(far),
    )  # fmt: skip


def _layer(reading: Reading) -> RNN:
    return RNN(SIZE if reading == "one-hot" else 1, SIZE)


def _read(reading: Reading, ids: Tensor) -> Tensor:
    """What the layer is given for ids (...): (..., V) one-hot, or (..., 1) the number itself."""
    return one_hot(ids, SIZE).float() if reading == "one-hot" else ids[..., None].float()


def _steps(reading: Reading, ids: Tensor, seed: int) -> int:
    """Steps until every letter is right, 100 where that does not come."""
    torch.manual_seed(seed)
    layer, head = _layer(reading), nn.Linear(SIZE, SIZE)
    x, y = _read(reading, ids[:, :-1]), ids[0, 1:]
    # The scores before each step, looked at for the answer and then for the gradient.
    scores = torch.empty(0)

    def loss() -> Tensor:
        nonlocal scores
        scores = head(layer(x)[0])[0]
        return cross_entropy(scores, y)

    for step in descend(nn.ModuleList([layer, head]), loss, RATES):
        if torch.equal(scores.argmax(1), y):
            return step.number - 1
    return len(RATES)


def _tell(context: LabContext, r: CharSeq) -> None:
    context.section("a letter as one-hot, or as its number in the alphabet")
    context.table(
        ("read as", "steps, by seed", "by numbering", "a to next", "first to last"),
        (
            (name, *(f"{median(s):g} ({min(s)} to {max(s)})" for s in (n.steps_by_seed, n.steps_by_order)),
             f"{n.neighbours:.2f}", f"{n.ends:.2f}")
            for name, n in r.readings.items()
        ),
    )  # fmt: skip
    hot, number = r.readings.values()
    context.answer(
        "Why one-hot and not the index itself?",
        "A number has an order and a size, and letters have neither. Read as numbers, letters next "
        f"to each other in the alphabet leave states {number.neighbours:.2f} apart, its first and "
        f"last {number.ends:.2f}; one-hot, {hot.neighbours:.2f} and {hot.ends:.2f}: all alike. The "
        "network has to undo that first: it learns the phrase as well, but in "
        f"{median(number.steps_by_seed):g} steps for {median(hot.steps_by_seed):g}, and up to "
        f"{max(number.steps_by_order)} for {max(hot.steps_by_order)} when the letters are merely "
        "numbered in another order.",
    )

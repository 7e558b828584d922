"""The smallest text model: reads 'hihell', says 'ihello'; with and without a head."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from recurra.labs.context import LabContext
from recurra.labs.speller import Alphabet, Loss, Speller, descend, squared_error
from recurra.nn import RNN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEXT = "hihello"
ALPHABET = Alphabet.of(TEXT)
RATES = [0.1] * 100
MOST = 100
"""Steps after which a model that has not learnt the word is given up."""

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


@final
@dataclass(frozen=True)
class Needed:
    """Medians over seeds: steps until the word is right, and the first gradient's norm."""

    fresh_steps: float
    fresh_gradient: float
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
    seeds = 1 if context.quick else 3
    result = HiHello(
        trained(context.seed, x, y, head=True),
        trained(context.seed, x, y, head=False),
        floor(ALPHABET.letters),
        needed(x, y, range(context.seed, context.seed + seeds)),
    )  # fmt: skip
    _tell(context, result, x, seeds)
    _draw(context, result)
    return result


def trained(seed: int, x: Tensor, y: Tensor, *, head: bool) -> Trained:
    """Train RNN(5, 5), with a linear head or with its state taken for the scores."""
    torch.manual_seed(seed)
    model = Speller(RNN(ALPHABET.letters, ALPHABET.letters), head=head)
    losses, said = [], []
    for step in descend(model, partial(model.loss, x, y), RATES):
        losses.append(step.loss)
        said.append(ALPHABET.text(model.predict(x)[0]))
    return Trained(tuple(losses), tuple(said))


def floor(symbols: int) -> float:
    """The lowest cross entropy of scores between -1 and 1: 1 for the right one, -1 for others."""
    return math.log(1 + (symbols - 1) * math.exp(-2))


def needed(x: Tensor, y: Tensor, seeds: range) -> dict[str, Needed]:
    """Steps that each loss needs for the word, from the start and after a wrong word was learnt."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in LOSSES}
    wrong = (y + 1) % ALPHABET.letters
    for seed in seeds:
        torch.manual_seed(seed)
        fresh = Speller(RNN(ALPHABET.letters, ALPHABET.letters))
        misled = deepcopy(fresh)
        for _ in descend(misled, partial(misled.loss, x, wrong), RATES):
            pass
        for name, loss in LOSSES.items():
            runs = [_until_right(deepcopy(model), loss, x, y) for model in (fresh, misled)]
            found[name].append((*runs[0], *runs[1]))
    return {name: Needed(*map(median, zip(*rows, strict=True))) for name, rows in found.items()}


def _until_right(model: Speller, loss: Loss, x: Tensor, y: Tensor) -> tuple[int, float]:
    """Steps until the whole word is right, and the norm of the first gradient."""
    first = math.nan
    for step in descend(model, partial(model.loss, x, y, loss), [0.1] * MOST):
        first = step.gradient if step.number == 1 else first
        if torch.equal(model.predict(x), y):
            return step.number, first
    return MOST, first


def _tell(context: LabContext, r: HiHello, x: Tensor, seeds: int) -> None:
    symbols = ALPHABET.vocabulary.symbols
    context.say(
        f"Read '{TEXT[:-1]}' {tuple(x.shape)}, say '{TEXT[1:]}': {len(symbols)} symbols, "
        f"{' '.join(symbols)}, one-hot. RNN(5, 5), Adam 0.1."
    )
    context.table(
        ("step", "with a head: loss", "says", "without: loss", "says"),
        (
            (k, *(v for t in (r.head, r.bare) for v in (f"{t.losses[k - 1]:.4f}", t.said[k - 1])))
            for k in (1, 2, 5, 10, 20, 50, 100)
        ),
    )  # fmt: skip
    context.say(
        "Without a head the state is taken for the scores, and each number of it lies between -1 "
        "and 1. The best it can come to is 1 for the right letter and -1 for the other "
        f"{len(symbols) - 1}: a loss of ln(1 + {len(symbols) - 1} e^-2) = {r.floor:.3f}. No "
        "training gets below that."
    )
    context.section(f"cross entropy or squared error (with a head; medians of {seeds} seeds)")
    context.table(
        ("", "new: steps", "gradient", "misled: steps", "gradient"),
        (
            (name, _most(n.fresh_steps), f"{n.fresh_gradient:.2f}",
             _most(n.misled_steps), f"{n.misled_gradient:.4f}")
            for name, n in r.needed.items()
        ),
    )  # fmt: skip
    entropy, chances, scores = r.needed.values()
    context.answer(
        "Why cross entropy and not squared error?",
        "A new model tells little: Adam divides the gradient's size away. A misled one, taught a "
        f"wrong word for {len(RATES)} steps, does. Cross entropy's gradient on the scores is "
        f"p - y: large where a sure answer is wrong ({entropy.misled_gradient:.2f}), and "
        f"{_most(entropy.misled_steps)} steps set it right. Squared error of the probabilities "
        "multiplies it by their slope, which is near 0 where the model is sure "
        f"({chances.misled_gradient:.4f}): {_most(chances.misled_steps)} steps. Squared error of "
        f"the scores has a large gradient ({scores.misled_gradient:.2f}) and spends it on drawing "
        f"every score to 0 or 1 exactly: {_most(scores.misled_steps)} steps, and no "
        "probabilities in the end.",
    )


def _draw(context: LabContext, r: HiHello) -> None:
    def draw(axes: Axes) -> None:
        for trained, name in ((r.head, "with a head"), (r.bare, "without")):
            axes.plot(trained.losses, label=name)
        axes.axhline(r.floor, color="grey", linestyle=":", label=f"floor without: {r.floor:.3f}")
        axes.set(xlabel="step", ylabel="loss, nats a letter", yscale="log", title=TEXT)
        axes.legend()

    context.picture("hihello", draw)


def _most(steps: float) -> str:
    return f"{steps:g}" if steps < MOST else f">{MOST}"

"""A long sentence from windows of 10, then with the state handed from window to window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from statistics import mean
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra.labs.context import LabContext
from recurra.labs.render import long_sequence as render
from recurra.labs.speller import Alphabet, Speller, descend
from recurra.nn import RNN

TEXT = (
    "if you want to build a ship, don't drum up people together to collect wood and don't assign "
    "them tasks and work, but rather teach them to long for the endless immensity of the sea."
)
ALPHABET = Alphabet.of(TEXT)
WINDOW = 10
STEPS = 100
CLIP = 0.25
RISING = [0.1 * min(1.0, (k + 1) / 10) for k in range(STEPS)]
FALLING = [0.05 * (1 + math.cos(math.pi * k / STEPS)) for k in range(STEPS)]
BOTH = [min(rates) for rates in zip(RISING, FALLING, strict=True)]
SETTINGS = {
    "0.1 throughout": ([0.1] * STEPS, math.inf),
    "clipped": ([0.1] * STEPS, CLIP),
    "falling to 0": (FALLING, math.inf),
    "risen in 10 steps": (RISING, math.inf),
    "all three": (BOTH, CLIP),
}
"""The rate of each step, and the norm that a longer gradient is cut to."""


@final
@dataclass(frozen=True)
class Steadiness:
    """For a setting: the share of characters right for each seed, and of state at its limit."""

    right: tuple[float, ...]
    at_limit: float


@final
@dataclass(frozen=True)
class LongSequence:
    """What was put together from windows, by setting and seed; what carrying the state adds."""

    joined: str
    settings: dict[str, Steadiness]
    first_of_window: float
    first_of_carried: float
    carried: float
    written_by_windows: str
    written: str


def run(context: LabContext) -> LongSequence:
    """Train on windows in five ways, then on carried windows, and write the sentence freely."""
    ids = ALPHABET.ids(TEXT)
    windows = ids[0].unfold(0, WINDOW + 1, 1)
    x, y = windows[:, :-1], windows[:, 1:]
    context.say(
        f"{len(TEXT)} characters give {len(windows)} windows of {WINDOW}; 2 layers, Adam, {STEPS} "
        "steps. Put together from the first window and the last character of each next one:"
    )
    model = speller(context.seed)
    for step in descend(model, partial(model.loss, x, y), BOTH, clip=CLIP):
        if step.number in (1, 10, 50, STEPS):
            joined = ALPHABET.text(join(model.predict(x)))
            context.spelled(f"step {step.number}, loss {step.loss:.2f}:", joined, TEXT[1:])
    names = ("0.1 throughout", "all three") if context.quick else tuple(SETTINGS)
    seeds = range(context.seed, context.seed + 5)
    settings = {name: steadiness(x, y, *SETTINGS[name], seeds) for name in names}

    context.section("windows side by side, the state handed from each to the next")
    carried = speller(context.seed)
    for step in descend(carried, partial(carried_loss, carried, ids), BOTH, clip=CLIP):
        if step.number in (1, 10, 50, STEPS):
            followed = carried.predict(ids[:, :-1])
            said = ALPHABET.text(followed[0])
            context.spelled(f"step {step.number}, loss {step.loss:.2f}:", said, TEXT[1:])
    prompt, rest = ids[:, :WINDOW], len(TEXT) - WINDOW
    result = LongSequence(
        joined=joined,
        settings=settings,
        first_of_window=share(model.predict(x)[:, 0] == y[:, 0]),
        first_of_carried=share((followed == ids[:, 1:])[:, WINDOW::WINDOW]),
        carried=share(followed == ids[:, 1:]),
        written_by_windows=ALPHABET.text(model.write(prompt, rest)[0]),
        written=ALPHABET.text(carried.write(prompt, rest)[0]),
    )
    render.tell(context, result, TEXT)
    return result


def speller(seed: int) -> Speller:
    """Two layers as wide as the alphabet, and a head."""
    torch.manual_seed(seed)
    return Speller(RNN(ALPHABET.letters, ALPHABET.letters, 2))


def join(predicted: Tensor) -> Tensor:
    """One sentence (T,) of what was predicted in windows: the first, then each other's last."""
    return torch.cat([predicted[0], predicted[1:, -1]])


def steadiness(x: Tensor, y: Tensor, rates: list[float], clip: float, seeds: range) -> Steadiness:
    """Train on the windows x with the targets y, once for each seed."""
    right, limits = [], []
    for seed in seeds:
        model = speller(seed)
        for step in descend(model, partial(model.loss, x, y), rates, clip=clip):
            if step.number == 5:
                with torch.no_grad():
                    state, _ = model.layer(one_hot(x, ALPHABET.letters).float())
                limits.append(share(state.abs() > 0.99))
        right.append(share(join(model.predict(x)) == join(y)))
    return Steadiness(tuple(right), mean(limits))


def carried_loss(model: Speller, ids: Tensor) -> Tensor:
    """Mean loss over the sentence, read in windows, each from the state that the last one left.

    The state is handed on as a value: no gradient flows back into the window it came from.
    """
    total = torch.zeros(())
    state = None
    for k in range(0, ids.shape[1] - 1, WINDOW):
        window = ids[:, k : k + WINDOW + 1]
        scores, state = model(window[:, :-1], state)
        total = total + cross_entropy(scores[0], window[0, 1:], reduction="sum")
        state = state.detach()
    return total / (ids.shape[1] - 1)


def share(right: Tensor) -> float:
    """The share of what is true."""
    return float(right.float().mean())

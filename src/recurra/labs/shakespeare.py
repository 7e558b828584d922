"""RNN, GRU and LSTM learn to write like a text, side by side, and what temperature does."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import islice
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from recurra.data.embedded_text import embedded_text
from recurra.data.files import read_text
from recurra.errors import DataError
from recurra.labs.context import LabContext
from recurra.labs.render import shakespeare as render
from recurra.labs.speller import descend
from recurra.networks.text import TextNetwork, stream_nats
from recurra.runtime import text as runtime
from recurra.runtime.text import Architecture
from recurra.search.sampling import Sampling
from recurra.tasks.text.data import TextData
from recurra.tasks.text.estimator import TextModel
from recurra.tasks.text.generate import write

CELLS = ("rnn", "gru", "lstm")
CHUNK = 200
CHUNKS = 2000
EVERY = 100
RATE = 0.002
TEMPERATURES = (0.2, 0.5, 0.8, 1.0, 1.5)
ROWS = 50
"""Held-out text is read in so many streams side by side, each from a zero state."""


@final
@dataclass(frozen=True)
class Learnt:
    """How a network came along.

    `curve` has (chunks, nats a character on the beginning of the held-out part); `nats` is the
    figure on all of it, `seconds` the time of training alone.
    """

    curve: tuple[tuple[int, float], ...]
    nats: float
    seconds: float
    sample: str


@final
@dataclass(frozen=True)
class Warmth:
    """What a temperature does: bits of choice a character, nats if it were used to predict."""

    entropy: float
    nats: float
    sample: str


@final
@dataclass(frozen=True)
class Shakespeare:
    """The three cells, our own default in the time of the slowest (unless quick), temperature."""

    text: str
    cells: dict[str, Learnt]
    default: Learnt | None
    warmth: dict[float, Warmth]


def run(context: LabContext) -> Shakespeare:
    """Train three networks with the same settings, then recurra's default, and sample from all."""
    source = embedded_text() if context.path is None else read_text([context.path])
    data = TextData.from_source(source)
    if len(data.train) <= CHUNK + 1 or len(data.test) < 2 * ROWS:
        raise DataError(
            f"{source.name}: {len(source.text):,} characters are too few for this lab",
            expected="at least 1,000; it learns to write from 500,000",
        )
    context.say(
        f"{source.name}: {len(source.text):,} characters, {len(data.vocabulary) - 1} "
        f"different; the last {len(data.test):,} are held out. Embedding 70, 2 layers of 100, "
        f"Adam {RATE}, one random chunk of {CHUNK} a step, from a zero state."
    )
    if not context.quick:
        context.aside("This takes minutes; with --quick, seconds.")
    networks, learnt = {}, {}
    for cell in CELLS:
        torch.manual_seed(context.seed)
        networks[cell] = TextNetwork(
            Architecture(len(data.vocabulary), cell, 70, 100, layers=2, dropout=0)
        )
        learnt[cell] = learn(context, cell, networks[cell], data)
    default = None
    if not context.quick:
        slowest = max(each.seconds for each in learnt.values())
        context.section(f"recurra's own default now has {slowest:.0f} s for everything")
        default = by_default(context, data, slowest)
    best = min(learnt, key=lambda cell: learnt[cell].nats)
    warmth = {t: warm(networks[best], data, context.seed, t) for t in TEMPERATURES}
    result = Shakespeare(source.name, learnt, default, warmth)
    render.tell(context, result, best)
    return result


def learn(context: LabContext, name: str, network: TextNetwork, data: TextData) -> Learnt:
    """Train on random chunks; every so often look at held-out text, and write."""
    chance = torch.Generator().manual_seed(context.seed)
    train = torch.from_numpy(data.train).long()
    chunks, every = (40, 20) if context.quick else (CHUNKS, EVERY)

    def loss() -> Tensor:
        start = int(torch.randint(len(train) - CHUNK, (1,), generator=chance))
        ids = train[start : start + CHUNK + 1]
        scores, _ = network(ids[None, :-1])
        return cross_entropy(scores[0], ids[1:])

    context.section(f"{name.upper()}, {sum(p.numel() for p in network.parameters()):,} weights")
    curve = [(0, held_out(network, data, 200))]
    seconds, begun = 0.0, time.perf_counter()
    for step in descend(network, loss, [RATE] * chunks):
        if step.number % every:
            continue
        seconds += time.perf_counter() - begun
        curve.append((step.number, held_out(network, data, 200)))
        line = sample(network.in_use(), data, context.seed, 40).replace("\n", " ")
        context.say(f"{step.number:5} chunks  {curve[-1][1]:.3f} nats  {line}")
        begun = time.perf_counter()
    written = sample(network.in_use(), data, context.seed, 200)
    return Learnt(tuple(curve), held_out(network, data), seconds, written)


def held_out(network: TextNetwork, data: TextData, most: int | None = None) -> float:
    """Nats a character on the held-out part, in 50 streams, of `most` characters each."""
    x, y = streams(data, most)
    return float(stream_nats(network, x, y, data.unknown_rate, chunk=1024).mean())


def streams(data: TextData, most: int | None = None) -> tuple[Tensor, Tensor]:
    """The held-out part as 50 streams (50, T) of `most` characters each, and what follows each."""
    steps = (len(data.test) - 1) // ROWS
    ids = torch.from_numpy(data.test[: ROWS * steps + 1]).long()
    return ids[:-1].reshape(ROWS, steps)[:, :most], ids[1:].reshape(ROWS, steps)[:, :most]


def sample(
    network: runtime.TextNetwork,
    data: TextData,
    seed: int,
    length: int,
    temperature: float = 0.8,
) -> str:
    """Text that follows 'b', or the text's first character where it has no 'b'."""
    prompt = data.source.text[0] if data.vocabulary.unknown("b") else "b"
    pieces = write(network, data.vocabulary, prompt, Sampling(temperature=temperature), seed=seed)
    return prompt + "".join(piece for (piece,) in islice(pieces, length))


@torch.no_grad()
def warm(network: TextNetwork, data: TextData, seed: int, temperature: float) -> Warmth:
    """Divide the scores by a temperature: the entropy of what is left, its loss, a sample."""
    x, y = streams(data, 200)
    scores, _ = network(x)
    # Without the unknown character, whose score is minus infinity.
    chances = (scores[..., 1:] / temperature).log_softmax(-1)
    nats = -chances.gather(-1, (y[..., None] - 1).clamp(min=0))[..., 0][y > 0].mean()
    entropy = -(chances.exp() * chances).sum(-1).mean() / math.log(2)
    return Warmth(
        float(entropy), float(nats), sample(network.in_use(), data, seed, 60, temperature)
    )


def by_default(context: LabContext, data: TextData, seconds: float) -> Learnt:
    """What TextModel makes of the same text in this time, report and all."""
    model = TextModel(minutes=seconds / 60, seed=context.seed).fit(data.source)
    context.say(f"{model.network.size:,} weights. {model.report['training']['sentence']}")
    nats = float(model.report["model"]["nats"])
    return Learnt((), nats, seconds, sample(model.network, data, context.seed, 200))

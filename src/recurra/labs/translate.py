"""Four sentences from English to Korean: encoder, decoder, and what the decoder is fed to learn."""

from __future__ import annotations

import math
import random
import statistics
import time
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from recurra.labs.context import LabContext
from recurra.labs.four_sentences import (
    BATCHED_RATE,
    BATCHES,
    CURVE,
    ENGLISH,
    EVERY,
    FED,
    FED_RATE,
    FIRST,
    GOAL,
    HIDDEN,
    KOREAN,
    MOST,
    PAIRS,
    RATE,
    SEEDS,
    SHARES,
    STEPS,
)
from recurra.labs.render import translate as render
from recurra.labs.training.one_sentence import BEGIN, Pair, Translator, descend, one_thread
from recurra.nn import Ragged


def translator(seed: int) -> Translator:
    """A model with first weights of this seed."""
    torch.manual_seed(seed)
    return Translator(len(ENGLISH), len(KOREAN), HIDDEN)


@torch.no_grad()
def translate(model: Translator) -> tuple[str, ...]:
    """Each sentence word by word, always the likeliest, fed back."""
    state, word, said = model.read(ENGLISH.ragged), torch.full((len(PAIRS),), BEGIN), []
    for _ in range(MOST):
        scores, state = model.step(word, state)
        word = scores.argmax(1)
        said.append(word)
    return tuple(KOREAN.text(row.tolist()) for row in torch.stack(said, 1))


class Alone(NamedTuple):
    """One sentence a step: mean loss a word over each thousand steps, seconds, what it says."""

    losses: tuple[float, ...]
    seconds: float
    said: tuple[str, ...]


class Batched(NamedTuple):
    """All four at once, Adam: batches and seconds to the goal, the loss there, what it says."""

    batches: int
    seconds: float
    loss: float
    said: tuple[str, ...]


class Fed(NamedTuple):
    """What came of a share of own words fed to learn; figures of one seed, or medians of all.

    Args:
        exact: batches until all four were right; infinite where more than are counted.
        forced: share of words right after each batch, fed the truth.
        free: and fed its own words.
        recovered: share of the words right after one wrong word was put in, at the end.
        seconds: of the training.
    """

    exact: float
    forced: tuple[float, ...]
    free: tuple[float, ...]
    recovered: float
    seconds: float


@final
@dataclass(frozen=True)
class Translate:
    """One sentence a step; a batch a step; and the three ways of feeding the decoder."""

    alone: Alone
    batched: Batched
    fed: dict[float, Fed]


def run(context: LabContext) -> Translate:
    """Train as the notes do, then batched, then with ever more of its own words fed back."""
    with one_thread():
        render.begin(context)
        result = Translate(
            alone(context.seed), batched(context.seed), fed(context.seed, context.quick)
        )
    render.tell(context, result)
    return result


def alone(seed: int, steps: int = STEPS) -> Alone:
    """Learn from a sentence drawn at each step, by SGD."""
    model = translator(seed)
    pairs = [Pair(*rows) for rows in zip(ENGLISH.rows, KOREAN.rows, strict=True)]
    draw = random.Random(seed)
    drawn = [draw.choice(pairs) for _ in range(steps)]
    start = time.perf_counter()
    losses = list(descend(model, drawn, rate=RATE))
    seconds = time.perf_counter() - start
    means = tuple(
        statistics.fmean(losses[k : k + EVERY]) for k in range(0, len(losses) - EVERY + 1, EVERY)
    )
    return Alone(means, seconds, translate(model))


def batched(seed: int) -> Batched:
    """Learn from all four at each step, by Adam, until the loss is what one at a time ended with.

    The loss is the mean over sentences of the mean over their words, as above.
    """
    model = translator(seed)
    adam = torch.optim.Adam(model.parameters(), BATCHED_RATE, fused=True)
    sources, targets = ENGLISH.ragged, KOREAN.ragged
    before = shifted(targets)
    share = (1 / targets.lengths / targets.batch).repeat_interleave(targets.lengths)
    start = time.perf_counter()
    count = 0
    while True:
        scores = model.forced(sources, before)
        loss = cross_entropy(scores, targets.values, reduction="none") @ share
        if loss.item() <= GOAL or count == BATCHES:
            break
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        count += 1
    seconds = time.perf_counter() - start
    return Batched(count, seconds, loss.item(), translate(model))


def shifted(targets: Ragged) -> Ragged:
    """What comes before each word: begin, then the true words."""
    values = targets.values.roll(1)
    values[targets.starts] = BEGIN
    return targets.beside(values)


def fed(seed: int, quick: bool) -> dict[float, Fed]:
    """Train with each share of own words, from several first weights, and take the medians."""
    found = {}
    for share in SHARES:
        each = [feed(share, k) for k in range(seed, seed + (3 if quick else SEEDS))]
        forced, free = (
            tuple(map(statistics.fmean, zip(*curves, strict=True)))
            for curves in ([one.forced for one in each], [one.free for one in each])
        )
        exact, recovered, seconds = (
            statistics.median(figures)
            for figures in zip(*((o.exact, o.recovered, o.seconds) for o in each), strict=True)
        )
        found[share] = Fed(exact, forced, free, recovered, seconds)
    return found


def feed(share: float, seed: int) -> Fed:
    """Scheduled sampling (Bengio et al. 2015, arXiv:1506.03099) with a share that stays.

    The word fed next is the decoder's own with probability `share`, else the true one, so that the
    decoder has to be walked word by word; with a share of 0 it is one call.
    """
    model, sources, targets = translator(seed), ENGLISH.ragged, KOREAN.ragged
    adam = torch.optim.Adam(model.parameters(), FED_RATE, fused=True)
    truth, mask = targets.padded(), targets.mask()
    before = shifted(targets)
    forced, free, seconds = [], [], 0.0
    for count in range(FED):
        start = time.perf_counter()
        if share:
            own = torch.rand(truth.shape) < share
            scores = torch.stack(walk(model, sources, truth, own), 1)[mask]
        else:
            scores = model.forced(sources, before)
        adam.zero_grad()
        cross_entropy(scores, targets.values).backward()  # type: ignore[no-untyped-call]
        adam.step()
        seconds += time.perf_counter() - start
        if count < CURVE:
            with torch.no_grad():
                said = model.forced(sources, before).argmax(1)
                forced.append(float((said == targets.values).float().mean()))
                every = torch.stack(walk(model, sources, truth, torch.ones_like(mask)), 1)
                free.append(float((every.argmax(2) == truth)[mask].float().mean()))
    exact = next((k for k, right in enumerate(free, 1) if right == 1), math.inf)
    return Fed(exact, tuple(forced), tuple(free), recovered(model), seconds)


def walk(model: Translator, sources: Ragged, truth: Tensor, own: Tensor) -> list[Tensor]:
    """Scores (B, V) of each word of truth (B, T), fed its own words where own (B, T) says so."""
    state, word, every = model.read(sources), torch.full((len(truth),), BEGIN), []
    for t in range(truth.shape[1]):
        scores, state = model.step(word, state)
        every.append(scores)
        word = scores.argmax(1).where(own[:, t], truth[:, t])
    return every


@torch.no_grad()
def recovered(model: Translator) -> float:
    """Share of the words right after one wrong word, whichever and wherever it is.

    The words before it are the true ones; after it the decoder is fed its own.
    """
    rows, wrong, places = [], [], []
    for number, sentence in enumerate(KOREAN.rows):
        for where, true in enumerate(sentence[:-1].tolist()):
            for other in range(FIRST, len(KOREAN)):
                if other != true:
                    rows.append(number)
                    wrong.append(other)
                    places.append(where)
    targets, place = KOREAN.ragged.select(rows), torch.tensor(places)[:, None]
    truth, steps = targets.padded(), torch.arange(targets.steps)
    fed_in = torch.where(steps == place, torch.tensor(wrong)[:, None], truth)
    said = torch.stack(walk(model, ENGLISH.ragged.select(rows), fed_in, steps > place), 1).argmax(2)
    after = targets.mask() & (steps > place)
    right = ((said == truth) & after).sum(1) / after.sum(1)
    return float(right.mean())

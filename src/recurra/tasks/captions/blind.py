"""The same decoder without the picture: what can be said of captions by captions alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.codecs.tokenizer import BEGIN, END
from recurra.core.layers import GRU
from recurra.core.ragged import Ragged
from recurra.data.batches import Batches
from recurra.errors import counted
from recurra.networks.decoder import Decoder
from recurra.tasks.captions.baselines import Baseline
from recurra.tasks.captions.caption import excluded
from recurra.tasks.captions.config import GRID, EncodedDataset
from recurra.training.loop import seeded
from recurra.training.optimiser import Rates, build, clip, peaks, set_rates
from recurra.training.schedule import rate

STEPS: Final = 600
PASSES: Final = 20
"""Steps that it is trained for, and passes over the captions, at most."""

_BATCH: Final = 32


def baseline(dataset: EncodedDataset, *, seconds: float, seed: int) -> Baseline:
    """The decoder without a picture, trained on the same captions for so many seconds at most."""
    data, targets = dataset.data, dataset.targets
    with seeded(seed, 0):
        decoder = Decoder(
            GRU,
            vectors=nn.Embedding(len(targets), GRID.embedding),
            hidden=GRID.hidden,
            layers=1,
            kind="none",
            input_feeding=False,
            dropout=0.1,
        )
        nn.init.normal_(decoder.vectors.weight, std=GRID.embedding**-0.5)
        steps = _train(decoder, dataset, seconds, seed)
    decoder.eval()
    captioned = data.of(data.test)
    said = targets.decode(_likeliest(decoder, dataset.longest, excluded(targets)))
    encode = [
        [np.concatenate([[BEGIN], row, [END]]) for row in targets.encode_batch(texts)]
        for texts in (captioned.texts, captioned.false)
    ]
    return Baseline(
        "decoder without the picture",
        f"the same kind of decoder, trained on the captions alone for {counted(steps, 'step')}",
        (said,) * len(captioned),
        *(_nats(decoder, rows) for rows in encode),
    )


def _train(decoder: Decoder, dataset: EncodedDataset, seconds: float, seed: int) -> int:
    """Train it; returns the steps taken."""
    rows = dataset.texts_of(dataset.data.learn)
    lengths = np.array([len(dataset.ids[row]) for row in rows.tolist()])
    batches = Batches(rows, lengths, size=_BATCH, seed=seed)
    optimisers = build(decoder, Rates(0.02, 2e-3))
    highest, start, step = peaks(optimisers), time.perf_counter(), 0
    steps = min(STEPS, PASSES * batches.count)
    decoder.train()
    while (done := max(step / steps, (time.perf_counter() - start) / seconds)) < 1:
        set_rates(optimisers, highest, rate(done))
        batch = batches.read(*divmod(step, batches.count))
        scores, answers = _scores(decoder, [dataset.ids[row] for row in batch.tolist()])
        F.cross_entropy(scores.float(), answers).backward()  # type: ignore[no-untyped-call]
        clip(decoder.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        step += 1
    return step


def _scores(decoder: Decoder, rows: Sequence[NDArray[np.int64]]) -> tuple[Tensor, Tensor]:
    """Scores (N, V) of what follows each piece of texts from BEGIN to END, and what does (N,)."""
    inputs = Ragged.from_list([torch.from_numpy(row[:-1]) for row in rows])
    answers = torch.from_numpy(np.concatenate([row[1:] for row in rows]))
    nothing = Ragged(torch.zeros(len(rows), decoder.hidden), torch.ones(len(rows)).long())
    scores: Tensor = decoder(inputs, decoder.memory(nothing), nothing.values)
    return scores, answers


@torch.inference_mode()
def _nats(decoder: Decoder, rows: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """What each text costs, (N,)."""
    found = np.zeros(len(rows))
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        scores, answers = _scores(decoder, some)
        nats = F.cross_entropy(scores.float(), answers, reduction="none").double().numpy()
        cuts = np.cumsum([len(row) - 1 for row in some])[:-1]
        found[start : start + len(some)] = [each.sum() for each in np.split(nats, cuts)]
    return found


@torch.inference_mode()
def _likeliest(decoder: Decoder, longest: int, never: Sequence[int]) -> list[int]:
    """The pieces of the caption that it says, the likeliest one after the other."""
    nothing = Ragged(torch.zeros(1, decoder.hidden), torch.ones(1).long())
    memory, vector = decoder.memory(nothing), nothing.values
    state, token, found = decoder.first(memory, vector), BEGIN, list[int]()
    while len(found) < longest:
        scores, state = decoder.step(torch.tensor([token]), state, memory, vector)
        scores[:, list(never)] = -torch.inf
        token = int(scores.argmax())
        if token == END:
            break
        found.append(token)
    return found

"""Dynamic evaluation: the weights go on learning from each piece of a text once it has been scored.

Mikolov et al. 2010 (Interspeech, section 2); Krause et al. 2018, arXiv:1709.07432. Plain steps of
gradient descent, at the rate that suits text which nothing was trained on.
"""

from __future__ import annotations

import copy
from typing import Final

import numpy as np
import torch
from torch import nn

from recurra.codecs.tokenizer import UNKNOWN
from recurra.data.streams import Ids
from recurra.networks.text import TextNetwork, log_probabilities
from recurra.tasks.text import evaluate
from recurra.tasks.text.data import Places, TextData, spared_range
from recurra.tasks.text.evaluate import Nats

RATES: Final = (0.01, 0.03, 0.1, 0.3)
"""Rates that are tried; none at all is the plain evaluation."""

SEGMENT: Final = 64
"""Tokens between steps."""

TRIED: Final = 20_000
"""Tokens of the selection part that choose, of those that nothing was trained on."""


def dynamic_nats(
    network: TextNetwork,
    ids: Ids,
    unknown_rate: float,
    before: int | None,
    rate: float,
    starts: Places | None = None,
) -> Nats:
    """Nats (N,) of every token, by weights that have learnt from all segments before its own.

    The network itself stays as it is. Arguments are those of `evaluate.score`.

    Args:
        rate: of gradient descent on the mean loss of a segment; gradients are cut to a norm of 1.
    """
    learner = copy.deepcopy(network).eval()  # without dropout: what is scored is what learns
    weights = [weight for weight in learner.parameters() if weight.requires_grad]
    device = learner.embedding.weight.device
    given, aims, begun = evaluate.read_by(ids, before, starts)
    inputs, targets = (torch.from_numpy(x.astype(np.int64)).to(device) for x in (given, aims))
    cuts = None if begun is None else torch.from_numpy(begun).to(device)
    state, found = None, []
    for start in range(0, len(ids), SEGMENT):
        part = slice(start, start + SEGMENT)
        hidden, state = learner.read(
            inputs[None, part], state, None if cuts is None else cuts[None, part]
        )
        state = state.detach()
        with torch.no_grad():
            scores = log_probabilities(learner.logits(hidden)[0], unknown_rate)
            found.append(-scores.gather(-1, targets[part, None])[:, 0].double().cpu())
        known = int((targets[part] != UNKNOWN).sum())
        if not known:
            continue
        learner.zero_grad()
        loss = learner.summed_loss(hidden, targets[None, part]) / known
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(weights, 1.0)
        with torch.no_grad():
            for weight in weights:
                weight.sub_(weight.grad, alpha=rate)  # type: ignore[arg-type]
    return evaluate.counted(
        learner.embedding.num_embeddings, torch.cat(found).numpy(), before, starts
    )


def chosen(network: TextNetwork, read: TextData, spared: int) -> float:
    """The best of `RATES` on the end of the selection part.

    Args:
        spared: how many tokens of the part were never learnt (see `data.spared_range`); 0 where
            none was.
    """
    part = read.parts.select[-TRIED:]
    if spared:
        part = spared_range(read.parts.select, min(spared, TRIED))
    ids, before = np.asarray(read.ids[part.start : part.stop]), int(read.ids[part.start - 1])
    starts = read.starts_in(part)

    def cost(rate: float) -> float:
        return float(dynamic_nats(network, ids, read.unknown_rate, before, rate, starts).mean())

    return min(RATES, key=cost)

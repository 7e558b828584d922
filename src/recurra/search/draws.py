"""Sequences drawn by chance, each to its end, and as many of each as are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from recurra.errors import OptionError
from recurra.search.choice import Choose
from recurra.search.writing import (
    Forking,
    Found,
    Hypothesis,
    Integers,
    S,
    Writing,
    checked_limits,
    forbid,
    repeats,
)


@torch.no_grad()
def draw_rows(
    decoder: Forking[S],
    first_state: S,
    choose: Choose,
    chance: Sequence[torch.Generator],
    *,
    begin: int,
    end: int,
    limits: Sequence[int] | Integers,
    remember: int = 0,
    no_repeat: int = 0,
    looked: Callable[[S], Tensor] | None = None,
) -> list[list[Hypothesis]]:
    """K sequences of each of B, in the order drawn; those of which all have ended leave.

    Each is the same whatever runs beside it. The score is the mean log-probability of a token, the
    end counted, as the model has it, before filters.

    Args:
        decoder: reads the tokens of B * K rows.
        first_state: B * K rows, before `begin`.
        choose: from `greedy`, `draw` or `Sampling.choose`; what it excludes never comes.
        chance: B * K generators, from `generators`.
        begin: what is read first.
        end: what ends a sequence.
        limits: (B,) the most tokens of each, 1 or more, the end among them: the most steps.
        remember: how many of the last tokens `choose` looks at: `Sampling.remembers`.
        no_repeat: n-grams of so many tokens come once at most; 0 lets them come again.
        looked: where the step that led to a state looked, (R, S), to be told with the sequences.

    Raises:
        OptionError: rows, generators and limits do not go together, or a limit is below 1.
        RecurraError: the decoder's scores are not numbers, or leave no token to choose.
    """
    most = checked_limits(limits, (), end)
    copies = len(chance) // max(len(most), 1)
    if len(chance) != copies * len(most) or (len(most) and not copies):
        raise OptionError(
            f"{len(chance)} generators for {len(most)} sequences", expected="as many for each"
        )
    writing = Writing(decoder, first_state, len(most), copies, looked)
    # All that a row will ever need, at once: a call for each token would take longer than a step.
    uniform = np.zeros((len(most), copies, int(most.max(initial=0))))
    for row, generator in enumerate(chance):
        need = int(most[row // copies])
        drawn = torch.rand(need, generator=generator, dtype=torch.float64)
        uniform[row // copies, row % copies, :need] = drawn.numpy()
    found: list[dict[int, Found]] = [{} for _ in most]
    log_p = np.zeros((len(most), copies))
    tokens = np.full((len(most), copies), begin, np.int64)
    same = np.arange(copies)[None, :]
    while len(here := writing.here):
        logits = writing.read(tokens).float()
        scores = logits.log_softmax(-1)
        recent = writing.tokens.reshape(len(logits), writing.length - 1)
        if no_repeat:
            logits = logits.clone()  # the decoder may keep its own
            forbid(logits, (), *repeats(recent, no_repeat))
        recent = recent[:, max(0, recent.shape[1] - remember) :]
        level = uniform[here, :, writing.length - 1].reshape(-1)
        chosen = choose(logits, *(torch.from_numpy(x).to(logits.device) for x in (recent, level)))
        log_p += scores.gather(-1, chosen[:, None]).double().cpu().numpy().reshape(log_p.shape)
        tokens = chosen.cpu().numpy().reshape(log_p.shape)
        done = (tokens == end) | (most[here] == writing.length)[:, None]
        for at, copy in np.argwhere(done).tolist():
            ended = bool(tokens[at, copy] == end)
            written, rows = writing.written(at, copy, None if ended else int(tokens[at, copy]))
            total = float(log_p[at, copy])
            each = Found(total / writing.length, total, written, rows, ended)
            found[here[at]].setdefault(copy, each)  # what was drawn after an end is nothing
        over = np.array([len(found[sequence]) == copies for sequence in here])
        stay, _ = writing.write(tokens, np.repeat(same, len(here), 0), over)
        log_p, tokens = log_p[stay], tokens[stay]
    return writing.hypotheses([[each[copy] for copy in range(copies)] for each in found])

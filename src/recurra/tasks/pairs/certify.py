"""The comparisons of a pairs model's certificate, on sentences of its own test part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.tokenizer import BEGIN, END
from recurra.errors import InputError, MissingExtra
from recurra.runtime.certificate import NARROW, TOLERANCE, Check, close, equal, not_shown
from recurra.runtime.layers import log_softmax
from recurra.runtime.pairs import PairNetwork
from recurra.runtime.state import Array
from recurra.search.beam import Beam, beam
from recurra.search.hypotheses import Hypothesis
from recurra.tasks.pairs import data as reading
from recurra.tasks.pairs.estimator import PairModel
from recurra.tasks.pairs.evaluate import ids_of

if TYPE_CHECKING:
    from recurra.tasks.pairs.recipe import Prepared

PAIRS: Final = 12
"""Pairs that are read each way."""

PIECES: Final = 40
"""Pieces of a side that are read at most."""

Rows = Sequence[NDArray[np.int64]]
Trained = Callable[[Rows, Rows], Array]
"""Scores (N, V) by torch of what follows each piece of targets but the last, end to end."""


def comparisons(model: PairModel, data: Prepared | None) -> list[Check]:
    """The comparisons of a model, on the test part of what it was trained on."""
    try:
        read = (
            reading.read_again(model.run, model.run.config()["data"]) if data is None else data.data
        )
    except (InputError, MissingExtra) as error:
        return [not_shown("alone, among strangers, step by step, beam, torch", error.got)]
    sources, targets = ids_of(model._sources, model._targets, read.of(read.test[:PAIRS]))
    pairs = [(s[:PIECES], t[:PIECES]) for s, t in zip(sources, targets, strict=True) if len(s)]
    if not pairs:
        return [not_shown("alone, among strangers, step by step, beam, torch", "no source")]
    allowed = TOLERANCE if model._weights == "float32" else NARROW
    sides = [s for s, _ in pairs], [t for _, t in pairs]
    return compare(model.network, *sides, _trained(model), allowed=allowed)


def _trained(model: PairModel) -> Trained | str:
    try:
        trainer = model._trainer()
    except MissingExtra as error:
        return error.got
    found: Trained = trainer.scores
    return found


def compare(
    network: PairNetwork,
    sources: Rows,
    targets: Rows,
    trained: Trained | str,
    *,
    allowed: float,
) -> list[Check]:
    """Read pairs of ids in every way that there is, and by torch.

    Args:
        trained: the network in torch, or why there is none.
        allowed: how far torch's log-probabilities may be away.
    """
    note = f"{len(sources):,} pairs of the test part"
    together = network.log_likelihood(sources, targets)
    rows = range(len(sources))
    alone = [network.log_likelihood([sources[k]], [targets[k]])[0] for k in rows]
    stepped, logits = zip(
        *(_stepped(network, s, t) for s, t in zip(sources, targets, strict=True)), strict=True
    )
    written = _written(network, sources)
    each = [_written(network, [source])[0] for source in sources]
    found = [
        equal("alone = among strangers", alone, together, note),
        equal("step by step = whole", stepped, together, note),
        equal("a beam alone = among strangers", *map(_plain, (each, written)), note),
    ]
    name = "torch = runtime, nats"
    if isinstance(trained, str):
        return [*found, not_shown(name, trained)]
    theirs, ours = log_softmax(trained(sources, targets)), log_softmax(np.concatenate(logits))
    found.append(close(name, [theirs], [ours], note, allowed))
    # Where the likeliest differ, they have to be as likely within what is allowed.
    best = np.arange(len(ours)), theirs.argmax(1)
    away = ours.max(1) - ours[best]
    check = close("torch's likeliest = runtime's", [away], [np.zeros_like(away)], note, 2 * allowed)
    return [*found, check]


def _stepped(network: PairNetwork, source: Array, target: Array) -> tuple[Array, Array]:
    """The log-probability of each piece but the first, (T - 1,), and the logits (T - 1, V)."""
    decoder = network.decoder(network.encode([source]))
    state, logs, logits = decoder.begin(), [], []
    for piece, following in pairwise(target):
        outputs, state = decoder.step(np.array([piece]), state)
        logits.append(decoder.logits(outputs))
        logs.append(network.head.log_likelihood(outputs, np.array([following])))
    return np.concatenate(logs), np.concatenate(logits)


def _written(network: PairNetwork, sources: Rows) -> list[list[Hypothesis]]:
    decoder = network.decoder(network.encode(sources))
    options = Beam(3, 1)
    how: dict[str, Any] = {"begin": BEGIN, "end": END, "excluded": (BEGIN,), "options": options}
    return beam(decoder, decoder.begin(), limits=[PIECES] * len(sources), **how)


def _plain(written: list[list[Hypothesis]]) -> list[Array]:
    """The pieces and scores of the best of each, as arrays."""
    best = [each[0] for each in written]
    return [np.array([*one.tokens, one.score, one.log_probability]) for one in best]

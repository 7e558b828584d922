<<<<<<< HEAD
"""The comparisons of a pairs model's certificate, on sentences of its own test part."""
=======
"""The comparisons of a pairs model's certificate, on pairs of its own test part."""
>>>>>>> pairs

from __future__ import annotations

from collections.abc import Callable, Sequence
<<<<<<< HEAD
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
=======
from typing import Any, Final
>>>>>>> pairs

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.tokenizer import BEGIN, END
from recurra.errors import InputError, MissingExtra
from recurra.runtime.certificate import NARROW, TOLERANCE, Check, close, equal, not_shown
from recurra.runtime.layers import log_softmax
<<<<<<< HEAD
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
=======
from recurra.runtime.pairs import LOOKED, Ids, PairNetwork
from recurra.runtime.state import Array
from recurra.search.beam import Beam, beam
from recurra.tasks.pairs import data
from recurra.tasks.pairs.estimator import PairModel
from recurra.tasks.pairs.evaluate import ids_of

PIECES: Final = 600
"""Pieces of both sides that are read each way."""

_STRANGERS: Final = 3

Trained = Callable[[Sequence[Ids], Sequence[Ids]], list[Array]]
"""Log-probabilities (T - 1, V) by torch after each piece of targets (T,) but the last."""


def comparisons(model: PairModel, prepared: Any) -> list[Check]:
    """The comparisons of a model, on the test part of what it was trained on.

    Args:
        prepared: the `recipe.Prepared` of its training, if it is at hand.
    """
    run = model.run
    try:
        read = data.read_again(run, run.config()["data"]) if prepared is None else prepared.data
    except InputError as error:
        return [not_shown("whole, steps, strangers, translations, torch", error.got)]
    sides = ids_of(model._sources, model._targets, read.of(read.test[:PIECES]))
    rows = [(source, target) for source, target in zip(*sides, strict=True) if len(source)]
    sizes = np.cumsum([len(source) + len(target) for source, target in rows])
    rows = rows[: max(1, int((sizes <= PIECES).sum()))]
    if not rows:
        return [not_shown("whole, steps, strangers, translations, torch", "no pair of pieces")]
    allowed = TOLERANCE if model._weights == "float32" else NARROW
    limits = model._limits(np.array([len(source) for source, _ in rows]))
    sources, targets = zip(*rows, strict=True)
    return compare(
        model.network,
        sources,
        targets,
        np.minimum(limits, PIECES),
        _trained(model),
        allowed=allowed,
    )
>>>>>>> pairs


def _trained(model: PairModel) -> Trained | str:
    try:
        trainer = model._trainer()
    except MissingExtra as error:
        return error.got
<<<<<<< HEAD
    found: Trained = trainer.scores
=======
    found: Trained = trainer.log_probabilities
>>>>>>> pairs
    return found


def compare(
    network: PairNetwork,
<<<<<<< HEAD
    sources: Rows,
    targets: Rows,
=======
    sources: Sequence[Ids],
    targets: Sequence[Ids],
    limits: NDArray[np.int64],
>>>>>>> pairs
    trained: Trained | str,
    *,
    allowed: float,
) -> list[Check]:
<<<<<<< HEAD
    """Read pairs of ids in every way that there is, and by torch.

    Args:
=======
    """Read and write n pairs in every way that there is, and by torch.

    Args:
        sources, targets: ids, (S,) and (T,) each; targets from BEGIN to END.
        limits: (n,) the most pieces of what is written.
>>>>>>> pairs
        trained: the network in torch, or why there is none.
        allowed: how far torch's log-probabilities may be away.
    """
    note = f"{len(sources):,} pairs of the test part"
<<<<<<< HEAD
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
=======
    chance = np.random.default_rng(0)
    whole = network.log_likelihood(sources, targets)
    steps, scores = zip(
        *(_stepped(network, *pair) for pair in zip(sources, targets, strict=True)), strict=True
    )
    strange = [_strangers(network, chance, 2 * len(each)) for each in sources[:_STRANGERS]]
    others = [(each, [BEGIN, *each.tolist()[:5], END]) for each in strange]
    among = network.log_likelihood(
        [each for each, _ in others] + list(sources),
        [np.array(each) for _, each in others] + list(targets),
    )
    alone = [
        written
        for source, limit in zip(sources, limits, strict=True)
        for written in _written(network, [source], np.array([limit]))
    ]
    together = _written(
        network, [*strange, *sources], np.concatenate([limits[:_STRANGERS] + 5, limits])
    )
    found = [
        equal("step by step = whole", steps, whole, note),
        equal("among strangers = alone", among[len(strange) :], whole, note),
        equal(
            "translations among strangers = alone",
            [each for one in together[len(strange) :] for each in one],
            [each for one in alone for each in one],
            note,
        ),
>>>>>>> pairs
    ]
    name = "torch = runtime, nats"
    if isinstance(trained, str):
        return [*found, not_shown(name, trained)]
<<<<<<< HEAD
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
=======
    theirs, ours = trained(sources, targets), [log_softmax(each) for each in scores]
    found.append(close(name, theirs, ours, note, allowed))
    # Where the likeliest differ, they have to be as likely within what is allowed.
    away = [
        mine.max(1) - mine[np.arange(len(mine)), other.argmax(1)]
        for mine, other in zip(ours, theirs, strict=True)
    ]
    even = [np.zeros_like(each) for each in away]
    return [*found, close("torch's likeliest = runtime's", away, even, note, 2 * allowed)]


def _stepped(network: PairNetwork, source: Ids, target: Ids) -> tuple[Array, Array]:
    """What each piece of a target but the first is worth (T - 1,), and all scores (T - 1, V)."""
    decoder = network.decoder(network.encode([source]))
    state, found = decoder.begin(), []
    for token in target[:-1].tolist():
        outputs, state = decoder.step(np.array([token]), state)
        found.append(outputs)
    rows = np.concatenate(found)
    return network.head.log_likelihood(rows, target[1:]), network.head(rows)


def _written(
    network: PairNetwork, sources: Sequence[Ids], limits: NDArray[np.int64]
) -> list[tuple[Array, Array, Array]]:
    """The best of a beam of each source: its pieces, what it scores, where they looked."""
    decoder = network.decoder(network.encode(sources))
    found = beam(
        decoder,
        decoder.begin(),
        begin=BEGIN,
        end=END,
        limits=limits,
        options=Beam(3),
        excluded=(BEGIN,),
        attention=lambda state: state[LOOKED],
    )
    told = []
    for (one,), source in zip(found, sources, strict=True):
        assert one.attention is not None
        scores = np.array([one.score, one.log_probability])
        told.append((np.array(one.tokens), scores, one.attention[:, : len(source)]))
    return told


def _strangers(network: PairNetwork, chance: np.random.Generator, size: int) -> Ids:
    return chance.integers(0, network.architecture.sources, size)
>>>>>>> pairs

"""The comparisons of a text model's certificate, on tokens of its own test part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from recurra.data.streams import Ids
from recurra.errors import InputError
from recurra.runtime.certificate import BY_TORCH, Check, equal, likeliest_as_torch, not_shown
from recurra.runtime.layers import log_softmax
from recurra.runtime.state import Array, State
from recurra.runtime.text import TextNetwork
from recurra.tasks.comparison import Change, by_torch, change, tolerance
from recurra.tasks.text import stored
from recurra.tasks.text.data import TextData
from recurra.tasks.text.estimator import TextModel

TOKENS: Final = 400
"""Tokens that are read each way."""

ROUNDED: Final = 10_000
"""Tokens of the selection part on which rounded weights are compared with what they were."""

_ROWS: Final = 3

Trained = Callable[[Ids], Array]
"""Log-probabilities (T, V) by torch after each of ids (T,)."""


def comparisons(model: TextModel, data: TextData | None) -> list[Check]:
    """The comparisons of a model, on the test part of what it was trained on."""
    run = model.run
    try:
        ids = stored.read_again(run).test if data is None else data.test
    except InputError as error:
        return [not_shown("whole, chunks, steps, strangers, pool, torch", error.got)]
    trained = by_torch(model, "log_probabilities")
    return compare(model.network, ids, trained, allowed=tolerance(model))


def changed(before: TextModel, after: TextModel) -> Change:
    """What tokens of the selection part cost, and which are the likeliest."""
    ids = stored.read_again(before.run).select[: ROUNDED + 1].astype(np.int64)
    costs, decided = zip(*(_costs(each, ids) for each in (before, after)), strict=True)
    note = f"{len(ids) - 1:,} tokens of the selection part"
    return change("nats a token", note, costs, [each[0] for each in decided])


def _costs(model: TextModel, ids: Ids) -> tuple[list[Array], list[Array]]:
    """What each of ids (N,) but the first costs, and the likeliest in its place."""
    costs, likeliest, state = [], [], None
    for start in range(0, len(ids) - 1, TOKENS):
        inputs = ids[None, start : min(start + TOKENS, len(ids) - 1)]
        hidden, state = model.network.read(inputs, state)
        targets = ids[None, start + 1 : start + 1 + inputs.shape[1]]
        costs.append(
            model.network.hidden_nll(hidden, targets.astype(np.int64), model._unknown_rate)[0]
        )
        flat = [each.reshape(-1, each.shape[-1]) for each in hidden]
        likeliest.append(model.network.scores(flat).argmax(1))
    return costs, [np.concatenate(likeliest)]


def compare(
    network: TextNetwork, ids: Ids, trained: Trained | str, *, allowed: float
) -> list[Check]:
    """Read ids (N,) in every way that there is, and by torch.

    Args:
        trained: the network in torch, or why there is none.
        allowed: how far torch's log-probabilities may be away.
    """
    ids = np.asarray(ids[:TOKENS], np.int64)
    note = f"{len(ids):,} tokens of the test part"
    whole, last = _scores(network, ids[None])
    chance = np.random.default_rng(0)
    cuts = np.unique(chance.integers(1, len(ids), 7)) if len(ids) > 1 else np.zeros(0, np.int64)
    pieces, state = [], network.begin()
    for piece in np.split(ids, cuts):
        scores, state = _scores(network, piece[None], state)
        pieces.append(scores)
    chunks, chunked = np.concatenate(pieces, 1), state
    steps, state = [], network.begin()
    for token in ids.tolist():
        scores, state = network.step(np.array([token]), state)
        steps.append(scores)
    others = chance.integers(0, network.architecture.symbols, (_ROWS, len(ids)))
    rows = np.insert(others, 1, ids, axis=0)
    among, _ = _scores(network, rows)
    pooled, places = _pooled(network, rows)
    found = [
        equal("in chunks = whole", [chunks, *_arrays(chunked)], [whole, *_arrays(last)], note),
        equal(
            "step by step = whole",
            [np.stack(steps, 1), *_arrays(state)],
            [whole, *_arrays(last)],
            note,
        ),
        equal("among strangers = alone", [among[1:2]], [whole], note),
        equal(
            "by row of a pool = alone",
            [pooled[1:2], *_arrays(places.select([1]))],
            [whole, *_arrays(last)],
            note,
        ),
    ]
    if isinstance(trained, str):
        return [*found, not_shown(BY_TORCH, trained)]
    ours = log_softmax(whole[0])
    return [*found, *likeliest_as_torch([trained(ids)], [ours], note, allowed)]


def _scores(network: TextNetwork, ids: Ids, state: State | None = None) -> tuple[Array, State]:
    hidden, after = network.read(ids, state)
    flat = network.scores([each.reshape(-1, each.shape[-1]) for each in hidden])
    return flat.reshape(*ids.shape, -1), after


def _pooled(network: TextNetwork, rows: Ids) -> tuple[Array, State]:
    """Scores (B, T, V) of rows (B, T) that are stepped in place, in another order; their states."""
    arrays = {name: array.copy() for name, array in network.begin(len(rows) + 2).arrays.items()}
    places = np.arange(len(rows), dtype=np.int64)[::-1] + 1
    found = [network.advance(rows[:, t], arrays, places) for t in range(rows.shape[1])]
    return np.stack(found, 1), State(arrays).select(places)


def _arrays(state: State) -> list[Array]:
    return [state[name] for name in sorted(state.arrays)]

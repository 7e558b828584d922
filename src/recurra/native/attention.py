"""Attention without gradients, on NumPy arrays."""

from __future__ import annotations

import numpy as np

from recurra.errors import OptionError
from recurra.native.binding import compiled, engine
from recurra.native.fit import SINGLE, Array, Rows, check, check_rows, check_table


def attend(
    query: Array,
    keys: Array,
    values: Array,
    lengths: Rows,
    owners: Rows | None = None,
    *,
    scale: float = 1.0,
    threads: int = 1,
) -> tuple[Array, Array]:
    """Return context (R, E) and weights (R, S): what each row reads of the source it owns.

    The weights are the softmax of scale * (query . key) over the source's steps, 0 beyond them; a
    source of no steps gives zeros.

    Args:
        query: (R, D) float32.
        keys: (B, S, D).
        values: (B, S, E).
        lengths: (B,) int64, steps of each source.
        owners: (R,) int64: each row's source; None where R is B, a row a source.
        scale: of the scores.
        threads: at most so many.

    Raises:
        OptionError: arrays that do not fit.
    """
    count = _sources(query, values)
    context, weights = _room(count, values)
    if not compiled:
        _check_attend(query, keys, None, values, lengths, owners)
    if not engine.attend(
        query, keys, None, values, lengths, owners, scale, context, weights, threads
    ):
        _check_attend(query, keys, None, values, lengths, owners)
        raise AssertionError("arrays that fit were refused")
    return context, weights


def mix(
    scores: Array, values: Array, lengths: Rows, owners: Rows | None = None, *, threads: int = 1
) -> tuple[Array, Array]:
    """Return what `attend` returns, from scores (R, S) that were computed elsewhere.

    Raises:
        OptionError: arrays that do not fit.
    """
    count = _sources(scores, values)
    context, weights = _room(count, values)
    if not compiled:
        _check_attend(None, None, scores, values, lengths, owners)
    if not engine.attend(
        None, None, scores, values, lengths, owners, 1.0, context, weights, threads
    ):
        _check_attend(None, None, scores, values, lengths, owners)
        raise AssertionError("arrays that fit were refused")
    return context, weights


def _sources(asking: Array, values: Array) -> int:
    if type(asking) is not np.ndarray or type(values) is not np.ndarray or values.ndim != 3:
        raise OptionError("attention without arrays", expected="query (R, D) and values (B, S, E)")
    return len(asking)


def _room(count: int, values: Array) -> tuple[Array, Array]:
    _, steps, width = values.shape
    return np.empty((count, width), SINGLE), np.empty((count, steps), SINGLE)


def _check_attend(
    query: Array | None, keys: Array | None, scores: Array | None, values: Array, lengths: Rows,
    owners: Rows | None,
) -> None:  # fmt: skip
    sources, steps, _ = values.shape
    check("values", values, SINGLE, values.shape)
    if scores is None:
        if not isinstance(keys, np.ndarray) or keys.ndim != 3:
            raise OptionError("keys", expected="a float32 NumPy array (B, S, D)")
        check("keys", keys, SINGLE, (sources, steps, keys.shape[2]))
        check_table("query", query, SINGLE, keys.shape[2])
    else:
        check_table("scores", scores, SINGLE, steps)
    asking = query if scores is None else scores
    assert asking is not None
    check_rows("lengths", lengths, sources, steps + 1)
    if owners is not None:
        check_rows("owners", owners, len(asking), sources)
    elif len(asking) != sources:
        raise OptionError(f"{len(asking)} rows, {sources} sources", expected="owners (R,)")

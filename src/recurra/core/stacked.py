"""Layers above each other: what lies between them, and what goes past them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor

from recurra.core.arguments import Scanned, Traced
from recurra.core.ragged import Ragged, beside

X = TypeVar("X", Tensor, Ragged)
R = TypeVar("R", Scanned[Any, Any], Traced[Any, Any])


def forward(
    x: X,
    count: int,
    directions: int,
    step: Callable[[X, int], R],
    between: Callable[[X], X] | None = None,
    *,
    residual: bool = False,
) -> tuple[X, list[R]]:
    """Return the top layer's output, and what `step` gave for each of all layers and directions.

    Args:
        count: layers times directions.
        step: walks the k-th of them over what the layer below gave.
        between: drops some of what an upper layer reads.
        residual: what a layer is given, before anything of it is dropped, is added to what it gives
            where both have one size (the order of GNMT's wrappers, arXiv:1609.08144).
    """
    results: list[R] = []
    for k in range(0, count, directions):
        read = between(x) if k and between is not None else x
        results += [step(read, k + way) for way in range(directions)]
        top = beside([result.output for result in results[k:]])
        x = _added(x, top) if residual else top
    return x, results


def _added(below: X, top: X) -> X:
    if isinstance(top, Ragged):
        assert isinstance(below, Ragged)
        fits = below.values.shape == top.values.shape
        return top.beside(below.values + top.values) if fits else top
    assert isinstance(below, Tensor)
    return below + top if below.shape == top.shape else top

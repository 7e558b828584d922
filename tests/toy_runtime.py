"""Random networks as torch trains them and in use, and what it means that two ways are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recurra import native
from recurra.networks.text import TextNetwork
from recurra.runtime.state import State
from recurra.runtime.text import Architecture

Array = NDArray[Any]


def network(
    cell: str = "lstm",
    symbols: int = 11,
    members: int = 1,
    *,
    layers: int = 2,
    hidden: int = 9,
    seed: int = 0,
) -> TextNetwork:
    """A text network with weights of a size that makes gates work."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        found = TextNetwork(Architecture(symbols, cell, 6, hidden, layers, 0.3, members))
        for weight in found.parameters():
            torch.nn.init.normal_(weight, std=0.5)
        for member in found.members:
            with torch.no_grad():
                member.embedding.weight[0] = 0
    return found.eval()


def normal(seed: int, *shape: int) -> Array:
    """Random numbers."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def begun(like: Mapping[str, Array], seed: int = 5) -> State:
    """A state of random numbers of these shapes, other ones in each row."""
    return State({name: normal(seed + n, *a.shape) for n, (name, a) in enumerate(like.items())})


def same(found: Any, wanted: Any) -> None:
    """To the last bit; without kernels, where nobody promises that, within rounding."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    if native.compiled:
        np.testing.assert_array_equal(found, wanted)
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def same_state(found: State, wanted: State) -> None:
    """All arrays of two states."""
    assert found.arrays.keys() == wanted.arrays.keys()
    for name, array in wanted.arrays.items():
        same(found[name], array)

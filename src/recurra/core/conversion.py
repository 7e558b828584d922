"""What layers are given and asked for in terms of NumPy and torch, as what they work on, and back.

NumPy arrays, PackedSequence, states as tuples; torch.fx's stand-ins and torch.jit's plain tuples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import Proxy
from torch.nn.utils.rnn import PackedSequence

from recurra.core.ragged import Ragged, inverse, take, unpacking
from recurra.core.state import State
from recurra.errors import OptionError

S = TypeVar("S", bound=State)


def as_input(x: Any, like: Tensor) -> Tensor | Ragged:
    """Return what a layer is given as what it works on; arrays in `like`'s dtype, on its device.

    Raises:
        OptionError: x is of another kind, or an array of something else than numbers.
    """
    if isinstance(x, (Tensor, Ragged)):
        return x
    if isinstance(x, PackedSequence):
        return Ragged.from_packed(x)
    if isinstance(x, np.ndarray) and x.dtype.kind in "fiu":
        return torch.from_numpy(np.array(x, np.float64)).to(like)
    kind = f"array of {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
    raise OptionError(
        f"an input of type {kind}",
        expected="a tensor, an array of numbers, a Ragged or a PackedSequence",
        fix="torch.tensor(x) for rows of equal length, Ragged.from_list(rows) for others",
    )


def as_state(state: Any, kind: type[S]) -> Any:
    """Return a first state, which may be its leaves: a tensor, or a tuple of them, as unpacked."""
    leaves = [state] if isinstance(state, Tensor) else state
    if not isinstance(leaves, (tuple, list)) or len(leaves) != len(kind.__annotations__):
        return state
    return kind(*leaves) if all(isinstance(leaf, Tensor) for leaf in leaves) else state


def unpacked(packed: PackedSequence) -> tuple[Ragged, Callable[[Ragged], PackedSequence]]:
    """Return the rows of a packed sequence, and what packs others of the same lengths like them."""
    lengths, where = unpacking(packed)

    def pack(rows: Ragged) -> PackedSequence:
        values = take(rows.values, inverse(where))
        return PackedSequence(
            values, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices
        )

    return Ragged(take(packed.data, where), lengths), pack


def stood_in(module: nn.Module, given: Any, arguments: tuple[Any, ...], names: Any) -> Any:
    """Return a call of the module in torch.fx's graph where that is being written, else None.

    By this a layer is a leaf of the graph, as torch.nn's are.
    """
    values = given.data if isinstance(given, PackedSequence) else given
    if not isinstance(values, Proxy):
        return None
    tracer = values.tracer
    target = tracer.path_of_module(module)  # type: ignore[attr-defined]
    return tracer.create_proxy("call_module", target, arguments, names)


def plain(module: nn.Module, state: S) -> Any:
    """Return a state, as a tensor or a tuple where torch.jit records this module by itself.

    Neither torch.jit.trace nor the older ONNX export can give anything else back.
    """
    if torch._C._get_tracing_state() is None:
        return state
    recorded: dict[Any, Any] = torch.jit._trace._trace_module_map or {}
    # torch.jit.trace keeps the module itself under this name, ONNX's export its path, empty for it.
    if recorded.get("__module") is not module and not str(recorded.get(module)).endswith("::"):
        return state
    leaves = tuple(state.leaves())
    return leaves if len(leaves) > 1 else leaves[0]

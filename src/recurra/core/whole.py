"""All layers of a plain network by one compiled call: in use, and with the node in C++ in training.

What can be wrong, and what asks for another path, is for others to say: here it is None.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recurra.core import native_path
from recurra.core.cells import Cell, Weights
from recurra.core.kept import fit, known
from recurra.core.native_path import (
    NUMBERS,
    ONEDNN_FROM,
    Node,
    dense,
    problem_of,
    transformed,
)
from recurra.core.parameters import plain_names
from recurra.core.state import HiddenState, LSTMState, State
from recurra.native.binding import LSTM, absent, kernels

if TYPE_CHECKING:
    from recurra.native._native import Prepared


def attempt(layer: Any, x: Any, state: Any) -> Any:
    """Return what `run` gives for a layer of recurra.nn, None where it has options beside."""
    # First, since dynamo cannot look into what follows.
    if torch.compiler.is_compiling() or not isinstance(x, Tensor) or x.dim() not in (2, 3):
        return None
    if not layer.plain or (layer.training and (layer.dropout or layer.locked_dropout)):
        return None
    if x.dim() == 3 and not x.is_contiguous() and x.transpose(0, 1).is_contiguous():
        return None  # walked as it lies
    names = plain_names(layer.num_layers, layer.bidirectional, layer.bias)
    return run(layer.cell, layer._parameters, names, layer.directions, x, state)


def run(
    cell: Cell[Any],
    parameters: Mapping[str, Tensor | None],
    names: tuple[tuple[str, ...], ...],
    directions: int,
    x: Tensor,
    state: Any,
) -> tuple[Tensor, State] | None:
    """Return output and last state as layers give them, or None where others have to.

    Args:
        cell: of all layers.
        parameters: by name.
        names: of those of each layer and direction, L*D.
        directions: D.
        x: (B, T, F), or one step (B, F), whose weights are packed once and known by their versions.
        state: leaves (B, L*D, H), or None for zeros.
    """
    if absent or type(x) is not Tensor or not x.is_cpu:
        return None
    if state is not None and type(state) is not cell.state_type:
        return None
    node = native_path.node
    if node is not None and x.dim() == 3 and torch.autograd.forward_ad._current_level < 0:
        h, c = (*(() if state is None else state.leaves()), None, None)[:2]
        found = node.layers(NUMBERS[cell], directions, parameters, names, x, h, c)
        if found is not None:
            output, hn, cn = found
            return output, HiddenState(hn) if cn is None else LSTMState(hn, cn)
    weights: list[Weights] = []
    for each in names:
        given = [parameters.get(name) for name in each]
        if any(weight is None for weight in given):
            return None  # parametrized, or not a parameter
        weights.append(Weights(*given))  # type: ignore[arg-type]
    return _run(cell, weights, directions, x, state)


def _run(
    cell: Cell[Any], weights: Sequence[Weights], directions: int, x: Tensor, state: Any
) -> tuple[Tensor, State] | None:
    """As `run`, without the node in C++."""
    if torch.is_autocast_enabled("cpu") or transformed():
        return None
    number, top, size, dtype = NUMBERS[cell], weights[-1].hidden, x.shape, x.dtype
    once, lstm = len(size) == 2, number == LSTM
    batch, steps, features = (size[0], 1, size[1]) if once else size
    hidden, count = top.shape[1], len(weights)
    if lstm and steps > 1 and hidden >= ONEDNN_FROM:
        return None
    if os.environ.get("RECURRA_PATH") or torch._C._get_tracing_state() is not None:
        return None
    levels: list[Prepared | Weights] = []
    # Training changes weights all the time; what they were is not worth keeping.
    graph, learns = torch.is_grad_enabled(), x.requires_grad
    for k, each in enumerate(weights):
        kept = known(number, each) if steps == 1 or not graph else None
        if each.input.shape[-1] != features or not (kept.fits if kept else fit(number, each)):
            return None
        levels.append(kept.packed(trusted=once) if kept and steps == 1 else each)
        learns = learns or any(weight is not None and weight.requires_grad for weight in each)
        if (k + 1) % directions == 0:
            features = directions * hidden
    if top.dtype != dtype or not batch or not steps or x.layout != torch.strided:
        return None
    leaf = (batch, count, hidden)
    leaves: list[Tensor] = []
    if state is not None:
        leaves = [state.hidden, state.cell] if isinstance(state, LSTMState) else [state.hidden]
        for one in leaves:
            if type(one) is not Tensor or one.dtype != dtype or one.shape != leaf:
                return None
            if not one.is_cpu or one.layout != torch.strided:
                return None
            learns = learns or one.requires_grad
    if learns and graph:
        return None if once else _learn(cell, number, weights, directions, x, leaves)
    h0, c0 = (*map(dense, leaves), None, None)[:2]
    new = x.new_empty
    output, hn = new((*size[:-1], features)), new(leaf)
    cn = new(leaf) if lstm else None
    kernels.layers(
        dtype == torch.float64, number, directions, levels, batch, steps, size[-1], hidden,
        dense(x), h0, c0, output, hn, cn, torch.get_num_threads(),
    )  # fmt: skip
    return output, HiddenState(hn) if cn is None else LSTMState(hn, cn)


def _learn(
    cell: Cell[Any],
    number: int,
    weights: Sequence[Weights],
    directions: int,
    x: Tensor,
    first: list[Tensor],
) -> tuple[Tensor, State]:
    """Return output and last state, a node for each layer and direction; all is checked."""
    count, hidden = len(weights), weights[0].hidden.shape[1]
    state = (len(x), 1, hidden)
    lasts: list[tuple[Tensor, Tensor | None]] = []
    for k in range(0, count, directions):
        below, ways = dense(x), []
        for way in range(directions):
            call = problem_of(cell, number, below, hidden, way == 1, state)
            leaves = first if count == 1 else [leaf.narrow(1, k + way, 1) for leaf in first]
            h0, c0 = (*map(dense, leaves), None, None)[:2]
            out, hn, cn, _ = Node.apply(call, below, *weights[k + way], h0, c0)  # type: ignore[no-untyped-call]
            ways.append(out)
            lasts.append((hn, cn))
        x = ways[0] if directions == 1 else torch.cat(ways, -1)
    hn, cn = lasts[0]
    if count > 1:
        hn = torch.cat([last for last, _ in lasts], 1)
        cn = None if cn is None else torch.cat([last for _, last in lasts if last is not None], 1)
    return x, HiddenState(hn) if cn is None else LSTMState(hn, cn)

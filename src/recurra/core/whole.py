"""All layers of a plain network by one compiled call: in use, and with the node in C++ in training.

What can be wrong, and what asks for another path, is for others to say: here it is None.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recurra.core import extension
from recurra.core.cells import Cell, Weights
from recurra.core.kept import known
from recurra.core.native_path import NUMBERS, ONEDNN_FROM, again, dense, transformed
from recurra.core.state import HiddenState, LSTMState, State
from recurra.native.binding import LSTM, absent, kernels

if TYPE_CHECKING:
    from recurra.native._native import Prepared


node, absent_node = extension.load(again, ONEDNN_FROM)
"""The node in C++, or why there is none."""


def learn(
    cell: Cell[Any],
    parameters: Mapping[str, Tensor | None],
    names: tuple[tuple[str, ...], ...],
    directions: int,
    x: Tensor,
    state: State | None,
) -> tuple[Tensor, State] | None:
    """Return what `run` does, with a graph where one is wanted; None where others have to.

    Args:
        cell: of all layers.
        parameters: by name.
        names: of those of each layer and direction, L*D.
        directions: D.
        x: (B, T, F).
        state: leaves (B, L*D, H), or None for zeros.
    """
    if torch.compiler.is_compiling() or torch.autograd.forward_ad._current_level >= 0:
        return None
    h = c = None
    if state is not None:
        if type(state) is not cell.state_type:
            return None
        h, c = state.hidden, getattr(state, "cell", None)
    found = node.layers(NUMBERS[cell], directions, parameters, names, x, h, c)
    if found is None:
        return None
    output, hn, cn = found
    return output, HiddenState(hn) if cn is None else LSTMState(hn, cn)


def run(
    cell: Cell[Any], weights: Sequence[Weights], directions: int, x: Tensor, state: State | None
) -> tuple[Tensor, State] | None:
    """Return output and last state as layers give them, or None where others have to.

    Args:
        cell: of all layers.
        weights: of each layer and direction, L*D.
        directions: D.
        x: (B, T, F), or one step (B, F), whose weights are packed once and known by their versions.
        state: leaves (B, L*D, H), or None for zeros.
    """
    # First, since dynamo cannot look into what follows.
    if torch.compiler.is_compiling() or absent or type(x) is not Tensor or not x.is_cpu:
        return None
    if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or transformed():
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
    for k, each in enumerate(weights):
        kept = known(number, each)
        if kept is None or not kept.fits or each.input.shape[1] != features:
            return None
        levels.append(kept.packed(trusted=True) if once else each)
        if (k + 1) % directions == 0:
            features = directions * hidden
    if top.dtype != dtype or not batch or not steps or x.layout != torch.strided:
        return None
    leaf = (batch, count, hidden)
    h0: Tensor | None = None
    c0: Tensor | None = None
    if state is not None:
        if type(state) is not cell.state_type:
            return None
        given = [state.hidden, state.cell] if isinstance(state, LSTMState) else [state.hidden]
        for each in given:
            if type(each) is not Tensor or each.dtype != dtype or each.shape != leaf:
                return None
            if not each.is_cpu or each.layout != torch.strided:
                return None
        h0, *rest = map(dense, given)
        c0 = rest[0] if rest else None
    new = x.new_empty
    output, hn = new((*size[:-1], features)), new(leaf)
    cn = new(leaf) if lstm else None
    kernels.layers(
        dtype == torch.float64, number, directions, levels, batch, steps, size[-1], hidden,
        dense(x), h0, c0, output, hn, cn, torch.get_num_threads(),
    )  # fmt: skip
    return output, HiddenState(hn) if cn is None else LSTMState(hn, cn)

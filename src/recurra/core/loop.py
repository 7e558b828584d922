"""A cell over time, step by step, in plain operations: the oracle of every faster path."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.functional import linear

from recurra.core.arguments import Path, ScanArguments, Traced, first_state, fresh_state
from recurra.core.ragged import Ragged
from recurra.core.state import State, stack
from recurra.core.torch_path import nothing

S = TypeVar("S", bound=State)
X = TypeVar("X", Tensor, Ragged)


def loop(arguments: ScanArguments[X, S]) -> Traced[X, S]:
    """Walk a cell over time by its equations alone, and keep the state after each step."""
    cell, x, weights, resets = arguments.cell, arguments.x, arguments.weights, arguments.resets
    padded = x.padded() if isinstance(x, Ragged) else x
    alive = x.mask() if isinstance(x, Ragged) else None
    projected = linear(padded, weights.input, weights.input_bias)
    now, begin = first_state(arguments), fresh_state(arguments)
    zero = now.map(torch.zeros_like)
    cut = None if resets is None else resets.to(padded.device)
    if cut is not None and alive is not None:
        cut = cut & alive
    states: list[S] = []
    for t in reversed(range(padded.shape[1])) if arguments.reverse else range(padded.shape[1]):
        if cut is not None and not arguments.reverse:
            now = begin.where(cut[:, t], now)
        then = cell.step(projected[:, t], now, weights.hidden, weights.hidden_bias)
        states.append(then if alive is None else then.where(alive[:, t], zero))
        now = then if alive is None else then.where(alive[:, t], now)
        if cut is not None and arguments.reverse:
            now = begin.where(cut[:, t], now)
    if arguments.reverse:
        states.reverse()
    if states:
        every = stack(states, 1)
        output = cell.output(every)
    else:
        every = zero.map(lambda leaf: leaf[:, None][:, :0])
        output = nothing(padded, weights)
    last = now.to(dtype=weights.hidden.dtype)
    path = Path("loop", "called by name")
    if isinstance(x, Ragged):
        values = output[x.mask()]
        return Traced(Ragged(values, x.lengths), last, every, path)
    return Traced(output, last, every, path)

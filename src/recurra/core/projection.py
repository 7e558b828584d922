"""A projected LSTM as one without a projection, so that the native kernels can run it.

With m_t = o_t * tanh(c_t), the output of an LSTM without a projection, h_t = W_r m_t. What a step
reads of the last one is then W_h h_(t-1) = (W_h W_r) m_(t-1): the recurrent weights of a plain
LSTM, whose output is projected once for all steps. A first state h_0, which may be no W_r m, comes
in as an input of the first step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.functional import linear, pad

from recurra.core.arguments import ScanArguments, first_state
from recurra.core.cells import LSTM
from recurra.core.ragged import Ragged
from recurra.core.state import LSTMState
from recurra.core.variants import Projected

SAVED = 320
"""H - P up to which it is faster to fold; from there on torch's steps are, which project each."""

X = TypeVar("X", Tensor, Ragged)


def walk(
    arguments: ScanArguments[X, LSTMState],
    plain: Callable[[ScanArguments[X, LSTMState]], tuple[X, LSTMState, LSTMState | None]],
) -> tuple[X, LSTMState, LSTMState | None]:
    """Return output (B, T, P), last state, and the state after each step where `plain` gives it.

    Args:
        arguments: of the projected LSTM: weights.hidden (4*H, P), weight_hr (P, H); the first
            state's hidden (B, P), cell (B, H).
        plain: walks an LSTM without a projection.
    """
    cell, x, weights, reverse = arguments.cell, arguments.x, arguments.weights, arguments.reverse
    assert type(cell) is Projected
    weight_hr = cell.weight
    first = None if arguments.state is None else first_state(arguments)
    # Under autocast products are bfloat16, weights and states are not.
    dtype = weights.hidden.dtype
    wide = weights._replace(hidden=(weights.hidden @ weight_hr).to(dtype))
    begun = None
    if first is not None:
        begun = LSTMState(torch.zeros_like(first.cell), first.cell)
        x = _with_first(x, first.hidden, reverse, arguments.resets)
        wide = wide._replace(input=torch.cat([weights.input, weights.hidden], 1))
    output, last, every = plain(ScanArguments(LSTM, x, wide, begun, reverse, arguments.resets))
    hidden = linear(last.hidden, weight_hr).to(dtype)
    if first is not None:
        hidden = torch.where(_steps(x).to(hidden.device)[:, None] > 0, hidden, first.hidden)
    shown = None if every is None else LSTMState(linear(every.hidden, weight_hr), every.cell)
    if isinstance(output, Ragged):
        top = output.beside(linear(output.values, weight_hr))
    else:
        top = linear(output, weight_hr)
    return top, LSTMState(hidden, last.cell), shown


def _steps(x: Tensor | Ragged) -> Tensor:
    """Return how many steps each row has, (B,)."""
    return x.lengths if isinstance(x, Ragged) else torch.full((x.shape[0],), x.shape[1])


def _with_first(x: X, hidden: Tensor, reverse: bool, resets: Tensor | None) -> X:
    """Return x with the first hidden state (B, P) at the step that reads it, else zeros."""
    if resets is not None and not reverse and resets.shape[1]:
        # A reset before step 0 drops it; backwards no reset comes before the first step read.
        hidden = hidden.masked_fill(resets[:, :1].to(hidden.device), 0.0)
    if isinstance(x, Ragged):
        alive = x.lengths > 0
        at = (x.starts + x.lengths - 1 if reverse else x.starts)[alive].to(hidden.device)
        added = hidden.new_zeros(x.values.shape[0], hidden.shape[1])
        added = added.index_copy(0, at, hidden[alive.to(hidden.device)])
        return x.beside(torch.cat([x.values, added.to(x.values.dtype)], 1))
    steps = x.shape[1]
    missing = (0, 0, steps - 1, 0) if reverse else (0, 0, 0, steps - 1)
    added = pad(hidden[:, None], missing) if steps else hidden[:, None][:, :0]
    return torch.cat([x, added.to(x.dtype)], 2)

"""One cell over time by torch's own recurrence: one call for all steps.

Below it, oneDNN runs an LSTM on a CPU and cuDNN everything on a GPU. torch wants rows of equal
length, so rows are padded in buckets of similar length; rows that are reset are cut into pieces.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import linear

from recurra.core.cells import GRU, LSTM, RNN_RELU, RNN_TANH, Cell, Weights
from recurra.core.ragged import Ragged, bucket_rows, padded_positions, positions, take
from recurra.core.state import HiddenState, LSTMState, State

S = TypeVar("S", bound=State)
X = TypeVar("X", Tensor, Ragged)

STEP_COST = 2000.0
"""What a step costs beside its arithmetic, in rows, times H (measured for H from 32 to 512)."""

HOLD = 1e4
"""Saturates a sigmoid exactly, in bfloat16 too: sigmoid(-HOLD) = 0 and sigmoid(HOLD) = 1."""

Call = Callable[[Tensor, Weights, Any, "Tensor | None"], tuple[Tensor, Any]]
"""x (B, T, F), weights, first state, lengths (B,) or None -> output (B, T, H), last state."""

Hold = Callable[[torch.dtype], list[float]]
"""The weights, one a gate, of the feature that marks padding."""


def engine(cell: Cell[Any], like: Tensor) -> str:
    """Return the name of what runs the steps for input or weights like these."""
    if like.device.type == "cuda" and torch.backends.cudnn.enabled:
        return "cuDNN"
    mkldnn: Any = torch.backends.mkldnn
    onednn = mkldnn.is_available() and mkldnn.enabled and like.dtype != torch.float64
    if cell == LSTM and like.device.type == "cpu" and onednn:
        return "oneDNN"
    return "torch"


def walk(
    cell: Cell[S], x: X, weights: Weights, first: S, reverse: bool, resets: Tensor | None
) -> tuple[X, S]:
    """Return output and last state; all arguments are checked already."""
    call = CALLS[cell]
    where = None if resets is None or not bool(resets.any()) else resets.cpu()
    if isinstance(x, Ragged):
        if where is None:
            values, last = _uneven(call, x.values, x.lengths, weights, first, reverse)
        else:
            values, last = _reset(call, x.values, x.lengths, weights, first, reverse, where)
        return Ragged(values, x.lengths), last
    if where is None:
        return _even(call, x, weights, first, reverse)
    batch, steps = x.shape[:2]
    flat, lengths = x.reshape(batch * steps, -1), torch.full((batch,), steps)
    values, last = _reset(call, flat, lengths, weights, first, reverse, where)
    return values.reshape(batch, steps, -1), last


def nothing(x: Tensor, weights: Weights) -> Tensor:
    """Return the output (..., H) of an input (..., F) without steps, of the dtype it would have."""
    return linear(x, weights.input[: weights.hidden.shape[1]])


def _reset(
    call: Call,
    values: Tensor,
    lengths: Tensor,
    weights: Weights,
    first: S,
    reverse: bool,
    resets: Tensor,
) -> tuple[Tensor, S]:
    """Cut rows where they are reset, each piece a row of its own; values stay where they are."""
    pieces, heads, tails = _cut(lengths, resets)
    enter, leave = (tails, heads) if reverse else (heads, tails)
    device = values.device
    firsts = first.map(
        lambda leaf: leaf.new_zeros(len(pieces), leaf.shape[1]).index_copy(
            0, enter.to(device), leaf
        )
    )
    output, lasts = _uneven(call, values, pieces, weights, firsts, reverse)
    return output, lasts.select(leave)


def _cut(lengths: Tensor, resets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pieces' lengths (P,), and each row's first and last piece (B,).

    A cut before step 0 makes an empty first piece, which takes the row's first state out of play.
    """
    batch, steps = resets.shape
    inside = resets & (torch.arange(steps) < lengths[:, None])
    rows, times = inside.nonzero(as_tuple=True)
    cuts = inside.sum(1)
    heads = torch.arange(batch) + cuts.cumsum(0) - cuts
    starts = lengths.cumsum(0) - lengths
    begins = torch.empty(batch + len(rows), dtype=torch.int64)
    begins[heads] = starts
    begins[torch.arange(len(rows)) + rows + 1] = starts[rows] + times
    pieces = begins.diff(append=lengths.sum()[None])
    return pieces, heads, heads + cuts


def _uneven(
    call: Call, values: Tensor, lengths: Tensor, weights: Weights, first: S, reverse: bool
) -> tuple[Tensor, S]:
    """Scan rows of unequal length, padded in buckets; rows without steps keep their first state."""
    hidden = weights.hidden.shape[1]
    total, batch = values.shape[0], len(lengths)
    if total == 0:
        return nothing(values, weights), first
    if total == batch * int(lengths[0]) and bool((lengths == lengths[0]).all()):
        output, last = _even(
            call, values.reshape(batch, int(lengths[0]), -1), weights, first, reverse
        )
        return output.reshape(total, hidden), last
    alive = lengths.nonzero().squeeze(1)
    groups = [alive[rows] for rows in bucket_rows(lengths[alive], STEP_COST / hidden + 2)]
    source = torch.cat([values, values.new_zeros(1, values.shape[1])])
    if call in HOLDS:
        source, weights = _with_hold(source, weights, HOLDS[call])
    starts, stride = lengths.cumsum(0) - lengths, 1
    if reverse:
        starts, stride = starts + lengths - 1, -1
    outputs: list[Tensor] = []
    lasts: list[S] = []
    begins = torch.zeros(batch, dtype=torch.int64)
    offset = 0
    for rows in groups:
        steps = int(lengths[rows].max())
        index = padded_positions(starts[rows], lengths[rows], steps, total, stride)
        padded = take(source, index.reshape(-1)).reshape(len(rows), steps, -1)
        output, last = call(padded, weights, first.select(rows), lengths[rows])
        outputs.append(output.reshape(-1, hidden))
        lasts.append(last)
        begins[rows] = offset + torch.arange(len(rows)) * steps
        offset += len(rows) * steps
    walked = torch.cat(outputs)
    order = torch.cat([*groups, (lengths == 0).nonzero().squeeze(1)])
    back = torch.empty_like(order)
    back[order] = torch.arange(batch)
    state = State.concatenate([*lasts, first.select(lengths == 0)]).select(back)
    ends = begins + lengths - 1
    if reverse:
        return take(walked, positions(ends, lengths, -1)), state
    return take(walked, positions(begins, lengths)), state


def _even(call: Call, x: Tensor, weights: Weights, first: S, reverse: bool) -> tuple[Tensor, S]:
    """Scan rows of equal length."""
    if x.shape[0] == 0 or x.shape[1] == 0:
        return nothing(x, weights), first
    if not reverse:
        return call(x, weights, first, None)
    output, last = call(x.flip(1), weights, first, None)
    return output.flip(1), last


def _with_hold(source: Tensor, weights: Weights, hold: Hold) -> tuple[Tensor, Weights]:
    """Give each step of source (N+1, F) a feature, 1 in the filler alone, with weights of its own.

    Padded steps then do what `hold` says, whatever the other weights are.
    """
    mark = source.new_zeros(source.shape[0], 1)
    mark[-1] = 1
    gates = weights.input.new_tensor(hold(weights.input.dtype))
    column = gates.repeat_interleave(weights.hidden.shape[1])[:, None]
    wide = torch.cat([weights.input, column], 1)
    return torch.cat([source, mark], 1), weights._replace(input=wide)


def _hold_cell(_: torch.dtype) -> list[float]:
    """Shut the input gate and open the forget gate: c' = 1 * c + 0 * g, to the bit.

    Exact for gradients too: the cell's passes unchanged, and nothing else gets any.
    """
    return [-HOLD, HOLD, 0, 0]


def _shut_relu(dtype: torch.dtype) -> list[float]:
    """Keep h at 0: through padding it could grow to infinity, and 0 * inf spoil a gradient."""
    return [torch.finfo(dtype).min / 4]


def _call(function: Callable[..., Any], x: Tensor, first: list[Tensor], weights: Weights) -> Any:
    """Return torch's output and last state for one layer in one direction, batch first."""
    hidden = [leaf.unsqueeze(0).contiguous() for leaf in first]
    biases = [bias for bias in weights[2:] if bias is not None]
    parameters = [weights.input, weights.hidden, *biases]
    # Asks the engines to keep what backward needs; not about dropout, of which there is none.
    train = torch.is_grad_enabled() and any(t.requires_grad for t in (x, *hidden, *parameters))
    state = hidden if function is torch.lstm else hidden[0]
    with warnings.catch_warnings():
        if x.is_cuda:
            # cuDNN copies weights that do not lie in one block, which costs less than a step.
            warnings.filterwarnings("ignore", "RNN module weights are not part of single")
        return function(x, state, parameters, bool(biases), 1, 0.0, train, False, True)


def _last_hidden(output: Tensor, last: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        return last.squeeze(0)
    rows = torch.arange(len(lengths), device=output.device)
    return output[rows, lengths.to(output.device) - 1]


def _rnn_tanh(
    x: Tensor, weights: Weights, first: HiddenState, lengths: Tensor | None
) -> tuple[Tensor, HiddenState]:
    output, last = _call(torch.rnn_tanh, x, [first.hidden], weights)
    return output, HiddenState(_last_hidden(output, last, lengths)).to(dtype=first.hidden.dtype)


def _rnn_relu(
    x: Tensor, weights: Weights, first: HiddenState, lengths: Tensor | None
) -> tuple[Tensor, HiddenState]:
    output, last = _call(torch.rnn_relu, x, [first.hidden], weights)
    return output, HiddenState(_last_hidden(output, last, lengths)).to(dtype=first.hidden.dtype)


def _gru(
    x: Tensor, weights: Weights, first: HiddenState, lengths: Tensor | None
) -> tuple[Tensor, HiddenState]:
    output, last = _call(torch.gru, x, [first.hidden], weights)
    return output, HiddenState(_last_hidden(output, last, lengths)).to(dtype=first.hidden.dtype)


def _lstm(
    x: Tensor, weights: Weights, first: LSTMState, lengths: Tensor | None
) -> tuple[Tensor, LSTMState]:
    output, last, cell = _call(torch.lstm, x, [first.hidden, first.cell], weights)
    state = LSTMState(_last_hidden(output, last, lengths), cell.squeeze(0))
    return output, state.to(dtype=first.hidden.dtype)


CALLS: dict[Cell[Any], Call] = {RNN_TANH: _rnn_tanh, RNN_RELU: _rnn_relu, GRU: _gru, LSTM: _lstm}
HOLDS: dict[Call, Hold] = {_lstm: _hold_cell, _rnn_relu: _shut_relu}

"""One cell over time by torch's own recurrence: one call for all steps.

Below it, oneDNN runs an LSTM on a CPU and cuDNN everything on a GPU. Rows of unequal length are
packed as torch packs them; an LSTM's on a CPU are padded in buckets of similar length, since oneDNN
takes no packed rows and is twice as fast. Rows that are reset come in pieces (see resets.py).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.nn.functional import linear

from recurra.core.arguments import ScanArguments, first_state
from recurra.core.cells import GRU, LSTM, RNN_RELU, RNN_TANH, Cell, Weights
from recurra.core.ragged import (
    Ragged,
    bucket_rows,
    count_alive,
    inverse,
    packed_positions,
    padded_positions,
    positions,
    take,
)
from recurra.core.state import LSTMState, State
from recurra.core.variants import Projected

S = TypeVar("S", bound=State)
X = TypeVar("X", Tensor, Ragged)

FUNCTIONS: dict[Cell[Any], Callable[..., Any]] = {
    RNN_TANH: torch.rnn_tanh,
    RNN_RELU: torch.rnn_relu,
    GRU: torch.gru,
    LSTM: torch.lstm,
}

STEP_COST = 1000.0
"""What a step costs beside its arithmetic, in rows, times H (measured for H from 32 to 512)."""

HOLD = 1e4
"""Saturates a sigmoid exactly, in bfloat16 too: sigmoid(-HOLD) = 0 and sigmoid(HOLD) = 1."""


def refusal() -> str:
    """Return why torch's own recurrence cannot run here, or an empty string."""
    # Dynamo cannot look into what follows.
    if torch.compiler.is_compiling():
        return ""
    inside: Any = torch._C._functorch
    levels = inside.get_interpreter_stack() or ()
    if any(level.key() == inside.TransformType.Vmap for level in levels):
        return "torch.func.vmap has no rule for torch's own recurrence"
    if torch.autograd.forward_ad._current_level >= 0:
        return "forward-mode has no rule for oneDNN's and cuDNN's recurrence"
    return ""


def engine(cell: Cell[Any], like: Tensor) -> str:
    """Return the name of what runs the steps for input or weights like these."""
    if like.device.type == "cuda" and torch.backends.cudnn.enabled:
        return "cuDNN"
    mkldnn: Any = torch.backends.mkldnn
    onednn = mkldnn.is_available() and mkldnn.enabled and like.dtype != torch.float64
    if cell == LSTM and like.device.type == "cpu" and onednn:
        return "oneDNN"
    return "torch"


def walk(arguments: ScanArguments[X, S]) -> tuple[X, S]:
    """Return output and last state; all arguments are checked already, resets none."""
    cell, x, weights, reverse = arguments.cell, arguments.x, arguments.weights, arguments.reverse
    first = first_state(arguments)
    if not isinstance(x, Ragged):
        return _even(cell, x, weights, first, reverse)
    values, last = _uneven(cell, x.values, x.lengths, weights, first, reverse)
    return Ragged(values, x.lengths), last


def nothing(x: Tensor, weights: Weights) -> Tensor:
    """Return the output (..., H) of an input (..., F) without steps, of the dtype it would have."""
    return linear(x, weights.input[: weights.hidden.shape[1]])


def _uneven(
    cell: Cell[S], values: Tensor, lengths: Tensor, weights: Weights, first: S, reverse: bool
) -> tuple[Tensor, S]:
    """Scan rows of unequal length; rows without steps keep their first state."""
    total, batch = values.shape[0], len(lengths)
    if total == 0:
        return nothing(values, weights), first
    if total == batch * int(lengths[0]) and bool((lengths == lengths[0]).all()):
        x = values.reshape(batch, int(lengths[0]), -1)
        output, last = _even(cell, x, weights, first, reverse)
        return output.reshape(total, -1), last
    if isinstance(first, LSTMState) and values.device.type == "cpu":
        found = _bucketed(cast("Cell[LSTMState]", cell), values, lengths, weights, first, reverse)
        return cast("tuple[Tensor, S]", found)
    return _packed(cell, values, lengths, weights, first, reverse)


def _even(cell: Cell[S], x: Tensor, weights: Weights, first: S, reverse: bool) -> tuple[Tensor, S]:
    """Scan rows of equal length, (B, T, F)."""
    if x.shape[0] == 0 or x.shape[1] == 0:
        return nothing(x, weights), first
    if not reverse:
        return _call(cell, x, weights, first)
    output, last = _call(cell, x.flip(1), weights, first)
    return output.flip(1), last


def _packed(
    cell: Cell[S], values: Tensor, lengths: Tensor, weights: Weights, first: S, reverse: bool
) -> tuple[Tensor, S]:
    """Scan all rows' first steps, then all second ones, ..., for the rows that have them."""
    order = torch.argsort(lengths, descending=True, stable=True)
    alive = int((lengths > 0).sum())
    place, sizes = inverse(order), count_alive(lengths)
    where = packed_positions(sizes, lengths, place, reverse)
    packed = take(values, inverse(where))
    output, last = _call(cell, packed, weights, first.select(order[:alive]), sizes)
    state = State.concatenate([last, first.select(order[alive:])]).select(place)
    return take(output, where), state


def _bucketed(
    cell: Cell[LSTMState],
    values: Tensor,
    lengths: Tensor,
    weights: Weights,
    first: LSTMState,
    reverse: bool,
) -> tuple[Tensor, LSTMState]:
    """Scan an LSTM's rows padded in buckets, with the cell held from each row's end on."""
    total, hidden = values.shape[0], weights.hidden.shape[1]
    alive = lengths.nonzero().squeeze(1)
    groups = [alive[rows] for rows in bucket_rows(lengths[alive], STEP_COST / hidden + 2)]
    source, held = _with_hold(values, weights)
    starts, stride = lengths.cumsum(0) - lengths, 1
    if reverse:
        starts, stride = starts + lengths - 1, -1
    outputs: list[Tensor] = []
    cells: list[Tensor] = []
    begins = torch.zeros_like(lengths)
    offset = 0
    for rows in groups:
        steps = int(lengths[rows].max())
        index = padded_positions(starts[rows], lengths[rows], steps, total, stride)
        padded = take(source, index.reshape(-1)).reshape(len(rows), steps, -1)
        output, last = _call(cell, padded, held, first.select(rows))
        outputs.append(output.reshape(-1, hidden))
        cells.append(last.cell)
        begins[rows] = offset + torch.arange(len(rows)) * steps
        offset += len(rows) * steps
    walked = torch.cat(outputs)
    empty = (lengths == 0).nonzero().squeeze(1)
    rows = torch.cat([*groups, empty])
    ends = begins + lengths - 1
    last_hidden = take(walked, ends[rows[: len(alive)]]).to(first.hidden.dtype)
    lasts = LSTMState(last_hidden, torch.cat(cells))
    state = State.concatenate([lasts, first.select(empty)]).select(inverse(rows))
    index = positions(ends, lengths, -1) if reverse else positions(begins, lengths)
    return take(walked, index), state


def _with_hold(values: Tensor, weights: Weights) -> tuple[Tensor, Weights]:
    """Return values (N, F) as (N+1, F+1), with filler and its mark added, and weights to fit.

    The mark shuts the input gate and opens the forget gate: c' = 1 * c + 0 * g, to the bit. Exact
    for gradients too: the cell's passes unchanged, and nothing else gets any.
    """
    source = torch.cat([values, values.new_zeros(1, values.shape[1])])
    mark = source.new_zeros(source.shape[0], 1)
    mark[-1] = 1
    column = weights.input.new_zeros(4, weights.input.shape[0] // 4)
    column[0], column[1] = -HOLD, HOLD
    wide = torch.cat([weights.input, column.reshape(-1, 1)], 1)
    return torch.cat([source, mark], 1), weights._replace(input=wide)


def _call(
    cell: Cell[S], x: Tensor, weights: Weights, first: S, sizes: Tensor | None = None
) -> tuple[Tensor, S]:
    """Return torch's output and last state: x (B, T, F), or packed (N, F) with batch sizes (T,)."""
    hidden = [leaf.unsqueeze(0).contiguous() for leaf in first.leaves()]
    biases = [bias for bias in weights[2:] if bias is not None]
    plain, after = (cell.inner, [cell.weight]) if type(cell) is Projected else (cell, [])
    parameters = [weights.input, weights.hidden, *biases, *after]
    state = hidden if len(hidden) > 1 else hidden[0]
    # cuDNN asks for "training" where a gradient will be wanted; there is no dropout here.
    # What torch.jit records is run again without gradients, to be compared.
    grad = torch.is_grad_enabled() or torch._C._get_tracing_state() is not None
    train = grad and any(t.requires_grad for t in (x, *hidden, *parameters))
    settings = (parameters, bool(biases), 1, 0.0, train, False)
    with warnings.catch_warnings():
        if x.is_cuda:
            # cuDNN copies weights that do not lie in one block, which costs less than a step.
            warnings.filterwarnings("ignore", "RNN module weights are not part of single")
        elif after:
            warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
        if sizes is None:
            output, *lasts = FUNCTIONS[plain](x, state, *settings, True)
        else:
            output, *lasts = FUNCTIONS[plain](x, sizes, state, *settings)
    remaining = iter(lasts)
    return output, first.map(lambda leaf: next(remaining).squeeze(0).to(leaf.dtype))

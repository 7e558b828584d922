"""The native kernels as operators of torch.library, for graphs that torch.compile writes.

Shapes are told without running anything, so that a compiled model is one graph with the kernels in
it. What torch.export and torch.jit write is to run without this package: it has torch's operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from recurra.core.arguments import ScanArguments, first_state
from recurra.core.cells import Cell, GRUCell, LSTMCell, RNNCell, Weights
from recurra.core.ragged import Ragged
from recurra.core.state import State
from recurra.native.binding import CELLS, LSTM, absent, kernels

if TYPE_CHECKING:
    from recurra.native._native import Problem

S = TypeVar("S", bound=State)
X = TypeVar("X", Tensor, Ragged)

_Five = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
_Seven = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def refusal(cell: Cell[Any], x: Tensor | Ragged, weights: Weights) -> str:
    """Return why a graph is not to have the kernels in it, or an empty string.

    Asked as simply as dynamo can follow.
    """
    if torch.compiler.is_exporting():
        return "what is exported has torch's own operations alone"
    if absent:
        return absent
    if not isinstance(x, Tensor) or x.numel() == 0 or _number(cell) is None:
        return "torch.compile sees through torch's own operations alone"
    same = x.dtype == weights.hidden.dtype and x.dtype in (torch.float32, torch.float64)
    if not same or x.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return "the native kernels run on the CPU, in float32 and float64"
    return ""


def scan(arguments: ScanArguments[X, S]) -> tuple[X, S]:
    """Return output and last state of what `refusal` lets pass."""
    cell, x, weights = arguments.cell, arguments.x, arguments.weights
    first = list(first_state(arguments).leaves())
    out, *last = walk(
        x, *weights, first[0], first[1] if len(first) > 1 else None, _number(cell),
        arguments.reverse, torch.is_grad_enabled(),
    )  # fmt: skip
    return out, cell.state_type(*last[: len(first)])  # type: ignore[return-value]


def _number(cell: Cell[Any]) -> int | None:
    """Return the kernels' number of a cell, without a hash, which dynamo has not of dataclasses."""
    if isinstance(cell, RNNCell):
        return CELLS[f"rnn_{cell.nonlinearity}"]
    return (
        CELLS["gru"] if isinstance(cell, GRUCell) else LSTM if isinstance(cell, LSTMCell) else None
    )


@torch.library.custom_op("recurra::walk", mutates_args=())
def walk(
    x: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    h0: Tensor,
    c0: Tensor | None,
    cell: int,
    reverse: bool,
    save: bool,
) -> _Five:
    """Walk x (B, T, F): output, last hidden, last cell, and for backward cells and gates.

    Those that the cell does not have, or are not saved, are empty.
    """
    results = _empty(x, w_hh, cell, save)
    out, hn, cn, cells, saved = (t if t.numel() else None for t in results)
    # By names of their own, since the kernels are given addresses: a copy has to live until then.
    x, w_ih, w_hh, b_ih, b_hh, h0, c0 = _dense(x, w_ih, w_hh, b_ih, b_hh, h0, c0)
    tensors = kernels.Tensors(
        x=x, w_ih=w_ih, w_hh=w_hh, b_ih=b_ih, b_hh=b_hh, h0=h0, c0=c0,
        out=out, cells=cells, saved=saved, hn=hn, cn=cn,
    )  # fmt: skip
    kernels.forward(_problem(x, w_hh, cell, reverse), tensors, None)
    return results


@torch.library.custom_op("recurra::walk_back", mutates_args=())
def walk_back(
    slopes: list[Tensor],
    x: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    kept: list[Tensor],
    cell: int,
    reverse: bool,
) -> _Seven:
    """Return the gradients of x, weights, biases and the first state, from those after."""
    found = _like(x, w_ih, w_hh, h0, c0)
    known = [each if each.numel() else None for each in (*kept, *slopes)]
    out, cells, saved, dout, dhn, dcn = _dense(*known)
    x, w_ih, w_hh, h0, c0 = _dense(x, w_ih, w_hh, h0, c0)
    tensors = kernels.Tensors(
        x=x, w_ih=w_ih, w_hh=w_hh, h0=h0, c0=c0, out=out, cells=cells, saved=saved
    )  # fmt: skip
    dx, dw_ih, dw_hh, db_ih, db_hh, dh0, dc0 = found
    gradients = kernels.Gradients(
        dout=dout, dhn=dhn, dcn=dcn, dx=dx, dw_ih=dw_ih, dw_hh=dw_hh, db_ih=db_ih, db_hh=db_hh,
        dh0=dh0, dc0=dc0 if cell == LSTM else None,
    )  # fmt: skip
    kernels.backward(_problem(x, w_hh, cell, reverse), tensors, gradients)
    return found


# Shapes alone, from the arguments in their order.
walk.register_fake(lambda *given: _empty(given[0], given[2], given[7], given[9]))
walk_back.register_fake(lambda *given: _like(*given[1:6]))


def _keep(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    x, w_ih, w_hh, b_ih, _, h0, c0, ctx.cell, ctx.reverse, _ = inputs
    out, _, _, cells, saved = output
    ctx.biased = b_ih is not None
    ctx.save_for_backward(x, w_ih, w_hh, h0, c0, out, cells, saved)


def _back(ctx, *slopes):  # type: ignore[no-untyped-def]
    x, w_ih, w_hh, h0, c0, *kept = ctx.saved_tensors
    found = walk_back(list(slopes[:3]), x, w_ih, w_hh, h0, c0, kept, ctx.cell, ctx.reverse)
    dx, dw_ih, dw_hh, db_ih, db_hh, dh0, dc0 = found
    if not ctx.biased:
        db_ih = db_hh = None
    return dx, dw_ih, dw_hh, db_ih, db_hh, dh0, None if c0 is None else dc0, None, None, None


walk.register_autograd(_back, setup_context=_keep)


def _dense(*tensors: Any) -> list[Any]:
    return [None if each is None else each.contiguous() for each in tensors]


def _problem(x: Tensor, w_hh: Tensor, cell: int, reverse: bool) -> Problem:
    return kernels.Problem(
        wide=x.dtype == torch.float64, reverse=reverse, time_first=False, cell=cell,
        threads=torch.get_num_threads(), batch=x.shape[0], steps=x.shape[1], features=x.shape[2],
        hidden=w_hh.shape[1],
    )  # fmt: skip


def _empty(x: Tensor, w_hh: Tensor, cell: int, save: bool) -> _Five:
    batch, steps, hidden = x.shape[0], x.shape[1], w_hh.shape[1]
    new, lstm = x.new_empty, cell == LSTM
    return (
        new((batch, steps, hidden)),
        new((batch, hidden)),
        new((batch, hidden) if lstm else (0,)),
        new((batch, steps, hidden) if lstm and save else (0,)),
        new((batch, steps, 4 * hidden) if cell >= 2 and save else (0,)),
    )


def _like(x: Tensor, w_ih: Tensor, w_hh: Tensor, h0: Tensor, c0: Tensor | None) -> _Seven:
    rows = w_hh.shape[:1]
    dc0 = h0.new_empty((0,)) if c0 is None else torch.empty_like(c0)
    return (
        x.new_empty(x.shape), w_ih.new_empty(w_ih.shape), w_hh.new_empty(w_hh.shape),
        w_hh.new_empty(rows), w_hh.new_empty(rows), h0.new_empty(h0.shape), dc0,
    )  # fmt: skip

"""One cell over time by the native kernels: one autograd node for a layer and direction.

Rows of unequal length and resets are the kernels' own business: nothing is padded, sorted or split.
The input projection and the weights' gradients are in the node too, where they are faster than as
calls of their own. Gradients that are to be differentiated again come from the loop.
"""

from __future__ import annotations

from operator import ne
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from recurra.core import extension, operators, torch_path
from recurra.core.arguments import Path, ScanArguments
from recurra.core.cells import GRU, LSTM, RNN_RELU, RNN_TANH, Cell, Weights
from recurra.core.kept import PLAIN, known
from recurra.core.loop import loop
from recurra.core.product import narrow, no_bfloat16
from recurra.core.ragged import Ragged
from recurra.core.resets import cuts_of
from recurra.core.state import HiddenState, LSTMState, State
from recurra.native.binding import CELLS, absent, kernels
from recurra.native.binding import LSTM as WITH_CELL

if TYPE_CHECKING:
    from recurra.native._native import Prepared, Problem

S = TypeVar("S", bound=State)
X = TypeVar("X", Tensor, Ragged)

NUMBERS: dict[Cell[Any], int] = {
    RNN_TANH: CELLS["rnn_tanh"],
    RNN_RELU: CELLS["rnn_relu"],
    GRU: CELLS["gru"],
    LSTM: CELLS["lstm"],
}

ONEDNN_FROM = 1024
"""Full batches of an LSTM of so many units and more are oneDNN's (it needs 0.94 of our time)."""


def refusal(cell: Cell[Any], x: Tensor | Ragged, weights: Weights) -> str:
    """Return why the kernels cannot run this, or an empty string where they can."""
    values = x.values if isinstance(x, Ragged) else x
    # First, since dynamo cannot look into what follows.
    if torch.compiler.is_compiling():
        return operators.refusal(cell, x, weights)
    if absent:
        return absent
    if cell not in NUMBERS:
        return f"the native kernels have no {type(cell).__name__}"
    dtype, mixed = weights.hidden.dtype, torch.is_autocast_enabled("cpu")
    for tensor in (values, *weights):
        if tensor is None:
            continue
        if type(tensor) not in PLAIN or tensor.layout != torch.strided:
            return f"the native kernels take no {type(tensor).__name__} of {tensor.layout}"
        if not tensor.is_cpu:
            return f"the native kernels run on the CPU, not on {tensor.device.type}"
        # Autocast makes of an input what products are to be in.
        if tensor.dtype != dtype and not (mixed and tensor is values):
            return f"the native kernels take no {tensor.dtype} beside {dtype}"
    if mixed and (why := no_bfloat16(dtype, weights.hidden.shape[1])):
        return why
    if dtype not in (torch.float32, torch.float64):
        return f"the native kernels have no {dtype}"
    if torch._C._get_tracing_state() is not None:
        return "a trace records torch's own operations alone"
    if transformed():
        return "a transform (torch.func, forward-mode or fake tensors) needs torch's operations"
    return ""


def walk(arguments: ScanArguments[X, S]) -> tuple[X, S]:
    """Return output and last state; all is checked already, and what rows begin with is zeros."""
    if torch.compiler.is_compiling():
        return operators.scan(arguments)
    output, last, _ = _walk(arguments, every=False)
    return output, last


def walk_states(arguments: ScanArguments[X, S]) -> tuple[X, S, S]:
    """Return output, last state, and the state after each step, leaves (B, T, H)."""
    output, last, cells = _walk(arguments, every=True)
    shown: dict[str, Tensor] = {}
    for name, values in (("hidden", output), ("cell", cells)):
        if values is not None:
            shown[name] = values.padded() if isinstance(values, Ragged) else values
    names = iter(last.arrays())
    return output, last, last.map(lambda _: shown[next(names)])


class Call(NamedTuple):
    """What does not change between forward and backward; `state` is the states' shape.

    `problem` holds the addresses of lengths and cuts; they are kept here to live as long as it.
    """

    cell: Cell[Any]
    number: int
    problem: Problem
    bfloat: bool
    state: tuple[int, ...]
    hidden: int
    lengths: Tensor | None
    cuts: Tensor | None
    reverse: bool
    resets: Tensor | None
    every: bool
    turned: bool


def _walk(arguments: ScanArguments[X, S], *, every: bool) -> tuple[X, S, X | None]:
    cell, x, first, resets = arguments.cell, arguments.x, arguments.state, arguments.resets
    weights: Weights = arguments.weights
    reverse = arguments.reverse
    if isinstance(x, Ragged):
        values, lengths, batch, steps = x.values, x.lengths.contiguous(), x.batch, len(x.values)
    else:
        values, lengths, (batch, steps) = x, None, x.shape[:2]
    # Time first, seen batch first, is walked as it lies: torch's copy would hang in a forked child.
    turned = lengths is None and not x.is_contiguous() and x.transpose(0, 1).is_contiguous()
    values = values.transpose(0, 1) if turned else values
    number, (_, hidden), dtype = NUMBERS[cell], weights.hidden.shape, weights.hidden.dtype
    lstm, bfloat = number == WITH_CELL, narrow(hidden)
    wanted = torch.bfloat16 if torch.is_autocast_enabled("cpu") else dtype
    values = values.to(wanted if bfloat else dtype)
    if batch == 0 or steps == 0:
        if first is None:
            first = cell.zero_state(batch, hidden, weights.hidden)
        none = torch_path.nothing(values, weights).to(wanted)
        return _like(x, none), first.to(dtype=dtype), _like(x, none) if lstm else None
    where = None if resets is None or not bool(resets.any()) else resets.cpu()
    cuts = None if where is None else cuts_of(x, where, reverse)
    if cuts is not None and turned:
        cuts = cuts.t().contiguous()
    problem = kernels.Problem(
        wide=dtype == torch.float64, reverse=reverse, bfloat=bfloat, cell=number,
        threads=torch.get_num_threads(), batch=batch, steps=steps, features=values.shape[-1],
        hidden=hidden, lengths=lengths, resets=cuts, time_first=turned,
    )  # fmt: skip
    state = (batch, hidden)
    call = Call(
        cell, number, problem, bfloat, state, hidden, lengths, cuts, reverse, where,
        every and lstm, turned,
    )  # fmt: skip
    h0, c0 = _leaves(first, dtype)
    sources = tuple([t if t is None else dense(t) for t in (values, *weights, h0, c0)])
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in sources):
        odd = lengths is not None or cuts is not None or call.every or turned or bfloat
        if node is None or odd:
            out, hn, cn, cells = Node.apply(call, *sources)  # type: ignore[no-untyped-call]
        else:
            out, hn, cn = node.layer(number, reverse, *sources)
            cells = None
    else:
        once = steps == 1 and lengths is None and not bfloat
        found = known(number, Weights(*sources[1:5])) if once else None  # type: ignore[arg-type]
        kept = None if found is None else found.packed(trusted=False)
        out, hn, cn, cells, _ = _forward(call, sources, False, kept)
    out = out.to(wanted)
    last: State = HiddenState(hn) if cn is None else LSTMState(hn, cn)
    if where is not None and reverse:
        # Backwards a cut before step 0 is met after it: what would leave there is cut off.
        left = where[:, 0] if lengths is None else where[:, 0] & (lengths > 0)
        last = last.map(torch.zeros_like).where(left, last)
    if turned:
        out, cells = out.transpose(0, 1), None if cells is None else cells.transpose(0, 1)
    return _like(x, out), last, None if cells is None else _like(x, cells)  # type: ignore[return-value]


def _leaves(first: State | None, dtype: torch.dtype) -> tuple[Tensor | None, Tensor | None]:
    """Return the first hidden and cell state, None where there is none."""
    if first is None:
        return None, None
    hidden, *cell = [leaf if leaf.dtype == dtype else leaf.to(dtype) for leaf in first.leaves()]
    return hidden, cell[0] if cell else None


def _like(x: X, values: Tensor) -> X:
    return x.beside(values) if isinstance(x, Ragged) else values


_Sources = tuple[Tensor | None, ...]
"""x, weights.input, .hidden, .input_bias, .hidden_bias, first hidden, first cell."""

_Results = tuple[Tensor, Tensor, Tensor | None, Tensor | None, Tensor | None]
"""Output, last hidden, last cell, every cell, and what backward needs beside them."""


def _forward(
    call: Call, sources: _Sources, save: bool, prepared: Prepared | None = None
) -> _Results:
    x, w_ih, w_hh, b_ih, b_hh, h0, c0 = sources
    assert x is not None
    assert w_hh is not None
    # States are of the weights' type, outputs of the products'.
    lstm, hidden, new = call.number == WITH_CELL, call.hidden, w_hh.new_empty
    shape, state = x.shape[:-1], call.state
    out, hn = x.new_empty((*shape, hidden)), new(state)
    cn = new(state) if lstm else None
    cells = new((*shape, hidden)) if lstm and (save or call.every) else None
    saved = x.new_empty((*shape, 4 * hidden)) if save and call.number >= 2 else None
    tensors = kernels.Tensors(
        x=x, w_ih=w_ih, w_hh=w_hh, b_ih=b_ih, b_hh=b_hh, h0=h0, c0=c0,
        out=out, cells=cells, saved=saved, hn=hn, cn=cn,
    )  # fmt: skip
    kernels.forward(call.problem, tensors, prepared)
    return out, hn, cn, cells, saved


class Node(torch.autograd.Function):
    """One layer and direction; `apply(call, *sources)` gives the first four of its results."""

    @staticmethod
    def forward(ctx: Any, call: Call, *sources: Tensor | None) -> Any:
        """Return output, last hidden and cell state, and every cell where it is asked for."""
        out, hn, cn, cells, saved = _forward(call, sources, True)
        ctx.call = call
        ctx.set_materialize_grads(False)
        # As torch, biases may change before backward, which has no use for them, and so may the
        # output, which is found anew then. Views count the writes; this one holds no numbers.
        *needed, ctx.b_ih, ctx.b_hh, h0, c0 = sources
        ctx.save_for_backward(*needed, h0, c0, out.data, cells, saved)
        ctx.written = out.view(out.shape)
        ctx.written.set_()
        ctx.versions = _versions(ctx.written, ctx.b_ih, ctx.b_hh)
        return out, hn, cn, cells if call.every else None

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor | None) -> Any:
        """Return the sources' gradients, behind one for `call`, which has none."""
        call: Call = ctx.call
        x, w_ih, w_hh, h0, c0, out, cells, saved = ctx.saved_tensors
        sources = [x, w_ih, w_hh, ctx.b_ih, ctx.b_hh, h0, c0]
        needs = ctx.needs_input_grad[1:]
        again = torch.is_grad_enabled() or transformed() or _batched(slopes)
        written, *biased = map(ne, ctx.versions, _versions(ctx.written, ctx.b_ih, ctx.b_hh))
        if any(biased) and (again or written):
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an "
                "inplace operation: a bias of a recurrent layer"
            )
        if again:
            return None, *_by_loop(call, sources, slopes, needs)
        if written:
            out, *_ = _forward(call, tuple(sources), False)
        # Small ones live in the kernels' own scratch; large ones are torch's to count and to free.
        width = (4 if call.number >= 2 else 1) * call.hidden
        large = out.numel() * width > call.hidden << 21
        grads = out.new_empty((*out.shape[:-1], width)) if large else None
        found = [
            torch.empty_like(source) if need else None
            for source, need in zip(sources, needs, strict=True)
        ]
        dout, dhn, dcn, dcells = (None if slope is None else dense(slope) for slope in slopes)
        dx, dw_ih, dw_hh, db_ih, db_hh, dh0, dc0 = found
        # Anew: hooks on saved tensors may have moved them.
        tensors = kernels.Tensors(
            x=x, w_ih=w_ih, w_hh=w_hh, h0=h0, c0=c0, out=out, cells=cells, saved=saved
        )  # fmt: skip
        gradients = kernels.Gradients(
            dout=dout, dcells=dcells, dhn=dhn, dcn=dcn, grads=grads,
            dx=dx, dw_ih=dw_ih, dw_hh=dw_hh, db_ih=db_ih, db_hh=db_hh, dh0=dh0, dc0=dc0,
        )  # fmt: skip
        kernels.backward(call.problem, tensors, gradients)
        return None, *found


def _by_loop(
    call: Call, sources: list[Tensor | None], slopes: tuple[Tensor | None, ...], needs: Any
) -> list[Tensor | None]:
    """Return gradients that can be differentiated again: those of the oracle."""
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # Views keep the graph of the sources, and are leaves of this one.
        fresh = [
            None if source is None else source.view_as(source) if again
            else source.detach().requires_grad_()
            for source in sources
        ]  # fmt: skip
        x, w_ih, w_hh, b_ih, b_hh, h0, c0 = fresh
        assert x is not None
        assert w_ih is not None
        assert w_hh is not None
        first: State | None = None
        if h0 is not None:
            first = HiddenState(h0) if c0 is None else LSTMState(h0, c0)
            first = first.map(lambda leaf: leaf.flatten(0, -2))
        rows: Any = x.float() if call.bfloat else x
        if call.lengths is not None:
            rows = Ragged(rows, call.lengths)
        elif call.turned:
            rows = rows.transpose(0, 1)
        weights = Weights(w_ih, w_hh, b_ih, b_hh)
        traced = loop(ScanArguments(call.cell, rows, weights, first, call.reverse, call.resets))
        output = traced.output.values if isinstance(traced.output, Ragged) else traced.output
        last = traced.state.map(lambda leaf: leaf.reshape(call.state))
        results: list[Tensor | None] = [output, last.hidden, None, None]
        if isinstance(last, LSTMState):
            every = traced.states.cell
            results[2] = last.cell
            results[3] = every[rows.mask()] if isinstance(rows, Ragged) else every
        if call.turned:
            results = [
                result if result is None or k in (1, 2) else result.transpose(0, 1)
                for k, result in enumerate(results)
            ]
        pairs = [
            (result, slope)
            for result, slope in zip(results, slopes, strict=True)
            if result is not None and slope is not None
        ]
        wanted = [t for t, need in zip(fresh, needs, strict=True) if need and t is not None]
        found = iter(
            torch.autograd.grad(
                [result for result, _ in pairs],
                wanted,
                [slope for _, slope in pairs],
                create_graph=again,
                allow_unused=True,
            )
        )
    return [next(found) if need else None for need in needs]


def problem_of(
    cell: Cell[Any], number: int, x: Tensor, hidden: int, reverse: bool, state: tuple[int, ...]
) -> Call:
    """Return what is asked for rows of one length x (B, T, F), with states of this shape."""
    batch, steps, features = x.shape
    problem = kernels.Problem(
        wide=x.dtype == torch.float64, reverse=reverse, bfloat=False, cell=number, time_first=False,
        threads=torch.get_num_threads(), batch=batch, steps=steps, features=features, hidden=hidden,
    )  # fmt: skip
    return Call(
        cell, number, problem, False, state, hidden, None, None, reverse, None, False, False
    )  # fmt: skip


def again(
    number: int,
    reverse: bool,
    flat: bool,
    sources: _Sources,
    slopes: _Sources,
    needs: tuple[bool, ...],
) -> list[Tensor | None]:
    """Return what the node in C++ (node.cc) asks for: gradients as `_by_loop` gives them."""
    x, hidden = sources[0], sources[2]
    assert x is not None
    assert hidden is not None
    cell = next(cell for cell, known in NUMBERS.items() if known == number)
    units = hidden.shape[1]
    state = (len(x), units) if flat else (len(x), 1, units)
    call = problem_of(cell, number, x, units, reverse, state)
    return _by_loop(call, list(sources), (*slopes, None), needs)


def _versions(*tensors: Tensor | None) -> list[int | None]:
    """Return how often each was written to, which inference tensors do not count."""
    return [None if t is None or t.is_inference() else t._version for t in tensors]


def transformed() -> bool:
    """Return whether tensors may be wrapped, so that they have no numbers at an address."""
    c: Any = torch._C
    return (
        c._functorch.peek_interpreter_stack() is not None
        or c._len_torch_dispatch_stack() > 0
        or torch.autograd.forward_ad._current_level >= 0
    )


def _batched(slopes: tuple[Tensor | None, ...]) -> bool:
    """Return whether backward runs for many slopes at once (is_grads_batched)."""
    inside: Any = torch._C._functorch
    return any(slope is not None and inside.is_legacy_batchedtensor(slope) for slope in slopes)


def dense(tensor: Tensor) -> Tensor:
    """Return the tensor as numbers side by side, itself where it is."""
    return tensor.resolve_neg().contiguous() if tensor.is_neg() else tensor.contiguous()


node, absent_node = extension.load(again, ONEDNN_FROM)
"""The node in C++ (node.cc), or None and why; it has rows of one length, without resets."""


def with_node(path: Path) -> Path:
    """Return the native path with a word on its node, another as it is."""
    if path.name != "native":
        return path
    where = "Python" if node is None else "C++"
    return path._replace(reason=f"{path.reason}; autograd's node in {where}")

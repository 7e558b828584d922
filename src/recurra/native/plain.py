"""What the kernels do, in NumPy, for machines where they are not built: the same calls, slower.

The classes here have the methods of those in `_native`, and the same callers, who have checked all
arrays before they come here. Results agree with the kernels' within
rounding; the last bit may depend on how many rows are asked for together. Of weights kept as int8
outputs and states are the kernels' to the last bit. `threads` are the kernels' alone.
"""

# ruff: noqa: ARG001, ARG002

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.native import int8

Array = NDArray[Any]
Rows = NDArray[np.int64]
Curve = Callable[[Array], Array]

RNN_TANH, RNN_RELU, GRU, LSTM = range(4)


def rounded(weight: Array) -> Array:
    """Return float32 numbers rounded to the nearest bfloat16, ties to even; NaN stays NaN."""
    bits = np.ascontiguousarray(weight, np.float32).view(np.uint32)
    near = (bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) & np.uint32(
        0xFFFF0000
    )
    kept = np.where(np.isnan(weight), bits | np.uint32(0x400000), near) & np.uint32(0xFFFF0000)
    return kept.view(np.float32)


def outside(rows: Rows, below: int) -> bool:
    """Return whether a row number is negative or too large."""
    return bool(((rows < 0) | (rows >= below)).any())


def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    half = x.dtype.type(0.5)
    y: Array = half * np.tanh(half * x) + half
    return y


def _hyperbolic(x: Array) -> Array:
    y: Array = np.tanh(x)
    return y


WHOLE, BFLOAT, INT8 = range(3)

_KEPT: Final[dict[int, Any]] = {
    WHOLE: lambda weight: np.array(weight).T,
    BFLOAT: lambda weight: rounded(weight).T,
    INT8: int8.Int8Matrix,
}
"""How weights (O, K) are kept, by the kernels' numbers: what x (N, K) is multiplied with."""


class Prepared:
    """Weights of one layer in one direction; see `arrays.Prepared`."""

    def __init__(
        self, cell: int, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None,
        kept: int,
    ) -> None:  # fmt: skip
        self.cell, self.hidden = cell, w_hh.shape[1]
        self.input, self.state = _KEPT[kept](w_ih), _KEPT[kept](w_hh)
        exact = kept == INT8
        self.logistic: Curve = int8.logistic if exact else logistic
        self.tanh: Curve = int8.tanh if exact else _hyperbolic
        none = np.zeros(len(w_hh), w_hh.dtype)
        self.input_bias = none if b_ih is None else b_ih.copy()
        self.state_bias = none if b_hh is None else b_hh.copy()

    def project(self, table: Array, out: Array, threads: int) -> bool:
        """out = the input's part of the gates for each row of the table."""
        out[...] = table @ self.input
        out += self.input_bias
        return True

    def _gates(self, x: Array | None, projected: Array | None, rows: Rows | None) -> Array:
        """Return the input's part of the gates, (N, G*H), of the rows named or of all."""
        given = x if projected is None else projected
        assert given is not None
        given = given if rows is None else given[rows]
        return given if x is None else given @ self.input + self.input_bias

    def _next(self, x: Array, h: Array, c: Array | None) -> tuple[Array, Array | None]:
        """One step: the input's part of the gates (B, G*H) and states (B, H) -> the new states."""
        g = h @ self.state + self.state_bias
        if self.cell == RNN_TANH:
            return self.tanh(x + g), None
        if self.cell == RNN_RELU:
            return np.maximum(x + g, 0), None
        if self.cell == GRU:
            H = self.hidden
            rz = self.logistic(x[:, : 2 * H] + g[:, : 2 * H])
            n = self.tanh(x[:, 2 * H :] + rz[:, :H] * g[:, 2 * H :])
            return n + rz[:, H:] * (h - n), None
        i, f, n, o = np.split(x + g, 4, axis=1)
        assert c is not None
        c = self.logistic(f) * c + self.logistic(i) * self.tanh(n)
        return self.logistic(o) * self.tanh(c), c

    def step(
        self, x: Array | None, projected: Array | None, x_rows: Rows | None,
        h: Array, c: Array | None, out: Array, cn: Array | None, threads: int,
    ) -> bool:  # fmt: skip
        """One step of many streams, into `out` and `cn`."""
        hidden, inner = self._next(self._gates(x, projected, x_rows), h, c)
        out[...] = hidden
        if cn is not None:
            cn[...] = inner
        return True

    def advance(
        self, x: Array | None, projected: Array | None, x_rows: Rows | None,
        h: Array, c: Array | None, rows: Rows | None, threads: int,
    ) -> bool:  # fmt: skip
        """One step in place of the rows named, or of all."""
        where: Any = slice(None) if rows is None else rows
        gates = self._gates(x, projected, x_rows)
        hidden, inner = self._next(gates, h[where], None if c is None else c[where])
        h[where] = hidden
        if c is not None and inner is not None:
            c[where] = inner
        return True

    def run(
        self, x: Array | None, projected: Array | None, x_rows: Rows | None,
        h0: Array | None, c0: Array | None, lengths: Rows | None, ragged: bool, reverse: bool,
        resets: NDArray[np.bool_] | None,
        out: Array, cells: Array | None, hn: Array, cn: Array | None, threads: int,
    ) -> bool:  # fmt: skip
        """Whole sequences, into `out`, `cells`, `hn` and `cn`.

        Raises:
            ValueError: lengths or row numbers that do not fit.
        """
        batch, steps = len(hn), out.shape[-2]
        counts = np.full(batch, steps) if lengths is None else lengths
        if (counts < 0).any() or (not ragged and (counts > steps).any()):
            raise ValueError("lengths: a row is longer than the steps given, or of negative length")
        if ragged and counts.sum() != steps:
            raise ValueError("lengths: their sum is not the number of rows given")
        # Where each row begins in arrays of steps laid end to end.
        starts = np.cumsum(counts) - counts if ragged else np.arange(batch) * steps
        flat = [
            None if array is None else array.reshape(-1, *array.shape[lead:])
            for array, lead in (
                (x, 1 if ragged else 2), (projected, 1 if ragged else 2), (out, out.ndim - 1),
                (cells, out.ndim - 1),
            )
        ]  # fmt: skip
        if x_rows is not None:
            flat[0], flat[1] = x, projected
        all_x, all_projected, all_out, all_cells = flat
        assert all_out is not None
        all_rows = None if x_rows is None else x_rows.reshape(-1)
        all_resets = None if resets is None else resets.reshape(-1)
        out[...] = 0
        if cells is not None:
            cells[...] = 0
        hn[...] = 0 if h0 is None else h0
        if cn is not None:
            cn[...] = 0 if c0 is None else c0
        for t in range(int(counts.max(initial=0))):
            alive = np.flatnonzero(counts > t)
            at = starts[alive] + (counts[alive] - 1 - t if reverse else t)
            read = at if all_rows is None else all_rows[at]
            table = x if projected is None else projected
            # Of padding, no row number is read.
            if all_rows is not None and table is not None and outside(read, len(table)):
                raise ValueError("x_rows: a row number out of range")
            h, c = hn[alive], None if cn is None else cn[alive]
            if all_resets is not None:
                h[all_resets[at]] = 0
                if c is not None:
                    c[all_resets[at]] = 0
            h, c = self._next(self._gates(all_x, all_projected, read), h, c)
            hn[alive] = all_out[at] = h
            if cn is not None and c is not None:
                cn[alive] = c
                if all_cells is not None:
                    all_cells[at] = c
        return True


class Linear:
    """A product with weights (O, K) and a bias; see `arrays.Linear`."""

    def __init__(self, weight: Array, bias: Array | None, kept: int) -> None:
        self.weight = _KEPT[kept](weight)
        self.bias = np.zeros(len(weight), np.float32) if bias is None else bias.copy()

    def product(self, x: Array, rows: Rows | None, out: Array, threads: int) -> bool:
        """out = x[rows] W^T + b."""
        out[...] = (x if rows is None else x[rows]) @ self.weight
        out += self.bias
        return True

    def _logits(self, x: Array, rows: Rows | None) -> tuple[Array, NDArray[np.float64]]:
        logits = (x if rows is None else x[rows]) @ self.weight + self.bias
        high = logits.max(1, keepdims=True, initial=np.finfo(np.float32).min)
        total = np.exp(logits - high).sum(1, dtype=np.float64)
        with np.errstate(divide="ignore"):
            return logits, high[:, 0] + np.log(total)

    def top(
        self, x: Array, rows: Rows | None, excluded: Rows, values: Array, ids: Rows,
        log_sum_exp: NDArray[np.float64], threads: int,
    ) -> bool:  # fmt: skip
        """The highest logits of a row, falling; of equals the lower id first; NaN is lowest."""
        logits, log_sum_exp[...] = self._logits(x, rows)
        allowed = np.setdiff1d(np.arange(logits.shape[1]), excluded)
        logits = logits[:, allowed]
        logits[np.isnan(logits)] = -np.inf
        best = np.argsort(-logits, axis=1, kind="stable")[:, : ids.shape[1]]
        values[...] = np.take_along_axis(logits, best, 1)
        ids[...] = allowed[best]
        return True

    def log_likelihood(
        self, x: Array, rows: Rows | None, targets: Rows, out: NDArray[np.float64], threads: int
    ) -> bool:
        """The log-probability of each row's target; 0 where it is negative."""
        logits, total = self._logits(x, rows)
        found = np.take_along_axis(logits, np.maximum(targets, 0)[:, None], 1)[:, 0]
        out[...] = np.where(targets < 0, 0.0, found - total)
        return True


def attend(
    query: Array | None, keys: Array | None, scores: Array | None, values: Array, lengths: Rows,
    owners: Rows | None, scale: float, context: Array, weights: Array, threads: int,
) -> bool:  # fmt: skip
    """Softmax of the scores over each source's length, and the values' sum by those weights."""
    for row in range(len(weights)):
        source = row if owners is None else int(owners[row])
        steps = int(lengths[source])
        weights[row, steps:] = 0
        context[row] = 0
        if not steps:
            continue
        if scores is None:
            assert query is not None
            assert keys is not None
            score = keys[source, :steps] @ query[row] * np.float32(scale)
        else:
            score = scores[row, :steps]
        weight = np.exp(score - score.max())
        weights[row, :steps] = weight / weight.sum()
        context[row] = weights[row, :steps] @ values[source, :steps]
    return True

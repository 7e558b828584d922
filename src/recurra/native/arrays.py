"""Layers on NumPy arrays as they are used, without gradients.

Arrays that are stepped on are C-contiguous, of one type, and used where they lie: nothing is
converted or copied, and what does not fit is refused by name. Weights are packed once, from arrays
of any layout. Row numbers are int64.

A row's numbers are the same, to the last bit, alone and in any company: whatever the batch, its
order, the padding and the number of threads, gathered by row numbers or not, whole or step by step.
"""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError
from recurra.native.binding import CELLS, GATES, LSTM, compiled, engine
from recurra.native.fit import (
    FLAGS,
    NUMBERS,
    Array,
    Kept,
    Rows,
    check,
    check_rows,
    check_table,
    floating,
    kept_as,
    weight_of,
)  # fmt: skip


class Ran(NamedTuple):
    """Output (B, T, H) or (N, H), last hidden and cell state (B, H), cell states on request."""

    output: Array
    hidden: Array
    cell: Array | None
    cells: Array | None


@final
class Prepared:
    """Weights of one layer in one direction, packed once for inference; later changes are not seen.

    Args:
        cell: rnn_tanh, rnn_relu, gru or lstm.
        w_ih: (G*H, F), torch's gate order.
        w_hh: (G*H, H).
        b_ih: (G*H,), or None.
        b_hh: (G*H,), or None.
        weights: how the matrices are kept. "bfloat16" rounds them once and halves the memory read
            by a step; all arithmetic stays float32. "int8" quarters it: each row of a matrix is
            rounded to whole numbers of its own scale, and so is each row that it is multiplied
            with; the results are the same on every machine.

    Where inputs are asked for (`step`, `advance`, `run`), there are three ways to give them: as
    rows `x`; as row numbers `x_rows` into a table `x` (V, F), an embedding say; or, with x None, as
    row numbers into `projected`, that table after `project`. All three give the same numbers.

    Raises:
        OptionError: arrays that do not fit.
    """

    def __init__(
        self,
        cell: str,
        w_ih: Array,
        w_hh: Array,
        b_ih: Array | None = None,
        b_hh: Array | None = None,
        *,
        weights: Kept = "float32",
    ) -> None:
        if cell not in CELLS:
            raise OptionError(f"cell={cell!r}", expected=f"one of {', '.join(CELLS)}")
        self.dtype = floating("w_hh", w_hh)
        if w_hh.ndim != 2 or not isinstance(w_ih, np.ndarray) or w_ih.ndim != 2:
            raise OptionError("w_ih or w_hh without two dimensions", expected="(G*H, F), (G*H, H)")
        self.number, self.hidden, self.features = CELLS[cell], w_hh.shape[1], w_ih.shape[1]
        if not self.hidden or not self.features:
            raise OptionError("weights without columns", expected="(G*H, F), (G*H, H)")
        self.width = GATES[self.number] * self.hidden
        kept = kept_as(weights, self.dtype, max(self.hidden, self.features))
        self.handle = engine.Prepared(
            self.number,
            weight_of("w_ih", w_ih, self.dtype, (self.width, self.features)),
            weight_of("w_hh", w_hh, self.dtype, (self.width, self.hidden)),
            None if b_ih is None else weight_of("b_ih", b_ih, self.dtype, (self.width,)),
            None if b_hh is None else weight_of("b_hh", b_hh, self.dtype, (self.width,)),
            kept,
        )

    def project(self, table: Array, *, threads: int = 1) -> Array:
        """Return the input's part of the gates, bias included, for rows (V, F): (V, G*H).

        Raises:
            OptionError: an array that does not fit.
        """
        check_table("table", table, self.dtype, self.features)
        out = np.empty((len(table), self.width), self.dtype)
        self.handle.project(table, out, threads)
        return out

    def step(
        self,
        x: Array | None,
        h: Array,
        c: Array | None = None,
        *,
        projected: Array | None = None,
        x_rows: Rows | None = None,
        threads: int = 1,
    ) -> tuple[Array, Array | None]:
        """Take one step of many streams: x (B, F), h and c (B, H) -> the new h and c.

        Raises:
            OptionError: arrays that do not fit.
        """
        if type(h) is not np.ndarray or h.ndim != 2:
            raise _no_state(h)
        out = np.empty(h.shape, self.dtype)
        cn = np.empty(h.shape, self.dtype) if self.number == LSTM else None
        if not compiled:
            self._check_step(x, projected, x_rows, h, c, len(h))
        if not self.handle.step(x, projected, x_rows, h, c, out, cn, threads):
            # The kernels have found something wrong; what, is said here.
            self._check_step(x, projected, x_rows, h, c, len(h))
            raise AssertionError("arrays that fit were refused")
        return out, cn

    def advance(
        self,
        x: Array | None,
        h: Array,
        c: Array | None = None,
        *,
        projected: Array | None = None,
        rows: Rows | None = None,
        x_rows: Rows | None = None,
        threads: int = 1,
    ) -> None:
        """Take one step of B streams in place, whose states are rows of h and c (S, H).

        Args:
            x: (B, F), or with `x_rows` a table (V, F): the state array of the layer below, say.
            h: hidden states (S, H), overwritten.
            c: cell states (S, H) of an LSTM, overwritten.
            projected: (V, G*H), in place of x.
            rows: (B,), all different: where the streams' states are; all rows where None.
            x_rows: (B,): where their inputs are.
            threads: at most so many.

        Raises:
            OptionError: arrays that do not fit, or a row named twice.
        """
        if not compiled:
            self._check_advance(x, projected, x_rows, h, c, rows)
        if not self.handle.advance(x, projected, x_rows, h, c, rows, threads):
            self._check_advance(x, projected, x_rows, h, c, rows)
            raise AssertionError("arrays that fit were refused")

    def run(
        self,
        x: Array | None,
        h0: Array | None = None,
        c0: Array | None = None,
        *,
        projected: Array | None = None,
        x_rows: Rows | None = None,
        lengths: NDArray[np.int64] | None = None,
        reverse: bool = False,
        resets: NDArray[np.bool_] | None = None,
        cells: bool = False,
        threads: int = 1,
    ) -> Ran:
        """Walk whole sequences.

        Args:
            x: (B, T, F), or (N, F): rows laid end to end, with their lengths.
            h0: first hidden state (B, H); zeros where None.
            c0: first cell state (B, H), for an LSTM.
            projected: in place of x: (B, T, G*H) or (N, G*H); with `x_rows` a table (V, G*H).
            x_rows: (B, T) or (N,) row numbers into a table x (V, F); padded steps' are not read.
            lengths: (B,) int64; padded steps read as zero.
            reverse: read each row from its last step to its first.
            resets: (B, T) or (N,) bool: the state read at a step marked is zero.
            cells: keep an LSTM's cell state after each step.
            threads: at most so many; the numbers do not depend on it.

        Raises:
            OptionError: arrays that do not fit.
        """
        rows = self._check_run(x, projected, x_rows)
        ragged = len(rows) == 1
        if ragged and lengths is None:
            raise OptionError("no lengths", expected="lengths (B,), where x is (N, F)")
        batch = rows[0] if lengths is None or not ragged else len(lengths)
        lstm, state = self.number == LSTM, (batch, self.hidden)
        check("lengths", lengths, NUMBERS, (batch,))
        check("resets", resets, FLAGS, rows)
        check("h0", h0, self.dtype, state)
        check("c0", c0, self.dtype, state)
        out, hn = np.empty((*rows, self.hidden), self.dtype), np.empty(state, self.dtype)
        cn = np.empty(state, self.dtype) if lstm else None
        every = np.empty((*rows, self.hidden), self.dtype) if lstm and cells else None
        try:
            self.handle.run(
                x, projected, x_rows, h0, c0 if lstm else None, lengths, ragged, reverse, resets,
                out, every, hn, cn, threads,
            )  # fmt: skip
        except ValueError as error:
            raise OptionError(str(error)) from None
        return Ran(out, hn, cn, every)

    def _check_inputs(
        self, x: Array | None, projected: Array | None, x_rows: Rows | None, batch: int | None
    ) -> None:
        """Inputs of one step; of `batch` streams, or of as many as there are."""
        name, given, width = _either(x, projected, self.features, self.width)
        check_table(name, given, self.dtype, width)
        if x_rows is not None:
            check_rows("x_rows", x_rows, batch, len(given))
        elif batch is not None and len(given) != batch:
            raise OptionError(f"{name}: {given.shape}", expected=f"({batch}, {width})")

    def _check_step(
        self, x: Array | None, projected: Array | None, x_rows: Rows | None,
        h: Array, c: Array | None, batch: int,
    ) -> None:  # fmt: skip
        if self.number == LSTM and c is None:
            raise _no_state(c)
        self._check_inputs(x, projected, x_rows, batch)
        check("h", h, self.dtype, (batch, self.hidden))
        check("c", c, self.dtype, (batch, self.hidden))

    def _check_advance(
        self, x: Array | None, projected: Array | None, x_rows: Rows | None,
        h: Array, c: Array | None, rows: Rows | None,
    ) -> None:  # fmt: skip
        if type(h) is not np.ndarray or h.ndim != 2 or (self.number == LSTM and c is None):
            raise _no_state(h)
        check("h", h, self.dtype, (len(h), self.hidden))
        check("c", c, self.dtype, (len(h), self.hidden))
        for name, state in (("h", h), ("c", c)):
            if state is not None and not state.flags.writeable:
                raise OptionError(f"{name}: read-only", expected="an array that can be written to")
        batch = len(h)
        if rows is not None:
            check_rows("rows", rows, None, len(h))
            batch = len(rows)
            if len(np.unique(rows)) != batch:
                raise OptionError("rows: a stream is named twice", expected="different rows")
        self._check_inputs(x, projected, x_rows, batch)

    def _check_run(
        self, x: Array | None, projected: Array | None, x_rows: Rows | None
    ) -> tuple[int, ...]:
        """Return (B, T) or (N,)."""
        name, given, width = _either(x, projected, self.features, self.width)
        if x_rows is not None:
            check_table(name, given, self.dtype, width)
            if not isinstance(x_rows, np.ndarray) or x_rows.ndim not in (1, 2):
                raise OptionError("x_rows", expected="an int64 array (B, T), or (N,) with lengths")
            check("x_rows", x_rows, NUMBERS, x_rows.shape)
            return x_rows.shape
        if given.ndim not in (2, 3):
            raise OptionError(name, expected="a NumPy array (B, T, F), or (N, F) with lengths")
        check(name, given, self.dtype, (*given.shape[:-1], width))
        return given.shape[:-1]


def _either(
    x: Array | None, projected: Array | None, features: int, width: int
) -> tuple[str, Array, int]:
    """Return the inputs given: their name, array and width."""
    if (x is None) == (projected is None):
        raise OptionError("x and projected", expected="one of the two")
    name, given, columns = (
        ("x", x, features) if projected is None else ("projected", projected, width)
    )
    if not isinstance(given, np.ndarray):
        raise OptionError(
            f"{name}: a {type(given).__name__}", expected=f"a NumPy array (B, {columns})"
        )
    return name, given, columns


def _no_state(state: object) -> OptionError:
    if state is None:
        return OptionError("a step without a state", expected="h, and for an LSTM c")
    return OptionError(f"h: a {type(state).__name__}", expected="a NumPy array (B, H)")

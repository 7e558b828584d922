"""The kernels for NumPy arrays: layers, products and attention as they are used, without gradients.

Arrays that are stepped on are C-contiguous, of one type, and used where they lie: nothing is
converted or copied, and what does not fit is refused by name. Weights are packed once, from arrays
of any layout. Row numbers are int64.

A row's numbers are the same, to the last bit, alone and in any company: whatever the batch, its
order, the padding and the number of threads, gathered by row numbers or not, whole or step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError
from recurra.native.binding import CELLS, GATES, LSTM, compiled, engine

Array = NDArray[Any]
Rows = NDArray[np.int64]
Kept = Literal["float32", "bfloat16"]

MOST: Final = 64
"""As many logits as `Linear.top` can return for a row."""

_SINGLE, _NUMBERS, _FLAGS = np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.bool_)


class Ran(NamedTuple):
    """Output (B, T, H) or (N, H), last hidden and cell state (B, H), cell states on request."""

    output: Array
    hidden: Array
    cell: Array | None
    cells: Array | None


class Top(NamedTuple):
    """Highest logits (N, k), falling; their ids (N, k); log of the sum of all exponentials (N,)."""

    values: NDArray[np.float32]
    ids: Rows
    log_sum_exp: NDArray[np.float64]


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
            by a step; all arithmetic stays float32.

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
        self.dtype = _floating("w_hh", w_hh)
        if w_hh.ndim != 2 or not isinstance(w_ih, np.ndarray) or w_ih.ndim != 2:
            raise OptionError("w_ih or w_hh without two dimensions", expected="(G*H, F), (G*H, H)")
        self.number, self.hidden, self.features = CELLS[cell], w_hh.shape[1], w_ih.shape[1]
        if not self.hidden or not self.features:
            raise OptionError("weights without columns", expected="(G*H, F), (G*H, H)")
        self.width = GATES[self.number] * self.hidden
        narrow = _narrow(weights, self.dtype)
        self.handle = engine.Prepared(
            self.number,
            _weight("w_ih", w_ih, self.dtype, (self.width, self.features)),
            _weight("w_hh", w_hh, self.dtype, (self.width, self.hidden)),
            None if b_ih is None else _weight("b_ih", b_ih, self.dtype, (self.width,)),
            None if b_hh is None else _weight("b_hh", b_hh, self.dtype, (self.width,)),
            narrow,
        )

    def project(self, table: Array, *, threads: int = 1) -> Array:
        """Return the input's part of the gates, bias included, for rows (V, F): (V, G*H).

        Raises:
            OptionError: an array that does not fit.
        """
        _rows_of("table", table, self.dtype, self.features)
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
        _check("lengths", lengths, _NUMBERS, (batch,))
        _check("resets", resets, _FLAGS, rows)
        _check("h0", h0, self.dtype, state)
        _check("c0", c0, self.dtype, state)
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
        _rows_of(name, given, self.dtype, width)
        if x_rows is not None:
            _check_rows("x_rows", x_rows, batch, len(given))
        elif batch is not None and len(given) != batch:
            raise OptionError(f"{name}: {given.shape}", expected=f"({batch}, {width})")

    def _check_step(
        self, x: Array | None, projected: Array | None, x_rows: Rows | None,
        h: Array, c: Array | None, batch: int,
    ) -> None:  # fmt: skip
        if self.number == LSTM and c is None:
            raise _no_state(c)
        self._check_inputs(x, projected, x_rows, batch)
        _check("h", h, self.dtype, (batch, self.hidden))
        _check("c", c, self.dtype, (batch, self.hidden))

    def _check_advance(
        self, x: Array | None, projected: Array | None, x_rows: Rows | None,
        h: Array, c: Array | None, rows: Rows | None,
    ) -> None:  # fmt: skip
        if type(h) is not np.ndarray or h.ndim != 2 or (self.number == LSTM and c is None):
            raise _no_state(h)
        _check("h", h, self.dtype, (len(h), self.hidden))
        _check("c", c, self.dtype, (len(h), self.hidden))
        for name, state in (("h", h), ("c", c)):
            if state is not None and not state.flags.writeable:
                raise OptionError(f"{name}: read-only", expected="an array that can be written to")
        batch = len(h)
        if rows is not None:
            _check_rows("rows", rows, None, len(h))
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
            _rows_of(name, given, self.dtype, width)
            if not isinstance(x_rows, np.ndarray) or x_rows.ndim not in (1, 2):
                raise OptionError("x_rows", expected="an int64 array (B, T), or (N,) with lengths")
            _check("x_rows", x_rows, _NUMBERS, x_rows.shape)
            return x_rows.shape
        if given.ndim not in (2, 3):
            raise OptionError(name, expected="a NumPy array (B, T, F), or (N, F) with lengths")
        _check(name, given, self.dtype, (*given.shape[:-1], width))
        return given.shape[:-1]


@final
class Linear:
    """A product with weights that are packed once: y = x W^T + b, in float32.

    Args:
        weight: (O, K) float32.
        bias: (O,), or None.
        weights: how the matrix is kept. "bfloat16" rounds it once and halves the memory that a
            product of few rows reads; all arithmetic stays float32.

    Every call takes rows x (N, K), or with `rows` (N,) the rows x[rows] of a table x.

    Raises:
        OptionError: arrays that do not fit.
    """

    def __init__(
        self, weight: Array, bias: Array | None = None, *, weights: Kept = "float32"
    ) -> None:
        if not isinstance(weight, np.ndarray) or weight.ndim != 2 or 0 in weight.shape:
            raise OptionError("weight", expected="a float32 NumPy array (O, K)")
        self.outputs, self.inputs = weight.shape
        self.handle = engine.Linear(
            _weight("weight", weight, _SINGLE, weight.shape),
            None if bias is None else _weight("bias", bias, _SINGLE, (self.outputs,)),
            _narrow(weights, _SINGLE),
        )

    def __call__(
        self,
        x: Array,
        *,
        rows: Rows | None = None,
        out: Array | None = None,
        threads: int = 1,
    ) -> Array:
        """Return y (N, O), in `out` where given.

        Raises:
            OptionError: arrays that do not fit.
        """
        if out is None:
            out = np.empty((self._count(x, rows), self.outputs), _SINGLE)
        if not compiled:
            self._check(x, rows, out)
        if not self.handle.product(x, rows, out, threads):
            self._check(x, rows, out)
            raise AssertionError("arrays that fit were refused")
        return out

    def top(
        self,
        x: Array,
        k: int,
        *,
        rows: Rows | None = None,
        excluded: Sequence[int] | Rows = (),
        threads: int = 1,
    ) -> Top:
        """Return the k highest logits of each row; all (N, O) of them are never in memory.

        Of equals the lower id comes first. Excluded ids count in `log_sum_exp` but are not
        returned. NaN counts as the lowest logit.

        Raises:
            OptionError: arrays that do not fit, or fewer than k ids to choose from.
        """
        none = np.asarray(excluded, np.int64)
        if not 0 < k <= MOST:
            raise OptionError(f"k={k}", expected=f"1 to {MOST}")
        if len(none) + k > self.outputs:
            _check_rows("excluded", none, None, self.outputs)
            if len(np.unique(none)) + k > self.outputs:
                raise OptionError(
                    f"k={k}", expected=f"no more than {self.outputs} ids, less those excluded"
                )
        count = self._count(x, rows)
        found = Top(np.empty((count, k), _SINGLE), np.empty((count, k), _NUMBERS), np.empty(count))
        if not compiled:
            self._check(x, rows, excluded=none)
        if not self.handle.top(x, rows, none, *found, threads):
            self._check(x, rows, excluded=none)
            raise AssertionError("arrays that fit were refused")
        return found

    def log_likelihood(
        self, x: Array, targets: Rows, *, rows: Rows | None = None, threads: int = 1
    ) -> NDArray[np.float64]:
        """Return the log-probability (N,) of each row's target (N,); 0 where it is negative.

        Raises:
            OptionError: arrays that do not fit.
        """
        out = np.empty(self._count(x, rows))
        if not compiled:
            self._check_targets(x, rows, targets)
        if not self.handle.log_likelihood(x, rows, targets, out, threads):
            self._check_targets(x, rows, targets)
            raise AssertionError("arrays that fit were refused")
        return out

    def _count(self, x: Array, rows: Rows | None) -> int:
        given = x if rows is None else rows
        if type(given) is not np.ndarray or not given.ndim:
            raise OptionError(
                f"a {type(given).__name__}", expected="x (N, K), and rows (N,) or None"
            )
        return len(given)

    def _check(
        self, x: Array, rows: Rows | None, out: Array | None = None, excluded: Rows | None = None
    ) -> None:
        _rows_of("x", x, _SINGLE, self.inputs)
        if excluded is not None:
            _check_rows("excluded", excluded, None, self.outputs)
        if rows is not None:
            _check_rows("rows", rows, None, len(x))
        if out is not None:
            _check("out", out, _SINGLE, (self._count(x, rows), self.outputs))
            if not out.flags.writeable:
                raise OptionError("out: read-only", expected="an array that can be written to")

    def _check_targets(self, x: Array, rows: Rows | None, targets: Rows) -> None:
        self._check(x, rows)
        _check("targets", targets, _NUMBERS, (self._count(x, rows),))
        if (targets >= self.outputs).any():
            raise OptionError(f"targets: {targets.max()}", expected=f"less than {self.outputs}")


def attend(
    query: Array,
    keys: Array,
    values: Array,
    lengths: Rows,
    owners: Rows | None = None,
    *,
    scale: float = 1.0,
    threads: int = 1,
) -> tuple[Array, Array]:
    """Return context (R, E) and weights (R, S): what each row reads of the source it owns.

    The weights are the softmax of scale * (query . key) over the source's steps, 0 beyond them; a
    source of no steps gives zeros.

    Args:
        query: (R, D) float32.
        keys: (B, S, D).
        values: (B, S, E).
        lengths: (B,) int64, steps of each source.
        owners: (R,) int64: each row's source; None where R is B, a row a source.
        scale: of the scores.
        threads: at most so many.

    Raises:
        OptionError: arrays that do not fit.
    """
    count = _sources(query, values)
    context, weights = _room(count, values)
    if not compiled:
        _check_attend(query, keys, None, values, lengths, owners)
    if not engine.attend(
        query, keys, None, values, lengths, owners, scale, context, weights, threads
    ):
        _check_attend(query, keys, None, values, lengths, owners)
        raise AssertionError("arrays that fit were refused")
    return context, weights


def mix(
    scores: Array, values: Array, lengths: Rows, owners: Rows | None = None, *, threads: int = 1
) -> tuple[Array, Array]:
    """Return what `attend` returns, from scores (R, S) that were computed elsewhere.

    Raises:
        OptionError: arrays that do not fit.
    """
    count = _sources(scores, values)
    context, weights = _room(count, values)
    if not compiled:
        _check_attend(None, None, scores, values, lengths, owners)
    if not engine.attend(
        None, None, scores, values, lengths, owners, 1.0, context, weights, threads
    ):
        _check_attend(None, None, scores, values, lengths, owners)
        raise AssertionError("arrays that fit were refused")
    return context, weights


def _sources(asking: Array, values: Array) -> int:
    if type(asking) is not np.ndarray or type(values) is not np.ndarray or values.ndim != 3:
        raise OptionError("attention without arrays", expected="query (R, D) and values (B, S, E)")
    return len(asking)


def _room(count: int, values: Array) -> tuple[Array, Array]:
    _, steps, width = values.shape
    return np.empty((count, width), _SINGLE), np.empty((count, steps), _SINGLE)


def _check_attend(
    query: Array | None, keys: Array | None, scores: Array | None, values: Array, lengths: Rows,
    owners: Rows | None,
) -> None:  # fmt: skip
    sources, steps, _ = values.shape
    _check("values", values, _SINGLE, values.shape)
    if scores is None:
        if not isinstance(keys, np.ndarray) or keys.ndim != 3:
            raise OptionError("keys", expected="a float32 NumPy array (B, S, D)")
        _check("keys", keys, _SINGLE, (sources, steps, keys.shape[2]))
        _rows_of("query", query, _SINGLE, keys.shape[2])
    else:
        _rows_of("scores", scores, _SINGLE, steps)
    asking = query if scores is None else scores
    assert asking is not None
    _check_rows("lengths", lengths, sources, steps + 1)
    if owners is not None:
        _check_rows("owners", owners, len(asking), sources)
    elif len(asking) != sources:
        raise OptionError(f"{len(asking)} rows, {sources} sources", expected="owners (R,)")


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


def _check(name: str, array: Array | None, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if array is None:
        return
    if not isinstance(array, np.ndarray):
        raise OptionError(f"{name}: a {type(array).__name__}", expected="a NumPy array")
    flags = array.flags
    if array.dtype != dtype or array.shape != shape or not flags.c_contiguous or not flags.aligned:
        layout = "contiguous" if flags.c_contiguous else "strided"
        raise OptionError(
            f"{name}: {layout} {array.dtype} {array.shape}",
            expected=f"contiguous, aligned {dtype} {shape}",
            fix="np.ascontiguousarray(array, dtype)",
        )


def _rows_of(name: str, array: Array | None, dtype: np.dtype[Any], width: int) -> None:
    """Check rows (N, width), of any number."""
    if not isinstance(array, np.ndarray) or array.ndim != 2:
        raise OptionError(
            f"{name}: a {type(array).__name__}", expected=f"a NumPy array (N, {width})"
        )
    _check(name, array, dtype, (len(array), width))


def _check_rows(name: str, numbers: Rows, count: int | None, below: int) -> None:
    """Check row numbers (count,), or of any number, from 0 to below - 1."""
    if not isinstance(numbers, np.ndarray) or numbers.ndim != 1:
        raise OptionError(
            f"{name}: a {type(numbers).__name__}", expected="an int64 NumPy array (N,)"
        )
    _check(name, numbers, _NUMBERS, (len(numbers) if count is None else count,))
    wrong = numbers[(numbers < 0) | (numbers >= below)]
    if len(wrong):
        raise OptionError(f"{name}: {wrong[0]}", expected=f"0 to {below - 1}")


def _weight(name: str, array: Array, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Return weights of any layout as the kernels read them, once, to pack them."""
    if not isinstance(array, np.ndarray):
        raise OptionError(f"{name}: a {type(array).__name__}", expected="a NumPy array")
    if array.dtype != dtype or array.shape != shape:
        raise OptionError(f"{name}: {array.dtype} {array.shape}", expected=f"{dtype} {shape}")
    return np.require(array, requirements=("C", "ALIGNED"))


def _narrow(weights: str, dtype: np.dtype[Any]) -> bool:
    """Return whether weights are kept as bfloat16."""
    if weights not in ("float32", "bfloat16"):
        raise OptionError(f"weights={weights!r}", expected="float32 or bfloat16")
    if weights == "bfloat16" and dtype != np.float32:
        raise OptionError(f"{dtype} weights as bfloat16", expected="float32 arrays")
    return weights == "bfloat16"


def _floating(name: str, array: Array) -> np.dtype[Any]:
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
        raise OptionError(
            f"{name}: {getattr(array, 'dtype', type(array))}",
            expected="a float32 or float64 NumPy array",
        )
    return array.dtype

"""The kernels for NumPy arrays: shapes, types and strides are checked here, once.

Every array is C-contiguous, of one type (float32 or float64), and used where it lies: nothing is
converted or copied. What does not fit is refused by name.
"""

from __future__ import annotations

from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError
from recurra.native.binding import BATCH_FIRST, CELLS, GATES, LSTM, RAGGED, absent, kernels

Array = NDArray[Any]


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

    Raises:
        OptionError: arrays that do not fit, or no kernels.
    """

    def __init__(
        self,
        cell: str,
        w_ih: Array,
        w_hh: Array,
        b_ih: Array | None = None,
        b_hh: Array | None = None,
    ) -> None:
        if absent:
            raise OptionError(absent, fix="install recurra where a C++17 compiler is")
        if cell not in CELLS:
            raise OptionError(f"cell={cell!r}", expected=f"one of {', '.join(CELLS)}")
        self.dtype = _floating("w_hh", w_hh)
        if w_hh.ndim != 2 or not isinstance(w_ih, np.ndarray) or w_ih.ndim != 2:
            raise OptionError("w_ih or w_hh without two dimensions", expected="(G*H, F), (G*H, H)")
        self.number, self.hidden, self.features = CELLS[cell], w_hh.shape[1], w_ih.shape[1]
        if not self.hidden or not self.features:
            raise OptionError("weights without columns", expected="(G*H, F), (G*H, H)")
        rows = GATES[self.number] * self.hidden
        shapes = {
            "w_ih": (w_ih, (rows, self.features)),
            "w_hh": (w_hh, (rows, self.hidden)),
            "b_ih": (b_ih, (rows,)),
            "b_hh": (b_hh, (rows,)),
        }
        for name, (array, shape) in shapes.items():
            _check(name, array, self.dtype, shape)
        self.wide = self.dtype == np.float64
        self.handle = kernels.Prepared(
            self.wide,
            self.number,
            self.features,
            self.hidden,
            *(_at(array) for array, _ in shapes.values()),
        )

    def step(
        self, x: Array, h: Array, c: Array | None = None, *, threads: int = 1
    ) -> tuple[Array, Array | None]:
        """Take one step of many streams: x (B, F), h and c (B, H) -> the new h and c.

        Raises:
            OptionError: arrays that do not fit.
        """
        if type(x) is not np.ndarray or x.ndim != 2:
            raise OptionError(f"x: a {type(x).__name__}", expected="a NumPy array (B, F)")
        state, lstm = (x.shape[0], self.hidden), self.number == LSTM
        out = np.empty(state, self.dtype)
        cn = np.empty(state, self.dtype) if lstm else None
        if self.handle.step(x, h, c, out, cn, threads):
            return out, cn
        # The kernels have found something wrong; what, is said here.
        if h is None or (lstm and c is None):
            raise OptionError("a step without a state", expected="h, and for an LSTM c")
        _check("x", x, self.dtype, (x.shape[0], self.features))
        _check("h", h, self.dtype, state)
        _check("c", c, self.dtype, state)
        raise AssertionError("arrays that fit were refused")

    def run(
        self,
        x: Array,
        h0: Array | None = None,
        c0: Array | None = None,
        *,
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
            lengths: (B,) int64; padded steps read as zero.
            reverse: read each row from its last step to its first.
            resets: (B, T) or (N,) bool: the state read at a step marked is zero.
            cells: keep an LSTM's cell state after each step.
            threads: at most so many; the numbers do not depend on it.

        Raises:
            OptionError: arrays that do not fit.
        """
        if not isinstance(x, np.ndarray) or x.ndim not in (2, 3):
            raise OptionError("x", expected="a NumPy array (B, T, F), or (N, F) with lengths")
        ragged = x.ndim == 2
        if ragged and lengths is None:
            raise OptionError("no lengths", expected="lengths (B,), where x is (N, F)")
        batch = x.shape[0] if lengths is None else len(lengths)
        rows, lstm = x.shape[:-1], self.number == LSTM
        state = (batch, self.hidden)
        _check("x", x, self.dtype, (*rows, self.features))
        _check("lengths", lengths, np.dtype(np.int64), (batch if ragged else x.shape[0],))
        _check("resets", resets, np.dtype(np.bool_), rows)
        _check("h0", h0, self.dtype, state)
        _check("c0", c0, self.dtype, state)
        out, hn = np.empty((*rows, self.hidden), self.dtype), np.empty(state, self.dtype)
        cn = np.empty(state, self.dtype) if lstm else None
        every = np.empty((*rows, self.hidden), self.dtype) if lstm and cells else None
        try:
            kernels.forward(
                self.wide, self.number, RAGGED if ragged else BATCH_FIRST, batch, rows[-1],
                self.features, self.hidden, _at(lengths), _at(resets), reverse, threads,
                self.handle, _at(x), 0, 0, 0, 0, 0, _at(h0), _at(c0) if lstm else 0,
                _at(out), self.hidden, _at(every), 0, _at(hn), _at(cn),
            )  # fmt: skip
        except ValueError as error:
            raise OptionError(str(error)) from None
        return Ran(out, hn, cn, every)


def _at(array: Array | None) -> int:
    """Where an array starts; 0 for None."""
    return 0 if array is None else int(array.__array_interface__["data"][0])


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


def _floating(name: str, array: Array) -> np.dtype[Any]:
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
        raise OptionError(
            f"{name}: {getattr(array, 'dtype', type(array))}",
            expected="a float32 or float64 NumPy array",
        )
    return array.dtype

"""One stream through layers and a head that reads what it writes, many tokens by one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError
from recurra.native.arrays import Prepared
from recurra.native.binding import LSTM, kernels
from recurra.native.fit import NUMBERS, SINGLE, Array, Rows, check, check_rows, check_table
from recurra.native.linear import Linear


@final
class Stack:
    """Layers above each other and a head: one stream that chooses tokens and reads them.

        stack = Stack(cells, head, logits, hidden=[h0, h1], memory=[c0, c1], table=embedding)
        tokens = stack.write(np.random.default_rng(0).random(32))

    The numbers are those of `Prepared.step` and `Linear`, to the last bit. A call a token would
    find the interpreter out of the caches, which the weights have filled: that takes as long again
    as a step of a small network. It needs the kernels.

    Args:
        cells: the layers, from below, of float32 and of one cell.
        head: what reads the last one.
        logits: (1, V) what follows first; `logits` from then on what follows the last token.
        hidden: the state (1, H) of each layer to begin with.
        memory: the cell states (1, H) of LSTMs; none for other cells.
        table: (V, F), whose rows the first layer reads.
        projected: in its place, what `Prepared.project` made of it, (V, G*H).

    Raises:
        OptionError: arrays or layers that do not fit.
    """

    def __init__(
        self,
        cells: Sequence[Prepared],
        head: Linear,
        logits: Array,
        *,
        hidden: Sequence[Array],
        memory: Sequence[Array] = (),
        table: Array | None = None,
        projected: Array | None = None,
    ) -> None:
        widths = [*(each.features for each in cells[1:]), head.inputs]
        if widths != [each.hidden for each in cells] or len({each.number for each in cells}) > 1:
            raise OptionError("layers", expected="of one cell, each read by the next")
        names = {"hidden": list(hidden)} | ({"memory": list(memory)} if memory else {})
        if len(names) != 1 + (cells[0].number == LSTM):
            raise OptionError("states", expected="hidden, and of LSTMs memory")
        for name, states in names.items():
            for cell, state in zip(cells, states, strict=True):
                check(name, state, SINGLE, (1, cell.hidden))
        check("logits", logits, SINGLE, (1, head.outputs))
        rows, width = (
            (table, cells[0].features) if projected is None else (projected, cells[0].width)
        )
        check_table("table or projected", rows, SINGLE, width)
        if rows is None or len(rows) != head.outputs:
            raise OptionError("a table of other rows", expected=f"{head.outputs}, one a token")
        self.logits, self._states = (
            logits.copy(),
            [[s.copy() for s in each] for each in names.values()],
        )
        self._kept, at = (cells, head, rows), rows.ctypes.data
        h, *c = [[each.ctypes.data for each in states] for states in self._states]
        self._handle = kernels.Stack(
            [each.handle for each in cells],
            head.handle,
            at if projected is None else 0,
            0 if projected is None else at,
            h,
            c[0] if c else [0] * len(h),
            self.logits.ctypes.data,
        )

    def write(
        self,
        uniform: NDArray[np.float64],
        *,
        excluded: Rows,
        divisor: float = 1.0,
        threads: int = 1,
    ) -> Rows:
        """Choose and read tokens (N,), one after the other, -1 from where logits are no numbers.

        Args:
            uniform: (N,) in [0, 1): each token is the first whose cumulative probability, in
                proportion to exp(logit / divisor), exceeds it.
            excluded: ids that are never chosen.

        Raises:
            OptionError: arrays that do not fit.
        """
        tokens = np.empty(len(uniform), NUMBERS)
        if not self._handle.write(uniform, excluded, divisor, tokens, threads):
            check("uniform", uniform, np.dtype(np.float64), (len(uniform),))
            check_rows("excluded", excluded, None, self.logits.shape[1])
            raise AssertionError("arrays that fit were refused")
        return tokens

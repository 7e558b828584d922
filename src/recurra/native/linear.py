"""A product with weights that are packed once, and what is wanted of logits, on NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError
from recurra.native.binding import compiled, engine
from recurra.native.fit import (
    NUMBERS,
    SINGLE,
    Array,
    Kept,
    Rows,
    check,
    check_rows,
    check_table,
    kept_as,
    weight_of,
)  # fmt: skip

MOST: Final = 64
"""As many logits as `Linear.top` can return for a row."""


class Top(NamedTuple):
    """Highest logits (N, k), falling; their ids (N, k); log of the sum of all exponentials (N,)."""

    values: NDArray[np.float32]
    ids: Rows
    log_sum_exp: NDArray[np.float64]


@final
class Linear:
    """A product with weights that are packed once: y = x W^T + b, in float32.

    Args:
        weight: (O, K) float32.
        bias: (O,), or None.
        weights: how the matrix is kept. "bfloat16" rounds it once and halves the memory that a
            product of few rows reads; all arithmetic stays float32. "int8" quarters it, and rounds
            what it is multiplied with too: see `Prepared`.

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
            weight_of("weight", weight, SINGLE, weight.shape),
            None if bias is None else weight_of("bias", bias, SINGLE, (self.outputs,)),
            kept_as(weights, SINGLE, self.inputs),
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
            out = np.empty((self._count(x, rows), self.outputs), SINGLE)
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
            check_rows("excluded", none, None, self.outputs)
            if len(np.unique(none)) + k > self.outputs:
                raise OptionError(
                    f"k={k}", expected=f"no more than {self.outputs} ids, less those excluded"
                )
        count = self._count(x, rows)
        found = Top(np.empty((count, k), SINGLE), np.empty((count, k), NUMBERS), np.empty(count))
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
        check_table("x", x, SINGLE, self.inputs)
        if excluded is not None:
            check_rows("excluded", excluded, None, self.outputs)
        if rows is not None:
            check_rows("rows", rows, None, len(x))
        if out is not None:
            check("out", out, SINGLE, (self._count(x, rows), self.outputs))
            if not out.flags.writeable:
                raise OptionError("out: read-only", expected="an array that can be written to")

    def _check_targets(self, x: Array, rows: Rows | None, targets: Rows) -> None:
        self._check(x, rows)
        check("targets", targets, NUMBERS, (self._count(x, rows),))
        if (targets >= self.outputs).any():
            raise OptionError(f"targets: {targets.max()}", expected=f"less than {self.outputs}")

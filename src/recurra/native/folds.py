"""Rows of unequal length, each made one: the sum of its elements, or the greatest of each column.

In a row one element follows the other, as a stream would take them: a row's numbers are the same,
to the last bit, alone and in any company, with the kernels and without.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError
from recurra.native.binding import compiled, kernels

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


def sums(values: Floats, lengths: Rows, *, ids: Rows | None = None, threads: int = 1) -> Floats:
    """The sum of each row's elements, (B, F); zeros of none.

    Args:
        values: (N, F), rows end to end; or a table (V, F) whose rows `ids` (N,) are the elements.
            They may be some columns of a wider array.
        lengths: (B,), elements of each row.
        threads: at most so many.

    Raises:
        OptionError: arrays that do not fit.
    """
    return _fold(values, lengths, ids, False, threads)


def greatest(values: Floats, lengths: Rows, *, ids: Rows | None = None, threads: int = 1) -> Floats:
    """The greatest value of each column in each row's elements, (B, F); -inf of none.

    Arguments and errors are those of `sums`.
    """
    return _fold(values, lengths, ids, True, threads)


def _fold(values: Floats, lengths: Rows, ids: Rows | None, highest: bool, threads: int) -> Floats:
    count = len(values) if ids is None else len(ids)
    shaped = values.dtype == np.float32 and values.ndim == 2 and values.flags.aligned
    if not shaped or (values.size and values.shape[1] > 1 and values.strides[1] != 4):
        raise OptionError(
            f"values: {values.dtype} {values.shape}", expected="float32 (N, F), rows contiguous"
        )
    for name, array in (("lengths", lengths), ("ids", ids)):
        if array is not None and (
            array.dtype != np.int64 or array.ndim != 1 or not array.flags.c_contiguous
        ):
            raise OptionError(
                f"{name}: {array.dtype} {array.shape}", expected="contiguous int64 (N,)"
            )
    if int(lengths.sum()) != count or (len(lengths) and int(lengths.min()) < 0):
        raise OptionError(f"lengths of {int(lengths.sum())} elements", expected=f"{count}")
    if ids is not None and count and not 0 <= int(ids.min()) <= int(ids.max()) < len(values):
        raise OptionError(
            f"ids from {int(ids.min())} to {int(ids.max())}", expected=f"0 to {len(values) - 1}"
        )
    out = np.empty((len(lengths), values.shape[1]), np.float32)
    if compiled:
        kernels.fold(
            _at(values), values.strides[0] // 4, _at(ids), _at(lengths), *out.shape, _at(out),
            highest, threads,
        )  # fmt: skip
        return out
    _plain(values, lengths, ids, highest, out)
    return out


def _plain(values: Floats, lengths: Rows, ids: Rows | None, highest: bool, out: Floats) -> None:
    out[...] = -np.inf if highest else 0
    starts = np.cumsum(lengths) - lengths
    rows = np.argsort(-lengths, kind="stable")
    for t in range(int(lengths.max(initial=0))):
        rows = rows[lengths[rows] > t]
        at = starts[rows] + t
        own = values[at if ids is None else ids[at]]
        out[rows] = np.maximum(out[rows], own) if highest else out[rows] + own


def _at(array: NDArray[Any] | None) -> int:
    return 0 if array is None else int(array.__array_interface__["data"][0])

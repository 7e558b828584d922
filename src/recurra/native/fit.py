"""Whether arrays fit: what does not is refused by name."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError

Array = NDArray[Any]
Rows = NDArray[np.int64]
Kept = Literal["float32", "bfloat16", "int8"]
"""What weights can be kept as."""

KEPT: Final[tuple[Kept, ...]] = get_args(Kept)

DEEPEST: Final = 1 << 15
"""Inputs of a product with int8: their sums fit into 32 bits."""

SINGLE, NUMBERS, FLAGS = np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.bool_)


def check(name: str, array: Array | None, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Check an array's type, shape and layout; None is none."""
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


def check_table(name: str, array: Array | None, dtype: np.dtype[Any], width: int) -> None:
    """Check rows (N, width), of any number."""
    if not isinstance(array, np.ndarray) or array.ndim != 2:
        raise OptionError(
            f"{name}: a {type(array).__name__}", expected=f"a NumPy array (N, {width})"
        )
    check(name, array, dtype, (len(array), width))


def check_rows(name: str, numbers: Rows, count: int | None, below: int) -> None:
    """Check row numbers (count,), or of any number, from 0 to below - 1."""
    if not isinstance(numbers, np.ndarray) or numbers.ndim != 1:
        raise OptionError(
            f"{name}: a {type(numbers).__name__}", expected="an int64 NumPy array (N,)"
        )
    check(name, numbers, NUMBERS, (len(numbers) if count is None else count,))
    wrong = numbers[(numbers < 0) | (numbers >= below)]
    if len(wrong):
        raise OptionError(f"{name}: {wrong[0]}", expected=f"0 to {below - 1}")


def weight_of(name: str, array: Array, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Return weights of any layout as the kernels read them, once, to pack them."""
    if not isinstance(array, np.ndarray):
        raise OptionError(f"{name}: a {type(array).__name__}", expected="a NumPy array")
    if array.dtype != dtype or array.shape != shape:
        raise OptionError(f"{name}: {array.dtype} {array.shape}", expected=f"{dtype} {shape}")
    return np.require(array, requirements=("C", "ALIGNED"))


def check_kept(weights: str) -> Kept:
    """Return what weights are kept as."""
    for each in KEPT:
        if weights == each:
            return each
    raise OptionError(f"weights={weights!r}", expected=f"one of {', '.join(KEPT)}")


def kept_as(weights: str, dtype: np.dtype[Any], deepest: int) -> int:
    """Return the kernels' number of what weights with so many inputs are kept as."""
    number = KEPT.index(check_kept(weights))
    if number and dtype != np.float32:
        raise OptionError(f"{dtype} weights as {weights}", expected="float32 arrays")
    if weights == "int8" and deepest > DEEPEST:
        raise OptionError(f"int8 weights of {deepest} inputs", expected=f"at most {DEEPEST}")
    return number


def floating(name: str, array: Array) -> np.dtype[Any]:
    """Return the type of weights, float32 or float64."""
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
        raise OptionError(
            f"{name}: {getattr(array, 'dtype', type(array))}",
            expected="a float32 or float64 NumPy array",
        )
    return array.dtype

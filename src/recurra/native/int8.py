"""Weights and inputs as int8, and the curves of gates, in NumPy: the kernels' numbers, bit by bit.

What int8.h and unfused.h say: sums are of whole numbers, and what is left is done in single
precision, one rounding at each operation.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Single = NDArray[np.float32]

_NOTHING: Final = np.float32(1e-30)  # what is smaller throughout is zero
_MOST: Final = np.float32(127)
_BLOCK: Final = 1024  # so many products of int8 have a sum that single precision holds


def rounded_rows(weight: Array) -> tuple[NDArray[np.int8], Single]:
    """Weights (O, K) as whole numbers in [-127, 127], and the scale (O,) of each row.

    A scale has 17 bits, so that a number times its scale is exact: what was rounded once is rounded
    to itself. Rows of zeros, or of next to nothing, have the scale 0.
    """
    weight = np.asarray(weight, np.float32)
    greatest = np.abs(weight).max(1, initial=0)
    scales = ((greatest / _MOST).view(np.uint32) & np.uint32(0xFFFFFF80)).view(np.float32)
    scales = np.where(greatest >= _NOTHING, scales, np.float32(0))
    divisors = np.where(scales > 0, scales, np.float32(np.inf))
    return np.rint(weight / divisors[:, None]).astype(np.int8), scales


def restored(numbers: NDArray[np.int8], scales: Single) -> Single:
    """The weights (O, K) that `rounded_rows` stands for."""
    return numbers.astype(np.float32) * scales[:, None]


class Int8Matrix:
    """Weights (O, K) as int8: x @ matrix is (N, O), each row of x rounded by itself."""

    __array_ufunc__ = None  # arrays leave `@` to this

    def __init__(self, weight: Array) -> None:
        numbers, self._scales = rounded_rows(weight)
        self._numbers = numbers.T.astype(np.float32)

    def __rmatmul__(self, x: Single) -> Single:
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(x).all(1))
        greatest = np.abs(np.where(finite[:, None], x, 0)).max(1, initial=0)
        some: NDArray[np.bool_] = greatest >= _NOTHING
        with np.errstate(divide="ignore"):
            inverse = np.where(some, _MOST / greatest, np.float32(0))
        scales = np.where(finite, np.where(some, greatest / _MOST, 0), np.nan).astype(np.float32)
        q = np.rint(np.where(some[:, None], x, np.float32(0)) * inverse[:, None])
        total = np.zeros((len(x), self._numbers.shape[1]))
        for k in range(0, q.shape[1], _BLOCK):
            total += q[:, k : k + _BLOCK] @ self._numbers[k : k + _BLOCK]
        found: Single = total.astype(np.float32) * (scales[:, None] * self._scales)
        return found


# curves.h: expm1(r) = r + r^2 q(r)
_Q: Final = [
    np.float32(each)
    for each in (
        "0.5", "0.16666666670951381316", "0.041666970423038860611",
        "0.0083327719207778105972", "0.0013813056371101704403", "0.0002265938526548308027",
    )
]  # fmt: skip
_LOG2E, _LN2_HIGH, _LN2_LOW = map(
    np.float32, ("1.44269504088896340736", "0.693359375", "-2.12194440054690583e-4")
)
_WHOLE, _TANH_ONE = np.float32(87.5), np.float32(9.5)
_ONE, _TWO, _ZERO = map(np.float32, (1, 2, 0))


def _expm1(y: Single) -> tuple[Single, Single, Single]:
    """expm1(r), n and q(r) for y = n ln2 + r."""
    n = np.rint(y * _LOG2E + np.float32(-0.25))
    r = (y - n * _LN2_HIGH) - n * _LN2_LOW
    q = np.full_like(y, _Q[-1])
    for each in _Q[-2::-1]:
        q = q * r + each
    return (r * r) * q + r, n, q


def _pow2(n: Single) -> Single:
    found: Single = np.ldexp(_ONE, np.nan_to_num(n).astype(np.int32))
    return np.where(np.isnan(n), n, found)


def logistic(x: Single) -> Single:
    """1 / (1 + exp(-x))."""
    p, n, _ = _expm1(np.clip(_ZERO - x, -_WHOLE, _WHOLE))
    s = _pow2(n)
    total = _ONE + s
    found: Single = _ONE / (total + (p * s + (_ONE - (total - s))))
    return np.where(-_WHOLE - x > 0, _ZERO, found)


def tanh(x: Single) -> Single:
    """The hyperbolic tangent."""
    a = np.minimum(np.abs(x), _TANH_ONE)
    y = a + a
    p, n, q = _expm1(y)
    s = _pow2(n)
    t = p * s + (s - _ONE)
    below = a * ((y + y) * q + (_ZERO - t))
    fraction = np.where(n > 0, t, below) / (t + _TWO)
    return np.copysign(np.where(n > 0, fraction, a + fraction), x)

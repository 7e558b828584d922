"""The weights of a run as they are taken into a network: each once, of its shape, all finite.

A matrix of a quantized run is whole numbers, int8, and beside it the scale of each of its rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Final, final

import numpy as np

from recurra.errors import BundleError, OptionError
from recurra.native import int8
from recurra.native.fit import DEEPEST, Kept, check_kept
from recurra.runtime.state import Array


def fingerprint(arrays: Mapping[str, Array]) -> int:
    """A number that tells weights from others of the same training."""
    found = 0
    for name in sorted(arrays):
        found = zlib.crc32(
            np.ascontiguousarray(arrays[name]).data, zlib.crc32(name.encode(), found)
        )
    return found


SCALES: Final = ".scales"
"""What the name of a matrix's scales ends in, behind the name of the matrix."""

FEWEST: Final = 16
"""Rows of a matrix from which on int8 is worth it: with fewer, nothing is saved."""


def kept_in(arrays: Mapping[str, Array], asked: str) -> Kept:
    """What layers keep these weights in: int8 where they are stored so, else what is asked for.

    Raises:
        OptionError: they can be kept in nothing of that name.
    """
    kept = check_kept(asked)
    if not any(array.dtype == np.int8 for array in arrays.values()):
        return kept
    if kept == "bfloat16":
        raise OptionError(
            f"weights={asked!r} for a run that was quantized",
            expected="int8, which its weights are, or nothing",
        )
    return "int8"


def quantized(arrays: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
    """Weights of which the matrices of these names are int8, with their scales beside them."""
    found = dict(arrays)
    for name in names:
        numbers, scales = int8.rounded_rows(arrays[name].reshape(len(arrays[name]), -1))
        found[name], found[name + SCALES] = numbers.reshape(arrays[name].shape), scales
    return found


@final
class Weights:
    """Named arrays, taken one by one.

    Args:
        arrays: float32, by name.
        kept: what layers keep them in, "float32", "bfloat16" or "int8"; see `native.Prepared`.

    Raises:
        OptionError: they can be kept in nothing of that name.
    """

    def __init__(self, arrays: Mapping[str, Array], kept: str = "float32") -> None:
        self._arrays = arrays
        self._left = set(arrays)
        self.kept: Kept = kept_in(arrays, kept)
        self.matrices: list[str] = []

    def take(self, name: str, *shape: int) -> Array:
        """The array of this name.

        Raises:
            BundleError: there is none, it has another shape, or holds what is no number.
        """
        found = self._found(name, shape, np.float32)
        if not np.isfinite(found).all():
            raise BundleError(f"weights {name}: NaN or infinite", expected="finite numbers")
        return np.ascontiguousarray(found)

    def matrix(self, name: str, *shape: int) -> Array:
        """The same of a matrix (O, ...), float32, rounded row by row where layers keep int8.

        Raises:
            BundleError: as of `take`; or scales that are missing, negative or no numbers.
        """
        stored = self._arrays.get(name)
        rounded = self.kept == "int8" and shape[0] >= FEWEST
        if rounded:
            self.matrices.append(name)
        if stored is None or stored.dtype != np.int8:
            found = self.take(name, *shape)
            if not rounded:
                return found
            numbers, scales = int8.rounded_rows(found.reshape(shape[0], -1))
        else:
            numbers = self._found(name, shape, np.int8).reshape(shape[0], -1)
            scales = self.take(name + SCALES, shape[0])
            with np.errstate(over="ignore"):
                if (scales < 0).any() or not np.isfinite(scales * np.float32(128)).all():
                    raise BundleError(
                        f"weights {name}{SCALES}: negative or too large", expected="scales from 0"
                    )
        return int8.restored(numbers, scales).reshape(shape)

    def kept_of(self, matrix: Array) -> Kept:
        """What a linear map of this matrix (O, K) is kept in: float32 where int8 saves nothing."""
        small = len(matrix) < FEWEST or matrix.shape[1] > DEEPEST
        return "float32" if self.kept == "int8" and small else self.kept

    def _found(self, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> Array:
        found = self._arrays.get(name)
        if found is None:
            raise BundleError(f"no weights {name}")
        if found.shape != shape or found.dtype != dtype:
            raise BundleError(
                f"weights {name}: {found.dtype} {found.shape}",
                expected=f"{np.dtype(dtype)} {shape}",
            )
        self._left.discard(name)
        return found

    def has(self, name: str) -> bool:
        """Whether there is an array of this name."""
        return name in self._arrays

    def finish(self) -> None:
        """Check that nothing is left.

        Raises:
            BundleError: arrays that nobody took.
        """
        if self._left:
            raise BundleError(f"weights that belong nowhere: {', '.join(sorted(self._left)[:3])}")

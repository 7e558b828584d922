"""The weights of a run as they are taken into a network: each once, of its shape, all finite."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import final

import numpy as np

from recurra.errors import BundleError, OptionError
from recurra.native.fit import Kept
from recurra.runtime.state import Array


def fingerprint(arrays: Mapping[str, Array]) -> int:
    """A number that tells weights from others of the same training."""
    found = 0
    for name in sorted(arrays):
        found = zlib.crc32(
            np.ascontiguousarray(arrays[name]).data, zlib.crc32(name.encode(), found)
        )
    return found


@final
class Weights:
    """Named arrays, taken one by one.

    Args:
        arrays: float32, by name.
        kept: what layers keep them in, "float32" or "bfloat16"; arithmetic is float32 in both.

    Raises:
        OptionError: they can be kept in nothing of that name.
    """

    def __init__(self, arrays: Mapping[str, Array], kept: str = "float32") -> None:
        self._arrays = arrays
        self._left = set(arrays)
        if kept not in ("float32", "bfloat16"):
            raise OptionError(f"weights={kept!r}", expected="float32 or bfloat16")
        self.kept: Kept = "bfloat16" if kept == "bfloat16" else "float32"

    def take(self, name: str, *shape: int) -> Array:
        """The array of this name.

        Raises:
            BundleError: there is none, it has another shape, or holds what is no number.
        """
        found = self._arrays.get(name)
        if found is None:
            raise BundleError(f"no weights {name}")
        if found.shape != shape or found.dtype != np.float32:
            raise BundleError(
                f"weights {name}: {found.dtype} {found.shape}", expected=f"float32 {shape}"
            )
        if not np.isfinite(found).all():
            raise BundleError(f"weights {name}: NaN or infinite", expected="finite numbers")
        self._left.discard(name)
        return np.ascontiguousarray(found)

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

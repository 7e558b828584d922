"""What every network in use has in common: sizes, weights that all fit, threads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar

from recurra.runtime.state import Array
from recurra.runtime.weights import SCALES, Weights

Sizes = TypeVar("Sizes")


class Network(ABC, Generic[Sizes]):
    """A network on arrays, as it was trained; `size` is the number of its weights, and
    `matrices` the names of those that are rounded where they are kept in int8.

    Args:
        architecture: its sizes.
        arrays: its weights, as the class of the same name in `recurra.networks` names them.
        weights: what they are kept in, "float32", "bfloat16" or "int8".
        threads: at most so many; no figure depends on it.

    Raises:
        BundleError: weights that do not fit, or are not finite.
    """

    def __init__(
        self,
        architecture: Sizes,
        arrays: Mapping[str, Array],
        *,
        weights: str = "float32",
        threads: int = 1,
    ) -> None:
        self.architecture, self.threads = architecture, threads
        self.size = self._count({k: v for k, v in arrays.items() if not k.endswith(SCALES)})
        held = Weights(arrays, weights)
        self._take(held)
        held.finish()
        self.matrices = held.matrices

    @abstractmethod
    def _take(self, weights: Weights) -> None:
        """Take every weight that it has by its name."""

    def _count(self, arrays: Mapping[str, Array]) -> int:
        return sum(array.size for array in arrays.values())

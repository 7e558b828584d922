"""What was found once, kept: most words of a text come again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, final

K = TypeVar("K")
V = TypeVar("V")

_MOST: Final = 500_000  # words with their subwords, or n-grams: some hundred MB


@final
class Remembered(dict[K, V]):
    """The answers of a function, so many at most; faster than `functools.lru_cache`, on a method.

    A copy, or a pickle, has forgotten them.
    """

    def __init__(self, find: Callable[[K], V], most: int = _MOST) -> None:
        super().__init__()
        self._find, self._most = find, most

    def __missing__(self, key: K) -> V:
        if len(self) >= self._most:
            self.clear()
        found = self[key] = self._find(key)
        return found

    def __reduce__(self) -> tuple[type[Remembered[K, V]], tuple[Callable[[K], V], int]]:
        return Remembered, (self._find, self._most)

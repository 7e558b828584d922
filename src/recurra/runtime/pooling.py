"""Many steps -> one vector: last, mean, max, attention; over whole rows, or as steps arrive.

Whole rows are pooled as streams are, step by step, so that both give the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, final

import numpy as np

from recurra import native
from recurra.errors import OptionError
from recurra.native import folds
from recurra.runtime.layers import linear
from recurra.runtime.ragged import Rows, SideBySide
from recurra.runtime.state import Array
from recurra.runtime.weights import Weights

KINDS: Final = ("last", "mean", "max", "attention")

Arrays = dict[str, Array]


@final
class Pool:
    """Pools rows of F features into K * F, one vector for each of its kinds, side by side.

    last is the output after the last step read: of two directions each half its own. attention
    weighs steps by the softmax of a learnt score, w . x. A row without steps gives zeros.

    What the steps so far amount to are arrays (B, ...), named as in `names`: their sum, their
    greatest values, and for attention the sum of x exp(score - peak), that of exp(score - peak),
    and the peak.

    Args:
        kinds: of `KINDS`, joined by +, in the order of the result.
        features: F.
        directions: 2 where the second half of the features was read backwards.
        weights: holds `score.weight` and `score.bias` after `prefix`, where there is attention.
        prefix: of the weights' names.
        name: of the arrays.
    """

    def __init__(
        self,
        kinds: str,
        features: int,
        directions: int,
        weights: Weights,
        *,
        prefix: str = "",
        name: str = "",
    ) -> None:
        self.kinds, self.features, self.directions = kinds.split("+"), features, directions
        if len(set(self.kinds)) < len(self.kinds) or set(self.kinds) - set(KINDS):
            raise OptionError(
                f"pooling {kinds or 'by nothing'}",
                expected=f"some of {', '.join(KINDS)}, joined by +",
            )
        self.score = None
        if "attention" in self.kinds:
            self.score = linear(weights, f"{prefix}score", 1, features)
        self.names = {
            each: f"{name}{each}"
            for kind, some in _NEEDED.items()
            if kind in self.kinds
            for each in some
        }

    @property
    def size(self) -> int:
        """K * F, the features of the result."""
        return len(self.kinds) * self.features

    def begin(self, batch: int) -> Arrays:
        """What no steps amount to."""
        return {name: self._first(each, batch) for each, name in self.names.items()}

    def _first(self, each: str, batch: int) -> Array:
        width = 1 if each in _SINGLE else self.features
        return np.full((batch, width), _FIRST[each], np.float32)

    def add(self, x: Array, arrays: Arrays, *, threads: int = 1) -> None:
        """Add one step (B, F), in place."""
        so_far = {each: arrays[name] for each, name in self.names.items()}
        if "total" in so_far:
            so_far["total"] += x
        if "top" in so_far:
            np.maximum(so_far["top"], x, out=so_far["top"])
        if self.score is not None:
            self._attend(self.score, x, so_far, threads)

    def _attend(self, score: native.Linear, x: Array, so_far: Arrays, threads: int) -> None:
        before, new = so_far["peak"], score(x, threads=threads)
        peak = np.maximum(before, new)
        shrunk, added = np.exp(before - peak), np.exp(new - peak)
        so_far["attended"] *= shrunk
        so_far["attended"] += x * added
        so_far["weight"] *= shrunk
        so_far["weight"] += added
        before[...] = peak

    def read(self, last: Array, count: Array, arrays: Mapping[str, Array]) -> Array:
        """What all steps so far amount to, (B, K * F).

        Args:
            last: (B, F), the output after the last step.
            count: (B, 1), the steps.
            arrays: as `add` left them.
        """
        found = []
        for kind in self.kinds:
            match kind:
                case "last":
                    found.append(last)
                case "mean":
                    many = np.maximum(count, 1).astype(np.float32)
                    found.append(arrays[self.names["total"]] / many)
                case "max":
                    found.append(np.where(count > 0, arrays[self.names["top"]], np.float32(0)))
                case _:
                    weight = np.where(count > 0, arrays[self.names["weight"]], np.float32(1))
                    found.append(arrays[self.names["attended"]] / weight)
        return found[0] if len(found) == 1 else np.concatenate(found, 1)

    def whole(self, ways: Sequence[Array], lengths: Rows, *, threads: int = 1) -> Array:
        """Pool whole rows, (B, K * F).

        Args:
            ways: what each direction read, (N, F / directions), rows end to end.
            lengths: (B,) of the rows.
            threads: at most so many.
        """
        arrays: Arrays = {}
        for each, fold in (("total", folds.sums), ("top", folds.greatest)):
            if each in self.names:
                parts = [fold(x, lengths, threads=threads) for x in ways]
                arrays[self.names[each]] = np.concatenate(parts, 1)
        if self.score is not None:
            x, rows = np.concatenate(ways, 1), SideBySide(lengths)
            so_far = {each: self._first(each, len(lengths)) for each in _NEEDED["attention"]}
            for at in rows:
                going = {each: array[: len(at)] for each, array in so_far.items()}
                self._attend(self.score, x[at], going, threads)
            arrays |= {self.names[each]: rows.back(array) for each, array in so_far.items()}
        last = self._last(ways, lengths) if "last" in self.kinds else _NONE
        return self.read(last, lengths[:, None], arrays)

    def _last(self, ways: Sequence[Array], lengths: Rows) -> Array:
        """The output after the last step read, of each direction, (B, F)."""
        some, half = np.flatnonzero(lengths), self.features // self.directions
        ends = np.cumsum(lengths)[some]
        found = np.zeros((len(lengths), self.features), np.float32)
        for way, (x, at) in enumerate(zip(ways, (ends - 1, ends - lengths[some]), strict=False)):
            found[some, way * half : (way + 1) * half] = x[at]
        return found


_NEEDED: Final = {"mean": ("total",), "max": ("top",), "attention": ("attended", "weight", "peak")}
_SINGLE: Final = ("weight", "peak")
_FIRST: Final = {"total": 0.0, "top": -np.inf, "attended": 0.0, "weight": 0.0, "peak": -np.inf}
_NONE: Final = np.zeros((0, 0), np.float32)

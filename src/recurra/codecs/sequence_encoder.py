"""Examples as the network reads them: bags of features for texts and tokens, scaled numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.ngrams import Bags, Numbers, Units, positions, starts
from recurra.codecs.scaling import Standard
from recurra.codecs.words import normal
from recurra.errors import BundleError, DataError

Rows = NDArray[np.int64]

Kind = Literal["text", "tokens", "numbers"]
"""What a sequence is made of."""


@final
@dataclass(frozen=True, eq=False)
class Batch:
    """Rows for a network: ids (n,) and counts (N,) of features for each step, or values (N, C).

    `lengths` (B,) are the steps of each row; N is their sum. Where there are `places` (N,), ids and
    counts are those of the distinct units alone, and each step is the unit at its place.
    """

    lengths: Rows
    ids: Numbers | None = None
    counts: Numbers | None = None
    values: NDArray[np.float32] | None = None
    places: Numbers | None = None


@final
@dataclass(frozen=True, eq=False)
class Inputs:
    """Encoded examples, any of which can be taken out as a batch."""

    lengths: Rows
    bags: Bags | None = None
    values: NDArray[np.float32] | None = None

    def batch(self, rows: Rows, *, distinct: bool = False) -> Batch:
        """The rows of these numbers (K,), in this order.

        Args:
            distinct: units that come again are given once, which is enough where nothing of them is
                hidden in training.
        """
        if self.bags is not None and distinct:
            bags, places = self.bags.distinct(rows)
            return Batch(bags.lengths, bags.ids, bags.counts, places=places)
        if self.bags is not None:
            bags = self.bags.select(rows)
            return Batch(bags.lengths, bags.ids, bags.counts)
        assert self.values is not None
        return Batch(self.lengths[rows], values=self.values[self.steps_of(rows)])

    def last_steps(self) -> Batch:
        """The last step of each example, as a row of its own."""
        one, last = np.ones_like(self.lengths), np.cumsum(self.lengths) - 1
        if self.bags is None:
            assert self.values is not None
            return Batch(one, values=self.values[last])
        counts = self.bags.counts[last]
        return Batch(one, self.bags.ids[positions(starts(self.bags.counts)[last], counts)], counts)

    def steps_of(self, rows: Rows) -> Rows:
        """Where the steps of rows (K,) stand among those of all, end to end."""
        return positions(self._starts[rows], self.lengths[rows])

    @cached_property
    def _starts(self) -> Rows:
        return starts(self.lengths)


@final
@dataclass(frozen=True, eq=False)
class Encoder:
    """What turns raw examples into inputs: units of texts and tokens, or the scale of numbers.

    It is learnt from examples that train.
    """

    kind: Kind
    units: Units | None = None
    scale: Standard | None = None

    @classmethod
    def learn(cls, kind: Kind, inputs: Sequence[Any], tokens: str) -> Encoder:
        """The encoder of a training part.

        Args:
            tokens: how texts are cut, see `recurra.codecs.ngrams`; numbers are not.
        """
        if kind == "numbers":
            return cls(kind, scale=Standard.of(np.concatenate(inputs)))
        return cls(kind, Units.learn(inputs, tokens))

    def encode(self, inputs: Sequence[Any]) -> Inputs:
        """Encode raw inputs: texts, token lists, or arrays (T, C).

        Raises:
            DataError: a sequence of other channels than those learnt from.
        """
        if self.units is not None:
            bags = self.units.encode([_composed(each) for each in inputs])
            return Inputs(bags.lengths, bags)
        assert self.scale is not None
        for row, each in enumerate(inputs):
            if each.shape[1] != self.size:
                raise DataError(
                    f"sequence {row + 1:,}: {each.shape[1]} channels",
                    expected=f"{self.size}, as in training",
                )
        lengths = np.fromiter(map(len, inputs), np.int64, len(inputs))
        return Inputs(lengths, values=self.scale.scale(np.concatenate(inputs)))

    def steps(self, raw: Any) -> list[str]:
        """The steps of one raw input as a reader sees them; of numbers, their places."""
        if self.units is not None:
            return self.units.cut(raw)
        return [str(k) for k in range(1, len(raw) + 1)]

    @property
    def size(self) -> int:
        """How many features there are, or channels."""
        if self.units is not None:
            return len(self.units)
        assert self.scale is not None
        return len(self.scale.mean)

    @property
    def reach(self) -> int:
        """How many steps before it the features of a step look back to."""
        return 0 if self.units is None else self.units.longest - 1

    @property
    def has_many_features(self) -> bool:
        """Whether a unit is known by several features, as words are."""
        return self.units is not None and (self.units.kind == "words" or self.reach > 0)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes it from."""
        return {
            "kind": self.kind,
            "units": None if self.units is None else self.units.to_json(),
            "scale": None if self.scale is None else self.scale.to_json(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Encoder:
        """The encoder that `to_json` wrote.

        Raises:
            BundleError: it is none.
        """
        kind, units, scale = (value.get(name) for name in ("kind", "units", "scale"))
        if kind in ("text", "tokens") and isinstance(units, dict) and scale is None:
            return cls(kind, units=Units.from_json(units))
        if kind == "numbers" and isinstance(scale, dict) and units is None:
            return cls(kind, scale=Standard.from_json(scale))
        raise BundleError("the encoder is damaged", expected='"units" of texts or a "scale"')


def _composed(text: Any) -> Any:
    """A text, or tokens, in Unicode's composed form (NFC), as those learnt from."""
    return normal(text) if isinstance(text, str) else tuple(map(normal, text))

"""The state of a network in use: a value of named arrays, batch first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from recurra.errors import OptionError

Array = npt.NDArray[Any]


@final
@dataclass(frozen=True, eq=False)
class State:
    """Named arrays (B, ...), one row a stream; nothing changes them.

        state = network.begin(2)
        outputs, state = network.step(inputs, state)
        one = state.select([0])

    Raises:
        OptionError: the arrays differ in B, or there is none.
    """

    arrays: Mapping[str, Array]

    def __post_init__(self) -> None:
        if len({len(array) for array in self.arrays.values()}) != 1:
            raise OptionError(
                f"a state of arrays { ({k: v.shape for k, v in self.arrays.items()}) }",
                expected="one array or more, of as many rows each",
            )

    @property
    def batch(self) -> int:
        """The number of rows, B."""
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def select(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> State:
        """The rows named by indices (K,), which may repeat."""
        index = np.asarray(rows, np.int64)
        return State({name: array[index] for name, array in self.arrays.items()})

    @staticmethod
    def concatenate(states: Sequence[State]) -> State:
        """The rows of several states of the same network, one after the other."""
        names = states[0].arrays
        return State({name: np.concatenate([each[name] for each in states]) for name in names})

"""What generation, streams, beams and servers share: a network that reads one step at a time."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recurra.runtime.state import Array, State


class Stepper(Protocol):
    """A network in use, or one on a GPU behind the same face.

    Rows are independent of each other: what a row gives depends on nobody beside it.
    """

    def begin(self, batch: int = 1) -> State:
        """The state of B streams before their first step."""
        ...

    def step(self, inputs: Any, state: State) -> tuple[Array, State]:
        """Inputs (B, ...) and the state before them -> outputs (B, ...) and the state after."""
        ...

    def advance(self, inputs: Any, arrays: dict[str, Array], rows: npt.NDArray[np.int64]) -> Array:
        """The same in place, of the streams that are `rows` (B,) of a state's arrays (S, ...)."""
        ...


def gathered_step(
    network: Stepper, inputs: Any, arrays: dict[str, Array], rows: npt.NDArray[np.int64]
) -> Array:
    """`advance` of a network that has no way of its own: rows are taken out, stepped, put back."""
    outputs, after = network.step(inputs, State(arrays).select(rows))
    for name, array in arrays.items():
        array[rows] = after[name]
    return outputs

"""What generation, streams, beams and servers share: a network that reads one step at a time."""

from __future__ import annotations

from typing import Any, Protocol

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

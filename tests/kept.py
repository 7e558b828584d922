"""Who keeps what comes out of a lab."""

from __future__ import annotations

from recurra.labs.document import Part
from recurra.labs.runner import Output, Printed


class Kept:
    """Keeps what came out, in order."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.outputs: list[Output] = []

    def begin(self, part: Part) -> None:
        self.parts.append(part)

    def tell(self, output: Output) -> None:
        self.outputs.append(output)

    @property
    def text(self) -> str:
        return "\n".join(each.text for each in self.outputs if isinstance(each, Printed))

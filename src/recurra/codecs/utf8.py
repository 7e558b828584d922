"""The bytes of UTF-8, each a piece of its own: nothing is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt


@final
@dataclass(frozen=True)
class Bytes:
    """The byte b has the id b."""

    unit = "bytes"

    @property
    def pieces(self) -> Sequence[bytes]:
        """All 256."""
        return [bytes([byte]) for byte in range(256)]

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """Ids (T,) of the bytes of a text."""
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32)

    def cut(self, text: str) -> list[str]:
        """The bytes of a text as `readable` shows them."""
        return [readable(bytes([byte])) for byte in text.encode()]

    def to_json(self) -> dict[str, Any]:
        """The kind alone."""
        return {"kind": self.unit}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        del value
        return cls()


def readable(piece: bytes) -> str:
    """A piece as people read it: bytes that are no whole characters as hex, <F0 9D>."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return f"<{piece.hex(' ').upper()}>"

"""A text and a model that are learnt in a second."""

from __future__ import annotations

from typing import Any


def small_text(lines: int = 60) -> str:
    """A text that is easy to learn."""
    return "".join(f"The quick brown fox {n % 7} jumps over the lazy dog.\n" for n in range(lines))


SMALL: dict[str, Any] = {
    "size": "tiny",
    "hidden": 32,
    "embedding": 12,
    "layers": 2,
    "dropout": 0.1,
    "lr": 0.1,
    "batch": 8,
    "bptt": 32,
    "threads": 1,
    "precision": "float32",
}
"""Options of a text training that takes a second."""

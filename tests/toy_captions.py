"""Pictures that a small network learns to read in seconds, and networks for them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.pictures import PictureForm
from recurra.networks.captions import CaptionNetwork
from recurra.runtime.captions import Architecture
from recurra.training.loop import seeded

LESS: dict[str, Any] = {
    "hidden": 32,
    "embedding": 16,
    "layers": 1,
    "batch": 16,
    "dropout": 0.0,
    "threads": 1,
    "precision": "float32",
    "augment": False,
    "lr": 0.05,
}
"""Options of a training that takes few seconds."""

BARS = 4
"""Kinds of bars: each is a letter."""


def strip(random: np.random.Generator, most: int = 4) -> tuple[NDArray[np.uint8], str]:
    """A strip of 8 x 8 tiles, each bright in another quarter, and the letters of these."""
    kinds = random.integers(0, BARS, int(random.integers(1, most + 1))).tolist()
    tiles = []
    for kind in kinds:
        tile = random.integers(0, 60, (8, 8))
        row, column = divmod(kind, 2)
        tile[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 180
        tiles.append(tile)
        tiles.append(random.integers(0, 60, (8, 4)))
    return np.concatenate(tiles, 1).astype(np.uint8), "".join("abcd"[kind] for kind in kinds)


def strips(count: int, seed: int = 0) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Strips of one to four tiles, and what they read."""
    random = np.random.default_rng(seed)
    drawn = [strip(random) for _ in range(count)]
    return [each for each, _ in drawn], [text for _, text in drawn]


def scenes(count: int, seed: int = 0) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Pictures of two sizes with a coloured square, and a sentence of where it is."""
    random = np.random.default_rng(seed)
    pictures, texts = [], []
    for _ in range(count):
        size = int(random.integers(0, 2))
        picture = random.integers(0, 60, (16, 16 + 8 * size, 3))
        colour, row, column = (int(random.integers(0, n)) for n in (3, 2, 2))
        y, x = 8 * row + 1, (8 + 4 * size) * column + 1
        picture[y : y + 6, x : x + 6, colour] += 180
        pictures.append(picture.astype(np.uint8))
        name = ("red", "green", "blue")[colour]
        texts.append(f"a {name} square {('top', 'bottom')[row]} {('left', 'right')[column]}")
    return pictures, texts


def architecture(reading: str, **other: Any) -> Architecture:
    grid = reading == "grid"
    form = PictureForm(3, 16, 24 if grid else None, mean=0.4, deviation=0.3)
    sizes: dict[str, Any] = {
        "form": form.to_json(),
        "stages": [6, 8],
        "pools": [[2, 2], [2, 2]],
        "rows": 4,
        "columns": 6 if grid else 0,
        "reading": reading,
        "targets": 9,
        "cell": "gru",
        "embedding": 8,
        "hidden": 12,
        "layers": 2,
        "attention": "general",
        "feeding": "up",
        "dropout": 0.0,
        "detected": [3, 4, 5, 6, 7] if grid else [],
    }
    return Architecture(**sizes | other)


@cache
def network(reading: str, cell: str = "gru") -> CaptionNetwork:
    """A network whose normalizations have seen something, in evaluation mode."""
    import torch

    with seeded(3, 0):
        found = CaptionNetwork(architecture(reading, cell=cell)).train()
        for _ in range(3):
            found.encoder(torch.randn(4, 16, 24, 3), torch.tensor([[16, 24]] * 4))
    return found.eval()


def pictures(count: int = 5, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Pictures of unequal sizes, within 16 x 24, in colour; strips all have 16 rows."""
    random = np.random.default_rng(seed)
    return [
        random.integers(0, 256, (16, int(random.integers(9, 25)), 3)).astype(np.uint8)
        for _ in range(count)
    ]

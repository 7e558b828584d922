"""Convolutions on arrays: a picture -> a grid of features, each stage of which is coarser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from recurra import native
from recurra.runtime.state import Array
from recurra.runtime.weights import Weights

Sizes = npt.NDArray[np.int64]
"""Heights and widths (B, 2) of pictures, or of what was made of them."""

EPSILON: Final = 1e-5
"""What is added to a variance before its root is taken."""

_PATCHES: Final = 1 << 22
"""Numbers of neighbourhoods that exist at a time."""


@final
class PictureEncoder:
    """Stages of a 3 x 3 convolution, the greatest of each pool, batch normalization, and ReLU.

    As `recurra.networks.picture_encoder.PictureEncoder`. What lies beyond a picture's own size is
    zero before every stage, as it is beyond the edge of the array: pictures in one array do not
    change each other.

    Args:
        weights: holds the stages' weights, after `prefix`.
        channels: of pictures, 1 or 3.
        stages: features after each stage.
        pools: rows and columns (p, q) of each stage's pools.
    """

    def __init__(
        self,
        weights: Weights,
        prefix: str,
        channels: int,
        stages: Sequence[int],
        pools: Sequence[Sequence[int]],
    ) -> None:
        self.pools = [(int(p), int(q)) for p, q in pools]
        self.convolutions: list[native.Linear] = []
        self.affine: list[tuple[Array, Array]] = []
        for number, features in enumerate(stages):
            stage = f"{prefix}stages.{number}."
            weight = weights.matrix(f"{stage}weight", features, channels, 3, 3)
            flat = np.ascontiguousarray(weight.transpose(0, 2, 3, 1)).reshape(features, -1)
            self.convolutions.append(native.Linear(flat, weights=weights.kept_of(flat)))
            self.affine.append(normalization(weights, f"{stage}norm.", features))
            channels = features

    @property
    def multiple(self) -> tuple[int, int]:
        """What heights and widths of arrays have to be multiples of."""
        return int(np.prod([p for p, _ in self.pools])), int(np.prod([q for _, q in self.pools]))

    def __call__(self, x: Array, sizes: Sizes, threads: int) -> tuple[Array, Sizes]:
        """Pictures (B, H, W, C) of sizes (B, 2) -> features (B, H', W', F), and their sizes."""
        every, sizes = self.every(x, sizes, threads)
        return every[-1], sizes

    def every(self, x: Array, sizes: Sizes, threads: int) -> tuple[list[Array], Sizes]:
        """The same, the features of every stage."""
        found = []
        stages = zip(self.convolutions, self.affine, self.pools, strict=True)
        for convolution, (scale, shift), pool in stages:
            x = _convolved(x, convolution, pool, threads)
            x *= scale
            x += shift
            np.maximum(x, 0.0, out=x)
            sizes = -(-sizes // np.array(pool))
            _clear(x, sizes)
            found.append(x)
        return found, sizes


def coarser(x: Array, rows: int, columns: int) -> Array:
    """Features (B, H, W, F) as a grid of so many rows and columns: the greatest of each place."""
    batch, height, width, features = x.shape
    pools = x.reshape(batch, rows, height // rows, columns, width // columns, features)
    found: Array = pools.max(axis=(2, 4))
    return found


def normalization(weights: Weights, prefix: str, features: int) -> tuple[Array, Array]:
    """A batch normalization in use: what features are multiplied by, and what is added."""
    mean, variance, scale, shift = (
        weights.take(f"{prefix}{name}", features) for name in ("mean", "variance", "weight", "bias")
    )
    scale = scale / np.sqrt(variance + np.float32(EPSILON))
    return scale, shift - mean * scale


def _convolved(x: Array, convolution: native.Linear, pool: tuple[int, int], threads: int) -> Array:
    """The greatest of each pool of the convolution of pictures (B, H, W, C)."""
    batch, height, width, channels = x.shape
    (p, q), outputs = pool, convolution.outputs
    found = np.empty((batch, height // p, width // q, outputs), np.float32)
    some = max(1, _PATCHES // (height * width * 9 * channels))
    for start in range(0, batch, some):
        part = np.pad(x[start : start + some], ((0, 0), (1, 1), (1, 1), (0, 0)))
        windows = sliding_window_view(part, (3, 3), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
        flat = convolution(windows.reshape(-1, 9 * channels), threads=threads)
        pools = flat.reshape(-1, height // p, p, width // q, q, outputs)
        pools.max(axis=(2, 4), out=found[start : start + some])
    return found


def _clear(x: Array, sizes: Sizes) -> None:
    """Set what lies beyond sizes (B, 2) to zero, in place."""
    if (sizes == x.shape[1:3]).all():
        return
    for row, (height, width) in zip(x, sizes.tolist(), strict=True):
        row[height:] = 0.0
        row[:, width:] = 0.0

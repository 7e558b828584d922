"""Pictures as they might have been taken as well: moved, tilted, in another light, grainier."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_MOVED = 0.06
"""Of the height that pictures are moved by, at most."""

_GROWN = 0.1
_SLANTED = 0.15
_TURNED = 0.05
_CONTRAST = 0.35
_BRIGHTNESS = 0.4
_NOISE = 0.15


def augmented(pictures: Tensor, random: np.random.Generator) -> Tensor:
    """Pictures (B, H, W, C) of mean 0 and deviation 1, each changed a little by itself.

    Never mirrored: letters are not, nor is what is left and right of a sentence.
    """
    batch, height, width, _ = pictures.shape

    def drawn(most: float) -> Tensor:
        return torch.from_numpy(random.uniform(-most, most, batch).astype(np.float32))

    # From places of the new picture to places of the old one, both from -1 to 1.
    maps = torch.zeros(batch, 2, 3)
    maps[:, 0, 0] = 1 + drawn(_GROWN)
    maps[:, 1, 1] = 1 + drawn(_GROWN)
    maps[:, 0, 1] = drawn(_SLANTED) * height / width
    maps[:, 1, 0] = drawn(_TURNED) * min(1.0, height / width) * width / height
    maps[:, 0, 2] = drawn(2 * _MOVED * height / width)
    maps[:, 1, 2] = drawn(2 * _MOVED)
    grid = F.affine_grid(maps, [batch, 1, height, width], align_corners=False)
    moved = F.grid_sample(
        pictures.permute(0, 3, 1, 2), grid, padding_mode="border", align_corners=False
    ).permute(0, 2, 3, 1)
    contrast, brightness = 1 + drawn(_CONTRAST), drawn(_BRIGHTNESS)
    moved = moved * contrast[:, None, None, None] + brightness[:, None, None, None]
    noise = torch.from_numpy(random.standard_normal(moved.shape, np.float32))
    moved = moved + noise * drawn(_NOISE).abs()[:, None, None, None]
    # The sampler put channels first, and convolutions take the order that they find.
    return moved.contiguous()

"""What reads pictures, as it is trained: convolutions, each stage of them coarser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.runtime.convolution import EPSILON

MOMENTUM: Final = 0.1
"""The share of a batch in the mean and the variance that are used once trained."""


@final
class BatchNorm(nn.Module):
    """Each feature with the mean 0 and the variance 1, then a scale and a shift that are learnt.

    Ioffe and Szegedy 2015 (arXiv:1502.03167): of a batch in training, of all batches in use. Rows
    and columns that fill up a batch of unequal pictures count too: batches are of like sizes.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, F, H, W), normalized."""
        return F.batch_norm(
            x, self.mean, self.variance, self.weight, self.bias, self.training, MOMENTUM, EPSILON
        )


@final
class Stage(nn.Module):
    """A 3 x 3 convolution, the greatest of each pool, batch normalization, and ReLU."""

    def __init__(self, channels: int, features: int, pool: Sequence[int]) -> None:
        super().__init__()
        self.pool = (int(pool[0]), int(pool[1]))
        # No bias: the normalization takes every mean away.
        self.weight = nn.Parameter(torch.empty(features, channels, 3, 3))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        self.norm = BatchNorm(features)

    def forward(self, x: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures or features (B, C, H, W) of sizes (B, 2) -> coarser features, their sizes."""
        x = F.conv2d(x, self.weight, padding=1)
        if self.pool != (1, 1):
            # Before the normalization, which then has so many fewer numbers to read.
            x = F.max_pool2d(x, self.pool)
        x = F.relu(self.norm(x))
        sizes = -(-sizes // torch.tensor(self.pool))
        return x * within(sizes, x) if not full(sizes, x) else x, sizes


@final
class PictureEncoder(nn.Module):
    """Stages one after the other; see `recurra.runtime.convolution.PictureEncoder`."""

    def __init__(
        self, channels: int, stages: Sequence[int], pools: Sequence[Sequence[int]]
    ) -> None:
        super().__init__()
        inputs = [channels, *stages]
        self.stages = nn.ModuleList(
            Stage(*each) for each in zip(inputs[:-1], stages, pools, strict=True)
        )

    def forward(self, x: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (B, H, W, C) of sizes (B, 2) -> features (B, H', W', F), and their sizes."""
        every, sizes = self.every(x, sizes)
        return every[-1], sizes

    def every(self, x: Tensor, sizes: Tensor) -> tuple[list[Tensor], Tensor]:
        """As `forward`, the features of every stage."""
        x, found = x.permute(0, 3, 1, 2), []  # as it lies in memory: oneDNN likes channels last
        for stage in self.stages:
            x, sizes = stage(x, sizes)
            found.append(x.permute(0, 2, 3, 1))
        return found, sizes


def coarser(x: Tensor, rows: int, columns: int) -> Tensor:
    """Features (B, H, W, F) as a grid of so many rows and columns: the greatest of each place."""
    _, height, width, _ = x.shape
    if (height, width) == (rows, columns):
        return x
    pool = (height // rows, width // columns)
    return F.max_pool2d(x.permute(0, 3, 1, 2), pool).permute(0, 2, 3, 1)


def full(sizes: Tensor, x: Tensor) -> bool:
    """Whether pictures of these sizes (B, 2) fill all of x (B, F, H, W)."""
    return bool((sizes == torch.tensor(x.shape[2:])).all())


def within(sizes: Tensor, x: Tensor) -> Tensor:
    """1 within sizes (B, 2) and 0 beyond them, (B, 1, H, W), for features (B, F, H, W)."""
    height, width = sizes.to(x.device).unbind(1)
    down = torch.arange(x.shape[2], device=x.device) < height[:, None]
    across = torch.arange(x.shape[3], device=x.device) < width[:, None]
    return (down[:, None, :, None] & across[:, None, None, :]).to(x.dtype)

"""Convolutions that long sequences of numbers are read through, as they are trained."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.core.ragged import Ragged
from recurra.networks.picture_encoder import BatchNorm
from recurra.runtime.sequence_convolutions import LEAST, STRIDE, VIEWS, Sizes


@final
class Stage(nn.Module):
    """A convolution over K steps that keeps every second one, batch normalization, and ReLU.

    The statistics are those of the rows' own steps: what fills up a batch is in none of them.
    """

    def __init__(self, channels: int, features: int, reach: int) -> None:
        super().__init__()
        self.reach = reach
        # No bias: the normalization takes every mean away.
        self.weight = nn.Parameter(torch.empty(features, channels, 1, reach))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        self.norm = BatchNorm(features)

    def forward(self, rows: Ragged) -> Ragged:
        """Rows of values (N, C) -> rows of half as many steps, (N', F)."""
        x = F.conv1d(
            rows.padded().transpose(1, 2),
            self.weight[:, :, 0],
            stride=STRIDE,
            padding=self.reach // 2,
        )
        found = Ragged.from_padded(x.transpose(1, 2), -(-rows.lengths // STRIDE))
        return found.beside(F.relu(self.norm(found.values)))


@final
class SequenceConvolutions(nn.Module):
    """Stages one after the other; see `recurra.runtime.sequence_convolutions`."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.norm = BatchNorm(VIEWS * sizes.channels)
        self.stages = nn.ModuleList(Stage(*each) for each in sizes.stages)

    def forward(self, rows: Ragged) -> Ragged:
        """Rows of values (N, C) -> rows of features of fewer steps, (N', F)."""
        x = rows.beside(self.norm(views(rows)))
        for stage in self.stages:
            x = stage(x)
        return x


def views(rows: Ragged) -> Tensor:
    """Values (N, C) as they are, as they move in their row, how they move, how much, (N, 4C)."""
    x, device = rows.values, rows.values.device
    owner = torch.repeat_interleave(rows.lengths).to(device)
    count = rows.lengths.clamp(min=1)[:, None].to(device, x.dtype)

    def mean(values: Tensor) -> Tensor:
        return values.new_zeros(rows.batch, values.shape[1]).index_add(0, owner, values) / count

    def spread(values: Tensor) -> Tensor:
        # Never 0, where a root has no slope.
        return (mean(values.square()) + LEAST).sqrt()

    centred = x - mean(x)[owner]
    moves = torch.cat([x[:1] - x[:1], x[1:] - x[:-1]])
    firsts = rows.starts[rows.lengths > 0].to(device)
    moves = moves.index_fill(0, firsts, 0.0)
    size = spread(centred)[owner]
    moved = moves / size
    own = moved / spread(moved)[owner]
    return torch.cat([x, centred / size, own, size.log()], 1)

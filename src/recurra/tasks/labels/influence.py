"""Which steps a decision looked at."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recurra.tasks.labels.inputs import Batch
from recurra.tasks.labels.model import LabelNetwork


def influence(network: LabelNetwork, batch: Batch, chosen: Tensor) -> list[NDArray[np.float64]]:
    """The share of each step in the score of the class chosen for its row, (T,) for each of B.

    Gradient times input (Shrikumar et al., 2016, arXiv:1605.01713), summed over a step's features
    and over the members; its size, made to sum to one in each row. A share says where a small
    change would matter, not what the step means.

    Args:
        chosen: the class (B,) of each row whose score is asked about.
    """
    found = torch.zeros(int(batch.lengths.sum()))
    for m in range(len(network.members)):
        member = network.member(m).eval()
        steps = member.steps(batch).detach().requires_grad_()
        scores = member.read(steps, batch.lengths).gather(1, chosen[:, None])
        (slope,) = torch.autograd.grad(scores.sum(), steps)
        found += (steps * slope).sum(1).detach().cpu()
    shares = []
    for row in torch.split(found.abs().double(), batch.lengths.tolist()):
        total = row.sum()
        # Where nothing matters, every step matters the same.
        shares.append((row / total if total > 0 else torch.full_like(row, 1 / len(row))).numpy())
    return shares

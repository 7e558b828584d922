"""Tags in a row: a linear-chain conditional random field (Lafferty, McCallum & Pereira, 2001)."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from recurra.core.ragged import Ragged


@final
class Chain(nn.Module):
    """Learnt scores of a tag first (K,), after another (K, K: from, to), and last (K,).

    The score of a row of tags is the sum of its steps' scores and of these; its probability is
    the softmax over all rows of tags.
    """

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.zeros(tags))
        self.between = nn.Parameter(torch.zeros(tags, tags))
        self.last = nn.Parameter(torch.zeros(tags))

    def nats(self, scores: Ragged, tags: Ragged) -> Tensor:
        """What the true tags of each row cost, (B,): minus their log-probability.

        Args:
            scores: of each step's tags, values (N, K).
            tags: the true ones, values (N,).
        """
        rows, lengths = scores.padded(), scores.lengths.to(scores.values.device)
        alive = scores.mask()
        total = self.first + rows[:, 0]
        for t in range(1, rows.shape[1]):
            following = torch.logsumexp(total[:, :, None] + self.between, 1) + rows[:, t]
            total = torch.where(alive[:, t, None], following, total)
        everything = torch.logsumexp(total + self.last, 1)
        true = tags.padded()
        own = rows.gather(2, true[..., None])[..., 0]
        steps = (own * alive).sum(1)
        moves = (self.between[true[:, :-1], true[:, 1:]] * alive[:, 1:]).sum(1)
        ends = true.gather(1, (lengths - 1).clamp(min=0)[:, None])[:, 0]
        truth = self.first[true[:, 0]] + steps + moves + self.last[ends]
        found: Tensor = everything - truth
        return found

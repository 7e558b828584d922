"""Many steps -> one vector: last, mean, max, attention, over whole rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from recurra.core.ragged import Ragged, take
from recurra.errors import OptionError
from recurra.runtime.pooling import KINDS


@final
class Pool(nn.Module):
    """Pools rows of F features each into K * F, one vector for each of `kinds`, side by side.

    last is the output after the last step read: in a layer of two directions each half its own.
    attention weighs steps by the softmax of a learnt score, w . x (Yang et al., 2016, with a
    linear score). A row without steps gives zeros.

    Args:
        features: F.
        kinds: of `KINDS`, in the order of the result.
        directions: 2 where the second half of the features was read backwards.
    """

    def __init__(self, features: int, kinds: Sequence[str], *, directions: int = 1) -> None:
        super().__init__()
        if not kinds or len(set(kinds)) < len(kinds) or set(kinds) - set(KINDS):
            raise OptionError(
                f"pooling {'+'.join(kinds) or 'by nothing'}",
                expected=f"some of {', '.join(KINDS)}, joined by +",
            )
        self.features, self.kinds, self.directions = features, tuple(kinds), directions
        self.score = nn.Linear(features, 1) if "attention" in kinds else None

    @property
    def size(self) -> int:
        """K * F, the features of the result."""
        return len(self.kinds) * self.features

    def forward(self, rows: Ragged) -> Tensor:
        """Pool whole rows: values (N, F) -> (B, K * F)."""
        x, device = rows.values, rows.values.device
        owner = torch.repeat_interleave(
            torch.arange(rows.batch), rows.lengths, output_size=len(x)
        ).to(device)
        found = []
        for kind in self.kinds:
            match kind:
                case "last":
                    found.append(self._last(rows))
                case "mean":
                    counts = rows.lengths.clamp(min=1)[:, None].to(device, x.dtype)
                    found.append(
                        x.new_zeros(rows.batch, self.features).index_add(0, owner, x) / counts
                    )
                case "max":
                    found.append(_largest(x, owner, rows.batch))
                case _:
                    weights = self._weights(x, owner, rows.batch)
                    sums = x.new_zeros(rows.batch, self.features)
                    found.append(sums.index_add(0, owner, x * weights[:, None]))
        return torch.cat(found, 1)

    def _last(self, rows: Ragged) -> Tensor:
        if self.directions == 1:
            return rows.last()
        half = self.features // 2
        backward = Ragged(rows.values[:, half:], rows.lengths)
        firsts = torch.where(rows.lengths > 0, rows.starts, len(rows.values))
        filled = torch.cat([backward.values, backward.values.new_zeros(1, self.features - half)])
        forward = Ragged(rows.values[:, :half], rows.lengths).last()
        return torch.cat([forward, take(filled, firsts)], 1)

    def _weights(self, x: Tensor, owner: Tensor, batch: int) -> Tensor:
        """The share (N,) that attention gives to each step of its row."""
        assert self.score is not None
        scores = self.score(x)[:, 0]
        # Less its row's greatest, so that nothing overflows; the share does not depend on it.
        peaks = _largest(scores.detach()[:, None], owner, batch)[:, 0]
        raised = (scores - peaks[owner]).exp()
        sums = raised.new_zeros(batch).index_add(0, owner, raised)
        shares: Tensor = raised / sums[owner]
        return shares


def _largest(x: Tensor, owner: Tensor, batch: int) -> Tensor:
    """Each row's greatest value (B, F); zeros for a row without steps."""
    # With a floor that counts there is less to do backwards than without one.
    floor = x.new_full((batch, x.shape[1]), -torch.inf)
    found = floor.scatter_reduce(0, owner[:, None].expand_as(x), x, "amax")
    return found.masked_fill(found == -torch.inf, 0.0)

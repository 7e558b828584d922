"""Where in a picture each piece of its captions is seen: what a decoder is taught to look at.

A decoder that learns by its own loss alone looks at the background, which tells nothing and does
not disturb it, and so never sees what it should name. Places are asked by features that see little
around them: by later ones the place beside a thing shows it as well (docs/tried.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from recurra.core.ragged import Ragged
from recurra.networks.captions import Taught

MOST: Final = 256
"""Pieces that are looked for, at most: those whose being there is the least known."""

_KNOWN: Final = 0.02
"""Nats below which it is known beforehand whether a caption has a piece."""

_WEIGHT: Final = 3.0
"""How much more than the rest it counts which pieces are there (docs/tried.md)."""

_LEAST: Final = 1e-4
"""The least chance that a piece is seen where a decoder looks: no one of them can cost much."""


@final
@dataclass(frozen=True, eq=False)
class Detection:
    """Pieces that places are asked for.

    Args:
        columns: (V,) the detector's output for each piece, -1 where it has none.
        nats: what it costs to say which of them a caption has, not knowing the picture.
    """

    columns: NDArray[np.int64]
    nats: float

    @classmethod
    def of(cls, ids: Sequence[NDArray[np.int64]], pieces: int) -> Detection:
        """Those of encoded captions, from BEGIN to END each, of so many pieces."""
        counts = np.zeros(pieces)
        for row in ids:
            counts[np.unique(row[1:-1])] += 1
        share = np.clip(counts / max(1, len(ids)), 1e-12, 1 - 1e-12)
        nats = -share * np.log(share) - (1 - share) * np.log1p(-share)
        order = np.argsort(-nats, kind="stable")[:MOST]
        chosen = np.sort(order[nats[order] > _KNOWN])
        columns = np.full(pieces, -1)
        columns[chosen] = np.arange(len(chosen))
        return cls(columns, float(nats[chosen].sum()))

    @property
    def pieces(self) -> list[int]:
        """Their ids."""
        found: list[int] = np.flatnonzero(self.columns >= 0).tolist()
        return found

    def loss(self, taught: Taught, answers: Ragged) -> Tensor:
        """What is still unknown of which pieces are there, and of where the decoder has to look.

        The first: each piece of a caption is seen at one place of its picture at least, and no
        other piece anywhere, as by the detectors of words of Fang et al. 2015 (arXiv:1411.4952);
        the share of what it costs without a picture, for each early stage. The second: the chance
        that the place that was looked at shows the piece that was said, in nats, over all places
        that it may have been, as where attention is a hidden choice (Wu et al. 2018,
        arXiv:1808.10024).

        Args:
            answers: ids (N,) of what follows each input.
        """
        columns = torch.from_numpy(self.columns).to(taught.scores.device)[answers.values]
        asked = Ragged(columns, answers.lengths).padded(-1)
        known = asked >= 0
        column = asked.clamp(min=0)
        unknown = taught.scores.new_zeros(())
        for each in taught.shown:
            real = each.mask().to(columns.device)[..., None]
            best = each.padded().float().masked_fill(~real, -torch.inf).amax(1)
            there = torch.zeros_like(best).scatter_reduce(1, column, known.to(best), "amax")
            unknown = unknown + F.binary_cross_entropy_with_logits(best, there, reduction="sum")
        # (B, S, T): whether each place shows what is said at each step.
        surest = taught.surest
        seen = surest.sigmoid().gather(2, column[:, None].expand(-1, surest.shape[1], -1))
        chance = (taught.attention.float() * seen.mT).sum(-1)
        missed = -(chance + _LEAST).log()[known].sum() / known.sum().clamp(min=1)
        return _WEIGHT * unknown / (answers.batch * self.nats) + missed

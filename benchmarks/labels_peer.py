"""The member of a labels model written with torch.nn, padded in buckets or packed: a peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from recurra.networks.label_batch import TensorBatch
from recurra.runtime.labels import Architecture

Forward = Callable[[TensorBatch], Tensor]


@final
class TorchMember(nn.Module):
    """Embedding bags, torch's GRU over padded or packed rows, the greatest of each feature, a head.

    As a practitioner writes it: the rows of a batch are of like length, and what is behind a row's
    end is kept from the maximum by a mask.
    """

    def __init__(self, architecture: Architecture, *, packed: bool) -> None:
        super().__init__()
        a = architecture
        self.embedding = nn.EmbeddingBag(
            a.features, a.embedding, mode="mean", padding_idx=0, sparse=True
        )
        self.recurrent = nn.GRU(a.embedding, a.hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * a.hidden, a.classes)
        self.dropout, self.packed = a.dropout, packed

    def forward(self, batch: TensorBatch) -> Tensor:
        """Scores (B, K)."""
        assert batch.ids is not None
        assert batch.counts is not None
        offsets = batch.counts.cumsum(0) - batch.counts
        steps = F.dropout(self.embedding(batch.ids, offsets), self.dropout, self.training)
        padded = pad_sequence(steps.split(batch.lengths.tolist()), batch_first=True)  # type: ignore[no-untyped-call]
        if self.packed:
            rows = pack_padded_sequence(padded, batch.lengths, True, enforce_sorted=False)
            outputs, _ = pad_packed_sequence(self.recurrent(rows)[0], batch_first=True)
        else:
            outputs = self.recurrent(padded)[0]
        behind = torch.arange(outputs.shape[1]) >= batch.lengths[:, None]
        pooled = outputs.masked_fill(behind[..., None], -np.inf).max(1).values
        scores: Tensor = self.head(F.dropout(pooled, self.dropout, self.training))
        return scores


def step(
    module: nn.Module, batches: list[TensorBatch], targets: list[Tensor]
) -> Callable[[], None]:
    """A training step, each time on the next batch: forward, backward, both optimisers."""
    sparse = [m.weight for m in module.modules() if isinstance(m, nn.EmbeddingBag)]
    dense = [p for p in module.parameters() if all(p is not each for each in sparse)]
    optimisers = [torch.optim.SparseAdam(sparse), torch.optim.AdamW(dense)]
    place = 0

    def taken() -> None:
        nonlocal place
        place = (place + 1) % len(batches)
        F.cross_entropy(module(batches[place]), targets[place]).backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()

    return taken

"""Rows of encoded examples as tensors, for a network that is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from recurra.codecs.sequence_encoder import Inputs, Rows


@final
@dataclass(frozen=True, eq=False)
class TensorBatch:
    """The fields of `recurra.codecs.sequence_encoder.Batch` as tensors."""

    lengths: Tensor
    ids: Tensor | None = None
    counts: Tensor | None = None
    values: Tensor | None = None
    places: Tensor | None = None

    @classmethod
    def of(cls, inputs: Inputs, rows: Rows, *, distinct: bool = False) -> Self:
        """The rows of these numbers (K,), as `Inputs.batch` gives them."""
        batch = inputs.batch(rows, distinct=distinct)
        every = (batch.ids, batch.counts, batch.values, batch.places)
        tensors = (None if each is None else torch.from_numpy(each) for each in every)
        return cls(torch.from_numpy(batch.lengths), *tensors)

    def to(self, device: torch.device) -> TensorBatch:
        """The rows on a device; lengths stay on the CPU, where layers want them."""
        every = (self.ids, self.counts, self.values, self.places)
        return TensorBatch(self.lengths, *(None if t is None else t.to(device) for t in every))

"""Training pass after pass over the same batches: where it stands, kept and taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn


@final
@dataclass(frozen=True)
class TrainState:
    """Where a training stands: the pass over the data, and the batch in it."""

    epoch: int = 0
    batch: int = 0

    def after(self, batches: int) -> TrainState:
        """The next batch, of so many in a pass."""
        if self.batch + 1 >= batches:
            return TrainState(self.epoch + 1, 0)
        return TrainState(self.epoch, self.batch + 1)


class Epochs:
    """The part of a `TrainingTask` that any training in passes has."""

    def first(self) -> TrainState:
        """The first batch of the first pass."""
        return TrainState()

    def finish(self, train_state: TrainState) -> TrainState:
        """Nothing changes."""
        return train_state

    def sample(self, network: nn.Module) -> None:
        """Nothing to read."""

    def pack(self, train_state: TrainState) -> Mapping[str, Tensor]:
        """The training state as named arrays."""
        return {"place": torch.tensor([train_state.epoch, train_state.batch])}

    def unpack(self, arrays: Mapping[str, Tensor]) -> TrainState:
        """The training state that `pack` took apart."""
        epoch, batch = (int(value) for value in arrays["place"])
        return TrainState(epoch, batch)

"""What the network of every task is."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from torch import nn


class Network(nn.Module, ABC):
    """The network of a task's model."""

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The weights as they are now, by name, in the memory of the processor."""
        return {name: each.float().cpu().numpy() for name, each in self.state_dict().items()}

    @abstractmethod
    def summary(self) -> str:
        """Its layers and its size in a few words."""

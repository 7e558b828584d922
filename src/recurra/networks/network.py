"""What the network of every task is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import nn


class Network(nn.Module, ABC):
    """The network of a task's model."""

    @abstractmethod
    def told(self) -> str:
        """Its layers and its size in a few words."""

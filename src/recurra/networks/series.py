"""The network of the series task as it is trained: members, each by its own loss."""

from __future__ import annotations

from typing import final

from torch import nn

from recurra.networks.autoregressive import Autoregressive
from recurra.networks.network import Network
from recurra.networks.segments import Segments
from recurra.runtime import segments
from recurra.runtime import series as runtime
from recurra.runtime.series import Architecture
from recurra.runtime.threads import available


def _member(architecture: Architecture, number: int) -> Segments | Autoregressive:
    sizes = architecture.sizes(number)
    return Segments(sizes) if isinstance(sizes, segments.Sizes) else Autoregressive(sizes)


@final
class SeriesNetwork(Network):
    """M members; what they say together is said in use, see `recurra.runtime.series`."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.members = nn.ModuleList(
            _member(architecture, number) for number in range(architecture.members)
        )

    def summary(self) -> str:
        """Its layers and its size in a few words."""
        a, weights = self.architecture, sum(p.numel() for p in self.parameters())
        times = f"{a.members} times " if a.members > 1 else ""
        pieces = " or ".join(map(str, a.segments[: a.members]))
        how, layers = f"in pieces of {pieces} steps", 1
        if a.kind == "autoregressive":
            how, layers = "step by step", a.layers
        return (
            f"{times}{layers} x GRU({a.hidden}) reading {a.context:,} steps {how}, "
            f"{weights:,} weights"
        )

    def member(self, number: int) -> Segments | Autoregressive:
        """One of the members."""
        found = self.members[number]
        assert isinstance(found, Segments | Autoregressive)
        return found

    def in_use(self) -> runtime.SeriesNetwork:
        """The same network without torch, of the weights as they are now.

        Raises:
            BundleError: weights that are not finite.
        """
        return runtime.SeriesNetwork(self.architecture, self.weights(), threads=available())

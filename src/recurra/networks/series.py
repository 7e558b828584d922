"""The network of the series task: members that read a window each way, their quantiles averaged."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final, TypeVar, final

import torch
from torch import Generator, Tensor, nn

from recurra.errors import OptionError
from recurra.tasks.design import Network
from recurra.tasks.series.forecasts import quantiles
from recurra.tasks.series.networks import autoregressive, segments
from recurra.tasks.series.networks.autoregressive import Autoregressive
from recurra.tasks.series.networks.segments import Segments
from recurra.tasks.series.windows import Windows

S = TypeVar("S", segments.Sizes, autoregressive.Sizes)

KINDS: Final = ("segments", "autoregressive")

PATHS: Final = 200
"""Sample paths, those of all members together."""


@final
@dataclass(frozen=True)
class Architecture:
    """The sizes of a network for series.

    Args:
        kind: segments (reads the past in pieces, gives the whole horizon at once), or
            autoregressive (one step at a time, and its own samples beyond the origin).
        context: T, steps that are read before an origin.
        horizon: H, steps that are forecast.
        period: steps of a season; 1 where there is none.
        known, past, static: columns K, P and D of the windows.
        segments: steps of a piece, of one member after the other; of segments alone.
        hidden: units of the recurrent layers.
        layers: L; of the autoregressive kind alone.
        dropout: share dropped around the recurrent layers.
        noise: what training adds to what is read; of the autoregressive kind alone.
        family: of distributions; of the autoregressive kind alone.
        turns: of the calendar, those that are read.
        members: M, networks whose quantiles are averaged.
    """

    kind: str
    context: int
    horizon: int
    period: int
    known: int
    past: int
    static: int
    segments: list[int]
    hidden: int
    layers: int
    dropout: float
    noise: float
    family: str
    turns: list[str]
    members: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise OptionError(f"--model {self.kind}", expected=f"one of {', '.join(KINDS)}")

    def to_json(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)


def _member(a: Architecture, number: int) -> Segments | Autoregressive:
    own = asdict(a) | {"segment": a.segments[number % len(a.segments)]}

    def sizes(kind: type[S]) -> S:
        """Those of the sizes that a kind of member has."""
        return kind(**{each.name: own[each.name] for each in fields(kind)})

    if a.kind == "segments":
        return Segments(sizes(segments.Sizes))
    return Autoregressive(sizes(autoregressive.Sizes))


@final
class SeriesNetwork(Network):
    """M members, whose quantiles are averaged level by level, or their paths mixed."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.members = nn.ModuleList(
            _member(architecture, number) for number in range(architecture.members)
        )

    def told(self) -> str:
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

    def forward(
        self, windows: Windows, generator: Generator | None = None, *, paths: int = PATHS
    ) -> Tensor:
        """Quantiles (B, H, Q) at `recurra.tasks.series.forecasts.LEVELS`, scaled."""
        members = [self.member(number) for number in range(len(self.members))]
        share = -(-paths // len(members))
        drawn = [
            member.paths(windows, share, generator)
            for member in members
            if isinstance(member, Autoregressive)
        ]
        if drawn:
            return quantiles(torch.cat(drawn, 1))
        return torch.stack([member(windows) for member in members]).mean(0)

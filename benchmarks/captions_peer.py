"""A reader of strips written with torch.nn, as its documentation would have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recurra.networks.captions import CaptionNetwork
from recurra.runtime.captions import BLANK, Architecture
from recurra.training.optimiser import Rates, build

_RATE: Final = 2e-3


@final
class TorchStrips(nn.Module):
    """Convolutions, a bidirectional GRU over columns, a linear head: of the same sizes."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a, channels = architecture, architecture.channels
        layers: list[nn.Module] = []
        for features, pool in zip(a.stages, a.pools, strict=True):
            layers += [
                nn.Conv2d(channels, features, 3, padding=1, bias=False),
                nn.BatchNorm2d(features),
                nn.ReLU(),
                nn.MaxPool2d((pool[0], pool[1])),
            ]
            channels = features
        self.convolutions = nn.Sequential(*layers)
        self.inner = nn.Linear(a.rows * a.stages[-1], a.hidden)
        self.reader = nn.GRU(a.hidden, a.hidden // 2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(a.hidden, a.targets)
        self.across = int(np.prod([pool[1] for pool in a.pools]))

    def forward(self, x: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Strips (B, H, W, C) of sizes (B, 2) -> log-probabilities (B, T, V), lengths (B,)."""
        found = self.convolutions(x.permute(0, 3, 1, 2).contiguous())
        found = F.relu(self.inner(found.permute(0, 3, 2, 1).flatten(2)))
        lengths = -(-sizes[:, 1] // self.across)
        packed = pack_padded_sequence(found, lengths, batch_first=True, enforce_sorted=False)
        outputs, _ = pad_packed_sequence(self.reader(packed)[0], batch_first=True)
        return self.head(outputs).float().log_softmax(-1), lengths


def step(
    network: CaptionNetwork | TorchStrips,
    x: Tensor,
    sizes: Tensor,
    ids: Sequence[NDArray[np.int64]],
    bfloat16: bool,
) -> Callable[[], None]:
    """A training step: forward, CTC, backward, and the optimiser, each with its own."""
    targets = torch.from_numpy(np.concatenate(ids))
    counts = torch.tensor([len(each) for each in ids])
    if isinstance(network, CaptionNetwork):
        optimisers = build(network, Rates())
    else:
        optimisers = [torch.optim.AdamW(network.parameters(), lr=_RATE)]

    def once() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            if isinstance(network, CaptionNetwork):
                frames = network.frames(x, sizes)
                logs, lengths = frames.padded(), frames.lengths
            else:
                logs, lengths = network(x, sizes)
        loss = F.ctc_loss(logs.transpose(0, 1), targets, lengths, counts, blank=BLANK)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    return once

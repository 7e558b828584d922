"""The captions network as it is trained: convolutions, then a decoder or frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.core.dropout import dropout
from recurra.core.initial import reset_orthogonal
from recurra.core.layers import BY_NAME, Recurrent
from recurra.core.ragged import Ragged
from recurra.networks.decoder import Decoder, in_float
from recurra.networks.network import Network
from recurra.networks.picture_encoder import PictureEncoder, coarser
from recurra.runtime import captions as runtime
from recurra.runtime.captions import Architecture

UNSEEN: Final = -2.0
"""The first log-odds that a place shows a piece: most show most pieces nowhere."""


@final
@dataclass(frozen=True, eq=False)
class Taught:
    """What a decoder said of B grids, and what is known of where it looks.

    Args:
        scores: (N, V) of what follows each of the inputs.
        attention: (B, T, S) the weights of its last look, before each piece.
        shown: log-odds (N, D) that each place shows each piece that is detected, by the features of
            each early stage.
        surest: (B, S, D) those of the stage that is the surest.
    """

    scores: Tensor
    attention: Tensor
    shown: Sequence[Ragged]
    surest: Tensor


@final
class CaptionNetwork(Network):
    """What reads pictures, and says what is there; see `recurra.runtime.captions.READINGS`."""

    pieces: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = a = architecture
        self.encoder = PictureEncoder(a.channels, a.stages, a.pools)
        features = a.stages[-1]
        if a.reading == "grid":
            self.inner = nn.Linear(features, a.hidden)
            self.down = nn.Parameter(torch.empty(a.rows, a.hidden))
            self.across = nn.Parameter(torch.empty(a.columns, a.hidden))
            if a.detected:
                self.detectors = nn.ModuleList(
                    nn.Linear(a.stages[stage], len(a.detected)) for stage in a.early
                )
                pieces = torch.tensor(a.detected)
                self.register_buffer("pieces", pieces, persistent=False)
        else:
            self.inner = nn.Linear(a.rows * features, a.hidden)
            self.reader: Recurrent[Any] = BY_NAME[a.cell](
                a.hidden, a.hidden // 2, a.depth, bidirectional=True, dropout=a.dropout
            )
        if a.reading == "ctc":
            self.head = nn.Linear(a.hidden, a.targets)
        else:
            self.decoder = Decoder(
                BY_NAME[a.cell],
                vectors=nn.Embedding(a.targets, a.embedding),
                hidden=a.hidden,
                layers=a.layers,
                kind=a.attention,
                input_feeding=a.feeding == "input",
                dropout=a.dropout,
            )
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weights."""
        for layer in self.modules():
            if isinstance(layer, Recurrent):
                reset_orthogonal(layer)
            elif isinstance(layer, nn.Embedding):
                nn.init.normal_(layer.weight, std=layer.embedding_dim**-0.5)
        if self.architecture.reading == "grid":
            nn.init.normal_(self.down, std=0.1)
            nn.init.normal_(self.across, std=0.1)
            if self.architecture.detected:
                for detector in self.detectors:
                    assert isinstance(detector, nn.Linear)
                    nn.init.constant_(detector.bias, UNSEEN)

    def summary(self) -> str:
        """Its layers and its size in a few words."""
        a, weights = self.architecture, sum(p.numel() for p in self.parameters())
        cell = f"{a.cell.upper()}({a.hidden})"
        sees = f"{a.layers} x {cell} that looks at {{}} ({a.attention} attention)"
        reads = {
            "grid": sees.format(f"a grid of {a.rows} x {a.columns}"),
            "columns": sees.format("columns, read both ways"),
            "ctc": f"{a.layers} x {cell} over columns, both ways, CTC",
        }
        return f"{len(a.stages)} convolutions, {reads[a.reading]}, {weights:,} weights"

    def read(self, pictures: Tensor, sizes: Tensor) -> tuple[Ragged, Tensor]:
        """Pictures (B, H, W, C) of sizes (B, 2) -> what is looked at (N, H), a vector (B, H)."""
        a = self.architecture
        if a.reading == "grid":
            return self._grid(pictures, sizes)[1:]
        x, grids = self.encoder(pictures, sizes)
        x = F.relu(self.inner(x.transpose(1, 2).flatten(2)))
        columns_read = Ragged.from_padded(self._drop(x), grids[:, 1])
        with in_float(x):
            outputs, last = self.reader(columns_read.map(Tensor.float))
        vector = last.hidden[:, -2:].flatten(1)
        return outputs.map(self._drop), vector

    def _grid(self, pictures: Tensor, sizes: Tensor) -> tuple[list[Ragged], Ragged, Tensor]:
        """Early features of places (N, F), what is looked at of them (N, H), its mean (B, H)."""
        every, grids = self.encoder.every(pictures, sizes)
        x = every[-1]
        rows, columns = x.shape[1:3]
        lengths = grids.prod(1)
        places = torch.arange(rows * columns)
        real = (places // columns < grids[:, :1]) & (places % columns < grids[:, 1:])
        real = real.to(x.device)
        seen = [coarser(every[n], rows, columns).flatten(1, 2) for n in self.architecture.early]
        features = x.flatten(1, 2)[real]
        where = (self.down[:rows, None] + self.across[:columns]).flatten(0, 1)
        owners, places = real.nonzero(as_tuple=True)
        values = self._drop(F.relu(self.inner(features) + where[places]))
        sums = values.new_zeros(len(lengths), values.shape[1]).index_add(0, owners, values)
        early = [Ragged(each[real], lengths) for each in seen]
        return early, Ragged(values, lengths), sums / lengths[:, None].to(sums)

    def frames(self, pictures: Tensor, sizes: Tensor) -> Ragged:
        """What each column says, of ctc: log-probabilities (N, V)."""
        outputs, _ = self.read(pictures, sizes)
        return outputs.map(lambda values: self.head(values).float().log_softmax(-1))

    def forward(self, pictures: Tensor, sizes: Tensor, inputs: Ragged) -> Tensor:
        """Scores (N, V) of what follows each of the inputs (N,), a row a picture, the truth fed."""
        if self.architecture.detected:
            return self.taught(pictures, sizes, inputs).scores
        outputs, vector = self.read(pictures, sizes)
        scores: Tensor = self.decoder(inputs, self.decoder.memory(outputs), vector)
        return scores

    def taught(self, pictures: Tensor, sizes: Tensor, inputs: Ragged) -> Taught:
        """As `forward`, of a grid with a detector, with what `Taught` tells."""
        early, outputs, vector = self._grid(pictures, sizes)
        scores, attention = self.decoder.looking(inputs, self.decoder.memory(outputs), vector)
        assert attention is not None
        shown = [each.map(detector) for each, detector in zip(early, self.detectors, strict=True)]
        # What is shown is learnt from pictures and words alone: else it would learn of them what
        # comes with what, and not say what it sees where a thing is of another colour than ever.
        surest = torch.stack([each.padded().float() for each in shown]).amax(0)
        sure = F.softplus(surest.detach())
        raised = Ragged.from_padded(torch.bmm(attention.float(), sure), inputs.lengths)
        scores = scores.float().index_add(1, self.pieces, raised.values.float())
        return Taught(scores, attention, shown, surest)

    def _drop(self, x: Tensor) -> Tensor:
        share = self.architecture.dropout
        return dropout(x, share) if self.training and share else x

    def in_use(self) -> runtime.CaptionNetwork:
        """The same network without torch, of the weights as they are now.

        Raises:
            BundleError: weights that are not finite.
        """
        return runtime.CaptionNetwork(
            self.architecture, self.weights(), threads=torch.get_num_threads()
        )

"""The labels network as it is trained: recurrent readers, each with its own weights and loss."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.core.dropout import chance
from recurra.core.initial import reset_orthogonal
from recurra.core.layers import BY_NAME, Recurrent
from recurra.core.pooling import Pool
from recurra.core.ragged import Ragged
from recurra.errors import counted
from recurra.networks.label_batch import TensorBatch
from recurra.networks.network import Network
from recurra.networks.sequence_convolutions import SequenceConvolutions
from recurra.networks.tag_chain import Chain
from recurra.runtime import labels as runtime
from recurra.runtime.labels import Architecture
from recurra.runtime.threads import available


@final
class Member(nn.Module):
    """One reader: embedding (of texts), convolutions (of numbers), recurrent layers, a head."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        self.embedding = None
        if a.features:
            # Sparse: a batch touches a few hundred of its thousands of rows.
            self.embedding = nn.EmbeddingBag(
                a.features, a.embedding, mode="mean", padding_idx=0, sparse=True
            )
        self.convolutions = None
        if a.convolutions:
            self.convolutions = SequenceConvolutions(a.before)
        self.recurrent: Recurrent[Any] = BY_NAME[a.cell](
            a.inputs,
            a.hidden,
            a.layers,
            bidirectional=a.bidirectional,
            dropout=a.dropout,
        )
        width = a.hidden * self.recurrent.directions
        self.pool = Pool(width, a.pooling.split("+"), directions=self.recurrent.directions)
        self.head = nn.Linear(width if a.tagged else self.pool.size, a.classes)
        self.direct, self.share = None, a.direct
        if a.direct:
            nothing = torch.zeros(a.features, a.classes)  # drawn, it would change all the others
            self.direct = nn.EmbeddingBag.from_pretrained(
                nothing, freeze=False, mode="sum", padding_idx=0, sparse=True
            )
        self.chain = Chain(a.classes) if a.tagged else None
        self.dropout, self.noise = a.dropout, a.noise
        self.hidden_features = a.hidden_features
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weights."""
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=0.5)
            self.embedding.weight[0].zero_()
        if self.direct is not None:
            self.direct.weight.zero_()
        reset_orthogonal(self.recurrent)

    def steps(self, batch: TensorBatch) -> Tensor:
        """What the layers read at each step, (N, F)."""
        if self.embedding is None:
            assert batch.values is not None
            if self.training and self.noise:
                return batch.values + self.noise * _normal(batch.values)
            return batch.values
        assert batch.ids is not None
        assert batch.counts is not None
        ids = batch.ids
        if self.training and self.hidden_features:
            ids = ids * (_uniform(ids) >= self.hidden_features)
        offsets = batch.counts.cumsum(0) - batch.counts
        units: Tensor = self.embedding(ids, offsets)
        if batch.places is not None:
            units = units[batch.places]
        return F.dropout(units, self.dropout, self.training)

    def forward(self, batch: TensorBatch) -> Tensor:
        """Scores (B, K), or where steps are tagged (N, K)."""
        scores = self.read(self.steps(batch), batch.lengths)
        if self.direct is None:
            return scores
        said = self.said_directly(batch)
        # Not into the scores themselves, which may be of another precision.
        summed = torch.zeros_like(scores, dtype=said.dtype)
        return scores + summed.index_add(0, rows_of(batch, said.device), said)

    def said_directly(self, batch: TensorBatch) -> Tensor:
        """What the features of each step add to the scores of its row, (N, K).

        As of vectors of length one: the more features a row has, the less each of them says.
        """
        said = self._summed(batch)
        rows = rows_of(batch, said.device)
        many = said.new_zeros(len(batch.lengths)).index_add(0, rows, said[:, -1])
        return self.share * said[:, :-1] / many.clamp(min=1).sqrt()[rows, None]

    def _summed(self, batch: TensorBatch) -> Tensor:
        """The direct weights of each step's features, summed, and how many they are, (N, K + 1)."""
        assert self.direct is not None
        assert batch.ids is not None
        assert batch.counts is not None
        units = self.direct(batch.ids, batch.counts.cumsum(0) - batch.counts)
        said = torch.cat([units, batch.counts[:, None].to(units.dtype)], 1)
        return said if batch.places is None else said[batch.places]

    def read(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Scores of rows of steps (N, F) that follow one another, of these lengths (B,)."""
        rows = Ragged(steps, lengths)
        if self.convolutions is not None:
            rows = self.convolutions(rows)
            rows = rows.beside(F.dropout(rows.values, self.dropout, self.training))
        outputs: Ragged = self.recurrent(rows)[0]
        read = outputs.values if self.chain is not None else self.pool(outputs)
        scores: Tensor = self.head(F.dropout(read, self.dropout, self.training))
        return scores


def rows_of(batch: TensorBatch, device: torch.device) -> Tensor:
    """The row (N,) that each step of a batch belongs to."""
    return torch.repeat_interleave(batch.lengths).to(device)


@final
class LabelNetwork(Network):
    """An ensemble: M members, whose scores are averaged.

    The mean of scores is the geometric mean of what each gives the classes, made to sum to one.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.members = nn.ModuleList(Member(architecture) for _ in range(architecture.members))

    def summary(self) -> str:
        """Its layers and its size in a few words."""
        a, weights = self.architecture, sum(p.numel() for p in self.parameters())
        times = f"{a.members} times " if a.members > 1 else ""
        ways = ", both ways" if a.bidirectional else ""
        before = f"{counted(a.convolutions, 'convolution')} before " if a.convolutions else ""
        layers = f"{before}{a.layers} x {a.cell.upper()}({a.hidden}){ways}"
        return f"{times}{layers}, {weights:,} weights"

    def in_use(self) -> runtime.LabelNetwork:
        """The same network without torch, of the weights as they are now.

        Raises:
            BundleError: weights that are not finite.
        """
        return runtime.LabelNetwork(self.architecture, self.weights(), threads=available())

    def member(self, number: int) -> Member:
        """One of the members."""
        found = self.members[number]
        assert isinstance(found, Member)
        return found

    def forward(self, batch: TensorBatch) -> Tensor:
        """Mean scores of all members: (B, K), or where steps are tagged (N, K)."""
        scores = [self.member(m)(batch) for m in range(len(self.members))]
        return torch.stack(scores).mean(0)


def _normal(like: Tensor) -> Tensor:
    """Drawn from the standard normal distribution, as many numbers."""
    return torch.empty_like(like).normal_(generator=chance(like.device))


def _uniform(like: Tensor) -> Tensor:
    """Drawn from 0 to 1, as many numbers."""
    return torch.rand(like.shape, generator=chance(like.device), device=like.device)

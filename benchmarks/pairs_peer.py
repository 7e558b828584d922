"""A pairs model written with torch.nn in JoeyNMT's manner (Kreutzer et al. 2019): a peer.

Batches are padded, the encoder packs its own, the decoder takes a step at a time in training as in
use, and beam search carries the whole memory along with the hypotheses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recurra.networks.pairs import Member
from recurra.runtime.pairs import Architecture
from recurra.tasks.pairs.training_task import Sides

IGNORED = -100
"""The number of an answer behind a target's end."""


@dataclass(frozen=True, eq=False)
class Read:
    """What is read of sources: values (B, S, H), and where there are none, (B, S).

    keys, again (B, S, H): of the first look, and of the last one; no steps where there is none.
    """

    keys: Tensor
    again: Tensor
    values: Tensor
    behind: Tensor

    def select(self, rows: Tensor) -> Read:
        """The rows named by indices (K,), copied."""
        return Read(*(each.index_select(0, rows) for each in vars(self).values()))


Standing = tuple[Tensor, Tensor]
"""Hidden states (L, B, H), and what is fed beside the next piece (B, E)."""


@final
class TorchDecoder(nn.Module):
    """torch's GRUs and general attention, a step at a time."""

    def __init__(self, a: Architecture, vectors: nn.Embedding) -> None:
        super().__init__()
        self.a, self.vectors, self.feeds = a, vectors, a.feeding == "input"
        below = a.layers if self.feeds else 1
        self.attention = nn.ModuleDict({"key": nn.Linear(a.hidden, a.hidden, bias=False)})
        again = {"key": nn.Linear(a.hidden, a.hidden, bias=False)} if a.layers > below else {}
        self.last = nn.ModuleDict(again)
        size = 2 * a.embedding if self.feeds else a.embedding
        between = a.dropout if below > 1 else 0.0
        self.lower = nn.GRU(size, a.hidden, below, batch_first=True, dropout=between)
        above = a.layers - below
        between = a.dropout if above > 1 else 0.0
        self.upper = (
            nn.GRU(2 * a.hidden, a.hidden, above, batch_first=True, dropout=between)
            if above
            else None
        )
        self.bridge = nn.Linear(a.hidden, a.layers * a.hidden)
        self.output = nn.Linear(2 * a.hidden, a.embedding)
        self.bias = nn.Parameter(torch.zeros(a.targets))

    def read(self, values: Tensor, behind: Tensor) -> Read:
        """What will be looked at, its keys worked out once."""
        keys = self.attention["key"](values)
        again = self.last["key"](values) if self.upper is not None else keys[:, :0]
        return Read(keys, again, values, behind)

    def first(self, vector: Tensor) -> Standing:
        """What stands before the first step, of the encoder's last states (B, H)."""
        hidden = torch.tanh(self.bridge(vector)).view(len(vector), self.a.layers, self.a.hidden)
        fed = vector.new_zeros(len(vector), self.a.embedding)
        return hidden.transpose(0, 1).contiguous(), fed

    def step(self, tokens: Tensor, standing: Standing, read: Read) -> tuple[Tensor, Standing]:
        """What was found (B, E) after tokens (B,), and what stands after them."""
        hidden, fed = standing
        x = self._drop(self.vectors(tokens))
        if self.feeds:
            x = torch.cat([x, fed], 1)
        below = self.lower.num_layers
        top, after = self.lower(x[:, None], hidden[:below].contiguous())
        context = _looked(top, read.keys, read)
        if self.upper is not None:
            both = self._drop(torch.cat([top, context], 2))
            top, then = self.upper(both, hidden[below:].contiguous())
            after = torch.cat([after, then])
            context = _looked(top, read.again, read)
        both = self._drop(torch.cat([top[:, 0], context[:, 0]], 1))
        found = self._drop(torch.tanh(self.output(both)))
        return found, (after, found)

    def scores(self, found: Tensor) -> Tensor:
        """Scores (..., V) of the pieces."""
        return F.linear(found, self.vectors.weight, self.bias)

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.a.dropout, self.training)


@final
class TorchMember(nn.Module):
    """The translator; its weights have the names of `Member`'s."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        if (a.cell, a.attention, a.bidirectional) != ("gru", "general", True):
            raise NotImplementedError("a peer of another network than the default one")
        self.a = a
        self.target_vectors = nn.Embedding(a.targets, a.embedding)
        self.source_vectors = (
            self.target_vectors if a.shared else nn.Embedding(a.sources, a.embedding)
        )
        between = a.dropout if a.layers > 1 else 0.0
        self.encoder = nn.GRU(
            a.embedding,
            a.hidden // 2,
            a.layers,
            batch_first=True,
            bidirectional=True,
            dropout=between,
        )
        self.decoder = TorchDecoder(a, self.target_vectors)

    @classmethod
    def of(cls, member: Member, a: Architecture) -> TorchMember:
        """The same network with the same weights."""
        made = cls(a)
        made.load_state_dict(member.state_dict())
        return made.train(member.training)

    def encode(self, sources: Tensor, lengths: Tensor) -> tuple[Read, Standing]:
        """Read padded sources (B, S) of these lengths (B,), 1 or more each."""
        x = F.dropout(self.source_vectors(sources), self.a.dropout, self.training)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        outputs, last = self.encoder(packed)
        values, _ = pad_packed_sequence(outputs, batch_first=True)
        values = F.dropout(values, self.a.dropout, self.training)
        behind = torch.arange(values.shape[1]) >= lengths[:, None]
        return self.decoder.read(values, behind), self.decoder.first(
            torch.cat([last[-2], last[-1]], 1)
        )

    def forward(self, sources: Tensor, lengths: Tensor, inputs: Tensor) -> Tensor:
        """Scores (B, T, V) of what follows each of the inputs (B, T), the truth fed."""
        read, standing = self.encode(sources, lengths)
        every = []
        for t in range(inputs.shape[1]):
            found, standing = self.decoder.step(inputs[:, t], standing, read)
            every.append(found)
        return self.decoder.scores(torch.stack(every, 1))


def _looked(top: Tensor, keys: Tensor, read: Read) -> Tensor:
    """Context (B, 1, H) of one step, top (B, 1, H)."""
    scores = torch.bmm(top, keys.transpose(1, 2))
    weights = scores.masked_fill(read.behind[:, None], -torch.inf).softmax(2)
    return torch.bmm(weights, read.values)


def step(
    module: Member | TorchMember, batches: Sequence[Sides], smoothing: float
) -> Callable[[], None]:
    """A training step, each time on the next batch: forward, backward, Adam."""
    adam = torch.optim.Adam(module.parameters(), 1e-3)
    padded = [_padded(each) for each in batches]
    place = 0

    def taken() -> None:
        nonlocal place
        place = (place + 1) % len(batches)
        if isinstance(module, Member):
            pairs = batches[place]
            scores, answers = module(pairs.sources, pairs.inputs), pairs.answers
        else:
            *given, answers = padded[place]
            scores, answers = module(*given).flatten(0, 1), answers.flatten()
        loss = F.cross_entropy(scores, answers, ignore_index=IGNORED, label_smoothing=smoothing)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()

    return taken


def _padded(pairs: Sides) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sources (B, S), their lengths, inputs (B, T), answers (B, T)."""
    inputs = pairs.inputs
    answers = inputs.beside(pairs.answers).padded(IGNORED)
    return pairs.sources.padded(), pairs.sources.lengths, inputs.padded(), answers


@torch.no_grad()
def beam_search(
    model: TorchMember,
    sources: Tensor,
    lengths: Tensor,
    *,
    width: int,
    alpha: float,
    most: int,
    begin: int,
    end: int,
    excluded: Sequence[int],
) -> list[list[int]]:
    """The best hypothesis of each source (B, S): JoeyNMT's search, its steps and its bookkeeping.

    Hypotheses are ranked by log p / T^alpha. A sentence is over, and leaves the batch, when the
    first of its hypotheses has ended, or after `most` tokens.
    """
    read, (hidden, fed) = model.encode(sources, lengths)
    batch, targets = len(sources), model.a.targets
    copies = torch.arange(batch).repeat_interleave(width)
    read, hidden, fed = read.select(copies), hidden.index_select(1, copies), fed[copies]
    alive = torch.full((batch * width, 1), begin)
    totals = torch.zeros(batch, width)
    totals[:, 1:] = -torch.inf
    numbers = torch.arange(batch)
    ended: list[list[tuple[float, Tensor]]] = [[] for _ in range(batch)]
    best: list[list[int]] = [[] for _ in range(batch)]
    for t in range(1, most + 1):
        found, (hidden, fed) = model.decoder.step(alive[:, -1], (hidden, fed), read)
        known = model.decoder.scores(found).log_softmax(1)
        known[:, list(excluded)] = -torch.inf
        ranked = (totals.view(-1, 1) + known).view(-1, width * targets) / t**alpha
        scores, places = ranked.topk(width, 1)
        totals = scores * t**alpha
        parents, tokens = places // targets, places % targets
        rows = (torch.arange(len(numbers))[:, None] * width + parents).view(-1)
        alive = torch.cat([alive.index_select(0, rows), tokens.view(-1, 1)], 1)
        done = tokens.eq(end) | (t == most)
        over = done[:, 0]
        grouped = alive.view(-1, width, alive.shape[1])
        if bool(done.any()):
            for at, number in enumerate(numbers.tolist()):
                for place in done[at].nonzero().view(-1).tolist():
                    ended[number].append((float(scores[at, place]), grouped[at, place, 1:]))
                if over[at]:
                    row = max(ended[number], key=lambda each: each[0])[1].tolist()
                    best[number] = row[: row.index(end)] if end in row else row
            totals = totals.masked_fill(done, -torch.inf)
        stay = (~over).nonzero().view(-1)
        if not len(stay):
            break
        totals, numbers = totals[stay], numbers[stay]
        alive = grouped.index_select(0, stay).view(-1, alive.shape[1])
        rows = rows.view(-1, width).index_select(0, stay).view(-1)
        read, hidden, fed = read.select(rows), hidden.index_select(1, rows), fed[rows]
    return best

"""The pairs network as it is trained; on a GPU, what writes with it too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recurra.core.dropout import dropout
from recurra.core.initial import reset_orthogonal
from recurra.core.layers import BY_NAME, Recurrent
from recurra.core.ragged import Ragged
from recurra.core.state import State
from recurra.networks.decoder import Decoder, DecoderState, Memories, in_float
from recurra.networks.network import Network
from recurra.runtime import pairs as runtime
from recurra.runtime.pairs import ATTENTION, Architecture, Ids
from recurra.search.hypotheses import Top


@final
@dataclass(frozen=True, eq=False)
class Encoded(State):
    """What one member's encoder gives of B sources: a memory, and its last state, vector (B, H)."""

    memory: Memories
    vector: Tensor

    @property
    def batch(self) -> int:
        """The number of rows, B."""
        return self.vector.shape[0]


@final
@dataclass(frozen=True, eq=False)
class Encodings:
    """What all members' encoders give of B sources."""

    members: tuple[Encoded, ...]

    @property
    def batch(self) -> int:
        """The number of sources, B."""
        return self.members[0].batch

    @property
    def mask(self) -> Tensor:
        """Where there are source steps, (B, S)."""
        return self.members[0].memory.mask

    def select(self, rows: Tensor) -> Encodings:
        """The sources named by indices (K,), which may repeat, or kept by a mask (B,)."""
        return Encodings(tuple(each.select(rows) for each in self.members))


@final
class Member(nn.Module):
    """One translator: embeddings, an encoder, a decoder."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        self.dropout = a.dropout
        self.target_vectors = nn.Embedding(a.targets, a.embedding)
        self.source_vectors = (
            self.target_vectors if a.shared else nn.Embedding(a.sources, a.embedding)
        )
        self.encoder: Recurrent[Any] = BY_NAME[a.cell](
            a.embedding,
            a.hidden // 2 if a.bidirectional else a.hidden,
            a.layers,
            bidirectional=a.bidirectional,
            dropout=a.dropout,
        )
        self.decoder = Decoder(
            BY_NAME[a.cell],
            vectors=self.target_vectors,
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
        # No set: its order follows from where things lie in memory, and so would the draws.
        for vectors in dict.fromkeys((self.source_vectors, self.target_vectors)):
            nn.init.normal_(vectors.weight, std=vectors.embedding_dim**-0.5)
        for layer in self.modules():
            if isinstance(layer, Recurrent):
                reset_orthogonal(layer)

    def encode(self, sources: Ragged) -> Encoded:
        """Read sources, ids (N,): outputs as a memory, the last states as a vector."""
        x = self._drop(self.source_vectors(sources.values))
        with in_float(x):
            outputs, last = self.encoder(sources.beside(x.float()))
        ways = self.encoder.directions
        vector = last.hidden[:, -ways:].flatten(1)
        values = self._drop(outputs.values)
        return Encoded(self.decoder.memory(sources.beside(values)), vector)

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout) if self.training else x

    def forward(self, sources: Ragged, inputs: Ragged) -> Tensor:
        """Scores (N, V) of what follows each of the target inputs (N,), the truth fed."""
        encoded = self.encode(sources)
        scores: Tensor = self.decoder(inputs, encoded.memory, encoded.vector)
        return scores


@final
class PairNetwork(Network):
    """An ensemble: M members, whose scores are averaged at every step."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.members = nn.ModuleList(Member(architecture) for _ in range(architecture.members))

    def summary(self) -> str:
        """Its layers and its size in a few words."""
        a, weights = self.architecture, sum(p.numel() for p in self.parameters())
        times = f"{a.members} times " if a.members > 1 else ""
        ways = ", both ways" if a.bidirectional else ""
        sees = "one fixed vector" if a.attention == "none" else f"{a.attention} attention"
        return (
            f"{times}{a.layers} x {a.cell.upper()}({a.hidden}) on each side{ways}, {sees}, "
            f"{weights:,} weights"
        )

    def member(self, number: int) -> Member:
        """One of the members."""
        found = self.members[number]
        assert isinstance(found, Member)
        return found

    def forward(self, sources: Ragged, inputs: Ragged) -> Tensor:
        """Mean scores (N, V) of what follows each of the target inputs (N,), the truth fed."""
        scores = [self.member(m)(sources, inputs).float() for m in range(len(self.members))]
        return scores[0] if len(scores) == 1 else torch.stack(scores).mean(0)

    def encode(self, sources: Ragged) -> Encodings:
        """Read B sources, ids (N,)."""
        each = range(len(self.members))
        return Encodings(tuple(self.member(m).encode(sources) for m in each))

    def in_use(self) -> runtime.PairNetwork:
        """The same network without torch, of the weights as they are now.

        Raises:
            BundleError: weights that are not finite.
        """
        return runtime.PairNetwork(
            self.architecture, self.weights(), threads=torch.get_num_threads()
        )

    def writing(self) -> runtime.PairNetwork | OnDevice:
        """What writes with these weights: the network in use, or on a GPU this one."""
        return self.in_use() if next(self.parameters()).device.type == "cpu" else OnDevice(self)


# -- on a GPU -------------------------------------------------------------------------------------


@final
class OnDevice:
    """A network in evaluation mode that writes as `runtime.pairs.PairNetwork` does."""

    def __init__(self, network: PairNetwork) -> None:
        self.network = network.eval()

    @torch.no_grad()
    def encode(self, sources: Sequence[Ids]) -> Encodings:
        """Read B sources, ids (S,) each."""
        device = next(self.network.parameters()).device
        ids = torch.from_numpy(np.concatenate([np.zeros(0, np.int64), *sources])).to(device)
        return self.network.encode(Ragged(ids, torch.tensor([len(each) for each in sources])))

    def decoder(self, encodings: Encodings) -> PairDecoder:
        """What writes the targets of these sources, step by step."""
        return PairDecoder(self.network, encodings)


@final
@dataclass(frozen=True, eq=False)
class Held:
    """A state that stays on its device, with the face of `runtime.state.State`."""

    state: DecoderState

    @property
    def batch(self) -> int:
        """The number of rows, R."""
        return self.state.batch

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        assert name == ATTENTION
        found: NDArray[np.float32] = self.state.attention.float().cpu().numpy()
        return found

    def select(self, rows: Sequence[int] | Ids) -> Held:
        """The rows named by indices (K,), which may repeat."""
        return Held(self.state.select(torch.from_numpy(np.asarray(rows, np.int64))))


@final
@dataclass(frozen=True, eq=False)
class PairDecoder:
    """Writes the targets of B sources: the decoder that `recurra.search` walks.

    Rows are sentence-major: the hypotheses of the first sentence, of the second, ... The members'
    states lie side by side in one `DecoderState`.
    """

    network: PairNetwork
    encodings: Encodings

    @torch.no_grad()
    def begin(self, copies: int = 1) -> Held:
        """The state before the first step, B * copies rows."""
        each = [
            self.network.member(m).decoder.first(encoded.memory, encoded.vector)
            for m, encoded in enumerate(self.encodings.members)
        ]
        rows = np.arange(self.encodings.batch).repeat(copies)
        return Held(DecoderState.beside(each)).select(rows)

    @torch.no_grad()
    def step(self, tokens: Ids, state: Held, counts: Ids | None = None) -> tuple[Any, Held]:
        """Tokens (R,) and the state before them -> scores (R, V) on the device, the state after.

        Args:
            counts: (B,) rows of each sentence; equally many without.
        """
        members, device = len(self.network.members), state.state.attention.device
        read = torch.from_numpy(np.ascontiguousarray(tokens, np.int64)).to(device)
        each = None if counts is None else torch.from_numpy(counts)
        scores: list[Tensor] = []
        after: list[DecoderState] = []
        for m, encoded in enumerate(self.encodings.members):
            decoder, before = self.network.member(m).decoder, state.state.member(m, members)
            found, then = decoder.step(read, before, encoded.memory, encoded.vector, each)
            scores.append(found.float())
            after.append(then)
        # The mean of scores is the geometric mean of probabilities, made to sum to one.
        mean = scores[0] if members == 1 else torch.stack(scores).mean(0)
        return mean, Held(DecoderState.beside(after))

    def logits(self, outputs: Any) -> NDArray[np.float32]:
        """Scores (R, V) as an array."""
        found: NDArray[np.float32] = outputs.cpu().numpy()
        return found

    def top(self, outputs: Any, k: int, excluded: Sequence[int] = ()) -> Top:
        """The `k` highest of scores (R, V), all where V is less; of equals the lower token."""
        total = outputs.logsumexp(-1).double().cpu().numpy()
        if excluded:
            outputs = outputs.clone()
            outputs[:, list(excluded)] = -torch.inf
        k = min(k, outputs.shape[1])
        values, ids = (x.cpu().numpy() for x in outputs.topk(min(k + 1, outputs.shape[1]), -1))
        # `topk` takes any of equals: where the last one taken has an equal that is not, look again.
        again = np.flatnonzero((values[:, 1:] == values[:, :-1])[:, k - 1 :].any(1))
        if len(again):
            order = outputs[torch.from_numpy(again).to(outputs.device)].sort(
                dim=-1, descending=True, stable=True
            )
            values[again] = order.values[:, : values.shape[1]].cpu().numpy()
            ids[again] = order.indices[:, : ids.shape[1]].cpu().numpy()
        by = np.lexsort((ids, -values))[:, :k]
        return Top(np.take_along_axis(values, by, 1), np.take_along_axis(ids, by, 1), total)

    def select(self, sentences: Ids) -> Self:
        """The decoder of these sentences (k,) alone."""
        return type(self)(self.network, self.encodings.select(torch.from_numpy(sentences)))

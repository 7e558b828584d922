"""The network of the pairs task: an encoder, a decoder that looks back at it, members averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self, final

import torch
from torch import Tensor, nn

from recurra.core import attention
from recurra.core.dropout import dropout
from recurra.core.initial import reset_orthogonal
from recurra.core.layers import GRU, LSTM, RNN, Recurrent
from recurra.core.ragged import Ragged
from recurra.core.state import State
from recurra.errors import OptionError
from recurra.tasks.design import Network
from recurra.tasks.pairs.decoder import Decoder, DecoderState, Memories, in_float

CELLS: Final = {"rnn": RNN, "gru": GRU, "lstm": LSTM}
FEEDINGS: Final = ("up", "input")


@final
@dataclass(frozen=True)
class Architecture:
    """The sizes of a network that translates.

    Args:
        sources, targets: pieces of each side, the reserved ones included.
        shared: whether both sides have one vocabulary, and one vector for each of its pieces.
        cell: rnn, gru or lstm.
        embedding: E, size of a piece's vector; those of targets are the weights of the output too
            (Press and Wolf, 2017, arXiv:1608.05859).
        hidden: H of the decoder; the encoder's directions have H / 2 each.
        layers: of each side.
        bidirectional: whether the source is read from both ends.
        attention: of `recurra.core.attention.KINDS`, or none: all that the decoder has of the
            source is the encoder's last state (Cho et al., 2014, arXiv:1406.1078).
        feeding: where what was found goes. up: to the layer above, so that all steps of a known
            target are read at once. input: to the next step's input too (Luong et al., 2015,
            arXiv:1508.04025, section 3.3), one step after the other.
        dropout: share dropped around the recurrent layers, in training.
        members: M, networks whose scores are averaged.
    """

    sources: int
    targets: int
    shared: bool
    cell: str
    embedding: int
    hidden: int
    layers: int
    bidirectional: bool
    attention: str
    feeding: str
    dropout: float
    members: int

    def __post_init__(self) -> None:
        for name, known in (
            ("cell", tuple(CELLS)),
            ("attention", (*attention.KINDS, "none")),
            ("feeding", FEEDINGS),
        ):
            value = getattr(self, name)
            if value not in known:
                raise OptionError(f"--{name} {value}", expected=f"one of {', '.join(known)}")
        if self.attention == "none" and self.feeding == "input":
            raise OptionError(
                "--feeding input with --attention none",
                expected="an attention that finds something",
            )
        if self.bidirectional and self.hidden % 2:
            raise OptionError(
                f"--hidden {self.hidden}", expected="an even number: a half for each direction"
            )
        if self.shared and self.sources != self.targets:
            raise OptionError(
                f"{self.sources} and {self.targets} pieces", expected="one shared vocabulary"
            )

    def to_json(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)


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
        self.encoder: Recurrent[Any] = CELLS[a.cell](
            a.embedding,
            a.hidden // 2 if a.bidirectional else a.hidden,
            a.layers,
            bidirectional=a.bidirectional,
            dropout=a.dropout,
        )
        self.decoder = Decoder(
            CELLS[a.cell],
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

    def told(self) -> str:
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

    def decoder(self, encodings: Encodings) -> PairDecoder:
        """What writes the targets of these sources, step by step."""
        return PairDecoder(self, encodings)


@final
@dataclass(frozen=True, eq=False)
class PairDecoder:
    """Writes the targets of B sources: the decoder that `recurra.search` walks.

    Rows are sentence-major: the hypotheses of the first sentence, of the second, ... The members'
    states lie side by side in one `DecoderState`.
    """

    network: PairNetwork
    encodings: Encodings

    def first(self, copies: int = 1) -> DecoderState:
        """The state before the first step, B * copies rows."""
        each = [
            self.network.member(m).decoder.first(encoded.memory, encoded.vector)
            for m, encoded in enumerate(self.encodings.members)
        ]
        rows = torch.arange(self.encodings.batch).repeat_interleave(copies)
        return DecoderState.beside(each).select(rows)

    def step(
        self, tokens: Tensor, state: DecoderState | None, counts: Tensor | None = None
    ) -> tuple[Tensor, DecoderState]:
        """Tokens (R,) and the state before them -> scores (R, V), the state after.

        Args:
            counts: (B,) rows of each sentence; equally many without.
        """
        if state is None:
            state = self.first(tokens.shape[0] // max(1, self.encodings.batch))
        members = len(self.network.members)
        scores: list[Tensor] = []
        after: list[DecoderState] = []
        for m, encoded in enumerate(self.encodings.members):
            decoder = self.network.member(m).decoder
            found, then = decoder.step(
                tokens, state.member(m, members), encoded.memory, encoded.vector, counts
            )
            scores.append(found.float())
            after.append(then)
        # The mean of scores is the geometric mean of probabilities, made to sum to one.
        mean = scores[0] if members == 1 else torch.stack(scores).mean(0)
        return mean, DecoderState.beside(after)

    def keep(self, sentences: Tensor | Sequence[int]) -> Self:
        """The decoder of these sentences (k,) alone."""
        chosen = torch.as_tensor(sentences)
        return type(self)(self.network, self.encodings.select(chosen))

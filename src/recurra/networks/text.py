"""The text network as it is trained, and its loss."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from recurra.codecs.tokenizer import UNKNOWN
from recurra.core.dropout import drop
from recurra.core.initial import reset_orthogonal
from recurra.core.layers import BY_NAME, GRU, LSTM, RNN
from recurra.core.state import State, join_layers
from recurra.networks.network import Network
from recurra.runtime import text as runtime
from recurra.runtime.text import Architecture
from recurra.runtime.threads import available

MOST_SCORES: Final = 1 << 25
"""Logits that exist at a time, 128 MB in float32: what has more is gone through in pieces."""


@final
class TextNetwork(Network):
    """Embedding, recurrent layers, and a linear head over the vocabulary.

    The id 0, of characters the unknown one, is read as a vector of zeros and never predicted here:
    its logit is minus infinity, its probability a constant of the data (`log_probabilities`).

    Of several members this is the first, and the others are within it: each is trained by its own
    loss, and what they say together is the mean of their probabilities.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.embedding = nn.Embedding(a.symbols, a.embedding, padding_idx=0)
        self.recurrent: LSTM | GRU | RNN = BY_NAME[a.cell](
            a.embedding, a.hidden, a.layers, dropout=a.dropout
        )
        self.dropout = a.dropout
        self.head = nn.Linear(a.hidden, a.symbols - 1)
        self.others = nn.ModuleList(
            TextNetwork(replace(a, members=1)) for _ in range(a.members - 1)
        )
        self.reset_parameters()

    @property
    def members(self) -> list[TextNetwork]:
        """All whose probabilities are averaged, itself the first of them."""
        others = (other for other in self.others if isinstance(other, TextNetwork))
        return [self, *others]

    def summary(self) -> str:
        """Its layers and its size in a few words."""
        layers, weights = self.recurrent, sum(p.numel() for p in self.parameters())
        count = f"{len(self.members)} times " if self.others else ""
        name = type(layers).__name__
        return f"{count}{layers.num_layers} x {name}({layers.hidden_size}), {weights:,} weights"

    def in_use(self) -> runtime.TextNetwork:
        """The same network without torch, of the weights as they are now.

        Raises:
            BundleError: weights that are not finite.
        """
        return runtime.TextNetwork(self.architecture, self.weights(), threads=available())

    def zero_state(self, batch: int) -> State:
        """The state before anything was read, the members' side by side: leaves (B, M*L, H)."""
        return join_layers([each.recurrent.zero_state(batch) for each in self.members])

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw this member's weights."""
        nn.init.normal_(self.embedding.weight, std=0.5)
        self.embedding.weight[0].zero_()
        reset_orthogonal(self.recurrent)

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (B, T, V) of the token after each of `ids` (B, T), and the state after it."""
        hidden, after = self.read(ids, state)
        return self.logits(hidden), after

    def read(
        self, ids: Tensor, state: State | None = None, resets: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """What the heads read (B, T, M*H) after each of `ids` (B, T), and the state after it.

        Args:
            resets: (B, T) bool: true where a document begins, into which no state is carried.
        """
        if not self.others:
            return self._read(ids, state, resets)
        found = [
            member._read(ids, self._own_state(number, state), resets)
            for number, member in enumerate(self.members)
        ]
        hidden, after = zip(*found, strict=True)
        return torch.cat(hidden, -1), join_layers(after)

    def _own_state(self, number: int, state: Any) -> Any:
        """What one member carries, of the state of all."""
        layers = self.recurrent.num_layers
        part = slice(number * layers, (number + 1) * layers)
        return None if state is None else state.map(lambda leaf: leaf[:, part])

    def _read(self, ids: Tensor, state: Any, resets: Tensor | None) -> tuple[Tensor, State]:
        """The same of this member alone."""
        hidden, after = self.recurrent(self.embedding(ids), state, resets=resets)
        return drop(hidden, self.dropout) if self.training else hidden, after

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of what the heads read (..., M*H)."""
        each = [member.head(part) for member, part in self._parted(hidden)]
        found = each[0]
        if len(each) > 1:
            scores = torch.stack([logits.float().log_softmax(-1) for logits in each])
            found = scores.logsumexp(0) - math.log(len(each))
        return _with_unknown(found)

    def summed_loss(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """The summed cross entropy of the known targets (B, T), the mean of the members' own.

        `hidden` (B, T, M*H) is what the heads read.
        """
        parts = self._parted(hidden)
        every = [member._own_loss(part, targets, len(parts)) for member, part in parts]
        return every[0] if len(every) == 1 else torch.stack(every).mean()

    def _parted(self, hidden: Tensor) -> list[tuple[TextNetwork, Tensor]]:
        """Every member with what its head reads (..., H) of (..., M*H)."""
        members = self.members
        return list(zip(members, hidden.chunk(len(members), -1), strict=True))

    def member_loss(
        self,
        number: int,
        ids: Tensor,
        targets: Tensor,
        state: State | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """One member's own: the summed cross entropy of the known targets (B, T), and its state.

        Args:
            ids, state, resets: as in `read`; the state is that of all members.
        """
        member = self.members[number]
        hidden, after = member._read(ids, self._own_state(number, state), resets)
        return member._own_loss(hidden, targets, len(self.members)), after

    def _own_loss(self, hidden: Tensor, targets: Tensor, beside: int) -> Tensor:
        """The summed cross entropy of this member alone, which reads (B, T, H).

        Where there would be more than MOST_SCORES logits of the `beside` members together, they
        are made piece by piece and made again for the gradient, which costs a third of the head's
        time, and memory for one piece.
        """
        steps = max(1, MOST_SCORES // (len(targets) * beside * self.embedding.num_embeddings))
        if steps >= targets.shape[1]:
            return self._summed(hidden, targets)
        pieces = zip(torch.split(hidden, steps, 1), torch.split(targets, steps, 1), strict=True)
        return torch.stack(
            [
                checkpoint(self._summed, *piece, use_reentrant=False, preserve_rng_state=False)
                for piece in pieces
            ]
        ).sum()

    def _summed(self, hidden: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(
            _with_unknown(self.head(hidden)).float().flatten(0, 1),
            targets.flatten(),
            ignore_index=UNKNOWN,
            reduction="sum",
        )

    def step(self, ids: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One step of a stream: logits (B, V) after `ids` (B,), and the state."""
        logits, after = self(ids[:, None], state)
        return logits[:, 0], after


def _with_unknown(logits: Tensor) -> Tensor:
    """Logits (..., V) with the id 0, which is never predicted, of those without it."""
    return F.pad(logits, (1, 0), value=float("-inf"))


def log_probabilities(logits: Tensor, unknown_rate: float) -> Tensor:
    """Log-probabilities (..., V) in which the unknown character has its constant share."""
    known: Tensor = F.log_softmax(logits.float(), -1) + np.log1p(-unknown_rate)
    known[..., 0] = math.log(unknown_rate) if unknown_rate else -math.inf
    return known


def stream_nats(
    network: TextNetwork,
    inputs: Tensor,
    targets: Tensor,
    unknown_rate: float,
    *,
    state: State | None = None,
    resets: Tensor | None = None,
    chunk: int = 4096,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Nats of each target (B, T) when the network reads the inputs (B, T) from the first on.

    The state is carried through, but for `resets` (B, T); memory does not grow with T but for the
    result.
    """
    found = []
    each = len(inputs) * len(network.members) * network.embedding.num_embeddings
    chunk = max(1, min(chunk, MOST_SCORES // each))
    with torch.inference_mode():
        for start in range(0, inputs.shape[1], chunk):
            window = slice(start, start + chunk)
            cut = None if resets is None else resets[:, window]
            hidden, state = network.read(inputs[:, window], state, cut)
            scores = log_probabilities(network.logits(hidden), unknown_rate)
            found.append(-scores.gather(-1, targets[:, window, None])[..., 0].double().cpu())
    return torch.cat(found, 1).numpy()

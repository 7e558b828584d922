"""The decoder of pairs as it is trained: layers over the target that look back at the source."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.core.attention import Attention, Memory
from recurra.core.dropout import dropout
from recurra.core.layers import Recurrent
from recurra.core.product import product
from recurra.core.ragged import Ragged
from recurra.core.state import State, join_layers


@final
@dataclass(frozen=True, eq=False)
class Memories(State):
    """What a decoder reads of B sources: a memory, and other keys of it, (B, S, A), to look again.

    These are of no size where it looks once.
    """

    memory: Memory
    again: Tensor

    @property
    def batch(self) -> int:
        """The number of sources, B."""
        return self.memory.batch

    @property
    def mask(self) -> Tensor:
        """Where there are source steps, (B, S)."""
        return self.memory.mask

    @property
    def last(self) -> Memory:
        """The memory as the second look reads it."""
        return Memory(self.again, self.memory.values, self.memory.mask)


@final
@dataclass(frozen=True, eq=False)
class DecoderState(State):
    """Where R targets stand.

    layers: leaves (R, M*L, H), of each member's layers; fed (R, M, E): what goes into the next
    step beside its piece, of no size where nothing does; looked (R, S): where the last step looked,
    the members' mean; zeros before the first.
    """

    layers: State
    fed: Tensor
    attention: Tensor

    @property
    def batch(self) -> int:
        """The number of rows, R."""
        return self.attention.shape[0]

    @staticmethod
    def beside(members: Sequence[DecoderState]) -> DecoderState:
        """One state of what several members' are."""
        if len(members) == 1:
            return members[0]
        layers = join_layers([each.layers for each in members])
        fed = torch.cat([each.fed for each in members], 1)
        return DecoderState(layers, fed, torch.stack([each.attention for each in members]).mean(0))

    def member(self, number: int, count: int) -> DecoderState:
        """The state of one member of `count`."""
        if count == 1:
            return self
        each = next(self.layers.leaves()).shape[1] // count
        part = slice(number * each, (number + 1) * each)
        layers = self.layers.map(lambda leaf: leaf[:, part])
        return DecoderState(layers, self.fed[:, number : number + 1], self.attention)


@final
class Decoder(nn.Module):
    """Layers over a target's pieces, attention, and scores of the next piece.

        h = lower layer(e);  s = upper layers([h, attention(h)]);  c = attention'(s)
        o = tanh(W [s, c] + b);  scores = E o + b'

    e is the vector of the piece before, E the vectors of all. The second look knows by the upper
    layers what the first ones found (so do those of Gehring et al. 2017, arXiv:1705.03122). With
    one layer there is one look, c = attention(h), and s = h. With input feeding all layers are
    lower ones, and read [e, o of the step before]. Without attention c is the encoder's last state,
    which the lower layers read beside e. The first state of every layer follows from that too.
    """

    def __init__(
        self,
        cell: Callable[..., Recurrent[Any]],
        *,
        vectors: nn.Embedding,
        hidden: int,
        layers: int,
        kind: str,
        input_feeding: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        size = vectors.embedding_dim
        self.vectors, self.hidden, self.dropout = vectors, hidden, dropout
        self.input_feeding = input_feeding
        fixed = kind == "none"
        below = layers if input_feeding or fixed else 1
        beside = size if input_feeding else hidden if fixed else 0
        self.attention = None if fixed else Attention(hidden, hidden, kind)
        self.lower = cell(size + beside, hidden, below, dropout=dropout)
        above = layers - below
        self.upper = cell(2 * hidden, hidden, above, dropout=dropout) if above else None
        self.last = Attention(hidden, hidden, kind) if above else None
        self.bridge = nn.Linear(hidden, layers * hidden)
        self.output = nn.Linear(2 * hidden, size)
        self.bias = nn.Parameter(torch.zeros(vectors.num_embeddings))

    @property
    def layers(self) -> int:
        """Recurrent layers."""
        return self.lower.num_layers + (0 if self.upper is None else self.upper.num_layers)

    def memory(self, outputs: Ragged) -> Memories:
        """What will be looked at, its keys worked out once: values (N, H)."""
        nothing = outputs.values.new_zeros(outputs.batch, outputs.steps, 0)
        if self.attention is None:
            return Memories(Memory(nothing, nothing, outputs.mask()), nothing)
        memory = self.attention.memory(outputs)
        if self.last is None:
            return Memories(memory, nothing)
        return Memories(memory, self.last.memory(memory.values, memory.mask).keys)

    def first(self, memory: Memories, vector: Tensor) -> DecoderState:
        """The state before the first step of each source (B)."""
        started = torch.tanh(self.bridge(vector)).float().reshape(-1, self.layers, self.hidden)
        empty = self.lower.zero_state(memory.batch)
        # What a cell remembers beside its output begins at zero.
        leaves = [
            started if name == "hidden" else torch.zeros_like(started) for name in vars(empty)
        ]
        size = self.vectors.embedding_dim if self.input_feeding else 0
        fed = started.new_zeros(memory.batch, 1, size)
        return DecoderState(type(empty)(*leaves), fed, started.new_zeros(memory.mask.shape))

    def forward(self, inputs: Ragged, memory: Memories, vector: Tensor) -> Tensor:
        """Scores (N, V) of what follows each of the inputs (N,)."""
        if self.input_feeding:
            return self._fed(inputs, memory, vector)
        return self.looking(inputs, memory, vector)[0]

    def looking(
        self, inputs: Ragged, memory: Memories, vector: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Scores (N, V), and where the last look went, weights (B, T, S); without input feeding.

        None in their place where nothing is looked at.
        """
        state = self.first(memory, vector)
        weights = None
        x = self._vectors(inputs.values)
        if self.attention is None:
            rows = torch.repeat_interleave(inputs.lengths).to(x.device)
            x = torch.cat([x, vector[rows].to(x.dtype)], -1)
        below, above = self._parted(state.layers)
        with in_float(x):
            lower, _ = self.lower(inputs.beside(x.float()), below)
        if self.attention is None:
            context = vector[rows]
        else:
            found = self.attention(lower.padded(), memory.memory)
            context = Ragged.from_padded(found.context, inputs.lengths).values
            weights = found.weights
        top = lower.values
        if self.upper is not None:
            x = self._drop(torch.cat([top, context.to(top.dtype)], -1))
            with in_float(x):
                upper, _ = self.upper(inputs.beside(x.float()), above)
            assert self.last is not None
            found = self.last(upper.padded(), memory.last)
            top, context = upper.values, Ragged.from_padded(found.context, inputs.lengths).values
            weights = found.weights
        return self.scores(self._found(top, context)), weights

    def _fed(self, inputs: Ragged, memory: Memories, vector: Tensor) -> Tensor:
        """Scores (N, V), one step after the other: rows that have ended leave."""
        order = torch.argsort(inputs.lengths, descending=True, stable=True)
        alive = inputs.batch_sizes.tolist()
        padded = inputs.padded()[order]
        memory = memory.select(order)
        state = self.first(memory, vector[order.to(vector.device)])
        found = []
        for t, count in enumerate(alive):
            if count < state.batch:
                rows = torch.arange(count)
                state, memory = state.select(rows), memory.select(rows)
            said, state = self._step(padded[:count, t], state, memory, None)
            found.append(F.pad(said, (0, 0, 0, padded.shape[0] - count)))
        back = torch.argsort(order)
        steps = torch.stack(found, 1)[back.to(vector.device)]
        return self.scores(Ragged.from_padded(steps, inputs.lengths).values)

    def step(
        self,
        tokens: Tensor,
        state: DecoderState,
        memory: Memories,
        vector: Tensor,
        counts: Tensor | None = None,
    ) -> tuple[Tensor, DecoderState]:
        """One step of R rows, sentence-major: scores (R, V), and the state after it.

        Args:
            counts: (B,) rows of each sentence; equally many without.
        """
        found, after = self._step(tokens, state, memory, vector, counts)
        return self.scores(found), after

    def _step(
        self,
        tokens: Tensor,
        state: DecoderState,
        memory: Memories,
        vector: Tensor | None,
        counts: Tensor | None = None,
    ) -> tuple[Tensor, DecoderState]:
        x = self._vectors(tokens)
        fixed = None
        if self.input_feeding:
            x = torch.cat([x, state.fed[:, 0].to(x.dtype)], -1)
        elif self.attention is None:
            assert vector is not None
            equal = tokens.shape[0] // max(1, memory.batch)
            each = equal if counts is None else counts.to(vector.device)
            fixed = vector.repeat_interleave(each, 0)
            x = torch.cat([x, fixed.to(x.dtype)], -1)
        below, above = self._parted(state.layers)
        with in_float(x):
            top, after = self.lower(x[:, None].float(), below)
        attention = state.attention
        if fixed is not None:
            context = fixed
        else:
            assert self.attention is not None
            context, attention = self._look(self.attention, top, memory.memory, counts)
        shown = top[:, 0]
        if self.upper is not None:
            x = self._drop(torch.cat([shown, context.to(shown.dtype)], -1))
            with in_float(x):
                upper, then = self.upper(x[:, None].float(), above)
            shown = upper[:, 0]
            after = join_layers([after, then])
            assert self.last is not None
            context, attention = self._look(self.last, upper, memory.last, counts)
        output = self._found(shown, context)
        fed = output[:, None].float() if self.input_feeding else state.fed
        return output, DecoderState(after, fed, attention)

    def _look(
        self, attention: Attention, top: Tensor, memory: Memory, counts: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Context (R, H) and weights (R, S) of one step, top (R, 1, H)."""
        # The rows of a sentence ask together, so that its memory is there once.
        if counts is None:
            asked = top.reshape(memory.batch, len(top) // max(1, memory.batch), self.hidden)
            found = attention(asked, memory)
            return found.context.flatten(0, 1), found.weights.flatten(0, 1)
        real = torch.arange(int(counts.max()), device=top.device) < counts[:, None].to(top.device)
        asked = top.new_zeros(*real.shape, self.hidden)
        asked[real] = top[:, 0]
        found = attention(asked, memory)
        return found.context[real], found.weights[real]

    def scores(self, found: Tensor) -> Tensor:
        """Scores (N, V) of the pieces, given what the layers found (N, E)."""
        return product(found, self.vectors.weight, self.bias)

    def _found(self, top: Tensor, context: Tensor) -> Tensor:
        both = self._drop(torch.cat([top, context.to(top.dtype)], -1))
        return self._drop(torch.tanh(product(both, self.output.weight, self.output.bias)))

    def _vectors(self, tokens: Tensor) -> Tensor:
        return self._drop(self.vectors(tokens))

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout) if self.training else x

    def _parted(self, layers: State) -> tuple[State, State]:
        below = self.lower.num_layers
        return layers.map(lambda leaf: leaf[:, :below]), layers.map(lambda leaf: leaf[:, below:])


def in_float(x: Tensor) -> AbstractContextManager[object]:
    """Where recurrent layers run: on a CPU in float32, on the kernels, whatever is around them."""
    if x.device.type != "cpu":
        return contextlib.nullcontext()
    return torch.autocast("cpu", enabled=False)

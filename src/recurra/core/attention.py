"""Attention: what a decoder reads of a whole sequence, by five scores; weights are returned values.

Law: what is masked has weight 0 and changes nothing; padded = alone; all steps = step by step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor, nn

from recurra.core.ragged import Ragged
from recurra.core.state import State
from recurra.errors import OptionError

KINDS: Final = ("dot", "scaled_dot", "general", "concat", "location")


@final
@dataclass(frozen=True, eq=False)
class Memory(State):
    """What attention reads: keys (B, S, A) and values (B, S, F); mask (B, S), true at real steps.

        memory = attention.memory(torch.randn(4, 9, 64))  # values (B, S, F)
        memory.select(torch.tensor([0, 0, 3]))  # rows may repeat, as those of a beam do

    A value like a state: rows are selected and joined as those of any other.
    """

    keys: Tensor
    values: Tensor
    mask: Tensor

    @property
    def batch(self) -> int:
        """The number of rows, B."""
        return self.mask.shape[0]


@final
@dataclass(frozen=True, eq=False)
class AttentionOutput:
    """What was found, context (B, T, F), and where: weights (B, T, S), each row's sum 1.

        found = attention(queries, memory)
        found.weights.argmax(-1)  # the step that each query looked at most, (B, T)

    What is masked has weight 0.
    """

    context: Tensor
    weights: Tensor


@final
class Attention(nn.Module):
    """Scores each step of a memory for a query, and sums its values by the softmax of the scores.

        attention = recurra.nn.Attention(32, 64, "concat")
        memory = attention.memory(torch.randn(4, 9, 64))  # (B, S, F)
        found = attention(torch.randn(4, 3, 32), memory)  # queries (B, T, Q)
        found.context, found.weights  # (B, T, F), (B, T, S)

    The scores, of a query q and a value v:

        dot         q . v                                  (Luong et al. 2015, arXiv:1508.04025)
        scaled_dot  q . v / sqrt(F)                        (Vaswani et al. 2017, arXiv:1706.03762)
        general     q . (W v)                              (Luong et al. 2015)
        concat      w . tanh(W_q q + W_v v + b)            (Bahdanau et al. 2015, arXiv:1409.0473)
        location    (W q)_s, which reads no value at all   (Luong et al. 2015, equation 8)

    What does not depend on the query is worked out once a memory, by `memory`.

    Args:
        query_size: Q.
        value_size: F; for dot and scaled_dot the same as Q.
        kind: of `KINDS`.
        size: features that concat compares in; default Q.
        reach: steps that location has scores for; it never looks at later ones.

    Raises:
        OptionError: no such kind, or sizes that it cannot compare.
    """

    def __init__(
        self,
        query_size: int,
        value_size: int,
        kind: str = "general",
        *,
        size: int | None = None,
        reach: int = 128,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise OptionError(f"attention {kind!r}", expected=f"one of {', '.join(KINDS)}")
        if kind in ("dot", "scaled_dot") and query_size != value_size:
            raise OptionError(
                f"attention {kind} of a query of {query_size} and values of {value_size}",
                expected="the same size, or general or concat",
            )
        self.kind, self.query_size, self.value_size = kind, query_size, value_size
        inner = query_size if size is None else size
        if kind == "general":
            self.key = nn.Linear(value_size, query_size, bias=False)
        elif kind == "concat":
            self.key = nn.Linear(value_size, inner)
            self.query = nn.Linear(query_size, inner, bias=False)
            self.score = nn.Linear(inner, 1, bias=False)
        elif kind == "location":
            self.place = nn.Linear(query_size, reach, bias=False)

    def memory(self, values: Tensor | Ragged, mask: Tensor | None = None) -> Memory:
        """What will be read, its keys worked out: values (B, S, F) and mask (B, S), or Ragged.

        Raises:
            OptionError: shapes that do not fit.
        """
        if isinstance(values, Ragged):
            mask = values.mask()
            values = values.padded()
        if mask is None:
            mask = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        if (
            values.dim() != 3
            or values.shape[2] != self.value_size
            or mask.shape != values.shape[:2]
            or mask.dtype != torch.bool
        ):
            raise OptionError(
                f"values of shape {tuple(values.shape)}, a mask of {tuple(mask.shape)}, "
                f"{mask.dtype}",
                expected=f"(B, S, F) = (B, S, {self.value_size}) and (B, S), torch.bool",
            )
        keys = self.key(values) if self.kind in ("general", "concat") else values
        return Memory(keys, values, mask)

    def forward(self, query: Tensor, memory: Memory) -> AttentionOutput:
        """Look for each of the queries (B, T, Q), of whichever step or hypothesis they are.

        A row with nothing to look at has weights and context of zeros.

        Raises:
            OptionError: queries that do not fit the memory.
        """
        batch, _, features = query.shape if query.dim() == 3 else (-1, -1, -1)
        if batch != memory.batch or features != self.query_size:
            raise OptionError(
                f"queries of shape {tuple(query.shape)}",
                expected=f"(B, T, Q) = ({memory.batch}, T, {self.query_size})",
            )
        mask = memory.mask[:, None, :]
        weights = masked_softmax(self._scores(query, memory), self._reached(mask))
        return AttentionOutput(torch.bmm(weights.to(memory.values.dtype), memory.values), weights)

    def _scores(self, query: Tensor, memory: Memory) -> Tensor:
        match self.kind:
            case "concat":
                # (B, T, S, A): small where one step is decoded, large where a row is trained on.
                both = self.query(query)[:, :, None, :] + memory.keys[:, None, :, :]
                found: Tensor = self.score(torch.tanh(both)).squeeze(-1)
                return found
            case "location":
                placed: Tensor = self.place(query)
                missing = max(0, memory.mask.shape[1] - placed.shape[2])
                return nn.functional.pad(placed, (0, missing))[:, :, : memory.mask.shape[1]]
        if self.kind == "scaled_dot":
            query = query / math.sqrt(self.value_size)
        return torch.bmm(query.to(memory.keys.dtype), memory.keys.mT)

    def _reached(self, mask: Tensor) -> Tensor:
        """The mask (B, 1, S) without what the kind has no scores for."""
        if self.kind != "location" or mask.shape[2] <= self.place.out_features:
            return mask
        return mask & (torch.arange(mask.shape[2], device=mask.device) < self.place.out_features)

    def extra_repr(self) -> str:
        """Return the kind and the sizes."""
        return f"{self.kind}, {self.query_size}, {self.value_size}"


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last axis, in float32 at least, where `mask` is true; exactly 0 elsewhere.

    Where it is true nowhere, all are 0.
    """
    scores = scores.float() if scores.dtype in (torch.bfloat16, torch.float16) else scores
    least = torch.finfo(scores.dtype).min
    return scores.masked_fill(~mask, least).softmax(-1).masked_fill(~mask, 0.0)

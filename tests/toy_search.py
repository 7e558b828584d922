"""A decoder out of a table: what follows, and where it looks, depends on all that was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from recurra.core.state import State

BEGIN, END = 1, 2
STEPS = 5
"""Steps of the longest source."""


@final
@dataclass(frozen=True, eq=False)
class Read(State):
    """A number (R,) for all tokens read, and where the last step looked, (R, S)."""

    code: Tensor
    looked: Tensor

    @property
    def batch(self) -> int:
        return self.code.shape[0]


@final
class Table:
    """Scores of V tokens: row (code of what was read + sentence) of a table.

    Args:
        sentences: which ones it decodes.
        grain: scores are multiples of it, so that there are equals; 0 for none.
        ending: added to the end's scores.
    """

    def __init__(
        self,
        sentences: Sequence[int],
        *,
        tokens: int = 7,
        seed: int = 0,
        grain: float = 0.0,
        ending: float = 0.0,
        steps: list[int] | None = None,
    ) -> None:
        draw = torch.Generator().manual_seed(seed)
        scores = 2 * torch.randn((997, tokens), generator=draw)
        self.scores = (scores / grain).round() * grain if grain else scores
        self.scores[:, END] += ending
        self.maps = torch.rand((997, STEPS), generator=draw)
        self.sentences = torch.tensor(sentences, dtype=torch.long)
        self.steps = [] if steps is None else steps

    def length(self, sentence: int) -> int:
        """How many of the steps of its source are real."""
        return 1 + sentence % STEPS

    def first(self, copies: int = 1) -> Read:
        rows = len(self.sentences) * copies
        return Read(torch.zeros(rows, dtype=torch.long), torch.zeros(rows, STEPS))

    def step(
        self, tokens: Tensor, state: Read, counts: Tensor | None = None
    ) -> tuple[Tensor, Read]:
        assert len(tokens) == state.batch
        if counts is None:
            assert len(tokens) % len(self.sentences) == 0
            counts = torch.full_like(self.sentences, len(tokens) // len(self.sentences))
        assert len(counts) == len(self.sentences)
        assert int(counts.sum()) == len(tokens)
        self.steps.append(len(tokens))
        sentences = self.sentences.repeat_interleave(counts)
        code = (state.code * 31 + tokens + 1) % 996_983
        real = torch.arange(STEPS) < 1 + (sentences % STEPS)[:, None]
        looked = self.maps[(code + 7 * sentences) % 997].masked_fill(~real, 0.0)
        looked = looked / looked.sum(1, keepdim=True)
        return self.scores[(code + 131 * sentences) % 997], Read(code, looked)

    def keep(self, sentences: Tensor) -> Table:
        kept = object.__new__(Table)
        vars(kept).update(vars(self), sentences=self.sentences[sentences])
        return kept

    def alone(self, sentence: int, read: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Log-probabilities (V,) of what follows `read`, and where that step looked, (S,)."""
        one = self.keep(torch.zeros(1, dtype=torch.long))
        one.sentences, one.steps = torch.tensor([sentence]), []
        state = one.first()
        for token in read:
            logits, state = one.step(torch.tensor([token]), state)
        return logits[0].log_softmax(-1), state.looked[0]

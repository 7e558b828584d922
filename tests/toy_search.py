"""A decoder out of a table: what follows, and where it looks, depends on all that was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from recurra.search.hypotheses import Top, log_sum_exp, top
from recurra.search.logits_processors import Integers

BEGIN, END = 1, 2
STEPS = 5
"""Steps of the longest source."""

Floats = NDArray[np.float32]


@final
@dataclass(frozen=True, eq=False)
class Read:
    """A number (R,) for all tokens read, and where the last step looked, (R, S)."""

    code: Integers
    attention: Floats

    @property
    def batch(self) -> int:
        return len(self.code)

    def select(self, rows: Integers) -> Read:
        return Read(self.code[rows], self.attention[rows])


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
        draw = np.random.default_rng(seed)
        scores = 2 * draw.standard_normal((997, tokens), dtype=np.float32)
        self.scores = (scores / np.float32(grain)).round() * np.float32(grain) if grain else scores
        self.scores[:, END] += np.float32(ending)
        self.maps = draw.random((997, STEPS), dtype=np.float32)
        self.sentences = np.array(sentences, np.int64)
        self.steps = [] if steps is None else steps

    def length(self, sentence: int) -> int:
        """How many of the steps of its source are real."""
        return 1 + sentence % STEPS

    def first(self, copies: int = 1) -> Read:
        rows = len(self.sentences) * copies
        return Read(np.zeros(rows, np.int64), np.zeros((rows, STEPS), np.float32))

    def step(
        self, tokens: Integers, state: Read, counts: Integers | None = None
    ) -> tuple[Floats, Read]:
        assert len(tokens) == state.batch
        if counts is None:
            assert len(tokens) % len(self.sentences) == 0
            counts = np.full_like(self.sentences, len(tokens) // len(self.sentences))
        assert len(counts) == len(self.sentences)
        assert int(counts.sum()) == len(tokens)
        self.steps.append(len(tokens))
        sentences = self.sentences.repeat(counts)
        code = (state.code * 31 + tokens + 1) % 996_983
        real = np.arange(STEPS) < 1 + (sentences % STEPS)[:, None]
        weights = np.where(real, self.maps[(code + 7 * sentences) % 997], np.float32(0))
        weights = weights / weights.sum(1, keepdims=True)
        return self.scores[(code + 131 * sentences) % 997], Read(code, weights)

    def logits(self, outputs: Floats) -> Floats:
        return outputs

    def top(self, outputs: Floats, k: int, excluded: Sequence[int] = ()) -> Top:
        return top(outputs, k, excluded)

    def select(self, sentences: Integers) -> Table:
        kept = object.__new__(type(self))
        vars(kept).update(vars(self), sentences=self.sentences[sentences])
        return kept

    def alone(self, sentence: int, read: Sequence[int]) -> tuple[NDArray[np.float64], Floats]:
        """Log-probabilities (V,) of what follows `read`, and where that step looked, (S,)."""
        one = self.select(np.zeros(1, np.int64))
        one.sentences, one.steps = np.array([sentence]), []
        state = one.first()
        for token in read:
            logits, state = one.step(np.array([token]), state)
        return logits[0].astype(np.float64) - log_sum_exp(logits)[0], state.attention[0]

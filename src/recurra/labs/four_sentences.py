"""The four sentences of lab translate, their words as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

import torch
from torch import Tensor

from recurra.nn import Ragged

PAIRS: Final = (
    ("we like apples.", "우리는 사과를 좋아한다."),
    ("seoul is quite big.", "서울은 꽤 크다."),
    ("seoul is a city beside wide rivers.", "서울은 넓은 강가의 도시이다."),
    ("seoul is quite easy to love.", "서울은 사랑하기 꽤 쉽다."),
)
HIDDEN: Final = 16
"""Units of the encoder and of the decoder."""
END, FIRST = 1, 2
"""A number that no word has (as `BEGIN`), and the first that one has."""


@final
@dataclass(frozen=True)
class Words:
    """One side of the pairs: the words, numbered as they first come, and its sentences."""

    sentences: tuple[str, ...]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Every word once."""
        return tuple(dict.fromkeys(" ".join(self.sentences).split()))

    def __len__(self) -> int:
        """Numbers there are, those of begin and end too."""
        return FIRST + len(self.words)

    @cached_property
    def rows(self) -> tuple[Tensor, ...]:
        """Each sentence as its numbers and end, (T,)."""
        return tuple(
            torch.tensor([*(FIRST + self.words.index(word) for word in each.split()), END])
            for each in self.sentences
        )

    @property
    def ragged(self) -> Ragged:
        """All sentences as one batch, values (N,)."""
        return Ragged.from_list(self.rows)

    def text(self, ids: Sequence[int]) -> str:
        """The words of numbers, up to the end."""
        before = list(ids[: ids.index(END)] if END in ids else ids)
        return " ".join(self.words[k - FIRST] if k >= FIRST else "<begin>" for k in before)


ENGLISH: Final = Words(tuple(source for source, _ in PAIRS))
KOREAN: Final = Words(tuple(target for _, target in PAIRS))

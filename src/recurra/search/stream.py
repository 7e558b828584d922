"""The stream of choices: a decoder's tokens one after the other, without end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol, TypeVar

import torch
from torch import Tensor

from recurra.errors import OptionError
from recurra.search.choice import Choose

_State = TypeVar("_State")


class Decoder(Protocol[_State]):
    """A model that reads one token of each of B sequences and scores what may follow."""

    def step(self, tokens: Tensor, state: _State | None) -> tuple[Tensor, _State]:
        """Tokens (B,) and the state before them -> logits (B, V) and the state after them."""
        ...


_NEXT_ROW: Final = 0x9E3779B97F4A7C15  # odd: torch's CPU generator takes a seed's low 32 bits alone


def generators(seed: int, rows: int) -> list[torch.Generator]:
    """One source of chance for each row, so that a row is the same whatever runs beside it."""
    return [torch.Generator().manual_seed((seed + row * _NEXT_ROW) % 2**63) for row in range(rows)]


def sample(
    decoder: Decoder[_State],
    logits: Tensor,
    state: _State,
    choose: Choose,
    chance: Sequence[torch.Generator],
    *,
    recent: Tensor | None = None,
    remember: int = 0,
) -> Iterator[Tensor]:
    """Tokens (B,) without end, in constant memory: choose, hand out, read, choose again.

    Args:
        decoder: scores what may follow.
        logits: (B, V), what follows the prompt.
        state: the state after the prompt.
        choose: from `greedy`, `draw` or `Sampling.choose`.
        chance: B generators, from `generators`.
        recent: (B, R) the prompt's last tokens, for filters that look back.
        remember: how many of the last tokens such filters look at: `Sampling.remembers`.

    Raises:
        OptionError: B differs among them, at the first token.
        RecurraError: the decoder's scores are not numbers.
    """
    batch = len(chance)
    if recent is None:
        recent = torch.zeros((batch, 0), dtype=torch.long)
    if logits.shape[0] != batch or recent.shape[0] != batch:
        raise OptionError(
            f"{logits.shape[0]} rows of logits, {recent.shape[0]} of recent tokens and "
            f"{batch} generators",
            expected="as many of each",
        )
    recent = recent.to(logits.device)[:, max(0, recent.shape[1] - remember) :]
    while True:
        with torch.no_grad():  # not around the yield: it would reach the caller
            uniform = torch.stack(
                [torch.rand((), generator=each, dtype=torch.float64) for each in chance]
            )
            tokens = choose(logits, recent, uniform.to(logits.device))
        yield tokens
        with torch.no_grad():
            if remember:
                recent = torch.cat([recent, tokens[:, None]], 1)[:, -remember:]
            logits, state = decoder.step(tokens, state)

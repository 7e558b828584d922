"""How the next token is chosen: filters of scores, the likeliest, or chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from recurra.errors import OptionError, RecurraError

Filter = Callable[[Tensor, Tensor], Tensor]
"""(logits (B, V), recent (B, R)) -> logits (B, V); `recent` are the last tokens, oldest first."""

Choose = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits (B, V), recent (B, R), uniform (B,) in [0, 1)) -> tokens (B,); the same for the same."""


def temperature(value: float) -> Filter:
    """Divide the logits by `value`: below 1 surer, above 1 bolder.

    Raises:
        OptionError: not a finite number above 0 (for 0, take `greedy`).
    """
    if not (value > 0 and math.isfinite(value)):
        raise OptionError(f"temperature = {value}", expected="a number above 0, or 0 for greedy")

    def apply(logits: Tensor, recent: Tensor) -> Tensor:
        del recent
        # From the largest down: a tiny temperature then gives -inf, and never inf - inf.
        return (logits - logits.amax(-1, keepdim=True)) / value

    return apply


def top_k(k: int) -> Filter:
    """Keep the `k` likeliest tokens; of equals, those with the lower ids (Fan et al. 2018).

    Raises:
        OptionError: k is below 1.
    """
    if k < 1:
        raise OptionError(f"top-k = {k}", expected="1 or more")

    def apply(logits: Tensor, recent: Tensor) -> Tensor:
        del recent
        if k >= logits.shape[-1]:
            return logits
        order = logits.sort(dim=-1, descending=True, stable=True).indices
        return logits.scatter(-1, order[..., k:], -math.inf)

    return apply


def top_p(p: float) -> Filter:
    """Keep the likeliest tokens that together reach the probability `p`, one at least.

    Nucleus sampling: Holtzman et al. 2020, arXiv:1904.09751.

    Raises:
        OptionError: p is not above 0, or above 1.
    """
    if not 0 < p <= 1:
        raise OptionError(f"top-p = {p}", expected="above 0 and at most 1")

    def apply(logits: Tensor, recent: Tensor) -> Tensor:
        del recent
        if p == 1:
            return logits
        ordered, order = logits.sort(dim=-1, descending=True, stable=True)
        chance = ordered.softmax(-1)
        before = chance.cumsum(-1) - chance  # what the likelier ones reach without this one
        beyond = before >= p  # never the first, which has none before it
        return logits.masked_fill(beyond.scatter(-1, order, beyond), -math.inf)

    return apply


def repetition_penalty(penalty: float, window: int) -> Filter:
    """Make the tokens among the last `window` less likely, by a factor on their logits.

    Logits above 0 are divided by `penalty`, those below multiplied: Keskar et al. 2019 (CTRL),
    arXiv:1909.05858, section 4.1. It reads the model's own logits, so it comes before the others.

    Raises:
        OptionError: the penalty is not a finite number above 0, or the window below 1.
    """
    if not (penalty > 0 and math.isfinite(penalty)):
        raise OptionError(
            f"repetition penalty = {penalty}", expected="a number above 0; 1 changes nothing"
        )
    if window < 1:
        raise OptionError(f"repetition window = {window}", expected="1 token or more")

    def apply(logits: Tensor, recent: Tensor) -> Tensor:
        last = recent[:, -window:]
        if last.shape[1] == 0:
            return logits
        scores = logits.gather(-1, last)
        return logits.scatter(-1, last, torch.where(scores > 0, scores / penalty, scores * penalty))

    return apply


def never(tokens: Sequence[int]) -> Filter:
    """Leave out these tokens: the unknown, padding."""
    fixed = tuple(tokens)

    def apply(logits: Tensor, recent: Tensor) -> Tensor:
        del recent
        if not fixed:
            return logits
        index = torch.tensor(fixed, device=logits.device)
        return logits.index_fill(-1, index, -math.inf)

    return apply


def compose(*filters: Filter) -> Filter:
    """One filter after the other, the first one first."""

    def apply(logits: Tensor, recent: Tensor) -> Tensor:
        for each in filters:
            logits = each(logits, recent)
        return logits

    return apply


def greedy(*filters: Filter) -> Choose:
    """Choose the likeliest token; of equals, the one with the lowest id."""
    filtered = compose(*filters)

    def choose(logits: Tensor, recent: Tensor, uniform: Tensor) -> Tensor:
        del uniform
        return _checked(filtered(logits.double(), recent)).argmax(-1)

    return choose


def draw(*filters: Filter) -> Choose:
    """Choose by chance: the token where the cumulative probability first exceeds `uniform`."""
    filtered = compose(*filters)

    def choose(logits: Tensor, recent: Tensor, uniform: Tensor) -> Tensor:
        # Double precision: in single, a hundred thousand rare tokens are rounded away.
        reached = _checked(filtered(logits.double(), recent)).softmax(-1).cumsum(-1)
        whole = reached[:, -1:]
        # Strictly below the whole, so that no token of probability 0 can be hit.
        target = torch.minimum(
            uniform.double()[:, None] * whole, torch.nextafter(whole, torch.zeros_like(whole))
        )
        return torch.searchsorted(reached, target, right=True)[:, 0]

    return choose


@final
@dataclass(frozen=True)
class Sampling:
    """The options of sampling, checked once.

    Args:
        temperature: 0 takes the likeliest token each time.
        top_k: how many tokens are kept; None for all.
        top_p: the probability that the kept tokens reach.
        repetition_penalty: 1 is none.
        repetition_window: over how many of the last tokens it looks.

    Raises:
        OptionError: one is out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    repetition_window: int = 64

    def __post_init__(self) -> None:
        self.choose()

    @property
    def remembers(self) -> int:
        """How many of the last tokens `choose` looks at: what `sample` is to keep."""
        return self.repetition_window if self.repetition_penalty != 1 else 0

    def choose(self, excluded: Sequence[int] = ()) -> Choose:
        """The choice that these options describe; `excluded` tokens are never chosen."""
        filters = [
            never(excluded),
            repetition_penalty(self.repetition_penalty, self.repetition_window),
        ]
        kept = top_p(self.top_p)
        if self.top_k is not None:
            kept = compose(top_k(self.top_k), kept)
        if self.temperature == 0:
            return greedy(*filters)
        return draw(*filters, temperature(self.temperature), kept)


def _checked(logits: Tensor) -> Tensor:
    """The logits, if each row has a finite one and none that is infinite or not a number."""
    if not bool(torch.isfinite(logits.amax(-1)).all()):
        raise no_numbers()
    return logits


def no_numbers() -> RecurraError:
    """The fault of a model whose scores cannot be ranked."""
    return RecurraError(
        "the model's scores are not numbers, or leave no token to choose",
        expected="finite scores",
        fix="the training diverged or the run was damaged: train again at a lower rate",
    )

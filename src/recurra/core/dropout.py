"""Dropout: of single numbers, of the same numbers of a row at all its steps, of weights.

At a fraction of what torch's costs on a CPU, where drawing is most of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar, final, overload

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.core.ragged import Ragged, take
from recurra.errors import OptionError

X = TypeVar("X", Tensor, Ragged)

_GRAIN: Final = 1 << 16
"""What is drawn for a number: 16 bits, four numbers from one draw of 64."""


_GENERATOR: ContextVar[torch.Generator | None] = ContextVar("generator", default=None)


@contextmanager
def drawn_from(seed: int) -> Iterator[None]:
    """Draw what is dropped inside, on a CPU, from a generator of its own.

    So that what one thread drops does not depend on what others drop.
    """
    before = _GENERATOR.set(torch.Generator().manual_seed(seed))
    try:
        yield
    finally:
        _GENERATOR.reset(before)


def chance(device: torch.device) -> torch.Generator | None:
    """What is drawn from here: of `drawn_from` on a CPU, else torch's own."""
    return _GENERATOR.get() if device.type == "cpu" else None


def dropout(x: Tensor, share: float) -> Tensor:
    """Return x with this share of its numbers dropped, the others grown to make up for them.

    Srivastava et al. 2014. On a CPU the share is rounded to a 65,536th, unless it is near 0 or 1;
    what is kept grows by 1 / (1 - share), as in torch.
    """
    if not x.is_cpu or torch.compiler.is_compiling():
        return F.dropout(x, share)
    if share in (0, 1):
        return x * 0.0 if share else x
    if min(share, 1 - share) < 1e-3:  # rounding would tell
        mask = torch.empty_like(x).bernoulli_(1 - share, generator=_GENERATOR.get())
        return x * (mask / (1 - share))
    dropped = round(share * _GRAIN)
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64)
    words.random_(-(2**63), None, generator=_GENERATOR.get())
    drawn = words.view(torch.int16)[: x.numel()].view(x.shape)
    kept = drawn >= dropped - _GRAIN // 2
    return x * (kept.to(x.dtype) * (1 / (1 - share)))


def drop(x: X, share: float) -> X:
    """Return x with this share of its numbers dropped, each step's anew."""
    if isinstance(x, Ragged):
        return x.map(lambda values: dropout(values, share))
    return dropout(x, share)


def drop_locked(x: X, share: float) -> X:
    """Return x (B, T, F) with this share of each row's features dropped, the same at all its steps.

    Gal & Ghahramani 2016 (arXiv:1512.05287): x_bt * m_b / (1 - share), m_b (F,) drawn once a row.
    """
    if isinstance(x, Ragged):
        values = x.values
        mask = dropout(values.new_ones(x.batch, values.shape[-1]), share)
        rows = torch.arange(x.batch).repeat_interleave(x.lengths)
        return x.beside(values * take(mask, rows))
    return x * dropout(x.new_ones(x.shape[0], 1, x.shape[2]), share)


@final
class LockedDropout(nn.Module):
    """Dropout in training whose mask is drawn once a row and held over all its steps.

        locked = recurra.nn.LockedDropout(0.3)
        locked(torch.randn(4, 10, 16))  # (B, T, F)

    AWD-LSTM (Merity et al. 2017, arXiv:1708.02182) has it on the embeddings, between the layers and
    on the output, a share for each. This is for the first and the last; between layers it is their
    `locked_dropout`.

    Args:
        share: of each row's features, from 0 to 1.

    Raises:
        OptionError: a share outside 0 to 1.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share <= 1:
            raise OptionError(f"share={share}", expected="0 to 1")
        self.share = share

    @overload
    def forward(self, x: Tensor) -> Tensor: ...

    @overload
    def forward(self, x: Ragged) -> Ragged: ...

    def forward(self, x: Tensor | Ragged) -> Tensor | Ragged:
        """Return x (B, T, F), or Ragged with values (N, F), masked.

        Raises:
            OptionError: x is of another shape.
        """
        values, dims = (x.values, 2) if isinstance(x, Ragged) else (x, 3)
        if values.dim() != dims:
            expected = "(B, T, F), or a Ragged with values (N, F)"
            raise OptionError(f"an input of shape {tuple(values.shape)}", expected=expected)
        if not self.training or not self.share:
            return x
        if isinstance(x, Ragged):  # each kind by itself, for the type checker
            return drop_locked(x, self.share)
        return drop_locked(x, self.share)

    def extra_repr(self) -> str:
        """Return the share."""
        return f"{self.share}"

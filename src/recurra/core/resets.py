"""Rows that are reset, cut into pieces: each piece a row of its own, values stay where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from recurra.core.arguments import ScanArguments
from recurra.core.ragged import Ragged
from recurra.core.state import State

S = TypeVar("S", bound=State)
X = TypeVar("X", Tensor, Ragged)


class Pieces(NamedTuple):
    """lengths (P,) of the pieces; heads and tails (B,), each row's first and last of them.

    A reset before step 0 makes an empty first piece, whose first state is the row's: no step
    reads it.
    """

    lengths: Tensor
    heads: Tensor
    tails: Tensor

    @staticmethod
    def of(lengths: Tensor, resets: Tensor) -> Pieces:
        """Return the pieces of rows of these lengths (B,), cut where resets (B, T) are true."""
        batch, steps = resets.shape
        inside = resets & (torch.arange(steps) < lengths[:, None])
        rows, times = inside.nonzero(as_tuple=True)
        cuts = inside.sum(1)
        heads = torch.arange(batch) + cuts.cumsum(0) - cuts
        starts = lengths.cumsum(0) - lengths
        begins = torch.empty(batch + len(rows), dtype=torch.int64)
        begins[heads] = starts
        begins[torch.arange(len(rows)) + rows + 1] = starts[rows] + times
        pieces = begins.diff(append=lengths.sum()[None])
        return Pieces(pieces, heads, heads + cuts)

    def enter(self, first: S, fresh: S | None, reverse: bool) -> S:
        """Return each piece's first state: the row's own, or `fresh` after a reset; see scan."""
        at, count = self.tails if reverse else self.heads, len(self.lengths)
        begun = None if fresh is None else fresh.arrays()

        def spread(name: str, leaf: Tensor) -> Tensor:
            if begun is None:
                wide = leaf.new_zeros(count, leaf.shape[1])
            else:
                wide = begun[name].to(leaf.dtype).expand(count, -1)
            return wide.index_copy(0, at.to(leaf.device), leaf)

        return first.named(spread)

    def leave(self, lasts: S, reverse: bool) -> S:
        """Return each row's last state, of those of the pieces."""
        return lasts.select(self.heads if reverse else self.tails)


def in_pieces(
    arguments: ScanArguments[X, S],
    walk: Callable[[ScanArguments[Ragged, S]], tuple[Ragged, S, S | None]],
) -> tuple[X, S, S | None]:
    """Return output, last state and, where `walk` gives it, the state after each step.

    For implementations that know no resets, or none to a state other than zeros.

    Args:
        arguments: with a state and resets.
        walk: runs rows without resets from first states.
    """
    x, first, resets, reverse = arguments.x, arguments.state, arguments.resets, arguments.reverse
    assert first is not None
    assert resets is not None
    if isinstance(x, Ragged):
        rows = x
    else:
        batch, steps = x.shape[:2]
        rows = Ragged(x.reshape(batch * steps, -1), torch.full((batch,), steps))
    pieces = Pieces.of(rows.lengths, resets.cpu())
    cut = Ragged(rows.values, pieces.lengths)
    begun = pieces.enter(first, arguments.fresh, reverse)
    output, lasts, states = walk(
        ScanArguments(arguments.cell, cut, arguments.weights, begun, reverse)
    )
    whole = rows.beside(output.values)
    if states is not None:
        inside = cut.mask()
        states = states.map(lambda leaf: rows.beside(leaf[inside]).padded())
    last = pieces.leave(lasts, reverse)
    return whole if isinstance(x, Ragged) else whole.padded(), last, states


def cuts_of(x: Tensor | Ragged, resets: Tensor, reverse: bool) -> Tensor:
    """Return resets (B, T) as the kernels want them: the state read at a step marked is zero."""
    if reverse:
        # What is cut before step t is, backwards, what step t - 1 reads. A row's last step reads
        # the first state, which no cut touches.
        shifted = torch.zeros_like(resets)
        shifted[:, :-1] = resets[:, 1:]
        if isinstance(x, Ragged):
            shifted &= torch.arange(resets.shape[1]) < x.lengths[:, None] - 1
        resets = shifted
    return resets[x.mask().cpu()] if isinstance(x, Ragged) else resets.contiguous()

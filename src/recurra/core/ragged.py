"""Sequences of unequal length as one value: real steps only, checked once where they are made.

Nothing asks for sorted rows, lengths may come from any device, and a row may have no steps at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurra.errors import OptionError

X = TypeVar("X", Tensor, "Ragged")

MOST_LENGTHS = 64
"""Lengths are rounded up to so many steps before buckets are chosen, which bounds the choosing."""


@final
@dataclass(frozen=True, eq=False)
class Ragged:
    """B sequences: values (N, ...), the steps of row after row; lengths (B,), their counts.

        rows = recurra.Ragged.from_list([torch.randn(9, 16), torch.randn(2, 16)])
        output, state = recurra.nn.GRU(16, 32)(rows)
        output.last()  # (B, H)

    Lengths are kept as int64 on the CPU, wherever the values are.

    Raises:
        OptionError: lengths that are not whole numbers in one dimension, or of another sum than N.
    """

    values: Tensor
    lengths: Tensor

    def __post_init__(self) -> None:
        lengths = check_lengths(self.lengths, None)
        object.__setattr__(self, "lengths", lengths)
        if self.values.dim() == 0 or int(lengths.sum()) != self.values.shape[0]:
            raise OptionError(
                f"values of shape {tuple(self.values.shape)} with lengths of sum {lengths.sum()}",
                expected="as many values as the lengths add up to",
            )

    @staticmethod
    def from_list(rows: Sequence[Tensor]) -> Ragged:
        """Return the rows (T_b, ...) as one batch; rows may be empty, but not the list.

        Raises:
            OptionError: no rows, or rows that differ in more than their first size.
        """
        if not rows:
            raise OptionError("no rows", expected="at least one, which may be empty")
        shapes = sorted({tuple(row.shape[1:]) if row.dim() else None for row in rows}, key=str)
        if len(shapes) > 1 or shapes[0] is None:
            raise OptionError(
                f"rows whose steps have the shapes {', '.join(map(str, shapes))}",
                expected="rows of shape (T, ...), alike but for T",
            )
        return Ragged(torch.cat(list(rows)), torch.tensor([row.shape[0] for row in rows]))

    @staticmethod
    def from_padded(x: Tensor, lengths: Tensor | Sequence[int]) -> Ragged:
        """Return the first `lengths` (B,) steps of each row of x (B, T, ...).

        Raises:
            OptionError: x has no time, or a length is below 0 or above T.
        """
        if x.dim() < 2:
            raise OptionError(f"x has shape {tuple(x.shape)}", expected="(B, T, ...)")
        batch, steps = x.shape[:2]
        known = check_lengths(lengths, batch, steps)
        flat = x.reshape(batch * steps, *x.shape[2:])
        if batch == 0 or int(known.min()) == steps:
            return Ragged(flat, known)
        row_starts = torch.arange(batch) * steps
        return Ragged(take(flat, positions(row_starts, known)), known)

    @staticmethod
    def from_packed(packed: PackedSequence) -> Ragged:
        """Return the rows of torch's packed sequence, in the order before it sorted them."""
        lengths, where = unpacking(packed)
        return Ragged(take(packed.data, where), lengths)

    def beside(self, values: Tensor) -> Ragged:
        """Return other values (N, ...) for the same steps, whose number is not checked again."""
        made = object.__new__(Ragged)
        vars(made).update(values=values, lengths=self.lengths)
        return made

    @property
    def batch(self) -> int:
        """The number of rows, B."""
        return self.lengths.shape[0]

    @property
    def steps(self) -> int:
        """The steps of the longest row, T; 0 where there is none."""
        return int(self.lengths.max()) if self.batch else 0

    @property
    def starts(self) -> Tensor:
        """Where each row begins among the values, (B,)."""
        return self.lengths.cumsum(0) - self.lengths

    @property
    def batch_sizes(self) -> Tensor:
        """How many rows are alive at each step, (T,): torch's numbers for a packed sequence."""
        return count_alive(self.lengths)

    def padded(self, value: float = 0, *, steps: int | None = None) -> Tensor:
        """Return (B, T, ...) with `value` after each row's end; T is the longest row's, or `steps`.

        Raises:
            OptionError: `steps` is less than the longest row has.
        """
        width = self.steps if steps is None else steps
        if width < self.steps:
            raise OptionError(f"{width} steps for a row of {self.steps}", expected="no fewer steps")
        shape = (self.batch, width, *self.values.shape[1:])
        if self.values.shape[0] == self.batch * width:
            return self.values.reshape(shape)
        index = padded_positions(self.starts, self.lengths, width, self.values.shape[0])
        filler = self.values.new_full((1, *self.values.shape[1:]), value)
        return take(torch.cat([self.values, filler]), index.reshape(-1)).reshape(shape)

    def mask(self) -> Tensor:
        """Return (B, T), true where there is a step, on the values' device."""
        return (torch.arange(self.steps) < self.lengths[:, None]).to(self.values.device)

    def to_list(self) -> list[Tensor]:
        """Return the rows, (T_b, ...) each."""
        return list(torch.split(self.values, self.lengths.tolist())) if self.batch else []

    def reverse(self) -> Ragged:
        """Return each row from its last step to its first."""
        ends = self.starts + self.lengths - 1
        return Ragged(take(self.values, positions(ends, self.lengths, -1)), self.lengths)

    def last(self) -> Tensor:
        """Return each row's last step, (B, ...); zeros for a row that has none."""
        ends = self.starts + self.lengths - 1
        filler = self.values.new_zeros((1, *self.values.shape[1:]))
        ends = torch.where(self.lengths > 0, ends, self.values.shape[0])
        return take(torch.cat([self.values, filler]), ends)

    def map(self, fn: Callable[[Tensor], Tensor]) -> Ragged:
        """Return the rows with `fn` applied to all steps at once, (N, ...) -> (N, ...)."""
        return Ragged(fn(self.values), self.lengths)

    def select(self, rows: Tensor | Sequence[int]) -> Ragged:
        """Return the rows named by indices (K,), which may repeat, or kept by a mask (B,)."""
        chosen = torch.as_tensor(rows).cpu()
        if chosen.dtype != torch.bool:
            chosen = chosen.long()
        lengths = self.lengths[chosen]
        return Ragged(take(self.values, positions(self.starts[chosen], lengths)), lengths)

    def without(self, *, first: int = 0, last: int = 0) -> Ragged:
        """Return the rows without so many first and last steps, which each of them has.

        Raises:
            OptionError: a row has fewer.
        """
        lengths = check_lengths(self.lengths - first - last, None)
        return Ragged(take(self.values, positions(self.starts + first, lengths)), lengths)

    def packed(self) -> PackedSequence:
        """Return torch's packed sequence of the same rows, sorted as torch wants them.

        Raises:
            OptionError: a row without steps, or no rows, which torch cannot pack.
        """
        if self.batch == 0 or int(self.lengths.min()) == 0:
            raise OptionError(
                "a row without steps", expected="rows that torch can pack", fix="select the others"
            )
        order = torch.argsort(self.lengths, descending=True, stable=True)
        place, sizes = inverse(order), self.batch_sizes
        packed = take(self.values, inverse(packed_positions(sizes, self.lengths, place)))
        device = self.values.device
        return PackedSequence(packed, sizes, order.to(device), place.to(device))


def beside(outputs: list[X]) -> X:
    """Return outputs for the same steps side by side, (..., F) each: the directions of a layer."""
    first = outputs[0]
    if len(outputs) == 1:
        return first
    if isinstance(first, Ragged):
        return Ragged(torch.cat([output.values for output in outputs], -1), first.lengths)
    return torch.cat(outputs, -1)


def check_lengths(
    lengths: Tensor | Sequence[int], batch: int | None, steps: int | None = None
) -> Tensor:
    """Return lengths as int64 (B,) on the CPU.

    Raises:
        OptionError: not whole numbers, not one a row, below 0, or above `steps`.
    """
    known = torch.as_tensor(lengths)
    if known.numel() == 0 and not isinstance(lengths, Tensor):
        known = known.long()
    if known.is_floating_point() or known.is_complex() or known.dtype == torch.bool:
        raise OptionError(f"lengths of dtype {known.dtype}", expected="whole numbers")
    if known.dim() != 1 or (batch is not None and known.shape[0] != batch):
        raise OptionError(
            f"lengths of shape {tuple(known.shape)}",
            expected=f"one a row: ({'B' if batch is None else batch},)",
        )
    known = known.to(device="cpu", dtype=torch.int64)
    if known.numel() and int(known.min()) < 0:
        raise OptionError(f"a length of {int(known.min())}", expected="0 or more")
    if steps is not None and known.numel() and int(known.max()) > steps:
        raise OptionError(
            f"a length of {int(known.max())} in a batch of {steps} steps",
            expected=f"at most {steps}",
        )
    return known


def positions(starts: Tensor, lengths: Tensor, stride: int = 1) -> Tensor:
    """Return (N,): for row after row, start, start + stride, ... as often as the row is long."""
    total = int(lengths.sum())
    before = lengths.cumsum(0) - lengths
    within = torch.arange(total) - before.repeat_interleave(lengths, output_size=total)
    return starts.repeat_interleave(lengths, output_size=total) + stride * within


def padded_positions(
    starts: Tensor, lengths: Tensor, steps: int, filler: int, stride: int = 1
) -> Tensor:
    """Return (B, T): start, start + stride, ... of each row, and `filler` after its end."""
    walk = torch.arange(steps)
    index = starts[:, None] + stride * walk
    return torch.where(walk < lengths[:, None], index, filler)


def packed_positions(
    batch_sizes: Tensor, lengths: Tensor, place: Tensor, reverse: bool = False
) -> Tensor:
    """Return (N,): where packed rows hold each step of row after row.

    Args:
        batch_sizes: (T,), how many rows are alive at each step.
        lengths: (B,).
        place: (B,), each row's rank by length, the longest first.
        reverse: the packed rows begin with their last step.
    """
    offsets = batch_sizes.cumsum(0) - batch_sizes
    if reverse:
        step = positions(lengths - 1, lengths, -1)
    else:
        step = positions(torch.zeros_like(lengths), lengths)
    return offsets[step] + place.repeat_interleave(lengths)


def unpacking(packed: PackedSequence) -> tuple[Tensor, Tensor]:
    """Return the lengths (B,) of packed rows before they were sorted, and where their steps lie.

    Returns:
        lengths (B,), and for each step of row after row its place among the packed ones, (N,).
    """
    sizes, order = packed.batch_sizes, packed.unsorted_indices
    batch = int(sizes[0])
    order = torch.arange(batch) if order is None else order.cpu()
    lengths = (sizes[None, :] > torch.arange(batch)[:, None]).sum(1)[order]
    return lengths, packed_positions(sizes, lengths, order)


def count_alive(lengths: Tensor) -> Tensor:
    """Return how many rows are longer than 0 steps, 1 step, ..., (T,)."""
    if lengths.numel() == 0:
        return lengths
    return len(lengths) - torch.bincount(lengths).cumsum(0)[:-1]


def inverse(order: Tensor) -> Tensor:
    """Return the permutation (K,) that undoes `order`."""
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order))
    return back


def take(values: Tensor, index: Tensor) -> Tensor:
    """Return the steps (K, ...) of values (N, ...) at index (K,), which may be on the CPU."""
    return values.index_select(0, index.to(values.device))


def bucket_rows(lengths: Tensor, step_cost: float) -> tuple[Tensor, ...]:
    """Return groups of rows (K,) of similar length, shortest first; each row is in one of them.

    The groups minimise the sum over groups of (T + 4) * (step_cost + rows), by dynamic programming
    over the sorted lengths; the 4 stands for what a group costs however short it is, `step_cost`
    for what a step costs beside its rows' arithmetic, in rows.
    """
    groups = _bucket_rows(lengths.numpy().tobytes(), step_cost)
    return tuple(torch.tensor(rows) for rows in groups)


@lru_cache(maxsize=64)
def _bucket_rows(lengths: bytes, step_cost: float) -> list[NDArray[np.int64]]:
    """Cached, because every layer and direction of a network asks about the same lengths."""
    sizes = np.frombuffer(lengths, dtype=np.int64)
    if len(sizes) == 0:
        return []
    grain = max(-(-int(sizes.max()) // MOST_LENGTHS), 1)
    ends, counts = np.unique(-(-sizes // grain), return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])
    best = np.zeros(len(ends) + 1)
    cut = np.zeros(len(ends) + 1, dtype=np.int64)
    for k in range(1, len(ends) + 1):
        cost = best[:k] + (grain * ends[k - 1] + 4) * (step_cost + below[k] - below[:k])
        cut[k] = int(cost.argmin())
        best[k] = cost[cut[k]]
    order = np.argsort(sizes, kind="stable")
    groups: list[NDArray[np.int64]] = []
    k = len(ends)
    while k:
        groups.append(order[below[cut[k]] : below[k]])
        k = int(cut[k])
    return groups[::-1]


def unequal(x: Tensor, lengths: Tensor | Sequence[int] | None) -> Tensor | None:
    """Return the lengths of rows x (B, T, ...) where they say anything, else None."""
    if lengths is None:
        return None
    known = check_lengths(lengths, x.shape[0], x.shape[1])
    return None if bool((known == x.shape[1]).all()) else known


def within(resets: Tensor | None, rows: Ragged) -> Tensor | None:
    """Return resets (B, T) as far as the longest row goes."""
    return None if resets is None else resets[:, : rows.steps]

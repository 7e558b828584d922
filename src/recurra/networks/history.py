"""What the steps so far say of the next one, in constant memory: a reference, and what is off it.

Two ways to the same numbers: `look` and `push` take one step after another, `looks` takes whole
rows at once. Everything is a difference of values, so that a level never seen before is no matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self, final

import torch
from torch import Tensor
from torch.nn.functional import pad

from recurra.core.state import State

DECAYS: Final = (0.6, 0.9, 0.98)
"""Of the means of a phase, by the cycle: 2.5 and 10 cycles, the last the one that errors are of."""

GROWTH: Final = 0.998
"""Decay of the growth from cycle to cycle, by the step: the mean of all that a window holds."""

ERRORS: Final = 0.8
SIZES: Final = (0.8, 0.98)
"""Decays, by the step, of the mean error and of the mean sizes of surprises."""

LINEAR: Final = 5 + len(DECAYS)
"""Numbers that a forecast may be linear in; two of them by place:"""

CENTRE: Final = 0
SURPRISE: Final = 1

FEATURES: Final = LINEAR + len(SIZES) + 2
"""F: all numbers that are known of a step from those before it."""


@final
@dataclass(frozen=True, eq=False)
class Look:
    """What is known of a step from those before it; any shape (...), in front of the features.

    Args:
        reference: the value at the same phase of the cycle before, and the growth since.
        started: whether there was such a value; else the reference is the last value, or 0.
        slow: the slow mean of the phase, the growth since in it.
        features: (..., F): the reference with its sign turned; surprise and error of the step
            before, mean error, growth a cycle; means of the phase less the reference; then log
            sizes of surprises, whether the value before was missing, whether this phase is new.

    A surprise is how far a value is off the reference, an error how far off the slow mean.
    """

    reference: Tensor
    started: Tensor
    slow: Tensor
    features: Tensor

    def at(self, step: int) -> Look:
        """One step of rows (B, N)."""
        return Look(*(each[:, step] for each in vars(self).values()))


@final
@dataclass(frozen=True, eq=False)
class History(State):
    """What is kept of each of B rows; m phases, the next step's first; E decays.

    Args:
        latest: (B, m, 2) the last value of each phase, and cycles since then; 0: never.
        means: (B, m, E, 3) decayed sums of 1, value and age of each phase.
        sums: (B, 4, 2) decayed sums of 1 and of: growth a cycle, error, size of surprises twice.
        before: (B, 4) last value; surprise and error when last known; 1 if the step had a value.
    """

    latest: Tensor
    means: Tensor
    sums: Tensor
    before: Tensor

    @property
    def batch(self) -> int:
        """The number of rows, B."""
        return self.latest.shape[0]

    @property
    def hidden(self) -> Tensor:
        """All that is kept, (B, ...), flat."""
        return torch.cat([leaf.flatten(1) for leaf in self.leaves()], 1)

    @classmethod
    def empty(cls, batch: int, period: int, like: Tensor) -> Self:
        """Nothing was seen yet, (B rows)."""
        return cls(
            like.new_zeros(batch, period, 2),
            like.new_zeros(batch, period, len(DECAYS), 3),
            like.new_zeros(batch, 2 + len(SIZES), 2),
            like.new_zeros(batch, 4),
        )

    def phase(self, number: int) -> History:
        """This, with one phase alone: that of the number-th step from here on."""
        one = slice(number, number + 1)
        return History(self.latest[:, one], self.means[:, one], self.sums, self.before)

    def since(self, after: History) -> History:
        """The phases of this, and all else as it is after later steps."""
        return History(self.latest, self.means, after.sums, after.before)

    def look(self, size: Tensor, period: int) -> Look:
        """What this says of the next step, (B,) and (B, F).

        Args:
            size: () of a usual surprise.
            period: m.
        """
        shrinkage = _shrinkage(period)
        return _look(self.latest[:, 0], self.means[:, 0], self.sums, self.before, shrinkage, size)

    def push(self, value: Tensor, present: Tensor, look: Look) -> History:
        """The history after a step with this value (B,), or with none where not present (B,)."""
        there = present.to(value.dtype)
        known = there * look.started
        value = torch.where(present, value, 0.0)
        last, age = self.latest[:, 0].unbind(-1)
        latest = torch.stack(
            [torch.where(present, value, last), torch.where(present, 1.0, age + (age > 0))], -1
        )
        decays = torch.tensor(DECAYS, dtype=value.dtype, device=value.device)
        weight, total, aged = self.means[:, 0].unbind(-1)
        means = torch.stack(
            [
                decays * weight + there[:, None],
                decays * total + (there * value)[:, None],
                decays * (aged + weight) + there[:, None],
            ],
            -1,
        )
        surprise, error = value - look.reference, value - look.slow
        growth = (value - last) / age.clamp(min=1.0)
        added = torch.stack([growth, error, *[surprise.abs()] * len(SIZES)], -1) * known[:, None]
        rates = torch.tensor((GROWTH, ERRORS, *SIZES), dtype=value.dtype, device=value.device)
        entering = torch.stack([known[:, None].expand_as(added), added], -1)
        sums = rates[:, None] * self.sums + entering
        before = torch.stack(
            [
                torch.where(present, value, self.before[:, 0]),
                torch.where(known > 0, surprise, self.before[:, 1]),
                torch.where(known > 0, error, self.before[:, 2]),
                there,
            ],
            -1,
        )
        return History(
            torch.cat([self.latest[:, 1:], latest[:, None]], 1),
            torch.cat([self.means[:, 1:], means[:, None]], 1),
            sums,
            before,
        )


def looks(values: Tensor, present: Tensor, period: int, size: Tensor) -> Look:
    """What is known of each step of rows (B, N) from those before it: as `look` step by step."""
    batch, steps = values.shape
    there = present.to(values.dtype)
    values = torch.where(present, values, 0.0)
    cycles = -(-steps // period)

    def fold(row: Tensor) -> Tensor:
        filled = pad(row, (0, cycles * period - steps))
        return filled.reshape(batch, cycles, period)

    def unfold(folded: Tensor) -> Tensor:
        return folded.reshape(batch, cycles * period, *folded.shape[3:])[:, :steps]

    at = _before(fold(there) > 0, 1)
    number = torch.arange(cycles, device=values.device)[None, :, None]
    last = unfold(torch.where(at < 0, 0.0, fold(values).gather(1, at.clamp(min=0))))
    age = unfold(torch.where(at < 0, 0, number - at).to(values.dtype))
    latest = torch.stack([last, age], -1)
    parts = []
    for decay in DECAYS:
        kernel, aged = _kernels(cycles, decay, values)
        summed = [kernel, fold(there)], [kernel, fold(values)], [aged, fold(there)]
        parts.append(torch.stack([torch.einsum("cs,bsm->bcm", *pair) for pair in summed], -1))
    means = unfold(torch.stack(parts, 3))
    known = there * (age > 0)

    def past(decay: float, entering: Tensor) -> Tensor:
        kernel = _kernels(steps, decay, values)[0]
        return torch.stack([known @ kernel.T, (known * entering) @ kernel.T], -1)

    zero = torch.zeros_like(values)
    shrinkage = _shrinkage(period)
    growth = past(GROWTH, (values - last) / age.clamp(min=1.0))
    nothing = torch.zeros(*values.shape, 1 + len(SIZES), 2, dtype=values.dtype).to(values.device)
    sums = torch.cat([growth[:, :, None], nothing], 2)
    shifted = _shift(torch.where(present, values, zero), present)
    before = torch.stack([shifted, zero, zero, zero], -1)
    first = _look(latest, means, sums, before, shrinkage, size)
    surprise, error = values - first.reference, values - first.slow
    sums = torch.stack(
        [growth, past(ERRORS, error), *[past(decay, surprise.abs()) for decay in SIZES]], 2
    )
    ago = pad(there, (1, 0))[:, :-1]
    before = torch.stack([shifted, _shift(surprise, known > 0), _shift(error, known > 0), ago], -1)
    return _look(latest, means, sums, before, shrinkage, size)


def _look(
    latest: Tensor, means: Tensor, sums: Tensor, before: Tensor, shrinkage: float, size: Tensor
) -> Look:
    """latest (..., 2), means (..., E, 3), sums (..., 4, 2), before (..., 4)."""
    weight, total = sums.unbind(-1)
    growth = total[..., 0] / (weight[..., 0] + shrinkage)
    last, age = latest.unbind(-1)
    started = age > 0
    reference = torch.where(started, last + growth * age, before[..., 0])
    mass, summed, aged = means.unbind(-1)
    enough = mass.clamp(min=1e-6)
    levels = torch.where(
        (mass > 1e-6) & started[..., None],
        (summed + growth[..., None] * aged) / enough,
        reference[..., None],
    )
    mean_error = total[..., 1] / (weight[..., 1] + 1.0)
    sizes = torch.log((total[..., 2:] + size) / (weight[..., 2:] + 1.0) / size + 0.01)
    flags = [1.0 - before[..., 3], 1.0 - started.to(last.dtype)]
    off = [-reference, before[..., 1], before[..., 2], mean_error, growth]
    features = torch.cat(
        [
            torch.stack(off, -1), levels - reference[..., None], sizes, torch.stack(flags, -1),
        ],
        -1,
    )  # fmt: skip
    return Look(reference, started, levels[..., -1], features)


def _shrinkage(period: int) -> float:
    """How many steps without growth the mean growth begins with."""
    return max(period / 2.0, 4.0)


def _kernels(steps: int, decay: float, like: Tensor) -> tuple[Tensor, Tensor]:
    """decay^(t - 1 - s) for s < t, else 0: (steps, steps); and the same times t - s."""
    t = torch.arange(steps, device=like.device)
    apart = t[:, None] - t
    powers = decay ** t.to(like.dtype)
    kernel = torch.where(apart > 0, powers[(apart - 1).clamp(min=0)], 0.0)
    return kernel, kernel * apart


def _before(mask: Tensor, dim: int) -> Tensor:
    """The last place before each along dim where mask is true, -1 where there is none."""
    shape = [1] * mask.dim()
    shape[dim] = mask.shape[dim]
    places = torch.arange(mask.shape[dim], device=mask.device).reshape(shape)
    upto = torch.where(mask, places, -1).cummax(dim).values
    none = torch.full_like(upto.narrow(dim, 0, 1), -1)
    return torch.cat([none, upto.narrow(dim, 0, mask.shape[dim] - 1)], dim)


def _shift(values: Tensor, known: Tensor) -> Tensor:
    """The last known value (B, N) before each step, 0 where there is none."""
    at = _before(known, 1)
    return torch.where(at < 0, 0.0, values.gather(1, at.clamp(min=0)))

"""What the steps so far say of the next one, of whole rows at once, with gradients.

In use the same numbers come step by step, in constant memory: see `recurra.runtime.history`, which
says what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import pad

from recurra.runtime.history import DECAYS, ERRORS, GROWTH, SIZES, shrinkage


@final
@dataclass(frozen=True, eq=False)
class Look:
    """What is known of a step from those before it; any shape (...), in front of the features.

    Args:
        reference: the value at the same phase of the cycle before, and the growth since.
        started: whether there was such a value; else the reference is the last value, or 0.
        slow: the slow mean of the phase, the growth since in it.
        features: (..., F), as there.
    """

    reference: Tensor
    started: Tensor
    slow: Tensor
    features: Tensor


def looks(values: Tensor, present: Tensor, period: int, size: Tensor) -> Look:
    """What is known of each step of rows (B, N) from those before it.

    Args:
        size: () of a usual surprise.
        period: m.
    """
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
    begun = shrinkage(period)
    growth = past(GROWTH, (values - last) / age.clamp(min=1.0))
    nothing = torch.zeros(*values.shape, 1 + len(SIZES), 2, dtype=values.dtype).to(values.device)
    sums = torch.cat([growth[:, :, None], nothing], 2)
    shifted = _shift(torch.where(present, values, zero), present)
    before = torch.stack([shifted, zero, zero, zero], -1)
    first = _look(latest, means, sums, before, begun, size)
    surprise, error = values - first.reference, values - first.slow
    sums = torch.stack(
        [growth, past(ERRORS, error), *[past(decay, surprise.abs()) for decay in SIZES]], 2
    )
    ago = pad(there, (1, 0))[:, :-1]
    before = torch.stack([shifted, _shift(surprise, known > 0), _shift(error, known > 0), ago], -1)
    return _look(latest, means, sums, before, begun, size)


def _look(
    latest: Tensor, means: Tensor, sums: Tensor, before: Tensor, begun: float, size: Tensor
) -> Look:
    """latest (..., 2), means (..., E, 3), sums (..., 4, 2), before (..., 4)."""
    weight, total = sums.unbind(-1)
    growth = total[..., 0] / (weight[..., 0] + begun)
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

"""What the steps so far say of the next one, in constant memory: a reference, and what is off it.

Everything is a difference of values, so that a level never seen before is no matter, and a ufunc of
each row alone: rows never meet. Arrays have the rows R last, so that each number of all rows lies
side by side.

    phases (m, KEPT, R) of each phase of the cycle: the last value; cycles since then, 0: never;
        then for each of DECAYS the decayed sums of 1, of values and of ages
    recent (RECENT, R): four decayed sums of 1 and four of: growth a cycle, error, size of surprises
        twice; last value; surprise and error when last known; 1 if the step before had a value
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from recurra.runtime.state import Array

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

KEPT: Final = 2 + 3 * len(DECAYS)
RECENT: Final = 2 * (2 + len(SIZES)) + 4

_E: Final = len(DECAYS)
_S: Final = 2 + len(SIZES)
_DECAYS: Final = np.array(DECAYS, np.float32)[:, None]
_RATES: Final = np.array((GROWTH, ERRORS, *SIZES), np.float32)[:, None]


class Look(NamedTuple):
    """What is known of a step from those before it.

    Args:
        reference: (R,) the value at the same phase of the cycle before, and the growth since.
        started: (R,) whether there was such a value; else the reference is the last value, or 0.
        slow: (R,) the slow mean of the phase, the growth since in it.
        features: (F, R): the reference with its sign turned; surprise and error of the step before,
            mean error, growth a cycle; means of the phase less the reference; then log sizes of
            surprises, whether the value before was missing, whether this phase is new.

    A surprise is how far a value is off the reference, an error how far off the slow mean.
    """

    reference: Array
    started: Array
    slow: Array
    features: Array


def shrinkage(period: int) -> float:
    """How many steps without growth the mean growth begins with."""
    return max(period / 2.0, 4.0)


def look(phase: Array, recent: Array, size: np.float32, begun: float) -> Look:
    """What the phase (KEPT, R) of the step to come and recent (RECENT, R) say of it.

    Args:
        size: of a usual surprise.
        begun: `shrinkage` of the period.
    """
    last, age = phase[0], phase[1]
    mass, summed, aged = phase[2 : 2 + _E], phase[2 + _E : 2 + 2 * _E], phase[2 + 2 * _E :]
    weight, total, before = recent[:_S], recent[_S : 2 * _S], recent[2 * _S :]
    growth = total[0] / (weight[0] + begun)
    started = age > 0
    reference = np.where(started, last + growth * age, before[0])
    levels = np.where(
        (mass > 1e-6) & started, (summed + growth * aged) / np.maximum(mass, 1e-6), reference
    )
    features = np.empty((FEATURES, len(last)), np.float32)
    np.negative(reference, out=features[0])
    features[1:3] = before[1:3]
    features[3] = total[1] / (weight[1] + 1.0)
    features[4] = growth
    np.subtract(levels, reference, out=features[5 : 5 + _E])
    np.log(
        (total[2:] + size) / (weight[2:] + 1.0) / size + 0.01,
        out=features[LINEAR : LINEAR + len(SIZES)],
    )
    np.subtract(1.0, before[3], out=features[-2])
    np.subtract(1.0, started, out=features[-1], dtype=np.float32)
    return Look(reference, started, levels[-1], features)


def push(
    phase: Array, recent: Array, value: Array, present: Array | None, found: Look
) -> tuple[Array, Array]:
    """The phase and recent after a step with this value (R,).

    Args:
        present: (R,) bool, whether there is a value; None: in all rows.
        found: what was known of the step.
    """
    last, age = phase[0], phase[1]
    mass, summed, aged = phase[2 : 2 + _E], phase[2 + _E : 2 + 2 * _E], phase[2 + 2 * _E :]
    before = recent[2 * _S :]
    after, now = np.empty_like(phase), np.empty_like(recent)
    there: Array | float
    if present is None:
        there, known = 1.0, found.started
        after[0], after[1] = value, 1.0
    else:
        there, known = present.astype(np.float32), found.started & present
        value = np.where(present, value, np.float32(0))
        after[0] = np.where(present, value, last)
        after[1] = np.where(present, np.float32(1), age + (age > 0))
    np.multiply(_DECAYS, mass, out=after[2 : 2 + _E])
    after[2 : 2 + _E] += there
    np.multiply(_DECAYS, summed, out=after[2 + _E : 2 + 2 * _E])
    after[2 + _E : 2 + 2 * _E] += value  # which is 0 where there is none
    np.multiply(_DECAYS, aged + mass, out=after[2 + 2 * _E :])
    after[2 + 2 * _E :] += there
    surprise, error = value - found.reference, value - found.slow
    np.multiply(_RATES, recent[:_S], out=now[:_S])
    now[:_S] += known
    added = np.empty((_S, len(value)), np.float32)
    np.divide(value - last, np.maximum(age, 1.0), out=added[0])
    added[1] = error
    added[2:] = np.abs(surprise)
    added *= known
    np.multiply(_RATES, recent[_S : 2 * _S], out=now[_S : 2 * _S])
    now[_S : 2 * _S] += added
    now[2 * _S] = value if present is None else np.where(present, value, before[0])
    now[2 * _S + 1] = np.where(known, surprise, before[1])
    now[2 * _S + 2] = np.where(known, error, before[2])
    now[2 * _S + 3] = there
    return after, now

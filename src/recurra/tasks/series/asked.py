"""What forecasts are asked for: how far, in which intervals, from which moment or from many."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from recurra.errors import DataError, OptionError, counted
from recurra.runtime.series import Architecture
from recurra.tasks.series.context import ended
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Counts, Panel, shown

Moment = str | int | datetime.date | np.datetime64
"""A step by its stamp: as ISO 8601 has it, a date or a time of Python, NumPy or pandas; a number
where steps are numbers."""


FARTHEST: Final = 10_000
"""Steps that a model which goes step by step forecasts at most, unless it was trained for more."""

MOST_PATHS: Final = 10_000
"""Sample paths of a series, at most."""


def before(panel: Panel, origin: Moment) -> Panel:
    """What is known when the step at `origin` is the next to come.

    Raises:
        OptionError: it is no moment, or lies beside the steps.
        DataError: a series has nothing before it, or ends before the step in front of it.
    """
    ends = _ordinal(panel, origin) - panel.starts
    wrong = np.flatnonzero((ends < 1) | (ends > panel.lengths))
    if len(wrong):
        first = int(panel.starts.max()) + 1
        last = int((panel.starts + panel.lengths).min())
        at = int(wrong[0])
        begins = ends[at] < 1
        which = panel.starts[at] + (0 if begins else panel.lengths[at] - 1)
        more = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
        raise DataError(
            f"an origin at {origin}: series {panel.ids[at]!r}{more} "
            f"{'begins' if begins else 'ends'} at {_shown(panel, which)}",
            expected=f"from {_shown(panel, first)} to {_shown(panel, last)}"
            if first <= last
            else "series that all have steps before it",
        )
    return ended(panel, ends)


def _ordinal(panel: Panel, origin: Moment) -> int:
    numbered = panel.frequency.unit == "step"
    try:
        given: Any = origin
        stamp = int(given) if numbered else np.datetime64(given, "us")
        if not numbered and np.isnat(stamp):
            raise ValueError
        return int(panel.frequency.ordinals(np.array([stamp]))[0])
    except (TypeError, ValueError, OverflowError) as error:
        known = panel.starts + panel.lengths
        raise OptionError(
            f"an origin at {origin}",
            expected=f"a step, {panel.frequency.description}, as "
            + _shown(panel, int(known.min()) - 1),
        ) from error


def _shown(panel: Panel, ordinal: int) -> str:
    return str(shown(panel.frequency.stamps(np.array([ordinal]))[0])).replace("T", " ")


def rolling(
    panel: Panel, begins: Counts, horizon: int, windows: int | None, stride: int
) -> Origins:
    """Origins whose steps all lie in a panel, counted back from the end of each series.

    Args:
        begins: (S,) the first step that may be forecast.
        windows: of each series, as far as it has them; None: all.
        stride: steps from one to the next.

    Raises:
        OptionError: no such stride, or no series has so many.
        DataError: no series has any.
    """
    if stride < 1:
        raise OptionError(f"{stride} steps from origin to origin", expected="1 or more")
    counts = np.maximum(panel.lengths - begins - horizon + 1, 0)
    rounds = -(-counts // stride)
    most = int(rounds.max(initial=0))
    if not most:
        longest = int((panel.lengths - begins).max(initial=0))
        raise DataError(
            f"origins of {counted(horizon, 'step')}: {counted(longest, 'step')} that training had "
            "not",
            expected=f"{horizon:,} or more of a series",
            fix="give data that go on after those of the training, or other series; forecasts of "
            "what it was trained on begin at an origin of your own",
        )
    if windows is not None and not 1 <= windows <= most:
        raise OptionError(
            f"{counted(windows, 'origin')} of each series",
            expected=f"1 to {most:,}: so many lie behind what the model was trained on",
        )
    rounds = np.minimum(rounds, most if windows is None else windows)
    series = np.repeat(np.arange(len(panel)), rounds)
    turn = np.arange(len(series)) - np.repeat(np.cumsum(rounds) - rounds, rounds)
    steps = (panel.lengths - horizon)[series] - (rounds[series] - 1 - turn) * stride
    return Origins(series, steps)


def unseen(panel: Panel, known: Panel, seen: Counts, context: int, horizon: int) -> Counts:
    """The first step (S,) of each series that training had not, or has enough before it.

    Args:
        known: the series that training had.
        seen: (S',) the ordinal of that step of each of them.
        context: steps that are enough.
        horizon: that there have to be from it on.
    """
    number = {each: at for at, each in enumerate(known.ids)}
    begins = np.clip(panel.lengths - horizon, 1, context)
    for at, name in enumerate(panel.ids):
        if name in number:
            begins[at] = max(seen[number[name]] - panel.starts[at], 1)
    return np.minimum(begins, panel.lengths)


def steps_asked(
    sizes: Architecture, horizon: int | None, level: Sequence[float] | None, samples: int = 0
) -> int:
    """Steps to forecast, where a model of these sizes can give what is asked for.

    Raises:
        OptionError: it cannot, or an interval is none.
    """
    stepping = sizes.kind == "autoregressive"
    most = max(sizes.horizon, FARTHEST) if stepping else sizes.horizon
    steps = sizes.horizon if horizon is None else horizon
    if not 1 <= steps <= most:
        other = f"train again with --horizon {steps}, or with --model autoregressive, which goes on"
        raise OptionError(
            f"--horizon {steps} of a model that was trained for {counted(sizes.horizon, 'step')}",
            expected=f"1 to {most:,}",
            fix="" if stepping or steps < 1 else f"{other} step by step",
        )
    if samples and not stepping:
        raise OptionError(
            f"--samples {samples} of a model that reads segments, which draws no paths",
            expected="a model of --model autoregressive",
        )
    if not 0 <= samples <= MOST_PATHS:
        raise OptionError(f"--samples {samples}", expected=f"1 to {MOST_PATHS:,}")
    if level is not None:
        _check_level(level)
    return steps


def _check_level(level: Sequence[float]) -> None:
    listed = [level] if isinstance(level, str) or np.ndim(level) == 0 else list(level)
    fits = all(
        isinstance(each, int | float | np.number) and not isinstance(each, bool) and 0 < each < 100
        for each in listed
    )
    if np.ndim(level) == 0 or not fits or not listed or len(set(listed)) < len(listed):
        raise OptionError(
            f"intervals of {level!r} percent",
            expected="several numbers between 0 and 100, or one: level=[80, 95]",
        )

"""Series cut in time into what trains, what chooses and what reports; origins within a part."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.frequency import Frequency
from recurra.errors import DataError, OptionError, counted
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import DEFAULT_HORIZON, Counts, Part, SeriesData

MOST: Final = 4096  # origins of a part

CHOOSING: Final = 512
"""Windows of the selection part that choose, correct intervals and weigh averages, at most."""

JUDGED: Final = 4096
"""Windows of the test part that report, at most."""


def size_of(text: str | None, name: str) -> int | float | None:
    """Steps (a whole number) or a share (below 1) out of words; None for what is neither.

    Raises:
        OptionError: it is out of range.
    """
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    if 0 < value < 1:
        return value
    if value >= 1 and value.is_integer():
        return int(value)
    raise OptionError(
        f"--{name} {text}", expected="steps, 1 or more; or a share of each series, below 1"
    )


def season_of(frequency: Frequency, lengths: Counts, season: int | None) -> int:
    """Steps of a season: what was told; else the usual ones, where the longest series has two."""
    if season is not None:
        return season
    return frequency.season if int(lengths.max()) >= 2 * frequency.season else 1


def horizon_of(
    lengths: Counts,
    period: int,
    horizon: int | None,
    test: int | float | Counts | None,
    select: int | float | None,
) -> int:
    """Steps to forecast: what was told; else a season, or 10 without, or what the data allow.

    Raises:
        DataError: no series is long enough for it, in each of its parts.
        OptionError: a part that was told is shorter.
    """
    asked = horizon or (period if period > 1 else DEFAULT_HORIZON)
    longest = min(asked, int(lengths.max()))
    while longest and not _whole(lengths, longest, test, select).any():
        longest -= 1
    if longest == asked or (longest and horizon is None):
        return longest
    for name, size in (("test", test), ("select", select)):
        if isinstance(size, int) and size < asked:
            raise OptionError(
                f"--{name} {size}: shorter than the horizon, {asked}",
                expected=f"{counted(asked, 'step')} or more",
                fix=f"--horizon {size}",
            )
    if isinstance(test, np.ndarray) and int(test.max()) < asked:
        raise DataError(
            f"the test file holds {counted(int(test.max()), 'step')} of a series",
            expected=f"{asked} or more, the horizon",
            fix=f"--horizon {int(test.max())}" if test.max() > 0 else "",
        )
    raise DataError(
        f"a horizon of {counted(asked, 'step')}: the longest series has {lengths.max():,}",
        expected="series that hold it three times and a step more: to train, choose and report",
        fix=f"the longest that these data allow: --horizon {longest}"
        if longest
        else "give more data, or smaller parts: --test, --select",
    )


def cut(
    lengths: Counts,
    horizon: int,
    test: int | float | Counts | None,
    select: int | float | None,
) -> tuple[Counts, Counts]:
    """Where training ends (S,) and where the part that chooses ends (S,).

    The last steps of each series report, as many as `test` says: by default a tenth, and the
    horizon at least; the steps before them choose, as many. Where that leaves fewer than a horizon
    and one step to train on, the whole series trains: it can be forecast like any other.
    """
    tests, selects = _sizes(lengths, horizon, test, select)
    whole = _whole(lengths, horizon, test, select)
    select_ends = np.where(whole, lengths - tests, lengths)
    train_ends: Counts = np.where(whole, select_ends - selects, lengths)
    return train_ends, select_ends


def _sizes(
    lengths: Counts,
    horizon: int,
    test: int | float | Counts | None,
    select: int | float | None,
) -> tuple[Counts, Counts]:
    """Steps (S,) that report and choose."""
    if isinstance(test, np.ndarray):
        tests = test
    else:
        tests = _size(lengths, horizon, 0.1 if test is None else test)
    return tests, tests if select is None else _size(lengths, horizon, select)


def _size(lengths: Counts, horizon: int, size: int | float) -> Counts:
    if isinstance(size, int):
        return np.full(len(lengths), size)
    # The share through its decimals: 0.1 of 70 is 7.
    share: Counts = np.floor(lengths * size + 1e-9).astype(np.int64)
    return np.maximum(share, horizon)


def _whole(
    lengths: Counts,
    horizon: int,
    test: int | float | Counts | None,
    select: int | float | None,
) -> NDArray[np.bool_]:
    """Which series (S,) are long enough for all of their parts."""
    tests, selects = _sizes(lengths, horizon, test, select)
    enough = (tests >= horizon) & (selects >= horizon)
    return np.asarray(enough & (lengths - tests - selects >= horizon + 1))


def origins(
    data: SeriesData,
    part: Part,
    *,
    horizon: int | None = None,
    stride: int | None = None,
    most: int = MOST,
) -> Origins:
    """Series (W,) and steps (W,) from which all H targets lie inside a part, in order.

    Where nothing but missing values would be forecast there is no origin.

    Args:
        data: the series and their parts.
        part: where the targets lie.
        horizon: H; default that of the data.
        stride: steps between two origins, counted back from the end; None: as few as `most` allows.
        most: more than these are thinned out evenly.

    Raises:
        DataError: there is none.
    """
    horizon = data.horizon if horizon is None else horizon
    lengths = data.panel.lengths
    begins, ends = {
        "train": (np.ones_like(lengths), data.train_ends),
        "select": (data.train_ends, data.select_ends),
        "test": (data.select_ends, lengths),
    }[part]
    counts = np.maximum(ends - begins - horizon + 1, 0)
    if stride is None:
        stride = _stride(counts, most)
    rounds = -(-counts // stride)
    series = np.repeat(np.arange(len(lengths)), rounds)
    turn = np.arange(len(series)) - np.repeat(np.cumsum(rounds) - rounds, rounds)
    steps = (ends - horizon)[series] - (rounds[series] - 1 - turn) * stride
    present = np.concatenate([[0], np.cumsum(~np.isnan(data.panel.values))])
    at = data.panel.begins[series] + steps
    some = present[at + horizon] > present[at]
    series, steps = series[some], steps[some]
    if not len(series):
        longest = int((ends - begins).max(initial=0))
        raise DataError(
            f"{data.name}: no window of {counted(horizon, 'step')} in the {part} part",
            expected=f"a horizon of at most {longest}, and a value in it",
        )
    if len(series) > most:
        evenly = np.linspace(0, len(series) - 1, most).round().astype(np.int64)
        series, steps = series[evenly], steps[evenly]
    return Origins(series, steps)


def _stride(counts: Counts, most: int) -> int:
    """The smallest stride that leaves at most `most` origins, if any does."""
    low, high = 1, max(1, int(counts.max(initial=1)))
    while low < high:
        middle = (low + high) // 2
        if int((-(-counts // middle)).sum()) <= most:
            high = middle
        else:
            low = middle + 1
    return low

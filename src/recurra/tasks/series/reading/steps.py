"""Rows -> steps: put in order, checked to lie on one grid, gaps left open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.frequency import Frequency
from recurra.errors import DataError, counted
from recurra.tasks.series.panel import Counts, Panel, shown
from recurra.tasks.series.reading.covariates import Covariates, encoded
from recurra.tasks.series.reading.from_files import Rows

_IRREGULAR: Final = 5  # where more than a fifth of the rows are beside a grid, it is none
_SPARSE: Final = 20  # steps for each row, beyond which the rows lie on no grid that is one


@final
@dataclass(frozen=True, eq=False)
class Steps:
    """Rows in order of series and time, and the step that each stands for.

    Args:
        rows: what was read.
        frequency: the grid.
        kept: (S,) series of the rows that have steps.
        starts: (S,) ordinal of the first step of each.
        lengths: (S,) steps of each; the last has a target.
        order: (R,) rows from the first target of their series on, in order.
        series: (R,) place of their series in `kept`.
        step: (R,) step of each; beyond the last target it is the length or more.
        found: counts of what was found.
    """

    rows: Rows
    frequency: Frequency
    kept: Counts
    starts: Counts
    lengths: Counts
    order: Counts
    series: Counts
    step: Counts
    found: dict[str, int]


def steps_of(rows: Rows, frequency: str | Frequency | None = None, *, empty: bool = False) -> Steps:
    """Put rows in order and find the step of each.

    Targets that are missing before the first of a series, and after the last, are left out.

    Args:
        rows: what was read.
        frequency: what the grid is, or what is known of it; None: what most rows say.
        empty: whether series without any target are kept, for what is known of their steps.

    Raises:
        DataError: a row lies beside the grid, two stand for one step, or no row has a target.
    """
    asked = frequency
    if not isinstance(frequency, Frequency):
        frequency = _inferred(rows, frequency)
    off = np.flatnonzero(frequency.off(rows.stamps))
    if len(off):
        raise _beside(rows, frequency, off, asked)
    ordinals = frequency.ordinals(rows.stamps)
    order, found = _ordered(rows, ordinals)
    series, ordinals = rows.series[order], ordinals[order]
    same = np.flatnonzero((np.diff(series) == 0) & (np.diff(ordinals) == 0))
    if len(same):
        raise _twice(rows, frequency, order[same[0] : same[0] + 2], len(same), asked)
    given = ~np.isnan(rows.values[order])
    count = len(rows.ids)
    first, last = np.full(count, np.iinfo(np.int64).max), np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(first, series[given], ordinals[given])
    np.maximum.at(last, series[given], ordinals[given])
    nothing = first > last
    if nothing.all() and not empty:
        names = ", ".join(map(repr, rows.columns.get("target", [])))
        raise DataError(
            f"{rows.frame.name}: all values of {names or 'the target'} are missing",
            expected="numbers to learn from",
            fix="name the column with --target, if another was taken",
        )
    if empty:
        np.minimum.at(first, series, np.where(nothing[series], ordinals, first[series]))
        last[nothing] = first[nothing] - 1
        nothing = np.zeros(count, bool)
    kept = np.flatnonzero(~nothing)
    lengths = (last - first + 1)[kept]
    if int(lengths.sum()) > _SPARSE * len(order) + 10_000:
        raise _too_sparse(rows, frequency, order, series, ordinals, int(lengths.sum()))
    place = np.cumsum(~nothing) - 1
    inside = ~nothing[series] & (ordinals >= first[series])
    targets = given & inside
    before_end = inside & (ordinals <= last[series])
    found |= {
        "gaps": int(lengths.sum()) - int(before_end.sum()),
        "missing": int(before_end.sum()) - int(targets.sum()),
        "trimmed": int((~nothing[series] & ~before_end).sum()),
        "empty": int(nothing.sum()),
    }
    return Steps(
        rows,
        frequency,
        kept,
        first[kept],
        lengths,
        order[inside],
        place[series[inside]],
        ordinals[inside] - first[series[inside]],
        found,
    )


def panel_of(steps: Steps, covariates: Covariates) -> Panel:
    """The panel of steps; what no row says is missing, and never filled.

    Of the steps beyond the last target those count that follow it without a gap, and have a value
    in each known column that never lacked one in training.
    """
    rows, lengths = steps.rows, steps.lengths
    at = rows.row[steps.order]
    begins = np.cumsum(lengths) - lengths
    inside = steps.step < lengths[steps.series]
    place = (begins[steps.series] + steps.step)[inside]
    values = np.full(int(lengths.sum()), np.nan)
    values[place] = rows.values[steps.order[inside]]
    covariate, _ = encoded(covariates.hist_exog, rows.frame)
    past = np.zeros((len(values), covariate.shape[1]), np.float32)
    past[place] = covariate[at[inside]]
    covariate, lacking = encoded(covariates.futr_exog, rows.frame)
    ahead = _ahead(steps, lacking[at]) if covariates.futr_exog else np.zeros_like(lengths)
    total = lengths + ahead
    known = np.zeros((int(total.sum()), covariate.shape[1]), np.float32)
    there = steps.step < total[steps.series]
    known[((np.cumsum(total) - total)[steps.series] + steps.step)[there]] = covariate[at[there]]
    covariate, _ = encoded(covariates.stat_exog, rows.frame)
    return Panel(
        tuple(rows.ids[each] for each in steps.kept.tolist()),
        steps.frequency,
        steps.starts,
        lengths,
        values,
        past,
        ahead,
        known,
        covariate[static_rows(rows, [each.name for each in covariates.stat_exog])[steps.kept]]
        if covariates.stat_exog
        else np.empty((len(steps.kept), 0), np.float32),
    )


def static_rows(rows: Rows, names: list[str]) -> Counts:
    """A row (S,) of the frame for each series, with what its static columns say of it.

    Raises:
        DataError: a static column says two things of a series; both rows are named.
    """
    firsts = np.full(len(rows.ids), len(rows.series))
    np.minimum.at(firsts, rows.series, np.arange(len(rows.series)))
    for name in names:
        texts = rows.frame.columns[name].texts
        codes = texts.codes[rows.row]
        other = np.flatnonzero(codes != codes[firsts[rows.series]])
        if len(other):
            row = int(other[0])
            at, first = (int(rows.row[each]) for each in (row, firsts[rows.series[row]]))
            raise DataError(
                f"{rows.where(row)}: column {name!r} is {texts[at]!r}, but "
                f"{texts[first]!r} in {rows.frame.where(first)}",
                expected="one value for all rows of a series in a --stat column",
                fix="name it with --futr or --hist",
            )
    found: Counts = rows.row[firsts]
    return found


def _ahead(steps: Steps, lacking: NDArray[np.bool_]) -> Counts:
    """Steps (S,) beyond the last target that follow it without a gap and lack nothing."""
    beyond = steps.step >= steps.lengths[steps.series]
    series, step = steps.series[beyond], steps.step[beyond]
    counts = np.bincount(series, minlength=len(steps.lengths))
    rank = np.arange(len(series)) - (np.cumsum(counts) - counts)[series]
    broken = (step - steps.lengths[series] != rank) | lacking[beyond]
    found: Counts = counts.astype(np.int64)
    np.minimum.at(found, series[broken], rank[broken])
    return found


def _ordered(rows: Rows, ordinals: Counts) -> tuple[Counts, dict[str, int]]:
    """The order of series and time, and whether the rows stood in it."""
    order = np.argsort(rows.series, kind="stable")
    series, along = rows.series[order], ordinals[order]
    turns = np.diff(along)[np.diff(series) == 0]
    back = int((turns < 0).sum())
    if not back:
        return order, {"reversed": 0, "unsorted": 0}
    newest_first = not (turns > 0).any()
    return np.lexsort((ordinals, rows.series)), {
        "reversed": len(order) if newest_first else 0,
        "unsorted": 0 if newest_first else back,
    }


def _inferred(rows: Rows, given: str | None) -> Frequency:
    try:
        return Frequency.infer(rows.stamps, rows.series, given)
    except DataError as error:
        raise DataError(
            f"{rows.frame.name}: {error.got}", expected=error.expected, fix=error.fix
        ) from None


def _twice(
    rows: Rows, frequency: Frequency, pair: Counts, count: int, given: str | Frequency | None
) -> DataError:
    """What is said of two rows for one step of a series."""
    first, again = sorted(int(row) for row in pair)
    stamps = [shown(rows.stamps[row]) for row in (first, again)]
    more = f" (and {count - 1:,} more such rows)" if count > 1 else ""
    what = "the same time" if stamps[0] == stamps[1] else "the same step"
    if isinstance(given, str) and stamps[0] != stamps[1]:
        fix = _without(rows)
    elif rows.columns.get("id") is None:
        fix = "name the column that says the series with --id; or drop or join such rows"
    else:
        fix = "drop or join such rows"
    if frequency.unit in ("h", "min", "s") and stamps[0] == stamps[1]:
        fix += "; where clocks went back, give the times with their offset, or as UTC"
    return DataError(
        f"{rows.where(again)}: {what} as in {rows.frame.where(int(rows.row[first]))}, "
        f"{stamps[1]}{more}",
        expected=f"each step once in a series; steps are {frequency.description}",
        fix=fix,
    )


def _without(rows: Rows) -> str:
    """The fix where a frequency was told that the rows do not have."""
    found = Frequency.infer(rows.stamps, rows.series)
    return f"leave --frequency out: most rows say {found.description}"


def _beside(
    rows: Rows, frequency: Frequency, off: Counts, given: str | Frequency | None
) -> DataError:
    row = int(off[0])
    more = f" (and {len(off) - 1:,} more rows)" if len(off) > 1 else ""
    stamp = shown(rows.stamps[row])
    if given is None and _IRREGULAR * len(off) > len(rows.stamps):
        return DataError(
            f"{rows.where(row)}: {stamp} lies at no even distance from the other rows{more}",
            expected="rows on a grid, every hour or every day; some may be missing",
            fix="sum or average them to one",
        )
    on = np.flatnonzero(~frequency.off(rows.stamps))
    example = f", as {shown(rows.stamps[on[0]])} is one" if len(on) else ""
    fix = "bring these rows to the grid or drop them"
    if isinstance(given, str):
        fix = _without(rows)
    elif given is None and frequency.unit != "step":
        fix += "; or name a finer one, with gaps: --frequency min"
    return DataError(
        f"{rows.where(row)}: {stamp} lies beside the grid of the other rows, "
        f"{frequency.description}{more}",
        expected=f"steps that are {frequency.description}{example}",
        fix=fix,
    )


def _too_sparse(
    rows: Rows, frequency: Frequency, order: Counts, series: Counts, ordinals: Counts, total: int
) -> DataError:
    gaps = np.where(np.diff(series) == 0, np.diff(ordinals), 0)
    widest = int(gaps.argmax())
    return DataError(
        f"{rows.where(int(order[widest + 1]))}: {counted(int(gaps[widest]), 'step')} after the row "
        f"before it; {len(order):,} rows would be {total:,} steps that are {frequency.description}",
        expected="rows that lie on a grid, most of it there",
        fix="sum them up to longer steps, or name the frequency: --frequency h",
    )

"""Where forecasts go on from: the tail of each series, in the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.errors import DataError, counted
from recurra.tasks.series.panel import Counts, Panel, SeriesData, shown, stretches
from recurra.tasks.series.reading.form import Form

CONTEXT: Final = "context.safetensors"
SERIES: Final = "series.json"


def write_context(run: Run, data: SeriesData, steps: int) -> None:
    """Write the last steps of each series, what is known ahead of them, and where parts begin."""
    panel = tail(data.panel, steps)
    run.write_arrays(CONTEXT, panel.arrays)
    reports = data.panel.starts + data.select_ends
    run.write_json(SERIES, {"ids": list(panel.ids), "reports": reports.tolist()})


def read_reports(run: Run, panel: Panel) -> Counts:
    """The ordinal (S,) from which on each series reports: the first step that training had not.

    Of a run that did not write it, the end of what it had.

    Raises:
        BundleError: it is damaged.
    """
    facts = run.read_json(SERIES)
    with run.intact(SERIES):
        ends = panel.starts + panel.lengths
        found = np.array(facts.get("reports", ends), np.int64)
        if found.shape != ends.shape or (found > ends).any():
            raise ValueError(f"parts of other than {len(ends):,} series")
    return found


def read_context(run: Run, form: Form) -> Panel:
    """The panel that `write_context` wrote, of data of this form.

    Raises:
        BundleError: it is missing or damaged.
    """
    facts = run.read_json(SERIES)
    with run.intact(SERIES):
        ids = tuple(map(str, facts["ids"]))
    arrays, _ = run.read_arrays(CONTEXT)
    with run.intact(CONTEXT):
        panel = Panel.from_arrays(ids, form.frequency, arrays)
        steps = int(panel.lengths.sum())
        widths = {kind: len(parts) for kind, parts in form.covariates.parts.items()}
        shapes = {
            "starts": (len(ids),),
            "lengths": (len(ids),),
            "ahead": (len(ids),),
            "values": (steps,),
            "past": (steps, widths["hist_exog"]),
            "known": (steps + int(panel.ahead.sum()), widths["futr_exog"]),
            "static": (len(ids), widths["stat_exog"]),
        }
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise ValueError(f"{name} of shape {arrays[name].shape}, not {shape}")
    return panel


def tail(panel: Panel, steps: int) -> Panel:
    """The last `steps` steps of each series; all of those that have fewer."""
    lengths = np.minimum(panel.lengths, steps)
    dropped = panel.lengths - lengths
    rows = stretches(panel.begins + dropped, lengths)
    known = stretches(panel.known_begins + dropped, lengths + panel.ahead)
    return Panel(
        panel.ids,
        panel.frequency,
        panel.starts + dropped,
        lengths,
        panel.values[rows],
        panel.past[rows],
        panel.ahead,
        panel.known[known],
        panel.static,
    )


def joined(context: Panel, newer: Panel) -> Panel:
    """A context with other data of it, mostly newer: S series, those of the context first.

    Where both have a step, the other data's stands, if it says anything. A series ends where it
    does in the other data, if they have a value of it: what the context has beyond that is not
    known there. Steps between the two are missing. What is known of steps to come is taken from
    the other data where they have some, else from the context; it counts as far as it follows the
    last target without a gap.
    """
    number = {each: at for at, each in enumerate(context.ids)}
    new = [each for each in newer.ids if each not in number]
    ids = (*context.ids, *new)
    number |= {each: at for at, each in enumerate(new, len(context))}
    # Each series as steps of either panel: (series, ordinal, value, past), the newer ones later.
    parts = [(context, np.arange(len(context))), (newer, _places(newer, number))]
    starts, reach = np.full(len(ids), _MOST), np.full(len(ids), -_MOST)
    ends = reach.copy()
    for panel, place in parts:
        np.minimum.at(starts, place, panel.starts)
        np.maximum.at(reach, place, panel.starts + panel.lengths + panel.ahead)
        some = (panel.lengths > 0) | (ends[place] == -_MOST)
        ends[place[some]] = (panel.starts + panel.lengths)[some]
    lengths, total = ends - starts, reach - starts
    begins = np.cumsum(total) - total
    values, present = np.full(int(total.sum()), np.nan), np.zeros(int(total.sum()), bool)
    past = np.zeros((len(values), context.past.shape[1]), np.float32)
    known = np.zeros((len(values), context.known.shape[1]), np.float32)
    static = np.zeros((len(ids), context.static.shape[1]), np.float32)
    for panel, place in parts:
        first = begins[place] + panel.starts - starts[place]
        rows = stretches(first, panel.lengths)
        given = ~np.isnan(panel.values)
        values[rows[given]] = panel.values[given]
        # A step that no row stands for leaves what the other panel knows of it.
        says = given | panel.past.any(1)
        past[rows[says]] = panel.past[says]
        ahead = stretches(first, panel.lengths + panel.ahead)
        inside, says = stretches(panel.known_begins, panel.lengths), np.ones(len(ahead), bool)
        says[inside] = given | panel.known[inside].any(1)
        known[ahead[says]], present[ahead] = panel.known[says], True
        static[place] = panel.static
    follows = _following(present, begins + lengths, total - lengths)
    steps = stretches(begins, lengths)
    return Panel(
        ids,
        context.frequency,
        starts,
        lengths,
        values[steps],
        past[steps],
        follows,
        known[stretches(begins, lengths + follows)],
        static,
    )


def ended(panel: Panel, ends: Counts) -> Panel:
    """The panel before steps `ends` (S,) alone, but for what is known beforehand."""
    steps = stretches(panel.begins, ends)
    return replace(
        panel,
        lengths=ends,
        values=panel.values[steps],
        past=panel.past[steps],
        ahead=panel.lengths + panel.ahead - ends,
    )


_MOST: Final = np.iinfo(np.int64).max // 4


def check_known(panel: Panel, form: Form, horizon: int) -> None:
    """Refuse a forecast of steps of which not all is known that the model was trained to know.

    Raises:
        DataError: of some series too few steps are known; the first that lacks is named.
    """
    short = np.flatnonzero(panel.ahead < horizon)
    if not form.covariates.futr_exog or not len(short):
        return
    at = int(short[0])
    have = int(panel.ahead[at])
    ordinal = np.array([panel.starts[at] + panel.lengths[at] + have])
    names = ", ".join(repr(each.name) for each in form.covariates.futr_exog)
    several = f" (and of {len(short) - 1:,} more series)" if len(short) > 1 else ""
    raise DataError(
        f"{names} of series {panel.ids[at]!r}: known {counted(have, 'step')} ahead{several}",
        expected=f"{counted(horizon, 'step')} ahead, the horizon: the next is "
        f"{shown(panel.frequency.stamps(ordinal)[0])}",
        fix="give rows for the steps to come, with these columns and no target; or a shorter "
        "--horizon",
    )


def check_begun(context: Panel, newer: Panel, form: Form) -> None:
    """Refuse newer data that say nothing to go on from.

    Raises:
        DataError: a series that training had not has no value; or, where rows without times are
            counted from the first, they end before the training did.
    """
    number = {each: at for at, each in enumerate(context.ids)}
    ends = newer.starts + newer.lengths + newer.ahead
    for at, name in enumerate(newer.ids):
        if name not in number:
            if not newer.lengths[at]:
                raise DataError(
                    f"series {name!r} is new, and has no value to go on from",
                    expected="values of the steps before, of series that training had not",
                )
            continue
        end = int(context.starts[number[name]] + context.lengths[number[name]])
        if form.columns["time"] is None and ends[at] < end:
            raise DataError(
                f"{counted(int(ends[at]), 'row')} without times of series {name!r}, which had "
                f"{counted(end, 'step')} in training",
                expected="all rows from the first on, as without times they are counted from there",
                fix="put the newer rows behind the old ones, or train with a column of times",
            )


def _places(panel: Panel, number: dict[str, int]) -> Counts:
    return np.array([number[each] for each in panel.ids], np.int64)


def _following(present: NDArray[np.bool_], at: Counts, most: Counts) -> Counts:
    """How many steps (S,) from a row on are told without a gap, at most so many (S,)."""
    rows = stretches(at, most)
    series = np.repeat(np.arange(len(most)), most)
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(most) - most, most)
    found = most.copy()
    gaps = ~present[rows]
    np.minimum.at(found, series[gaps], rank[gaps])
    return found

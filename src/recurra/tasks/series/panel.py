"""Series on one frequency, end to end, and where time cuts them into parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.frequency import Frequency
from recurra.errors import counted

if TYPE_CHECKING:
    from recurra.tasks.series.reading.covariates import Covariates
    from recurra.tasks.series.scale import Scale

Counts = NDArray[np.int64]
DEFAULT_HORIZON: Final = 10  # steps, where there is no season
Part = Literal["train", "select", "test"]


@final
@dataclass(frozen=True, eq=False)
class Panel:
    """S series on one frequency, end to end; N = lengths.sum() steps in all.

    Args:
        ids: (S,) their names.
        frequency: what lies between two steps.
        starts: (S,) ordinal of the first step of each.
        lengths: (S,) steps of each, the last of which has a target.
        values: (N,) targets in real units; NaN where missing.
        past: (N, P) what is known of a step only once it is over, as numbers of one scale.
        ahead: (S,) steps beyond the last target for which `known` is given.
        known: ((lengths + ahead).sum(), K) what is known of a step beforehand.
        static: (S, D) what holds for all steps of a series.
    """

    ids: tuple[str, ...]
    frequency: Frequency
    starts: Counts
    lengths: Counts
    values: NDArray[np.float64]
    past: NDArray[np.float32]
    ahead: Counts
    known: NDArray[np.float32]
    static: NDArray[np.float32]

    ARRAYS: ClassVar = ("starts", "lengths", "values", "past", "ahead", "known", "static")
    """What files hold of it beside names and frequency."""

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_arrays(
        cls, ids: Sequence[str], frequency: Frequency, arrays: Mapping[str, NDArray[Any]]
    ) -> Self:
        """The panel that `arrays` took apart; others among them are left."""
        return cls(tuple(ids), frequency, **{name: arrays[name] for name in cls.ARRAYS})

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Its fields that are arrays, by their names."""
        return {name: getattr(self, name) for name in self.ARRAYS}

    @cached_property
    def begins(self) -> Counts:
        """(S,) the row of `values` at which each series begins."""
        found: Counts = np.cumsum(self.lengths) - self.lengths
        return found

    @cached_property
    def known_begins(self) -> Counts:
        """(S,) the row of `known` at which each series begins."""
        rows = self.lengths + self.ahead
        found: Counts = np.cumsum(rows) - rows
        return found

    def of(self, series: int) -> NDArray[np.float64]:
        """The targets (T,) of one series."""
        begin = self.begins[series]
        return self.values[begin : begin + self.lengths[series]]

    def chosen(self, ids: Sequence[str]) -> Panel:
        """The series of these names, in their order."""
        number = {each: at for at, each in enumerate(self.ids)}
        at = np.array([number[each] for each in ids], np.int64)
        rows = stretches(self.begins[at], self.lengths[at])
        known = stretches(self.known_begins[at], (self.lengths + self.ahead)[at])
        return Panel(
            tuple(ids),
            self.frequency,
            self.starts[at],
            self.lengths[at],
            self.values[rows],
            self.past[rows],
            self.ahead[at],
            self.known[known],
            self.static[at],
        )

    def actuals(self, series: Counts, origins: Counts, horizon: int) -> NDArray[np.float64]:
        """The targets (W, H) from each origin on; NaN where missing, or beyond the end."""
        steps = origins[:, None] + np.arange(horizon)
        inside = steps < self.lengths[series][:, None]
        rows = np.where(inside, self.begins[series][:, None] + steps, 0)
        return np.where(inside, self.values[rows], np.nan)


def stretches(begins: Counts, counts: Counts) -> Counts:
    """The rows of several stretches, one after the other."""
    ends = np.cumsum(counts)
    found: Counts = np.arange(int(counts.sum())) + np.repeat(begins - (ends - counts), counts)
    return found


_FOUND: Final = {
    "gaps": "steps that no row stands for (masked)",
    "missing": "missing values (masked)",
    "unsorted": "rows that came before an earlier one (put in order)",
    "reversed": "rows newest first (put in order)",
    "trimmed": "rows without a value before the first or after the last one",
    "ahead": "steps beyond the last value, of which something is known",
    "empty": "series without any value (left out)",
    "short": "series too short for parts of their own (they train whole, and report nothing)",
    "constant": "series constant in training",
    "headerless": "table without column names: its first line is data (--header if it is not)",
}


@final
@dataclass(frozen=True, eq=False)
class SeriesData:
    """A panel cut in time: in each series first come steps that train, then choose, then report.

    Args:
        name: what the data are called.
        files: what was read; empty for what came from Python.
        panel: the series.
        train_ends: (S,) steps before these train.
        select_ends: (S,) steps from train_ends to here choose, those from here on report. Both are
            the length where a series is too short for parts of its own.
        horizon: steps to forecast.
        period: steps of a season; 1 where there is none.
        scale: of each series, by its training steps.
        covariates: how columns became known, past and static; fitted on training steps.
        found: counts of what was found.
        columns: which column is what.
        origin: by what options it was read and cut.
        test_files: files that report.
    """

    name: str
    files: tuple[Path, ...]
    panel: Panel
    train_ends: Counts
    select_ends: Counts
    horizon: int
    period: int
    scale: Scale
    covariates: Covariates
    found: dict[str, int]
    columns: dict[str, Any]
    origin: dict[str, Any]
    test_files: tuple[Path, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the panel and its parts."""
        panel, digest = self.panel, hashlib.sha256()
        digest.update(json.dumps([panel.ids, panel.frequency.to_json()]).encode())
        arrays = (panel.starts, panel.lengths, panel.values, panel.past, panel.ahead, panel.known)
        for array in (*arrays, panel.static, self.train_ends, self.select_ends):
            digest.update(f"{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def summary(self) -> str:
        """What there is, in a sentence."""
        panel, steps = self.panel, int(self.panel.lengths.sum())
        lengths = panel.lengths
        if len(panel) == 1:
            what = f"{self.name}: {counted(steps, 'step')}, {panel.frequency.description}"
        else:
            each = f"{lengths.min():,} to {lengths.max():,}"
            if lengths.min() == lengths.max():
                each = f"{lengths[0]:,} each"
            what = f"{self.name}: {len(panel):,} series, {steps:,} steps ({each}), "
            what += panel.frequency.description
        what += f" ({self._span()})"
        named = self.columns.get("target") or []
        if named:
            most = ", ".join(map(repr, named[:5])) + (" ..." if len(named) > 5 else "")
            what += f"; target {most}"
        for kind, words in (("futr_exog", "known ahead"), ("hist_exog", "known afterwards")):
            if self.columns.get(kind):
                what += f", {words}: {', '.join(map(repr, self.columns[kind]))}"
        if self.columns.get("stat_exog"):
            what += f", of a series: {', '.join(map(repr, self.columns['stat_exog']))}"
        season = f"season {self.period}" if self.period > 1 else "no season"
        what += f"; {season}, horizon {self.horizon}"
        whole = self.select_ends < lengths
        tests = np.unique((lengths - self.select_ends)[whole])
        steps_tested = f"{tests[0]:,}" if len(tests) == 1 else f"{tests[0]:,} to {tests[-1]:,}"
        ended = "step reports" if steps_tested == "1" else "steps report"
        what += f"; the last {steps_tested} {ended}, those before choose"
        notes = [
            f"{count:,} {words}" for key, words in _FOUND.items() if (count := self.found.get(key))
        ]
        if "by_rows" in self.columns:
            first, last = self.columns["by_rows"]
            notes.insert(0, f"a row a series: its steps stand in columns {first!r} to {last!r}")
        elif self.columns.get("time") is None:
            notes.insert(0, "no column of times: rows are steps, in the order they stand in")
        elif "," in self.columns["time"]:
            notes.insert(0, f"times out of {self.columns['time']}")
        if panel.frequency.opened:
            every = f"(all of them: --frequency {panel.frequency.alias})"
            notes.insert(
                0, f"steps in between, which no row has, are none and not forecast {every}"
            )
        if self.columns.get("decimal"):
            notes.insert(0, _DECIMALS[self.columns["decimal"]])
        if self.columns.get("zone"):
            notes.insert(
                0, _ZONES.get(self.columns["zone"], f"times kept at {self.columns['zone']}")
            )
        usual = self.period if self.period > 1 else DEFAULT_HORIZON
        if self.origin["asked"]["horizon"] is None and self.horizon < usual:
            notes.append(f"a horizon of {usual} is more than the data allow")
        if self.columns.get("unused"):
            unused = self.columns["unused"]
            more = f" and {len(unused) - 5} more" if len(unused) > 5 else ""
            notes.append(f"columns not used: {', '.join(map(repr, unused[:5]))}{more}")
        return "; ".join([what, *notes])

    def _span(self) -> str:
        """The first step of all and the last."""
        first = int(self.panel.starts.min())
        last = int((self.panel.starts + self.panel.lengths).max()) - 1
        return " to ".join(map(shown, self.panel.frequency.stamps(np.array([first, last]))))

    @property
    def read_files(self) -> tuple[Path, ...]:
        """The files that it came from."""
        return (*self.files, *self.test_files)

    def facts(self) -> dict[str, Any]:
        """What the run's configuration says of the data; `read_again` reads by it."""
        panel = self.panel
        return {
            "name": self.name,
            "files": [str(file.resolve()) for file in self.files],
            "test_files": [str(file.resolve()) for file in self.test_files],
            "origin": self.origin,
            "sha256": self.digest,
            "columns": self.columns,
            "frequency": panel.frequency.to_json(),
            "frequency_description": panel.frequency.description,
            "horizon": self.horizon,
            "period": self.period,
            "series": len(panel),
            "steps": int(panel.lengths.sum()),
            "present": int((~np.isnan(panel.values)).sum()),
            "train": int(self.train_ends.sum()),
            "select": int((self.select_ends - self.train_ends).sum()),
            "test": int((panel.lengths - self.select_ends).sum()),
            "reporting": int((self.select_ends < panel.lengths).sum()),
            "log": self.scale.log,
            "found": self.found,
        }


_DECIMALS: Final = {
    ",": "numbers are read with commas before decimals",
    ".": "numbers are read with points before decimals, and other marks between thousands",
}
_ZONES: Final = {
    "UTC": "times are UTC",
    "local": "times kept as those of their zone, whose offset changes",
}


def shown(stamp: object) -> str:
    """A moment as short as it can be said."""
    return str(stamp).removesuffix(".000000").removesuffix(":00").removesuffix("T00:00")

"""Pictures of a series run: its forecasts, how far ahead they hold, what they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import REPORT, Run
from recurra.codecs.frequency import Frequency
from recurra.show.page import Section, Table
from recurra.show.picture import BLUE, GREEN, ORANGE, figure, font_for, write
from recurra.tasks import contenders
from recurra.tasks.series import render
from recurra.tasks.series.baselines.measured import NAIVE, SEASONAL
from recurra.tasks.series.forecasts import INTERVALS, LEVELS
from recurra.tasks.series.report import AHEAD, INFLUENCE, SCORED
from recurra.tasks.series.targets import NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY: Final = "#555555"

BARS: Final = 60
"""Lags up to which each has a bar."""

WINDOWS: Final = 8
"""Windows of a backtest, one behind the other."""

_MEDIAN: Final = LEVELS.index(0.5)
_TINTS: Final = {95: "#d9e9f4", 80: "#aacfe8", 50: "#6caed9"}


def draw(run: Run) -> list[str]:
    """Draw what the run has recorded; returns the names of the files."""
    names: list[str] = []
    if run.has(REPORT):
        report = run.read_json(REPORT)
        if run.has(SCORED):
            recorded = _Recorded.of(run, SCORED)
            names += [_forecast(run, recorded), _backtest(run, recorded)]
        names.append(_horizon(run, report))
    if run.has(AHEAD):
        names.append(_forecast(run, _Recorded.of(run, AHEAD), "ahead"))
    if run.has(INFLUENCE):
        names.append(_influence(run, run.read_json(INFLUENCE)))
    return names


def sections(run: Run) -> list[Section]:  # noqa: ARG001
    """No sections: all that is drawn is in files."""
    return []


def ahead(path: str | PathLike[str]) -> Path:
    """Draw the last forecast of steps to come into the run's figures; returns the file.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    run = Run.open(path, task="series")
    return run.path / _forecast(run, _Recorded.of(run, AHEAD), "ahead")


@final
@dataclass(frozen=True, eq=False)
class _Recorded:
    """What the run has kept of windows: those of the test part, or of steps to come."""

    arrays: dict[str, NDArray[Any]]
    facts: dict[str, Any]
    frequency: Frequency

    @classmethod
    def of(cls, run: Run, name: str) -> _Recorded:
        arrays, facts = run.read_arrays(name)
        return cls(dict(arrays), facts, Frequency.from_json(facts["frequency"]))

    def windows(self, place: int) -> NDArray[np.int64]:
        """Rows of the windows of a pictured series, in time."""
        rows = np.flatnonzero(self.arrays["series"] == self.facts["pictured"][place])
        return rows[np.argsort(self.arrays["origins"][rows], kind="stable")]

    def when(self, place: int, steps: NDArray[np.int64]) -> NDArray[Any]:
        """Moments of steps of a pictured series."""
        found: NDArray[Any] = self.frequency.stamps(self.facts["starts"][place] + steps)
        return found

    def values(self, place: int, first: int, end: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Moments and values of the steps from `first` on, and before `end`."""
        values = self.arrays[f"values.{self.facts['pictured'][place]}"]
        begin = self.facts["firsts"][place]
        first, end = max(first, begin), min(end, begin + len(values))
        steps = np.arange(first, end)
        return self.when(place, steps), values[first - begin : end - begin]

    @property
    def horizon(self) -> int:
        return int(self.arrays["quantiles"].shape[1])


# -- forecasts ----------------------------------------------------------------------------------


def _forecast(run: Run, recorded: _Recorded, name: str = "forecast") -> str:
    """The last window of each pictured series: what came before, what was said, what came.

    What has not come yet is not drawn.
    """
    count, horizon = len(recorded.facts["pictured"]), recorded.horizon
    # One below the other: side by side they cannot be read on a phone.
    drawn = figure(7.6, 4.0 if count == 1 else 3.0 * count)
    panels = drawn.subplots(count, 1, squeeze=False).ravel()
    font = font_for(map(str, recorded.facts["ids"]))
    for place, axes in enumerate(panels):
        window = int(recorded.windows(place)[-1])
        origin = int(recorded.arrays["origins"][window])
        _fan(axes, recorded, place, window)
        began = origin - recorded.facts["context"]
        datetimes, values = recorded.values(place, began, origin + horizon)
        axes.plot(datetimes, values, color="black", linewidth=1.2, label="what came")
        if "baseline" in recorded.arrays:
            ahead = recorded.when(place, np.arange(origin, origin + horizon))
            line = recorded.arrays["baseline"][window]
            axes.plot(*_dotted(ahead, line), color=ORANGE, label=recorded.facts["baseline"])
        _begun(axes, recorded, place, origin)
        if count > 1:
            title = str(recorded.facts["ids"][place]) if font else f"series {place + 1}"
            axes.set_title(title[:40], fontsize=9, fontfamily=font)
        _dated(axes, recorded)
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return write(run, f"figures/{name}.png", drawn)


def _backtest(run: Run, recorded: _Recorded) -> str:
    """The last windows of the first pictured series, one behind the other, without overlap."""
    place = len(recorded.facts["pictured"]) // 2
    chosen: list[int] = []
    for window in reversed(recorded.windows(place).tolist()):
        origin = int(recorded.arrays["origins"][window])
        if not chosen or origin + recorded.horizon <= recorded.arrays["origins"][chosen[-1]]:
            chosen.append(window)
    chosen = chosen[:WINDOWS][::-1]
    drawn = figure(10.0, 4.0)
    axes = drawn.add_subplot()
    horizon, first = recorded.horizon, int(recorded.arrays["origins"][chosen[0]])
    for number, window in enumerate(chosen):
        origin = int(recorded.arrays["origins"][window])
        ahead = recorded.when(place, np.arange(origin, origin + horizon))
        _fan(axes, recorded, place, window, named=number == 0)
        if "baseline" in recorded.arrays:
            label = recorded.facts["baseline"] if number == 0 else None
            line = recorded.arrays["baseline"][window]
            axes.plot(*_dotted(ahead, line), color=ORANGE, label=label)
        _begun(axes, recorded, place, origin)
    last = int(recorded.arrays["origins"][chosen[-1]]) + horizon
    axes.plot(
        *recorded.values(place, first - horizon, last),
        color="black",
        linewidth=1.2,
        label="what came",
    )
    if len(recorded.facts["pictured"]) > 1:
        names = list(map(str, recorded.facts["ids"]))
        font = font_for(names)
        axes.set_title(names[place][:60] if font else "", fontsize=9, fontfamily=font)
    _dated(axes, recorded)
    drawn.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    return write(run, "figures/backtest.png", drawn)


def _fan(axes: Axes, recorded: _Recorded, place: int, window: int, *, named: bool = True) -> None:
    """A forecast with its intervals; a single step as bars."""
    origin = int(recorded.arrays["origins"][window])
    ahead = recorded.when(place, np.arange(origin, origin + recorded.horizon))
    said = recorded.arrays["quantiles"][window]
    single = recorded.horizon == 1
    for size, tint in _TINTS.items():
        low, high = (said[:, end] for end in INTERVALS[size])
        label = f"{size} %" if named else ""
        if single:
            axes.vlines(ahead, low, high, color=tint, linewidth=8, label=label)
        else:
            axes.fill_between(ahead, low, high, color=tint, linewidth=0, label=label)
    style, label = "o" if single else "-", "forecast" if named else ""
    axes.plot(ahead, said[:, _MEDIAN], style, color=BLUE, linewidth=1.6, markersize=4, label=label)


def _dotted(ahead: NDArray[Any], line: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], str]:
    return ahead, line, "x" if len(line) == 1 else "--"


def _begun(axes: Axes, recorded: _Recorded, place: int, origin: int) -> None:
    """A line where a forecast of several steps begins."""
    if recorded.horizon > 1:
        moment = recorded.when(place, np.array([origin]))[0]
        axes.axvline(moment, color=GREY, linewidth=0.7, alpha=0.7)


def _dated(axes: Axes, recorded: _Recorded) -> None:
    """Dates as short as they can be said; numbers of steps where there are none."""
    if recorded.frequency.unit == "step":
        axes.set_xlabel("step", fontsize=9)
    else:
        from matplotlib import dates

        locator: Any = dates.AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
        written: Any = dates.ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(written)
    target = str(recorded.facts["target"])
    font = font_for([target])
    if font:
        axes.set_ylabel(target[:40], fontsize=9, fontfamily=font)
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=8)


# -- by horizon ---------------------------------------------------------------------------------


def _horizon(run: Run, report: dict[str, Any]) -> str:
    """The error and the coverage of the intervals at each step ahead."""
    metric, horizon = report["metric"], report["data"]["horizon"]
    steps = np.arange(1, horizon + 1)
    style = "o-" if horizon <= 40 else "-"
    drawn = figure(7.6, 6.4)
    above, below = drawn.subplots(2, 1)  # side by side they cannot be read on a phone
    lines = [("this model", report["model"], BLUE, style)]
    best = report["verdict"]["baseline"] if report["verdict"] else None
    names = [each["name"] for each in report["baselines"]]
    naive = SEASONAL if SEASONAL in names else NAIVE
    for each in report["baselines"]:
        if each["name"] == best:
            lines.append((each["name"], each, ORANGE, style.replace("o", "s")))
        elif each["name"] == naive:
            lines.append((each["name"], each, GREY, style.replace("o-", "x--")))
    for name, figures, colour, line in lines:
        found = np.array(figures["steps"][metric], np.float64)
        above.plot(steps, found, line, color=colour, markersize=3, label=name)
    above.set_ylabel(NAMES[metric])
    above.set_xlim(0.4, horizon + 0.6)
    below.set_xlim(above.get_xlim())
    above.set_ylim(0, 1.05 * above.get_ylim()[1])
    colours = {"50": GREEN, "80": BLUE, "95": ORANGE}
    markers = {"50": "o", "80": "s", "95": "^"}
    for size, colour in colours.items():
        found = 100 * np.array(report["model"]["steps"]["coverage"][size], np.float64)
        line = style.replace("o", markers[size])
        below.plot(steps, found, line, color=colour, markersize=3, label=f"interval of {size} %")
        below.axhline(float(size), color=colour, linestyle=":", linewidth=1)
    below.set_ylabel("holds, % (dotted: what it promises)")
    below.set_ylim(0, 102)
    for axes in (above, below):
        axes.set_xlabel("steps ahead")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        _whole(axes)
    return write(run, "figures/horizon.png", drawn)


def _influence(run: Run, found: dict[str, Any]) -> str:
    """How much each step of the past matters to the forecasts."""
    lags, shares = np.array(found["lags"]), 100 * np.array(found["shares"], np.float64)
    drawn = figure(7.6, 3.6)
    axes = drawn.add_subplot()
    if len(lags) <= BARS:
        axes.bar(lags, shares, width=0.8, color=BLUE)
    else:
        axes.plot(lags, shares, color=BLUE, linewidth=1.2)
        axes.fill_between(lags, shares, color=_TINTS[80], linewidth=0)
    axes.set_xlim(lags.max() + 0.6, lags.min() - 0.6)  # the past is on the left
    axes.set_xlabel("lag: steps back, 1 the last step before the forecast")
    _whole(axes)
    axes.set_ylabel("share of the influence, %")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3, axis="y")
    if found.get("note"):
        axes.set_title(str(found["note"]), fontsize=9)
    return write(run, "figures/influence.png", drawn)


def _whole(axes: Axes) -> None:
    """Ticks at whole numbers alone."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))


def table(report: dict[str, Any]) -> Table:
    """The figures of a report."""
    return contenders.table(report, render.columns(report), "lower is better")

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
from recurra.judge.answer import NETWORK
from recurra.show.page import Section, Table
from recurra.show.picture import (
    BLUE,
    CHART,
    GREEN,
    GREY,
    ORANGE,
    Picture,
    figure,
    titled,
    write,
)
from recurra.tasks import contenders
from recurra.tasks.series import render
from recurra.tasks.series.baselines.measured import NAIVE, SEASONAL
from recurra.tasks.series.forecasts import INTERVALS, LEVELS
from recurra.tasks.series.report import AHEAD, INFLUENCE, SCORED
from recurra.tasks.series.targets import NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BARS: Final = 60
"""Lags up to which each has a bar."""

WINDOWS: Final = 8
"""Windows of a backtest, one behind the other."""

_MEDIAN: Final = LEVELS.index(0.5)
_SHADES: Final = {95: 0.15, 80: 0.25, 50: 0.4}  # one upon the other
_BANDS: Final = "in bands that should hold 50, 80 and 95 % of what comes"


def draw(run: Run) -> list[Picture]:
    """Draw what the run has recorded."""
    found: list[Picture] = []
    report = run.read_json(REPORT) if run.has(REPORT) else None
    if report is not None:
        if run.has(SCORED):
            recorded = _Recorded.of(run, SCORED)
            found += [_forecast(run, recorded), _backtest(run, recorded)]
        found += [_horizon(run, report), _coverage(run, report)]
    if run.has(AHEAD):
        found.append(_ahead(run))
    if run.has(INFLUENCE):
        used = report is None or (report.get("answer") or {}).get("weight", 1)
        found.append(_influence(run, run.read_json(INFLUENCE), used=bool(used)))
    return found


def sections(run: Run) -> list[Section]:  # noqa: ARG001
    """No sections: all that is drawn is in files."""
    return []


def ahead(path: str | PathLike[str]) -> Path:
    """Draw the last forecast of steps to come into the run's figures; returns the file.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    run = Run.open(path, task="series")
    return run.path / _ahead(run).name


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
    def who(self) -> str:
        """Whose the forecasts are, as tables call it."""
        return "the answer" if self.facts.get("answer") else "this model"

    @property
    def whose(self) -> str:
        """The same in full, for a sentence."""
        name = self.facts.get("answer")
        return f"the {name}, which answers here," if name else "this model"

    @property
    def horizon(self) -> int:
        return int(self.arrays["quantiles"].shape[1])

    def others(self) -> str:
        """What is drawn beside it, in half a sentence."""
        named = {
            NETWORK: f"the {NETWORK} (green)",
            "baseline": f"{self.facts['baseline']} (orange)",
        }
        found = [name for key, name in named.items() if key in self.arrays]
        return f"; beside it {' and '.join(found)}" if found else ""


# -- forecasts ----------------------------------------------------------------------------------


def _ahead(run: Run) -> Picture:
    """What has been asked for last: steps that nobody has seen."""
    recorded = _Recorded.of(run, AHEAD)
    caption = (
        f"What {recorded.whose} says of the {recorded.horizon:,} steps to come (blue), {_BANDS}."
    )
    return _panels(run, recorded, "ahead", caption)


def _forecast(run: Run, recorded: _Recorded) -> Picture:
    """The last window of each pictured series: what came before, what was said, what came."""
    caption = (
        f"The last forecast of the test part: what {recorded.whose} said (blue), {_BANDS}, and "
        f"what came{recorded.others()}."
    )
    return _panels(run, recorded, "forecast", caption)


def _panels(run: Run, recorded: _Recorded, name: str, caption: str) -> Picture:
    """The last window of each pictured series; what has not come yet is not drawn."""
    count, horizon = len(recorded.facts["pictured"]), recorded.horizon
    # One below the other: side by side they cannot be read on a phone.
    drawn = figure(CHART[0], 3.2 if count == 1 else 0.6 + 2.2 * count)
    panels = drawn.subplots(count, 1, squeeze=False).ravel()
    for place, axes in enumerate(panels):
        window = int(recorded.windows(place)[-1])
        origin = int(recorded.arrays["origins"][window])
        _fan(axes, recorded, place, window)
        began = origin - recorded.facts["context"]
        datetimes, values = recorded.values(place, began, origin + horizon)
        axes.plot(datetimes, values, color="black", linewidth=1.2, label="what came")
        _begun(axes, recorded, place, origin)
        _dated(axes, recorded, place)
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    label = f"line chart of {count:,} series: the past, and forecasts of {horizon:,} steps"
    return write(run, f"figures/{name}.svg", drawn, caption, label)


def _backtest(run: Run, recorded: _Recorded) -> Picture:
    """The last windows of a pictured series, one behind the other, without overlap."""
    place = len(recorded.facts["pictured"]) // 2
    chosen: list[int] = []
    for window in reversed(recorded.windows(place).tolist()):
        origin = int(recorded.arrays["origins"][window])
        if not chosen or origin + recorded.horizon <= recorded.arrays["origins"][chosen[-1]]:
            chosen.append(window)
    chosen = chosen[:WINDOWS][::-1]
    drawn = figure(CHART[0], 3.2)
    axes = drawn.add_subplot()
    first = int(recorded.arrays["origins"][chosen[0]])
    for number, window in enumerate(chosen):
        _fan(axes, recorded, place, window, named=number == 0)
        _begun(axes, recorded, place, int(recorded.arrays["origins"][window]))
    last = int(recorded.arrays["origins"][chosen[-1]]) + recorded.horizon
    datetimes, values = recorded.values(place, first - recorded.horizon, last)
    axes.plot(datetimes, values, color="black", linewidth=1.2, label="what came")
    _dated(axes, recorded, place)
    drawn.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    caption = (
        "Forecasts of the test part one behind the other: each was made at its upright line, "
        "without what came after."
    )
    if len(chosen) == 1:
        caption = "The test part has one window: a forecast, made without what came after its line."
    label = f"line chart: {len(chosen):,} forecasts of {recorded.horizon:,} steps, and what came"
    return write(run, "figures/backtest.svg", drawn, caption, label)


def _fan(axes: Axes, recorded: _Recorded, place: int, window: int, *, named: bool = True) -> None:
    """A forecast with its intervals, and others beside it; a single step as bars and points."""
    origin = int(recorded.arrays["origins"][window])
    ahead = recorded.when(place, np.arange(origin, origin + recorded.horizon))
    said = recorded.arrays["quantiles"][window]
    single = recorded.horizon == 1
    for size, alpha in _SHADES.items():
        low, high = (said[:, end] for end in INTERVALS[size])
        look: dict[str, Any] = {"color": BLUE, "alpha": alpha, "label": f"{size} %" * named}
        if single:
            axes.vlines(ahead, low, high, linewidth=8, **look)
        else:
            axes.fill_between(ahead, low, high, linewidth=0, **look)
    lines = [(recorded.who, said[:, _MEDIAN], BLUE, "o" if single else "-")]
    beside = (NETWORK, f"the {NETWORK}", GREEN, ":"), ("baseline", None, ORANGE, "--")
    for key, name, colour, style in beside:
        if key in recorded.arrays:
            label = name or str(recorded.facts[key])
            lines.append((label, recorded.arrays[key][window], colour, "x" if single else style))
    for label, line, colour, style in lines:
        axes.plot(
            ahead, line, style, color=colour, linewidth=1.6, markersize=4, label=label * named
        )


def _begun(axes: Axes, recorded: _Recorded, place: int, origin: int) -> None:
    """A line where a forecast of several steps begins."""
    if recorded.horizon > 1:
        moment = recorded.when(place, np.array([origin]))[0]
        axes.axvline(moment, color=GREY, linewidth=0.7, alpha=0.7)


def _dated(axes: Axes, recorded: _Recorded, place: int) -> None:
    """Dates as short as they can be said; numbers of steps where there are none.

    Above stands what it is of: the series, where there are several, and the target.
    """
    if recorded.frequency.unit == "step":
        axes.set_xlabel("step")
    else:
        from matplotlib import dates

        locator: Any = dates.AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
        written: Any = dates.ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(written)
    several = len(recorded.facts["pictured"]) > 1
    names = [recorded.facts["ids"][place]] if several else []
    titled(axes, ": ".join(map(str, filter(None, [*names, recorded.facts["target"]]))))
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=9)


# -- by horizon ---------------------------------------------------------------------------------


def _horizon(run: Run, report: dict[str, Any]) -> Picture:
    """The error at each step ahead, of whom a user might ask for."""
    metric = report["metric"]
    answer, best = report.get("answer"), (report["verdict"] or {}).get("baseline")
    lines = [("this model", report["model"], BLUE, "o-")]
    if answer:
        lines = [("the answer", answer, BLUE, "o-")]
        if answer["weight"] < 1:
            lines.append((f"the {NETWORK}", report["model"], GREEN, "^:"))
        if not answer["weight"] and answer["baseline"] == best:
            best = None  # the answer itself
    names = [each["name"] for each in report["baselines"]]
    naive = SEASONAL if SEASONAL in names else NAIVE
    for each in report["baselines"]:
        if each["name"] == best:
            lines.append((each["name"], each, ORANGE, "s-"))
        elif each["name"] == naive and not (answer and answer["name"] == naive):
            lines.append((each["name"], each, GREY, "x--"))
    drawn, axes = _ahead_axes(report, NAMES[metric])
    for name, figures, colour, style in lines:
        _by_step(axes, figures["steps"][metric], style, colour, name)
    axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
    drawn.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    caption = (
        f"How far off forecasts are ({NAMES[metric]}, lower is better) from the first step ahead "
        "to the last."
    )
    label = f"line chart: {NAMES[metric]} by step ahead of {', '.join(line[0] for line in lines)}"
    return write(run, "figures/horizon.svg", drawn, caption, label)


def _coverage(run: Run, report: dict[str, Any]) -> Picture:
    """How often the intervals hold at each step ahead."""
    answer = report.get("answer")
    drawn, axes = _ahead_axes(report, "held, %")
    found = (answer or report["model"])["steps"]["coverage"]
    for size, colour, style in (("50", GREEN, "o-"), ("80", BLUE, "s-"), ("95", ORANGE, "^-")):
        shares = 100 * np.array(found[size], np.float64)
        _by_step(axes, shares, style, colour, f"{size} %")
        axes.axhline(float(size), color=colour, linestyle=":", linewidth=1)
    axes.set_ylim(0, 102)
    drawn.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    whose = "the answer's" if answer else "its"
    caption = (
        f"How much of what came lay within {whose} intervals at each step ahead; dotted is what "
        "each promises."
    )
    label = f"line chart: share of what came within {whose} intervals of 50, 80 and 95 % by step"
    return write(run, "figures/coverage.svg", drawn, caption, label)


def _ahead_axes(report: dict[str, Any], title: str) -> tuple[Figure, Axes]:
    """A panel over the steps ahead."""
    drawn = figure(CHART[0], 3.2)
    axes = drawn.add_subplot()
    axes.set_xlim(0.4, report["data"]["horizon"] + 0.6)
    axes.set_xlabel("steps ahead")
    titled(axes, title)
    axes.grid(alpha=0.3)
    _whole(axes)
    return drawn, axes


def _by_step(axes: Axes, values: Any, style: str, colour: str, label: str) -> None:
    """A line over the steps ahead; of very many steps without points."""
    found = np.array(values, np.float64)
    style = style if len(found) <= 40 else style[1:]
    axes.plot(np.arange(1, len(found) + 1), found, style, color=colour, markersize=3, label=label)


def _influence(run: Run, found: dict[str, Any], *, used: bool) -> Picture:
    """How much each step of the past matters to the network's forecasts."""
    lags, shares = np.array(found["lags"]), 100 * np.array(found["shares"], np.float64)
    drawn = figure(*CHART)
    axes = drawn.add_subplot()
    if len(lags) <= BARS:
        axes.bar(lags, shares, width=0.8, color=BLUE)
    else:
        axes.plot(lags, shares, color=BLUE, linewidth=1.2)
        axes.fill_between(lags, shares, color=BLUE, alpha=0.3, linewidth=0)
    axes.set_xlim(lags.max() + 0.6, lags.min() - 0.6)  # the past is on the left
    axes.set_xlabel("steps back, 1 the last before the forecast")
    _whole(axes)
    titled(axes, "share of the influence, %")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3, axis="y")
    note = f" ({found['note']})" if found.get("note") else ""
    without = "" if used else "; it has no part in the answer"
    caption = f"Which steps of the past move the network's forecasts{note}{without}."
    return write(run, "figures/influence.svg", drawn, caption, "bars: influence of each lag")


def _whole(axes: Axes) -> None:
    """Ticks at whole numbers alone."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))


def table(report: dict[str, Any]) -> Table:
    """The figures of a report."""
    return contenders.table(report, render.columns(report), "lower is better")

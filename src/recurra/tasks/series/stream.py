"""The next value's forecast after each value, as values arrive, in constant memory."""

from __future__ import annotations

from typing import Any, Final, final

import numpy as np

from recurra.codecs import calendar
from recurra.errors import OptionError
from recurra.runtime.series import SeriesNetwork, Step
from recurra.runtime.windows import Beside
from recurra.tasks.series.forecast import real
from recurra.tasks.series.forecasts import INTERVALS, LEVELS
from recurra.tasks.series.intervals import Widths
from recurra.tasks.series.panel import Panel, shown
from recurra.tasks.series.scale import Scale

_FIRST: Final = np.zeros(1, np.int64)


@final
class Stream:
    """Forecasts of one series that goes on from where the training's data ended.

        stream = model.stream()
        stream.next()           # of the first step after the data
        stream.step(21.5)       # that step's value in, the forecast of the one after it out

    Args:
        panel: the one series, its last steps.
        widths: of the intervals.

    Raises:
        OptionError: the model reads the past in pieces, is of several series, or reads columns
            beside the target.
    """

    def __init__(self, network: SeriesNetwork, scale: Scale, panel: Panel, widths: Widths) -> None:
        self._state = network.begin()
        if len(panel) != 1:
            raise OptionError(f"a stream of {len(panel):,} series", expected="a model of one")
        if panel.known.shape[1] or panel.past.shape[1]:
            raise OptionError("a stream of a model with columns beside the target", expected="none")
        self._network = network
        self._scale, self._panel, self._turns = scale, panel, network.architecture.turns
        self._widths = widths.first(1)
        self._place = int(panel.starts[0])
        values = panel.of(0)
        given = np.concatenate([[np.nan], values])  # before the first step there is none
        present = ~np.isnan(given)
        own = scale.scale(np.where(present, given, 0.0), np.zeros(len(given), np.int64))
        for number in range(len(given) - 1):
            self._state = network.read(self._next(own[number], present[number]), self._state)
            self._place += 1
        self._said, self._state = network.step(self._next(own[-1], present[-1]), self._state)

    def next(self) -> dict[str, Any]:
        """The forecast of the step to come: its stamp, the median, and the ends of intervals."""
        said = self._said[:, None]
        found = real(self._network, self._scale, self._widths, said, _FIRST)[0, 0]
        stamp = self._panel.frequency.stamps(np.array([self._place]))[0]
        row: dict[str, Any] = {"ds": shown(stamp), "recurra": float(found[LEVELS.index(0.5)])}
        for size, (low, high) in INTERVALS.items():
            row[f"recurra-lo-{size}"] = float(found[low])
            row[f"recurra-hi-{size}"] = float(found[high])
        return row

    def step(self, value: float) -> dict[str, Any]:
        """Take the value of the step to come, NaN where it is missing; forecast the one after.

        Raises:
            OptionError: an infinite value, or more than one.
        """
        if np.ndim(value):
            raise OptionError(
                f"a step of {np.size(value):,} values", expected="one number, of the one series"
            )
        if np.isinf(value):
            raise OptionError(f"a value of {value}", expected="a finite number, or NaN if missing")
        missing = bool(np.isnan(value))
        own = self._scale.scale(np.array([0.0 if missing else value]), _FIRST)
        self._place += 1
        self._said, self._state = self._network.step(self._next(own[0], not missing), self._state)
        return self.next()

    def _next(self, value: float, present: bool) -> Step:
        """What is read of the step before, and known of the step to come."""
        beside = Beside(
            calendar.features(self._panel.frequency, np.array([self._place]), self._turns),
            np.zeros((1, 0), np.float32),
            np.ones(1, np.float32),
            self._panel.static,
            self._scale.spread.astype(np.float32),
        )
        return Step(np.array([value], np.float32), np.array([present]), beside)

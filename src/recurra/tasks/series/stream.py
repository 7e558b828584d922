"""A model of series fed value by value: the forecast of the next step, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np

from recurra.codecs import calendar
from recurra.errors import DataError, OptionError
from recurra.runtime.series import SeriesNetwork, Step
from recurra.runtime.state import State
from recurra.runtime.streams import StreamState
from recurra.runtime.windows import Beside
from recurra.tasks.series.forecast import real
from recurra.tasks.series.forecasts import INTERVALS, LEVELS
from recurra.tasks.series.intervals import Widths
from recurra.tasks.series.panel import Panel, shown
from recurra.tasks.series.scale import Scale

_FIRST: Final = np.zeros(1, np.int64)
_SAID: Final = "said"  # what the network says where the stream stands, kept beside its state


@final
@dataclass(frozen=True, eq=False)
class SeriesStreamed:
    """How a model is fed the values of one series: see `recurra.runtime.streams.Streamed`.

    A prediction is a dictionary: the stamp `ds` of the step to come, its median `recurra`, and the
    ends of its intervals, `recurra-lo-80` and so on.

    Args:
        network: in use.
        scale: of the one series.
        panel: the one series, its last steps in training, from whose end a stream begins.
        widths: of the intervals.

    Raises:
        OptionError: the model reads the past in pieces, or reads columns beside the target.
    """

    network: SeriesNetwork
    scale: Scale
    panel: Panel
    widths: Widths

    def __post_init__(self) -> None:
        self.network.begin()  # which refuses a network that reads pieces
        if self.panel.known.shape[1] or self.panel.past.shape[1]:
            raise OptionError("a stream of a model with columns beside the target", expected="none")

    def begin(self) -> StreamState:
        """Behind the last value of the training's data."""
        return self._begun

    @cached_property
    def _begun(self) -> StreamState:
        place, state = int(self.panel.starts[0]), self.network.begin()
        given = np.concatenate([[np.nan], self.panel.of(0)])  # before the first step there is none
        for value in given[:-1].tolist():
            state = self.network.read(self._step(value, place), state)
            place += 1
        return self._after(float(given[-1]), place, state, 0)

    def push(self, x: float, before: StreamState) -> tuple[dict[str, Any], StreamState]:
        """Take the value of the step to come, NaN where it is missing.

        Raises:
            DataError: no number, an infinite one, or more than one.
        """
        try:
            value = np.asarray(x, np.float64)
        except (TypeError, ValueError):
            raise DataError(f"a step of {x!r}", expected="a number, or NaN if missing") from None
        if value.ndim:
            raise DataError(
                f"a step of {value.size:,} values", expected="one number, of the one series"
            )
        if np.isinf(value):
            raise DataError(f"a value of {x}", expected="a finite number, or NaN if missing")
        arrays = {name: each for name, each in before.state.arrays.items() if name != _SAID}
        place = int(before.facts["place"]) + 1
        after = self._after(float(value), place, State(arrays), before.steps + 1)
        return self.predict(after), after

    def predict(self, state: StreamState) -> dict[str, Any]:
        """The forecast of the step to come where the stream stands."""
        said = state.state[_SAID][:, None]
        found = real(self.network, self.scale, self.widths.first(1), said, _FIRST)[0, 0]
        stamp = self.panel.frequency.stamps(np.array([state.facts["place"]], np.int64))[0]
        row: dict[str, Any] = {"ds": shown(stamp), "recurra": float(found[LEVELS.index(0.5)])}
        for size, (low, high) in INTERVALS.items():
            row[f"recurra-lo-{size}"] = float(found[low])
            row[f"recurra-hi-{size}"] = float(found[high])
        return row

    def _after(self, value: float, place: int, state: State, steps: int) -> StreamState:
        """After a value (NaN: none) of the step before `place`."""
        said, after = self.network.step(self._step(value, place), state)
        return StreamState(State({**after.arrays, _SAID: said}), {"place": place}, steps)

    def _step(self, value: float, place: int) -> Step:
        """What is read of the step before a place, and known of the step there."""
        missing = np.isnan(value)
        own = self.scale.scale(np.array([0.0 if missing else value]), _FIRST)
        turns = self.network.architecture.turns
        beside = Beside(
            calendar.features(self.panel.frequency, np.array([place]), turns),
            np.zeros((1, 0), np.float32),
            np.ones(1, np.float32),
            self.panel.static,
            self.scale.spread.astype(np.float32),
        )
        return Step(own.astype(np.float32), np.array([not missing]), beside)

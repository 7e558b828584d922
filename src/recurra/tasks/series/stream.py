"""A model of series fed value by value: the next step's forecast of one, of a panel, of a pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs import calendar
from recurra.errors import DataError, OptionError, did_you_mean
from recurra.runtime.pool import Facts, stepped
from recurra.runtime.series import SeriesNetwork, Step
from recurra.runtime.state import Array, State
from recurra.runtime.streams import StreamState
from recurra.runtime.windows import Beside
from recurra.tasks.series.forecast import real
from recurra.tasks.series.forecasts import INTERVALS, LEVELS
from recurra.tasks.series.intervals import Widths
from recurra.tasks.series.panel import Counts, Panel, shown
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.suits import refusal, unsuited

Values = Sequence[float] | NDArray[Any]
Forecast = dict[str, Any]
"""The stamp `ds` of the step to come, its median `recurra`, and the ends of its intervals,
`recurra-lo-80` and so on."""

_SAID: Final = "said"  # what the network says where a stream stands, kept beside its state
_PLACE: Final = "place"  # the ordinal of the step to come
_SERIES: Final = "series"  # which of the panel's
_STILL: Final = "still"  # whether nothing came so far but the one value of a constant series


@final
@dataclass(frozen=True, eq=False)
class SeriesPooled:
    """How a model is fed values of S series: see `recurra.runtime.pool.Pooled`.

    Args:
        network: in use.
        scale: of the series.
        panel: the series, their last steps in training, from whose ends streams begin.
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

    def one(self, series: str) -> SeriesPooled:
        """How the series of this name is fed.

        Raises:
            OptionError: there is none.
        """
        ids = self.panel.ids
        if series not in ids:
            raise OptionError(
                f"no series {series!r}",
                expected=f"one of the {len(ids):,} series of the training",
                fix=did_you_mean(series, ids),
            )
        at = ids.index(series)
        scale, panel = self.scale.rows(slice(at, at + 1)), self.panel.chosen([series])
        return replace(self, scale=scale, panel=panel)

    def begin(self) -> StreamState:
        """Behind the last values of the training's data, a row for each series."""
        return self._begun

    @cached_property
    def _begun(self) -> StreamState:
        panel, series = self.panel, np.arange(len(self.panel))
        arrays = dict(self.network.begin(len(series)).arrays)
        # All come to their ends together; before its first step a series has no value.
        for back in range(int(panel.lengths.max()), 0, -1):
            rows = np.flatnonzero(panel.lengths >= back)
            state = self.network.read(self._behind(rows, back), State(arrays).select(rows))
            for name, array in arrays.items():
                array[rows] = state[name]
        still = self._still(panel.values, np.repeat(series, panel.lengths))
        still = np.bincount(np.repeat(series, panel.lengths), ~still, len(panel)) == 0
        said = self.network.advance(self._behind(series, 0), arrays, series)
        said[still] = 0.0
        ends = panel.starts + panel.lengths
        own = {_SAID: said, _PLACE: ends, _SERIES: series, _STILL: still.astype(np.int64)}
        return StreamState(State(arrays | own))

    def _still(self, values: NDArray[np.float64], series: Counts) -> NDArray[np.bool_]:
        """Which values (B,) are missing, or what a constant series had in training."""
        return self.scale.still(self.scale.scale(values, series), series)

    def _behind(self, series: Counts, back: int) -> Step:
        """What is read at so many steps before the ends of series."""
        at = self.panel.lengths[series] - back
        before = np.full(len(series), np.nan)
        before[at > 0] = self.panel.values[(self.panel.begins[series] + at - 1)[at > 0]]
        return self._step(before, self.panel.starts[series] + at, series)

    def advance(
        self, inputs: Values, arrays: dict[str, Array], facts: Facts, rows: Counts
    ) -> dict[str, Array]:
        """Values (B,) of the steps to come in, NaN where missing: the next forecasts, (B,) each.

        Raises:
            DataError: no numbers, an infinite one, or one that the model is not for.
        """
        del facts
        try:
            values = np.asarray(inputs, np.float64)
        except (TypeError, ValueError):
            given = inputs[0] if len(inputs) == 1 else list(inputs)
            raise DataError(
                f"a step of {given!r}", expected="a number, or NaN if missing"
            ) from None
        if values.shape != rows.shape:
            raise DataError(
                f"a step of {values.size:,} values", expected=f"{len(rows):,}, one of each series"
            )
        if np.isinf(values).any():
            wrong = values[np.isinf(values).argmax()]
            raise DataError(f"a value of {wrong}", expected="a finite number, or NaN if missing")
        places, series = arrays[_PLACE][rows] + 1, arrays[_SERIES][rows]
        wrong = unsuited(values, self.scale, self.network.architecture.family)
        if wrong.any():
            at = int(wrong.argmax())
            raise refusal(values[at], f"series {self.panel.ids[series[at]]!r}", self.scale)
        said = self.network.advance(self._step(values, places, series), arrays, rows)
        still = (arrays[_STILL][rows] > 0) & self._still(values, series)
        said[still] = 0.0
        arrays[_PLACE][rows], arrays[_SAID][rows], arrays[_STILL][rows] = places, said, still
        return self.forecasts(arrays, rows)

    def forecasts(self, arrays: Mapping[str, Array], rows: Counts) -> dict[str, Array]:
        """The forecasts of the steps to come where streams stand, by column, (B,) each."""
        said, series = arrays[_SAID][rows][:, None], arrays[_SERIES][rows]
        found = real(self.network, self.scale, self.widths.first(1), said, series)[:, 0]
        found = self.scale.rounded(found, series)
        places, at = np.unique(arrays[_PLACE][rows], return_inverse=True)
        stamps = [shown(each) for each in self.panel.frequency.stamps(places)]
        columns = {"ds": np.array(stamps, object)[at], "recurra": found[:, LEVELS.index(0.5)]}
        for size, (low, high) in INTERVALS.items():
            columns[f"recurra-lo-{size}"] = found[:, low]
            columns[f"recurra-hi-{size}"] = found[:, high]
        return columns

    def _step(self, values: NDArray[np.float64], places: Counts, series: Counts) -> Step:
        """What is read of the steps before places (B,), NaN: none, and known of the steps there."""
        present = ~np.isnan(values)
        own = self.scale.scale(np.where(present, values, 0.0), series)
        turns = self.network.architecture.turns
        beside = Beside(
            calendar.features(self.panel.frequency, places, turns),
            np.zeros((len(series), 0), np.float32),
            np.ones(len(series), np.float32),
            self.panel.static[series],
            self.scale.unit[series].astype(np.float32),
        )
        return Step(own, present, beside)


@final
@dataclass(frozen=True, eq=False)
class SeriesStreamed:
    """How a model is fed the values of one series: see `recurra.runtime.streams.Streamed`."""

    pooled: SeriesPooled

    def begin(self) -> StreamState:
        """Behind the last value of the training's data."""
        return self.pooled.begin()

    def push(self, x: float, before: StreamState) -> tuple[Forecast, StreamState]:
        """Take the value of the step to come, NaN where it is missing.

        Raises:
            DataError: no number, an infinite one, or more than one.
        """
        if np.ndim(x):
            raise DataError(
                f"a step of {np.size(x):,} values", expected="one number, of the one series"
            )
        columns, after = stepped(self.pooled, [x], before)
        return _rows(columns)[0], after

    def predict(self, state: StreamState) -> Forecast:
        """The forecast of the step to come where the stream stands."""
        return _rows(self.pooled.forecasts(state.state.arrays, np.zeros(1, np.int64)))[0]


@final
@dataclass(frozen=True, eq=False)
class PanelStreamed:
    """How a model is fed the values of several series: see `recurra.runtime.streams.Streamed`."""

    pooled: SeriesPooled

    def begin(self) -> StreamState:
        """Behind the last values of the training's data."""
        return self.pooled.begin()

    def push(
        self, x: Mapping[str, float] | Values, before: StreamState
    ) -> tuple[dict[str, Forecast], StreamState]:
        """Take the values of steps to come: by the series' names, or of all in their order.

        Raises:
            DataError: no such series, a value that is no number, or more or fewer than the series.
        """
        rows, values = self._named(x)
        arrays = {name: array.copy() for name, array in before.state.arrays.items()}
        columns = self.pooled.advance(values, arrays, np.zeros(0, object), rows)
        after = StreamState(State(arrays), before.facts, before.steps + 1)
        return self._by_name(columns, rows), after

    def predict(self, state: StreamState) -> dict[str, Forecast]:
        """The forecasts of the steps to come where the series stand, by name."""
        rows = np.arange(len(self.pooled.panel))
        return self._by_name(self.pooled.forecasts(state.state.arrays, rows), rows)

    def _named(self, x: Mapping[str, float] | Values) -> tuple[Counts, Values]:
        ids = self.pooled.panel.ids
        if not isinstance(x, Mapping):
            if isinstance(x, str) or np.shape(x) != (len(ids),):
                raise DataError(
                    f"a step of {x!r}" if not np.ndim(x) else f"a step of {np.size(x):,} values",
                    expected=f"values of the {len(ids):,} series in their order, or by name",
                )
            return np.arange(len(ids)), x
        for name in x:
            if name not in self._number:
                raise DataError(
                    f"no series {name!r}",
                    expected=f"some of the {len(ids):,} series of the training",
                    fix=did_you_mean(str(name), ids),
                )
        return np.array([self._number[name] for name in x], np.int64), list(x.values())

    @cached_property
    def _number(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.pooled.panel.ids)}

    def _by_name(self, columns: dict[str, Array], rows: Counts) -> dict[str, Forecast]:
        ids = self.pooled.panel.ids
        return dict(zip([ids[row] for row in rows.tolist()], _rows(columns), strict=True))


def _rows(columns: dict[str, Array]) -> list[Forecast]:
    """The rows of columns, as plain values."""
    values = zip(*(array.tolist() for array in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in values]

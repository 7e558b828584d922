"""SeriesModel: fit, predict, evaluate, stream, save, load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from recurra.bundle import CONFIG, Run
from recurra.errors import DataError, OptionError, counted
from recurra.judge.answer import NETWORK
from recurra.runtime.pool import Pool
from recurra.runtime.series import Architecture, SeriesNetwork
from recurra.runtime.state import Array
from recurra.runtime.streams import Stream, StreamState
from recurra.tasks.model import Model
from recurra.tasks.series import data, report
from recurra.tasks.series.asked import Moment, before, rolling, steps_asked, unseen
from recurra.tasks.series.baselines.past import Past
from recurra.tasks.series.context import check_known, tail
from recurra.tasks.series.forecast import forecasts, presented, restored
from recurra.tasks.series.forecasts import Forecasts, Origins
from recurra.tasks.series.intervals import Widths
from recurra.tasks.series.loading import Asked, Parts
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import Panel, SeriesData
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.splits import JUDGED, origins
from recurra.tasks.series.stream import PanelStreamed, SeriesPooled, SeriesStreamed, Values
from recurra.tasks.series.tables import Columns, columns_of, frame_kind, like
from recurra.tasks.series.task import SERIES
from recurra.tasks.series.windows import Reader

if TYPE_CHECKING:
    from recurra.training.callbacks import Callback


@final
class SeriesModel(Model[SeriesOptions, SeriesNetwork]):
    """Forecasts of one series, or of thousands by one model, with intervals.

        model = SeriesModel(horizon=14, minutes=3).fit(frame)
        model.predict()

    Options are those of SeriesOptions. Frames are of pandas or polars, long (`unique_id`, `ds`,
    `y`) or wide. A fitted model stands on the folder of its run; without `out` that folder is a
    temporary one, and `save` copies it to a place of its own.

    Raises:
        OptionError: an option is out of its range.
    """

    task = SERIES
    _architecture, _runtime = Architecture, SeriesNetwork
    _given: Any = None

    # -- training ---------------------------------------------------------------------------

    def fit(
        self,
        X: Any = None,
        *,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
        callbacks: Sequence[Callback] | Callback = (),
        progress: bool | None = None,
    ) -> Self:
        """Train on a frame or on files.

        Args:
            X: a frame of pandas or polars, one file or several, or None for the carbon dioxide of
                Mauna Loa, week by week.
            out: the folder of the run.

        Raises:
            DataError: the data cannot be used.
            MissingExtra: what training needs is not installed.
            BundleError: `out` exists already, or cannot be written.
            TrainingError: the audit failed, or the loss exploded; the best weights are kept.
        """
        self._fit({"X": X}, out, overwrite, callbacks, progress)
        self._given = None if X is None or data.files_of(X) else X
        return self

    def load_parts(self, run: Run) -> None:
        """Read form, tails and scales of the data, intervals and answer; see `Model.load_parts`."""
        self._parts = Parts.of(run)

    @property
    def widths(self) -> Widths:
        """By how much the ends of the network's intervals are moved."""
        return self._parts.widths

    # -- use --------------------------------------------------------------------------------

    def predict(
        self,
        X: Any = None,
        *,
        horizon: int | None = None,
        origin: Moment | None = None,
        level: Sequence[float] | None = None,
        samples: int = 0,
    ) -> Any:
        """The steps to come of each series: columns `unique_id, ds, recurra, recurra-lo-95, ...`.

            model.predict(frame, level=[80, 99], samples=3)  # ..., recurra-sample-1, ...

        What comes back is like what is given: of a frame of pandas one of pandas, of a frame of
        polars one of polars; of nothing what `fit` was given. Of files and of other values it is a
        dictionary of arrays by column, which either makes a frame of.

        Args:
            X: data to go on from, a frame or files: each series from its end in them, whatever the
                training had beyond. Without any, forecasts go on from the end of what the model was
                trained on. With columns known in future, rows for the steps to come hold them,
                their target empty.
            horizon: steps; more than it was trained for of a model that goes step by step.
            origin: the first step to forecast, of every series; nothing from it on is read.
            level: percent of each interval, above 0 and below 100; default 50, 80 and 95. The
                errors of the selection part corrected these three: others lie between them, and
                beyond 95 % follow their direction.
            samples: paths drawn, beside the intervals; of a model that goes step by step. No errors
                correct them.

        Raises:
            DataError: the data cannot be used, known columns of the steps to come are missing, or
                a series has no step before the origin.
            OptionError: a horizon longer than the model's, paths of a model that draws none, or an
                interval or an origin that is none.
        """
        panel, found = self.ahead(X, horizon=horizon, origin=origin, level=level, samples=samples)
        return self._like(X, columns_of(panel, found))

    def ahead(
        self,
        X: Any = None,
        *,
        horizon: int | None = None,
        origin: Moment | None = None,
        level: Sequence[float] | None = None,
        samples: int = 0,
    ) -> tuple[Panel, Forecasts]:
        """What `predict` says, as arrays, and the panel that it is said of."""
        network = self.network
        steps = steps_asked(network.architecture, horizon, level, samples)
        if origin is None:
            panel = self._panel(X)
        else:
            panel = self._whole("forecasts from an origin") if X is None else self._panel(X)
            panel = before(panel, origin)
        check_known(panel, self._parts.form, steps)
        scale = self._parts.scale_of(panel, panel.lengths, network)
        # Nothing before the context is read by the network.
        last = tail(panel, network.architecture.context)
        reader, series = Reader.of(network.architecture, last, scale, steps), np.arange(len(last))
        ends = Origins(series, last.lengths)
        past = self._asked(panel, scale, Origins(series, panel.lengths), steps)
        said, widths = self._parts.said(network, reader, ends, past)
        found = presented(network, reader, said, widths, ends, level=level, samples=samples)
        answer = self._parts.answer
        by = NETWORK if past is None or answer is None else answer.name
        return panel, replace(found, origins=panel.lengths, by=by).first(steps)

    def cross_validation(
        self,
        X: Any = None,
        *,
        horizon: int | None = None,
        n_windows: int | None = None,
        step_size: int = 1,
        level: Sequence[float] | None = None,
    ) -> Any:
        """Forecasts from many origins, beside what came: `unique_id, ds, cutoff, y, recurra, ...`.

            model.cross_validation(n_windows=10, step_size=7)

        The columns are those of Nixtla's packages; `cutoff` is the last step that was known. The
        model is not fitted again: origins lie where nothing that it was fitted to or chosen by lies
        behind them. Frames are those of `predict`.

        Args:
            X: a frame or files; without any, what the model was trained on.
            horizon: as of `predict`.
            n_windows: origins of each series, counted back from its end; default as many as there
                are.
            step_size: steps from one to the next.
            level: as of `predict`.

        Raises:
            DataError: the data cannot be used, or no series has a horizon of such steps; or they
                were given from memory, and are no longer known.
            OptionError: as `predict`, or fewer origins than asked for.
        """
        panel, found = self.backtest(
            X, horizon=horizon, n_windows=n_windows, step_size=step_size, level=level
        )
        return self._like(X, columns_of(panel, found, cutoff=True))

    def backtest(
        self,
        X: Any = None,
        *,
        horizon: int | None = None,
        n_windows: int | None = None,
        step_size: int = 1,
        level: Sequence[float] | None = None,
    ) -> tuple[Panel, Forecasts]:
        """What `cross_validation` says, as arrays, and the panel that it is said of."""
        steps = steps_asked(self.network.architecture, horizon, level)
        panel = self._whole("cross-validation") if X is None else self._panel(X)
        context = self.network.architecture.context
        begins = unseen(panel, self._parts.context, self._parts.reports, context, steps)
        windows = rolling(panel, begins, steps, n_windows, step_size)
        scale = self._parts.scale_of(panel, begins, self.network)
        reader = Reader.of(self.network.architecture, panel, scale, steps)
        past = self._asked(panel, scale, windows, steps)
        said, widths = self._parts.said(self.network, reader, windows, past)
        return panel, presented(self.network, reader, said, widths, windows, level=level).first(
            steps
        )

    def _asked(self, panel: Panel, scale: Scale, windows: Origins, steps: int) -> Asked | None:
        """Windows as the answer reads them; None where the network is to answer.

        That is asked for by `answer`, and of steps beyond those that the model was trained for.
        """
        a = self.network.architecture
        if self.options.answer == NETWORK or steps > a.horizon:
            return None
        return Past(panel, scale, a.period), windows

    def _like(self, X: Any, columns: Columns) -> Any:
        if X is None:
            with self.run.intact(CONFIG):
                return like(self.run.config()["data"]["origin"].get("frame"), columns)
        return like(frame_kind(X), columns)

    def _whole(self, what: str) -> Panel:
        """All of what the model was trained on.

        Raises:
            DataError: it came from memory and is gone, or has changed since.
        """
        if self._given is not None:
            return data.more(self._given, self._parts.form)
        with self.run.intact(CONFIG):
            facts = self.run.config()["data"]
        if not (facts["files"] or facts["origin"].get("default")):
            raise DataError(
                f"{what} without data: the model was trained on values in memory, and its run does "
                "not keep them",
                expected="the data to forecast from",
            )
        return data.INPUT.read_again(self.run, facts).panel

    def evaluate(self, X: Any = None) -> dict[str, Any]:
        """The report on other data, a frame or files: forecasts from origin after origin.

        Without data it is the report on the part of the training's that reports, with baselines.

        Raises:
            DataError: the data cannot be used, or are shorter than the horizon and a step.
        """
        if X is None:
            return self.report
        parts, network = self._parts, self.network
        panel, ends = self._panel(X), parts.context.starts + parts.context.lengths
        a = network.architecture
        begins = unseen(panel, parts.context, ends, a.context, a.horizon)
        most = int((panel.lengths - begins).max())
        if most < a.horizon:
            raise DataError(
                f"other data: {counted(most, 'step')} that training had not",
                expected=f"{counted(a.horizon, 'step')} or more, the horizon, of a series",
                fix="give data that go on after those of the training, or other series",
            )
        scale = parts.scale_of(panel, begins, network)
        reader = Reader.of(network.architecture, panel, scale)
        read = SeriesData(
            name="other data",
            files=(),
            panel=panel,
            train_ends=begins,
            select_ends=begins,
            horizon=reader.horizon,
            period=a.period,
            scale=scale,
            covariates=self._parts.form.covariates,
            found={},
            columns=self._parts.form.columns,
            origin={},
        )
        windows = origins(read, "test", most=JUDGED)
        found = forecasts(network, reader, scale, parts.widths, windows)
        answered = None
        if parts.answer is not None and (past := self._asked(panel, scale, windows, a.horizon)):
            said, widths = parts.said(network, reader, windows, past)
            answered = parts.answer, restored(network, scale, widths, said, windows)
        part = "the steps that training had not"
        return report.examined(read, found, part=part, answered=answered)

    def stream(
        self, state: StreamState | None = None, *, series: str | None = None
    ) -> Stream[Any, Any]:
        """A live stream, which goes on from where the training's data ended.

            stream = model.stream()
            stream.predict()        # of the first step after the data
            stream.push(21.5)       # that step's value in, the forecast of the one after it out

        A value of NaN says that it is missing. A forecast has the stamp `ds`, the median `recurra`,
        and the ends of the intervals, `recurra-lo-80` and so on. Of a model of several series that
        is a stream of them all, a forecast by the name of each:

            stream = shops.stream()
            stream.push({"north": 21.5, "south": 3.0})["north"]

        Those not named stay where they are; an array has the values of all, in the order of `ids`.

        Args:
            state: where to go on, of a stream of the same series of this model.
            series: the name of one of several, to be streamed alone.

        Raises:
            OptionError: the model reads the past in pieces or columns beside the target, or there
                is no such series.
            BundleError: a state of another model.
        """
        pooled, name = self._pooled(series)
        one = len(pooled.panel) == 1
        return Stream(SeriesStreamed(pooled) if one else PanelStreamed(pooled), name, state)

    def pool(self, *, series: str | None = None) -> Pool[Values, dict[str, Array]]:
        """Room for many streams of one series, stepped together, as `stream` steps one.

            pool = model.pool()
            rows = pool.open(1000)
            pool.push(rows[:500], values)["recurra"]

        Values (B,) in, the columns of the forecasts out, (B,) each. Different series are stepped
        together by `stream`.

        Args:
            series: its name, where the model is of several.

        Raises:
            OptionError: as `stream`, or the model is of several series and none of them is named.
        """
        pooled, name = self._pooled(series)
        if len(pooled.panel) > 1:
            raise OptionError(
                f"a pool of {len(pooled.panel):,} series",
                expected="a model of one, or the name of a series: model.pool(series=...)",
            )
        return Pool(pooled, name)

    def _pooled(self, series: str | None) -> tuple[SeriesPooled, str | None]:
        """How one series or all are fed, and what states of them are known by."""
        network, name, parts = self.network, self.run.name, self._parts
        last = tail(parts.context, network.architecture.context)
        pooled = SeriesPooled(network, parts.scale, last, parts.widths)
        return (pooled, name) if series is None else (pooled.one(series), f"{name}/{series}")

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the series of the training, (S,)."""
        assert self.network is not None
        return self._parts.context.ids

    @property
    def columns(self) -> dict[str, Any]:
        """Which column of the training's data is what: "target", "time", "id", ..."""
        assert self.network is not None
        return self._parts.form.columns

    def _panel(self, X: Any) -> Panel:
        return self._parts.panel(X, self.network)

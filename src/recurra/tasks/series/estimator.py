"""SeriesModel: fit, predict, evaluate, stream, save, load."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Self, final

import numpy as np

from recurra.bundle import CONFIG, REPORT, Run
from recurra.errors import DataError, OptionError, counted, did_you_mean
from recurra.runtime.pool import Pool
from recurra.runtime.series import Architecture, SeriesNetwork
from recurra.runtime.state import Array
from recurra.runtime.streams import Stream, StreamState
from recurra.tasks.model import Model
from recurra.tasks.series import data, report
from recurra.tasks.series.context import check_begun, check_known, joined, read_context, tail
from recurra.tasks.series.forecast import forecasts
from recurra.tasks.series.forecasts import Forecasts, Origins
from recurra.tasks.series.intervals import Widths
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import Counts, Panel, SeriesData
from recurra.tasks.series.reading.form import Form
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.splits import JUDGED, origins
from recurra.tasks.series.stream import PanelStreamed, SeriesPooled, SeriesStreamed, Values
from recurra.tasks.series.suits import check_panel
from recurra.tasks.series.tables import columns_of, like
from recurra.tasks.series.task import SERIES
from recurra.tasks.series.windows import Reader

if TYPE_CHECKING:
    from recurra.training.loop import Callback

SCALE: Final = "scaler.json"
WIDTHS: Final = "intervals.json"


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

    # -- training ---------------------------------------------------------------------------

    def fit(
        self,
        X: Any = None,
        *,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
        callback: Callback | None = None,
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
        return self._fit({"X": X}, out, overwrite, callback)

    def load_parts(self, run: Run) -> None:
        """Read form, tails and scales of the data, and the intervals; see `Model.load_parts`."""
        with run.intact(CONFIG):
            inference = run.config()["inference"]
            self._form = Form.from_json(inference["form"])
            horizon = int(inference["architecture"]["horizon"])
        self._context = read_context(run, self._form)
        with run.intact(SCALE):
            self._scale = Scale.from_json(run.read_json(SCALE))
            if len(self._scale.centre) != len(self._context):
                raise ValueError(f"scales of other than {len(self._context):,} series")
        self.widths = Widths.none(horizon)
        # Without a report its training is not finished, and has not written them yet.
        if run.has(WIDTHS) or run.has(REPORT):
            with run.intact(WIDTHS):
                self.widths = Widths.from_json(run.read_json(WIDTHS))
                if self.widths.low.shape[1] != horizon:
                    raise ValueError(f"widths of other than {horizon:,} steps")

    # -- use --------------------------------------------------------------------------------

    def predict(self, X: Any = None, *, horizon: int | None = None) -> Any:
        """The steps to come of each series: columns `unique_id, ds, recurra, recurra-lo-95, ...`.

        What comes back is like what is given: of a frame of pandas one of pandas, of a frame of
        polars one of polars. Of files, of other values and of nothing it is a dictionary of arrays
        by column, which either makes a frame of: `pandas.DataFrame(model.predict())`.

        Args:
            X: newer data, a frame or files; without any, forecasts go on from the end of what the
                model was trained on. With columns known in future, rows for the steps to come
                hold them, their target empty.
            horizon: steps, at most those it was trained for.

        Raises:
            DataError: the data cannot be used, or known columns of the steps to come are missing.
            OptionError: a horizon longer than the model's.
        """
        panel, found = self.ahead(X, horizon=horizon)
        return like(X, columns_of(panel, found))

    def ahead(self, X: Any = None, *, horizon: int | None = None) -> tuple[Panel, Forecasts]:
        """What `predict` says, as arrays, and the panel that it is said of."""
        network = self.network
        panel = self._panel(X)
        most = network.architecture.horizon
        steps = most if horizon is None else horizon
        if not 1 <= steps <= most:
            raise OptionError(
                f"--horizon {steps} of a model that was trained for {most} steps",
                expected=f"1 to {most}",
                fix=f"train again with --horizon {steps}",
            )
        check_known(panel, self._form, steps)
        scale = self._scale_of(panel, panel.lengths)
        # Nothing before the context is read.
        last = tail(panel, network.architecture.context)
        ends = Origins(np.arange(len(last)), last.lengths)
        found = forecasts(network, self._reader(last, scale), scale, self.widths, ends)
        return panel, Forecasts(found.series, panel.lengths, found.quantiles[:, :steps])

    def _scale_of(self, panel: Panel, ends: Counts) -> Scale:
        """The scale of a panel.

        Series that training had keep theirs; that of others follows from steps before `ends` (S,).
        """
        counts = self.network.architecture.family == "counts"
        return self._scale.extended(self._context.ids, panel, ends, counts=counts)

    def _reader(self, panel: Panel, scale: Scale) -> Reader:
        """Windows of a panel."""
        a = self.network.architecture
        return Reader(panel, scale, context=a.context, horizon=a.horizon, turns=a.turns)

    def evaluate(self, X: Any) -> dict[str, Any]:
        """The report on other data, a frame or files: forecasts from origin after origin.

        Raises:
            DataError: the data cannot be used, or are shorter than the horizon and a step.
        """
        panel = self._panel(X)
        begins = self._unseen(panel)
        most = int((panel.lengths - begins).max())
        if most < self.network.architecture.horizon:
            raise DataError(
                f"other data: {counted(most, 'step')} that training had not",
                expected=f"{counted(self.network.architecture.horizon, 'step')} or more, the "
                "horizon, of a series",
                fix="give data that go on after those of the training, or other series",
            )
        scale = self._scale_of(panel, begins)
        reader = self._reader(panel, scale)
        read = SeriesData(
            name="other data",
            files=(),
            panel=panel,
            train_ends=begins,
            select_ends=begins,
            horizon=reader.horizon,
            period=self.network.architecture.period,
            scale=scale,
            covariates=self._form.covariates,
            found={},
            columns=self._form.columns,
            origin={},
        )
        found = forecasts(
            self.network, reader, scale, self.widths, origins(read, "test", most=JUDGED)
        )
        return report.examined(read, found, part="the steps that training had not")

    def _unseen(self, panel: Panel) -> Counts:
        """The first step (S,) of each series that training had not, or has enough before it."""
        a, known = self.network.architecture, self._context
        number = {each: at for at, each in enumerate(known.ids)}
        begins = np.clip(panel.lengths - a.horizon, 1, a.context)
        for at, name in enumerate(panel.ids):
            if name in number:
                old = number[name]
                begins[at] = known.starts[old] + known.lengths[old] - panel.starts[at]
        return np.minimum(begins, panel.lengths)

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
        network, panel, name = self.network, self._context, self.run.name
        scale = self._scale
        if series is not None:
            if series not in panel.ids:
                raise OptionError(
                    f"no series {series!r}",
                    expected=f"one of the {len(panel):,} series of the training",
                    fix=did_you_mean(series, panel.ids),
                )
            at, name = panel.ids.index(series), f"{name}/{series}"
            scale = scale.rows(slice(at, at + 1))
            panel = panel.chosen([series])
        return SeriesPooled(network, scale, panel, self.widths), name

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the series of the training, (S,)."""
        assert self.network is not None
        return self._context.ids

    @property
    def columns(self) -> dict[str, Any]:
        """Which column of the training's data is what: "target", "time", "id", ..."""
        assert self.network is not None
        return self._form.columns

    def _panel(self, X: Any) -> Panel:
        """What forecasts go on from: newer data behind the context, of the series in them."""
        if X is None:
            return self._context
        newer = data.more(X, self._form)
        check_begun(self._context, newer, self._form)
        check_panel(newer, self._scale, self.network.architecture.family)
        return joined(self._context, newer).chosen(newer.ids)

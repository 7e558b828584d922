"""SeriesModel: fit, predict, evaluate, stream, save, load."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Final, Self, final

import numpy as np
import torch

from recurra.bundle import REPORT, Run
from recurra.errors import DataError, OptionError, counted
from recurra.tasks.design import Design
from recurra.tasks.model import Model
from recurra.tasks.series import audit, baselines, data, recipe, report
from recurra.tasks.series.baselines import series_baselines
from recurra.tasks.series.context import (
    check_begun,
    check_known,
    joined,
    read_context,
    read_form,
    write_context,
)
from recurra.tasks.series.forecast import forecasts, quantiles, restored
from recurra.tasks.series.forecasts import Forecasts, Origins
from recurra.tasks.series.influence import recorded
from recurra.tasks.series.intervals import UNSTRETCHED, Widths, calibrate
from recurra.tasks.series.model import Architecture, SeriesNetwork
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import Counts, Panel, SeriesData
from recurra.tasks.series.parts import origins
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.stream import Stream
from recurra.tasks.series.tables import frame_of
from recurra.tasks.series.trainee import SeriesTrainee
from recurra.tasks.series.windows import Reader
from recurra.training import checkpoint, session
from recurra.training.checkpoint import Progress
from recurra.training.loop import Watcher
from recurra.training.precision import Precision
from recurra.training.progress import Silence

SCALE: Final = "scaler.json"
WIDTHS: Final = "intervals.json"


@final
@dataclass(kw_only=True, eq=False)
class SeriesModel(SeriesOptions, Model[SeriesData, SeriesNetwork]):
    """Forecasts of one series, or of thousands by one model, with intervals.

        model = SeriesModel(horizon=14, minutes=3).fit(frame)
        model.predict()

    Options are those of SeriesOptions. Frames are of pandas or polars, long (`unique_id`, `ds`,
    `y`) or wide. A fitted model stands on the folder of its run; without `out` that folder is a
    temporary one, and `save` copies it to a place of its own.

    Raises:
        OptionError: an option is out of its range.
    """

    task = "series"
    baselines = report.BASELINES

    # -- training ---------------------------------------------------------------------------

    def fit(
        self,
        X: Any = None,
        *,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
        watcher: Watcher | None = None,
    ) -> Self:
        """Train on a frame or on files.

        Args:
            X: a frame of pandas or polars, one file or several, or None for the carbon dioxide of
                Mauna Loa, week by week.
            out: the folder of the run.

        Raises:
            DataError: the data cannot be used.
            BundleError: `out` exists already, or cannot be written.
            TrainingError: the audit failed, or the loss exploded; the best weights are kept.
        """
        clock = self._start()
        if X is None:
            read = data.default(self)
        elif files := data.files_of(X):
            read = data.read(files, self)
        else:
            read = data.from_python(X, self)
        read = recipe.scaled_for(self.distribution, read)
        reading = (*read.files, *read.test_files)
        return self._begin(read, reading, read.told(), out, overwrite, watcher or Silence(), clock)

    def _precision(self, device: torch.device) -> Precision:
        return session.precision_of(self.precision, device, small=True)

    def _design(self, read: SeriesData, precision: Precision, device: torch.device) -> Design:
        return recipe.design(self, read, precision, device)

    @classmethod
    def _built(cls, architecture: dict[str, Any]) -> SeriesNetwork:
        return SeriesNetwork(Architecture(**architecture))

    def _trainee(
        self, network: SeriesNetwork, read: SeriesData, settings: dict[str, Any]
    ) -> SeriesTrainee:
        return recipe.trainee(recipe.settled(network, read), read, settings)

    def _prepare(self, run: Run, read: SeriesData, watcher: Watcher) -> None:
        network = self._built(run.config()["architecture"])
        watcher.says(audit.examine(read, network))
        if network.architecture.kind == "autoregressive":
            watcher.says("training is told in nats a step, selection as the CRPS of sample paths")
        run.write_json(SCALE, read.scale.to_json())
        write_context(run, read, network.architecture.context)
        data.store_input(run, read)
        limit = baselines.SECONDS
        if self.seconds is not None:
            limit = min(limit, self.seconds / 6)
        held, test = recipe.judged(read)
        found = series_baselines(read, held, test, seconds=limit)
        report.write_baselines(run, found)
        watcher.says("to beat: " + report.told_baselines(read, test, found))

    def _seconds_needed(self, network: SeriesNetwork, read: SeriesData) -> float:
        return recipe.seconds_to_judge(network, read)

    def _judge(
        self,
        run: Run,
        network: SeriesNetwork,
        read: SeriesData,
        progress: Progress,
        epochs: float,
    ) -> None:
        held, test = recipe.judged(read)
        reader = recipe.reader(network, read)
        # Once the selection part is trained on, what is said of it is too good and too sure: for
        # the intervals and for the average with a baseline stands what was said before.
        now = quantiles(network, reader, held)
        said = checkpoint.carried(run)["said"].numpy()
        said = said if len(said) else now
        came = reader.came(held, read.select_ends)
        widths = calibrate(said, came, held.origins, held.series).stretched(said, now)
        run.write_json(WIDTHS, widths.to_json())
        self.widths = widths
        of_held = restored(network, read.scale, replace(widths, stretch=UNSTRETCHED), said, held)
        of_test = forecasts(network, reader, read.scale, widths, test)
        run.write_json(report.INFLUENCE, recorded(network, reader, test))
        told, sentence = network.told(), widths.told()
        report.write(run, read, of_test, of_held, told, progress, epochs, calibrated=sentence)

    @classmethod
    def _read_again(cls, run: Run, config: dict[str, Any]) -> SeriesData:
        read = data.read_again(run, config["data"])
        return recipe.scaled_for(config["options"]["distribution"], read)

    @staticmethod
    def _facts(read: SeriesData) -> dict[str, Any]:
        return read.facts()

    def _load_parts(self, run: Run, config: dict[str, Any], network: SeriesNetwork) -> None:  # noqa: ARG002
        self._context, self._form = read_context(run), read_form(run)
        with run.intact(SCALE):
            self._scale = Scale.from_json(run.read_json(SCALE))
            if len(self._scale.centre) != len(self._context):
                raise ValueError(f"scales of other than {len(self._context):,} series")
        horizon = network.architecture.horizon
        self.widths = Widths.none(horizon)
        # Without a report its training is not finished, and has not written them yet.
        if run.has(WIDTHS) or run.has(REPORT):
            with run.intact(WIDTHS):
                self.widths = Widths.from_json(run.read_json(WIDTHS))
                if self.widths.low.shape[1] != horizon:
                    raise ValueError(f"widths of other than {horizon:,} steps")

    # -- use --------------------------------------------------------------------------------

    def predict(self, X: Any = None, *, horizon: int | None = None) -> Any:
        """The steps to come of each series: a frame `unique_id, ds, recurra, recurra-lo-80, ...`.

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
        return frame_of(panel, found, like=X)

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
        reader, scale = self._reader(panel, panel.lengths)
        ends = Origins(np.arange(len(panel)), panel.lengths)
        found = forecasts(network, reader, scale, self.widths, ends)
        return panel, Forecasts(found.series, found.origins, found.quantiles[:, :steps])

    def _reader(self, panel: Panel, ends: Counts) -> tuple[Reader, Scale]:
        """Windows of a panel, and its scale.

        Series that training had keep theirs; that of others follows from steps before `ends` (S,).
        """
        a, known = self.network.architecture, self._context.ids
        scale = self._scale.extended(known, panel, ends, counts=a.family == "counts")
        reader = Reader(panel, scale, context=a.context, horizon=a.horizon, turns=a.turns)
        return reader, scale

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
        reader, scale = self._reader(panel, begins)
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
            self.network, reader, scale, self.widths, origins(read, "test", most=recipe.JUDGED)
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

    def stream(self) -> Stream:
        """The next value's forecast after each value; see `recurra.tasks.series.stream.Stream`.

        Raises:
            OptionError: the model reads the past in pieces.
        """
        return Stream(self.network, self._scale, self._context, self.widths)

    def _panel(self, X: Any) -> Panel:
        """What forecasts go on from: newer data behind the context, of the series in them."""
        if X is None:
            return self._context
        newer = data.more(X, self._form)
        check_begun(self._context, newer, self._form)
        return joined(self._context, newer).chosen(newer.ids)

"""What trains a model of series."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bundle import CONFIG, Run
from recurra.networks.autoregressive import Autoregressive
from recurra.networks.distributions import Distribution
from recurra.networks.distributions import StudentT as TorchStudentT
from recurra.networks.series import SeriesNetwork
from recurra.networks.windows import Windows as TorchWindows
from recurra.runtime.distributions import NegativeBinomial, StudentT, scaled
from recurra.runtime.quantiles import LEVELS
from recurra.runtime.series import Architecture
from recurra.runtime.windows import Windows
from recurra.tasks.model_plan import ModelPlan
from recurra.tasks.series import config, data, leakage, report
from recurra.tasks.series.baselines import measured
from recurra.tasks.series.baselines.measured import series_baselines
from recurra.tasks.series.context import write_context
from recurra.tasks.series.estimator import SCALE, WIDTHS, SeriesModel
from recurra.tasks.series.forecast import forecasts, quantiles, restored
from recurra.tasks.series.influence import recorded
from recurra.tasks.series.intervals import UNSTRETCHED, calibrate
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.reading.form import Form
from recurra.tasks.series.training_task import SeriesTrainingTask
from recurra.tasks.trainer import Trainer
from recurra.training import checkpoint, session
from recurra.training.checkpoint import Progress
from recurra.training.loop import Callback, seeded
from recurra.training.precision import Precision


@final
class SeriesTrainer(Trainer[SeriesModel, SeriesData, SeriesNetwork]):
    """Trains a model of series: see `recurra.tasks.trainer.Trainer`."""

    def fit(
        self,
        X: Any,
        *,
        out: str | PathLike[str] | None,
        overwrite: bool,
        callback: Callback | None,
    ) -> None:
        """See `SeriesModel.fit`."""
        clock, options = self.start(), self.model
        if X is None:
            read = data.default(options)
        elif files := data.files_of(X):
            read = data.read(files, options)
        else:
            read = data.from_python(X, options)
        read = data.scaled_for(options.distribution, read)
        reading = (*read.files, *read.test_files)
        self.train(read, reading, read.summary(), out, overwrite, callback, clock)

    def precision(self, device: torch.device) -> Precision:
        """As asked, or measured."""
        return session.precision_of(self.model.precision, device, small=True)

    def plan_model(self, read: SeriesData, precision: Precision, device: torch.device) -> ModelPlan:
        """See `recurra.tasks.series.config`."""
        return config.plan_model(self.model, read, precision, device)

    def build(self, architecture: dict[str, Any]) -> SeriesNetwork:
        """The network of an architecture."""
        return SeriesNetwork(Architecture(**architecture))

    def training_task(
        self, network: SeriesNetwork, read: SeriesData, settings: dict[str, Any]
    ) -> SeriesTrainingTask:
        """See `recurra.tasks.series.training_task`."""
        return config.training_task(config.settled(network, read), read, settings)

    def facts(self, read: SeriesData) -> dict[str, Any]:
        """What the series are, and how they were cut."""
        return read.facts()

    def inference(self, read: SeriesData, model_plan: ModelPlan) -> dict[str, Any]:
        """What newer data must look like."""
        del model_plan
        return {"form": Form.of(read).to_json()}

    def prepare(self, run: Run, read: SeriesData, callback: Callback) -> None:
        """Look for leaks; write the scale, the tail that forecasts go on from, the baselines."""
        with seeded(0, 0), run.intact(CONFIG):
            network = self.build(run.config()["inference"]["architecture"])
        callback.says(leakage.examine(read, network))
        if network.architecture.kind == "autoregressive":
            callback.says("training is told in nats a step, selection as the CRPS of sample paths")
        run.write_json(SCALE, read.scale.to_json())
        write_context(run, read, network.architecture.context)
        data.store_input(run, read)
        limit, asked = measured.SECONDS, self.model.seconds
        if asked is not None:
            limit = min(limit, asked / 6)
        held, test = config.judged(read)
        found = series_baselines(read, held, test, seconds=limit)
        report.write_baselines(run, found)
        callback.says("to beat: " + report.baselines_summary(read, test, found))

    def seconds_needed(self, network: SeriesNetwork, read: SeriesData) -> float:
        """How long the report takes."""
        return config.seconds_to_judge(network.in_use(), read)

    def judge(
        self,
        run: Run,
        network: SeriesNetwork,
        read: SeriesData,
        progress: Progress,
        epochs: float,
    ) -> None:
        """Correct the intervals, forecast the test part, write the report."""
        in_use, (held, test) = self.model.network, config.judged(read)
        reader = config.reader(in_use, read)
        # Once the selection part is trained on, what is said of it is too good and too sure: for
        # the intervals and for the average with a baseline stands what was said before.
        now = quantiles(in_use, reader, held)
        said = checkpoint.carried(run)["said"].numpy()
        said = said if len(said) else now
        came = reader.came(held, read.select_ends)
        widths = calibrate(said, came, held.origins, held.series).stretched(said, now)
        run.write_json(WIDTHS, widths.to_json())
        self.model.widths = widths
        of_held = restored(in_use, read.scale, replace(widths, stretch=UNSTRETCHED), said, held)
        of_test = forecasts(in_use, reader, read.scale, widths, test)
        run.write_json(report.INFLUENCE, recorded(in_use, reader, test))
        facts = session.facts(progress, epochs, run.config()["training"])
        summary, sentence = network.summary(), widths.summary()
        report.write(run, read, of_test, of_held, summary, facts, calibrated=sentence)

    def read_again(self, run: Run, config: dict[str, Any]) -> SeriesData:
        """The series that a run was begun with."""
        read = data.read_again(run, config["data"])
        return data.scaled_for(config["options"]["distribution"], read)

    def quantiles(self, windows: Windows) -> NDArray[np.float32]:
        """What torch says of windows, scaled: (B, H, Q), or (B, 1, Q) where it steps."""
        network, read = self.load(self.model.run), TorchWindows.of(windows)
        said = []
        with torch.inference_mode():
            for number in range(network.architecture.members):
                member = network.member(number)
                if isinstance(member, Autoregressive):
                    nothing = torch.zeros(len(windows), network.architecture.horizon)
                    found = member.distributions(read, nothing, nothing > 0)
                    said.append(_quantiles(found, windows)[:, None])
                else:
                    said.append(member(read).numpy())
        mean: NDArray[np.float32] = np.mean(said, 0, dtype=np.float32)
        return mean


def _quantiles(said: Distribution, windows: Windows) -> NDArray[np.float32]:
    """Of the first step beyond windows, (B, Q), scaled."""
    kind = StudentT if isinstance(said, TorchStudentT) else NegativeBinomial
    found = kind(*(each[:, windows.values.shape[1]].numpy() for each in vars(said).values()))
    quantiles: NDArray[np.float32] = scaled(found, found.quantile(LEVELS), windows.unit[:, None])
    return quantiles


trainer = SeriesTrainer
"""What `recurra.tasks.model` asks for."""

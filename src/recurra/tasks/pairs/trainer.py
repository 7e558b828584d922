"""What trains a pairs model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.core.ragged import Ragged
from recurra.networks.pairs import PairNetwork
from recurra.runtime.pairs import Architecture, Ids
from recurra.tasks.model_plan import ModelPlan
from recurra.tasks.pairs import baselines, config, data, report
from recurra.tasks.pairs.config import EncodedDataset
from recurra.tasks.pairs.estimator import PIECES, PairModel
from recurra.tasks.pairs.training_task import PairTrainingTask
from recurra.tasks.trainer import Trainer
from recurra.training import session
from recurra.training.checkpoint import Progress
from recurra.training.loop import Callback
from recurra.training.precision import Precision


@final
class PairTrainer(Trainer[PairModel, EncodedDataset, PairNetwork]):
    """Trains a pairs model: see `recurra.tasks.trainer.Trainer`."""

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        out: str | PathLike[str] | None,
        overwrite: bool,
        callback: Callback | None,
    ) -> None:
        """See `PairModel.fit`."""
        clock, options = self.start(), self.model
        read = data.given(X, y, options)
        dataset = EncodedDataset.of(read, options.tokens, options.shared)
        files = (*read.files, *read.test_files, *read.valid_files)
        self.train(dataset, files, read.summary(), out, overwrite, callback, clock)

    def precision(self, device: torch.device) -> Precision:
        """As asked, or measured."""
        return session.precision_of(self.model.precision, device)

    def plan_model(
        self, dataset: EncodedDataset, precision: Precision, device: torch.device
    ) -> ModelPlan:
        """See `recurra.tasks.pairs.config`."""
        return config.plan_model(self.model, dataset, precision, device)

    def build(self, architecture: dict[str, Any]) -> PairNetwork:
        """The network of an architecture."""
        return PairNetwork(Architecture(**architecture))

    def training_task(
        self, network: PairNetwork, dataset: EncodedDataset, settings: dict[str, Any]
    ) -> PairTrainingTask:
        """See `recurra.tasks.pairs.training_task`."""
        return config.training_task(network, dataset, settings)

    def facts(self, dataset: EncodedDataset) -> dict[str, Any]:
        """What the pairs are, and how they were split."""
        return dataset.data.facts()

    def inference(self, dataset: EncodedDataset, model_plan: ModelPlan) -> dict[str, Any]:
        """What the pieces of both sides are, and how long translations may get."""
        del model_plan
        limits = asdict(config.limits_of(dataset))
        return {"tokens": dataset.targets.unit, "limits": limits}

    def prepare(self, run: Run, dataset: EncodedDataset, callback: Callback) -> None:
        """Write the pieces, the pairs where they cannot be read twice, and the baselines."""
        sides = {"sources": dataset.sources, "targets": dataset.targets}
        if dataset.sources is dataset.targets:
            sides = {"shared": dataset.sources}
        run.write_json(PIECES, {name: pieces.to_json() for name, pieces in sides.items()})
        data.store_input(run, dataset.data)
        most, seconds = baselines.SECONDS, self.model.seconds
        limit = most if seconds is None else min(most, seconds / 5)
        found = baselines.pair_baselines(dataset.data, seconds=limit)
        report.write_baselines(run, found)
        callback.says("to beat: " + report.baselines_summary(dataset.data, found))

    def seconds_needed(self, network: PairNetwork, dataset: EncodedDataset) -> float:
        """How long the report takes."""
        return config.seconds_to_judge(network.in_use(), dataset)

    def judge(
        self,
        run: Run,
        network: PairNetwork,
        dataset: EncodedDataset,
        progress: Progress,
        epochs: float,
    ) -> None:
        """Translate the test part, and write the report."""
        read, settings = dataset.data, run.config()["training"]
        judged = self.model.judged(read.of(read.test))
        training = session.facts(progress, epochs, settings) | {
            "padding": self.training_task(network, dataset, settings).padding(),
            "selected": _selected(run, progress, settings["metric"]),
        }
        report.write(run, read, judged, network.summary(), training)

    def read_again(self, run: Run, config: dict[str, Any]) -> EncodedDataset:
        """The pairs that a run was begun with, in their pieces."""
        read, options = data.read_again(run, config["data"]), config["options"]
        return EncodedDataset.of(read, options["tokens"], options["shared"])

    def log_probabilities(
        self, sources: Sequence[Ids], targets: Sequence[Ids]
    ) -> list[NDArray[np.float32]]:
        """What torch says after each piece of targets (T,) but the last: (T - 1, V) each."""
        network = self.load(self.model.run)
        read = Ragged.from_list([torch.from_numpy(each) for each in sources])
        fed = Ragged.from_list([torch.from_numpy(each[:-1]) for each in targets])
        with torch.inference_mode():
            scores = network(read, fed).log_softmax(-1)
        return [each.numpy() for each in Ragged(scores, fed.lengths).to_list()]


def _selected(run: Run, progress: Progress, metric: str) -> dict[str, Any]:
    """What chose the weights that were kept, and the teacher-forced loss there."""
    line = next((x for x in run.history() if x["step"] == progress.best_step), {})
    return {"metric": metric, "score": line.get("score"), "nats_a_piece": line.get("select")}


trainer = PairTrainer
"""What `recurra.tasks.model` asks for."""

"""What trains a labels model."""

from __future__ import annotations

from os import PathLike
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.codecs.sequence_encoder import Inputs, Rows
from recurra.networks.label_batch import TensorBatch
from recurra.networks.labels import LabelNetwork
from recurra.runtime.labels import Architecture
from recurra.tasks.labels import baselines, config, data, evaluate, report
from recurra.tasks.labels.config import EncodedDataset
from recurra.tasks.labels.estimator import CALIBRATION, ENCODER, LabelModel
from recurra.tasks.labels.influence import influence, recorded
from recurra.tasks.labels.training_task import LabelTrainingTask
from recurra.tasks.model_plan import ModelPlan
from recurra.tasks.trainer import Trainer
from recurra.training import session
from recurra.training.checkpoint import Progress
from recurra.training.loop import Callback
from recurra.training.precision import Precision


@final
class LabelTrainer(Trainer[LabelModel, EncodedDataset, LabelNetwork]):
    """Trains a labels model: see `recurra.tasks.trainer.Trainer`."""

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        groups: Any,
        out: str | PathLike[str] | None,
        overwrite: bool,
        callback: Callback | None,
    ) -> None:
        """See `LabelModel.fit`."""
        clock, options = self.start(), self.model
        if y is None:
            read = data.read(data.listed(X), options)
        else:
            read = data.from_python(X, y, groups, seed=options.seed)
        dataset = EncodedDataset.of(read, options.tokens)
        files = (*read.files, *read.test_files)
        self.train(dataset, files, read.summary(), out, overwrite, callback, clock)

    def precision(self, device: torch.device) -> Precision:
        """As asked, or measured."""
        return session.precision_of(self.model.precision, device, small=True)

    def plan_model(
        self, dataset: EncodedDataset, precision: Precision, device: torch.device
    ) -> ModelPlan:
        """See `recurra.tasks.labels.config`."""
        return config.plan_model(self.model, dataset, precision, device)

    def build(self, architecture: dict[str, Any]) -> LabelNetwork:
        """The network of an architecture."""
        return LabelNetwork(Architecture(**architecture))

    def training_task(
        self, network: LabelNetwork, dataset: EncodedDataset, settings: dict[str, Any]
    ) -> LabelTrainingTask:
        """See `recurra.tasks.labels.training_task`."""
        return config.training_task(network, dataset, settings)

    def facts(self, dataset: EncodedDataset) -> dict[str, Any]:
        """What the examples are, and how they were cut."""
        return dataset.data.facts()

    def inference(self, dataset: EncodedDataset, model_plan: ModelPlan) -> dict[str, Any]:
        """The kind of inputs, and the classes as they were given."""
        del model_plan
        read = dataset.data
        return {
            "kind": read.examples.kind,
            "classes": list(read.classes),
            "label_type": read.label_type,
        }

    def prepare(self, run: Run, dataset: EncodedDataset, callback: Callback) -> None:
        """Write the encoder, the examples where they cannot be read twice, and the baselines."""
        run.write_json(ENCODER, dataset.encoder.to_json())
        data.store_input(run, dataset.data)
        most, seconds = baselines.SECONDS, self.model.seconds
        limit = most if seconds is None else min(most, seconds / 5)
        found = baselines.label_baselines(dataset.data, seconds=limit)
        report.write_baselines(run, found)
        callback.says("to beat: " + report.baselines_summary(dataset.data, found))

    def seconds_needed(self, network: LabelNetwork, dataset: EncodedDataset) -> float:
        """How long the report takes."""
        return config.seconds_to_judge(network.in_use(), dataset)

    def judge(
        self,
        run: Run,
        network: LabelNetwork,
        dataset: EncodedDataset,
        progress: Progress,
        epochs: float,
    ) -> None:
        """Fit the temperature, score the test part, write the report."""
        read, inputs = dataset.data, dataset.inputs
        held = config.held(self.model.network, dataset)
        answers = evaluate.answers(self.model.network, inputs, read.test)
        temperature = evaluate.temperature(read, held)
        run.write_json(CALIBRATION, {"temperature": temperature})
        if not network.architecture.tagged:
            said = answers.predicted
            run.write_json(
                report.ATTRIBUTION, recorded(network, dataset.encoder, inputs, read, said)
            )
        facts = session.facts(progress, epochs, run.config()["training"])
        report.write(run, read, answers, held, temperature, network.summary(), facts)
        self.model._load_parts(run, run.config()["inference"])

    def read_again(self, run: Run, config: dict[str, Any]) -> EncodedDataset:
        """The examples that a run was begun with, encoded."""
        read = data.read_again(run, config["data"])
        return EncodedDataset.of(read, config["options"]["tokens"])

    @torch.inference_mode()
    def scores(self, inputs: Inputs, rows: Rows) -> NDArray[np.float32]:
        """Scores by torch of rows (B,) of inputs: (B, K), or where steps are tagged (N, K)."""
        found: NDArray[np.float32] = self.load(self.model.run)(TensorBatch.of(inputs, rows)).numpy()
        return found

    def influence(self, encoded: Inputs, label: int) -> NDArray[np.float64]:
        """The share (T,) of each step of one input in the score of a class."""
        network = self.load(self.model.run)
        batch = TensorBatch.of(encoded, np.zeros(1, np.int64))
        return influence(network, batch, torch.tensor([label]))[0]


trainer = LabelTrainer
"""What `recurra.tasks.model` asks for."""

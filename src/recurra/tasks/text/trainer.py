"""What trains a text model."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bundle import VOCABULARY, Run
from recurra.data.files import STANDARD_INPUT, TextSource
from recurra.data.long_text import LongText
from recurra.data.stored_ids import released
from recurra.data.streams import Ids
from recurra.errors import OptionError
from recurra.networks.text import TextNetwork
from recurra.runtime.text import Architecture
from recurra.tasks.model_plan import ModelPlan
from recurra.tasks.text import (
    anomaly,
    baselines,
    config,
    data,
    dynamic,
    evaluate,
    render,
    report,
    stored,
    traces,
)
from recurra.tasks.text.data import TextData
from recurra.tasks.text.estimator import TextModel, opened
from recurra.tasks.text.influence import influence
from recurra.tasks.text.training_task import UNSEEN, TextTrainingTask
from recurra.tasks.trainer import Trainer
from recurra.training import checkpoint, processes, session
from recurra.training.checkpoint import Progress
from recurra.training.loop import Callback
from recurra.training.precision import Precision

if TYPE_CHECKING:
    from recurra.tasks.text.estimator import Source


@final
class TextTrainer(Trainer[TextModel, TextData, TextNetwork]):
    """Trains a text model: see `recurra.tasks.trainer.Trainer`."""

    several = True

    def fit(
        self,
        source: Source,
        *,
        out: str | PathLike[str] | None,
        overwrite: bool,
        callback: Callback | None,
    ) -> None:
        """See `TextModel.fit`."""
        clock, options = self.start(), self.model
        beside = None
        if out is not None:
            # The run's folder is not there yet, nor need the one around it be.
            beside = next(each for each in Path(out).absolute().parents if each.is_dir())
        how: dict[str, Any] = {"reset_at_documents": options.reset_at_documents, "beside": beside}
        if isinstance(source, TextSource | LongText):
            read = TextData.from_source(source, options.tokens, **how)
        else:
            listed = data.listed(source)
            if STANDARD_INPUT in listed and processes.count() > 1:
                raise OptionError(
                    f"standard input for {processes.count()} processes",
                    expected="a file, which all of them can read",
                    fix="keep it in a file first",
                )
            read = data.read(listed, options.tokens, **how)
        self.train(read, read.source.files, read.summary(), out, overwrite, callback, clock)

    def precision(self, device: torch.device) -> Precision:
        """As asked, or measured."""
        return session.precision_of(self.model.precision, device)

    def plan_model(self, read: TextData, precision: Precision, device: torch.device) -> ModelPlan:
        """See `recurra.tasks.text.config`."""
        found = config.plan_model(self.model, read, precision, device)
        read.check_bptt(found.settings["bptt"])
        return found

    def build(self, architecture: dict[str, Any]) -> TextNetwork:
        """The network of an architecture."""
        return TextNetwork(Architecture(**architecture))

    def training_task(
        self, network: TextNetwork, read: TextData, settings: dict[str, Any]
    ) -> TextTrainingTask:
        """See `recurra.tasks.text.training_task`."""
        return config.training_task(network, read, settings)

    def facts(self, read: TextData) -> dict[str, Any]:
        """What the text is, and how it was cut."""
        return read.facts()

    def inference(self, read: TextData, model_plan: ModelPlan) -> dict[str, Any]:
        """What its tokens are, whether documents are kept apart, and how likely the unknown is."""
        del model_plan
        return {
            "tokens": self.model.tokens,
            "apart": read.apart,
            "unknown_rate": read.unknown_rate,
        }

    def prepare(self, run: Run, read: TextData, callback: Callback) -> None:
        """Write the vocabulary, the input where it cannot be read twice, and the baselines."""
        run.write_json(VOCABULARY, read.vocabulary.to_json())
        stored.store_input(run, read)
        found = baselines.text_baselines(read.vocabulary, *read.known(), read.text(read.tested))
        report.write_baselines(run, found)
        callback.says(
            "to beat: " + render.baselines_summary(found, evaluate.beside(read.vocabulary.unit))
        )

    def seconds_needed(self, network: TextNetwork, read: TextData) -> float:
        """How long the report takes."""
        in_use, again = (
            network.in_use(),
            anomaly.read_again(read, finishing=self.model.train_on_validation > 0),
        )
        return evaluate.seconds_needed(in_use, read, again) + traces.seconds_needed(in_use, read)

    def judge(
        self,
        run: Run,
        network: TextNetwork,
        read: TextData,
        progress: Progress,
        epochs: float,
    ) -> None:
        """Learn what lines cost, score the test part, write the report."""
        released(read.ids)
        in_use, settings = self.model.network, run.config()["training"]
        kept = checkpoint.carried(run).get(UNSEEN)
        unseen = None if kept is None else kept.numpy().astype(np.float64)
        line_statistics = anomaly.learn(in_use, read, unseen, settings["spared"])
        if line_statistics is not None:
            line_statistics.write(run)

        def gradient(breaks: traces.Places) -> NDArray[np.float32]:
            return influence(network, in_use, read.test, read.unknown_rate, breaks)

        facts = session.facts(progress, epochs, settings)
        report.write(run, in_use, read, facts, line_statistics, gradient)

    def read_again(self, run: Run, config: dict[str, Any]) -> TextData:
        """The text that a run was begun with, in its tokens."""
        del config
        return stored.read_again(run)

    def log_probabilities(self, ids: Ids) -> NDArray[np.float32]:
        """What torch says after each of ids (T,): (T, V)."""
        network = self.load(self.model.run)
        with torch.inference_mode():
            scores, _ = network(torch.from_numpy(np.asarray(ids, np.int64))[None])
            found: NDArray[np.float32] = scores[0].log_softmax(-1).numpy()
        return found

    def dynamic(self, source: Source) -> dict[str, Any]:
        """See `TextModel.dynamic`."""
        run, config = self.model.run, self.model.run.config()
        network, read = self.load(run), stored.read_again(run)
        rate = dynamic.chosen(network, read, config["training"]["spared"])
        if source is None:
            name, part = read.source.name, "the test part"
            ids, starts = np.asarray(read.test), read.starts_in(read.parts.test)
            before: int | None = int(read.ids[read.parts.test.start - 1])
        else:
            given = opened(source)
            name, part, before = given.name, "the text", None
            ids, starts, _ = data.encoded(read.vocabulary, given, reset=read.apart)
        plain, _ = evaluate.score(self.model.network, ids, read.unknown_rate, before, starts)
        found = dynamic.dynamic_nats(network, ids, read.unknown_rate, before, rate, starts)
        return {
            "data": {"name": name, "part": part},
            "unit": read.vocabulary.unit,
            "tokens": len(found),
            "plain": float(plain.mean()),
            "dynamic": float(found.mean()),
            "rate": rate,
        }


trainer = TextTrainer
"""What `recurra.tasks.model` asks for."""

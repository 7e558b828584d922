"""LabelModel: fit, predict, evaluate, save, load; it goes where scikit-learn's classifiers go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Self, final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bundle import CONFIG, REPORT, Run
from recurra.codecs.sequence_encoder import Encoder, Inputs, Rows
from recurra.errors import BundleError, OptionError
from recurra.judge.calibration import probabilities
from recurra.tasks.design import Design
from recurra.tasks.labels import baselines, classify, data, evaluate, recipe, report
from recurra.tasks.labels.batch import TensorBatch
from recurra.tasks.labels.classify import Stream
from recurra.tasks.labels.given import as_given, inputs_from
from recurra.tasks.labels.influence import LOOKED, influence, recorded
from recurra.tasks.labels.model import Architecture, LabelNetwork
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.labels.recipe import Prepared
from recurra.tasks.labels.trainee import LabelTrainee
from recurra.tasks.labels.truth import Truth
from recurra.tasks.model import Model
from recurra.training import session
from recurra.training.checkpoint import Progress
from recurra.training.loop import Watcher
from recurra.training.precision import Precision
from recurra.training.progress import Silence

ENCODER = "encoder.json"
CALIBRATION = "calibration.json"


@final
@dataclass(kw_only=True, eq=False)
class LabelModel(LabelOptions, Model[Prepared, LabelNetwork]):
    """A classifier of texts and of sequences of numbers, and a tagger of tokens.

        model = LabelModel(minutes=5).fit(["good", "bad", ...], ["pos", "neg", ...])
        model.predict(["not bad at all"])

    Options are those of LabelOptions. As a scikit-learn estimator it works in pipelines and in
    cross_val_score. A fitted model stands on the folder of its run; without `out` that folder is a
    temporary one, and `save` copies it to a place of its own.

    Raises:
        OptionError: an option is out of its range.
    """

    task = "labels"
    baselines = report.BASELINES

    # -- training ---------------------------------------------------------------------------

    def fit(
        self,
        X: Any = None,
        y: Any = None,
        *,
        groups: Any = None,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
        watcher: Watcher | None = None,
    ) -> Self:
        """Train on inputs and their labels, or on files.

        Args:
            X: texts, lists of tokens, arrays (steps, channels), or one array (N, steps) or
                (N, steps, channels); without y one file or several, or None for handwritten digits.
            y: a label for each; for lists of tokens also a list of tags for each.
            groups: keys; what shares one is kept in one part.
            out: the folder of the run.

        Raises:
            DataError: the data cannot be used.
            BundleError: `out` exists already, or cannot be written.
            TrainingError: the loss exploded; the best weights before that are kept.
        """
        clock = self._start()
        if y is None:
            read = data.read(data.listed(X), self)
        else:
            read = data.from_python(X, y, groups, seed=self.seed)
        prepared = Prepared.of(read, self.tokens)
        files = (*read.files, *read.test_files)
        return self._begin(
            prepared, files, read.told(), out, overwrite, watcher or Silence(), clock
        )

    def _precision(self, device: torch.device) -> Precision:
        return session.precision_of(self.precision, device, small=True)

    def _design(self, prepared: Prepared, precision: Precision, device: torch.device) -> Design:
        return recipe.design(self, prepared, precision, device)

    @classmethod
    def _built(cls, architecture: dict[str, Any]) -> LabelNetwork:
        return LabelNetwork(Architecture(**architecture))

    def _trainee(
        self, network: LabelNetwork, prepared: Prepared, settings: dict[str, Any]
    ) -> LabelTrainee:
        return recipe.trainee(network, prepared, settings)

    def _prepare(self, run: Run, prepared: Prepared, watcher: Watcher) -> None:
        run.write_json(ENCODER, prepared.encoder.to_json())
        data.store_input(run, prepared.data)
        most = baselines.SECONDS
        limit = most if self.seconds is None else min(most, self.seconds / 5)
        found = baselines.label_baselines(prepared.data, seconds=limit)
        report.write_baselines(run, found)
        watcher.says("to beat: " + report.told_baselines(prepared.data, found))

    def _seconds_needed(self, network: LabelNetwork, prepared: Prepared) -> float:
        return recipe.seconds_to_judge(network, prepared)

    def _judge(
        self,
        run: Run,
        network: LabelNetwork,
        prepared: Prepared,
        progress: Progress,
        epochs: float,
    ) -> None:
        read, inputs = prepared.data, prepared.inputs
        held, answers = recipe.held(network, prepared), self._answers(network, inputs, read.test)
        temperature = evaluate.temperature(read, held)
        run.write_json(CALIBRATION, {"temperature": temperature})
        if not network.architecture.tagged:
            said = answers.predicted
            run.write_json(LOOKED, recorded(network, self._encoder, inputs, read, said))
        told = network.told()
        report.write(run, read, answers, held, temperature, told, progress, epochs)
        self._temperature = temperature

    def _answers(self, network: LabelNetwork, inputs: Inputs, rows: Rows) -> evaluate.Answers:
        said = classify.scores(network, inputs, rows)
        if not network.architecture.tagged:
            return evaluate.Answers(said.astype(np.float32))
        found = classify.tags(network, said, inputs.lengths[rows])
        return evaluate.Answers(said.astype(np.float32), found)

    @classmethod
    def _read_again(cls, run: Run, config: dict[str, Any]) -> Prepared:
        read = data.read_again(run, config["data"])
        return Prepared.of(read, config["options"]["tokens"])

    @staticmethod
    def _facts(prepared: Prepared) -> dict[str, Any]:
        return prepared.data.facts()

    def _load_parts(self, run: Run, config: dict[str, Any], network: LabelNetwork) -> None:
        with run.intact(ENCODER):
            encoder = Encoder.from_json(run.read_json(ENCODER))
        size = max(network.architecture.features, network.architecture.channels)
        if encoder.size != size:
            raise BundleError(
                f"{run.path / ENCODER}: holds {encoder.size:,} features or channels",
                expected=f"{size:,}, as the weights have",
                fix="restore both from one copy of the run, or train again",
            )
        with run.intact(CONFIG):
            classes = [str(each) for each in config["data"]["classes"]]
            self._label_type = config["data"]["label_type"]
        if len(classes) != network.architecture.classes:
            raise BundleError(
                f"{run.path / CONFIG}: {len(classes)} classes",
                expected=f"{network.architecture.classes}, as the weights have",
                fix="restore both from one copy of the run, or train again",
            )
        self._encoder, self._classes, self._temperature = encoder, classes, 1.0
        # Without a report its training is not finished, and has not written it yet.
        if run.has(CALIBRATION) or run.has(REPORT):
            with run.intact(CALIBRATION):
                self._temperature = float(run.read_json(CALIBRATION)["temperature"])
                if not 0.0 < self._temperature < float("inf"):
                    raise ValueError(f"temperature {self._temperature}")

    # -- use --------------------------------------------------------------------------------

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes (K,), as they were given, in the order of `predict_proba`."""
        assert self.network is not None
        return as_given(self._classes, self._label_type)

    def predict(self, X: Any) -> Any:
        """The likeliest class of each input, (N,); a list of tags for each where it is a tagger.

        Raises:
            DataError: inputs that are not like those the model was trained on.
        """
        inputs = self._inputs(X)
        if not self.network.architecture.tagged:
            return self.classes_[self._scores(inputs).argmax(1)]
        encoded = self._encoder.encode(inputs)
        said = classify.scores(self.network, encoded, np.arange(len(inputs)))
        found = classify.tags(self.network, said, encoded.lengths)
        return [self.classes_[each].tolist() for each in found]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """How probable each class is for each input, (N, K), calibrated on parts that chose.

        Raises:
            DataError: inputs that are not like those the model was trained on.
            OptionError: it is a tagger, whose rows of tags are too many to be listed.
        """
        if self.network.architecture.tagged:
            raise OptionError("predict_proba of a tagger", expected="predict")
        return probabilities(self._scores(self._inputs(X)), self._temperature)

    def score(self, X: Any, y: Any) -> float:
        """The share of inputs, or of tokens, whose class is right."""
        found = self.predict(X)
        if self.network.architecture.tagged:
            right = [
                mine == true
                for row, tags in zip(found, y, strict=True)
                for mine, true in zip(row, tags, strict=True)
            ]
            return float(np.mean(right))
        return float(np.mean(np.asarray(found) == np.asarray(y)))

    def classify(self, groups: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, Any]]:
        """Yield (classes, probabilities) for group after group of inputs, large ones in parts."""
        for _, encoded in classify.ahead(self._encoder, groups):
            said = classify.scores(self.network, encoded, np.arange(len(encoded.lengths)))
            found = probabilities(said, self._temperature)
            yield self.classes_[found.argmax(1)], found.max(1)

    def looked_at(self, x: Any) -> tuple[Any, list[str], tuple[float, ...]]:
        """The class of one input, its steps as they read, and the share of each in the decision.

        See `recurra.tasks.labels.influence`; steps of numbers read as their places, 1, 2, ...

        Raises:
            DataError: an input that is not like those the model was trained on.
            OptionError: it is a tagger, which decides at every step.
        """
        if self.network.architecture.tagged:
            raise OptionError("looked_at of a tagger", expected="a model of one class an input")
        inputs = self._inputs([x])
        batch = TensorBatch.of(self._encoder.encode(inputs), np.zeros(1, np.int64))
        label = self._scores(inputs).argmax(1)
        device = next(self.network.parameters()).device
        shares = influence(self.network, batch.to(device), torch.from_numpy(label).to(device))[0]
        return self.classes_[label[0]], self._encoder.steps(inputs[0]), tuple(shares.tolist())

    def stream(self) -> Stream:
        """A label after each step, as steps arrive; see `recurra.tasks.labels.classify.Stream`.

        Raises:
            OptionError: the model reads from both ends.
        """
        return Stream(self.network, self._encoder, self.classes_, self._temperature)

    def evaluate(self, X: Any, y: Any = None) -> dict[str, Any]:
        """The report on other data: files, or inputs and their labels.

        Raises:
            DataError: the data cannot be used, or hold a label that the model does not know.
        """
        examples, name = data.examples_to_judge(X, y, self)
        if examples.kind != self._encoder.kind:
            raise OptionError(
                f"{name}: {examples.kind} for a model of {self._encoder.kind}",
                expected=self._encoder.kind,
            )
        rows = np.arange(len(examples))
        answers = self._answers(self.network, self._encoder.encode(examples.inputs), rows)
        truth = Truth.of(examples, rows, self._classes)
        return report.examined(truth, answers, self._temperature, name=name, part="all of it")

    def _inputs(self, X: Any) -> list[Any]:
        if self._network is None:
            raise self._unfitted()
        kind, inputs = inputs_from(X)
        wanted = self._encoder.kind
        if kind != wanted:
            raise OptionError(f"{kind} for a model of {wanted}", expected=wanted)
        return inputs

    def _scores(self, inputs: Sequence[Any]) -> NDArray[np.float64]:
        encoded = self._encoder.encode(inputs)
        return classify.scores(self.network, encoded, np.arange(len(inputs)))

    # -- as scikit-learn's estimators -------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(string=True, two_d_array=True, three_d_array=True),
        )

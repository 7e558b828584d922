"""LabelModel: fit, predict, evaluate, save, load; it goes wherever scikit-learn's classifiers go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any, Self, final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bundle import CONFIG, Run
from recurra.errors import BundleError, OptionError, did_you_mean
from recurra.tasks.labels import baselines, classify, data, evaluate, recipe, report
from recurra.tasks.labels.given import as_given, inputs_from
from recurra.tasks.labels.inputs import Encoder
from recurra.tasks.labels.model import Architecture, LabelNetwork
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.labels.recipe import Prepared
from recurra.tasks.labels.trainee import LabelTrainee
from recurra.tasks.model import Design, Model
from recurra.training import session
from recurra.training.checkpoint import Progress
from recurra.training.loop import Watcher
from recurra.training.plan import Clock
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
        clock = Clock()
        self.check()
        if self.threads:
            torch.set_num_threads(self.threads)
        if y is None and (X is None or _are_paths(X)):
            paths = [X] if isinstance(X, str | PathLike) else X or []
            read = data.read([str(each) for each in paths], self)
        else:
            read = data.from_python(X, y, groups, seed=self.seed)
        prepared = Prepared.of(read, self.tokens)
        files = (*read.files, *read.test_files)
        return self._begin(
            prepared, files, read.told(), out, overwrite, watcher or Silence(), clock
        )

    def _precision(self, device: torch.device) -> Precision:
        if self.precision == "auto" and device.type == "cpu":
            return Precision(False, "the kernels of layers this small run in float32")
        return session.precision_of(self.precision, device)

    def _design(self, prepared: Prepared, precision: Precision, device: torch.device) -> Design:
        return recipe.design(self, prepared)

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
        found = baselines.label_baselines(prepared.data)
        report.write_baselines(run, found)
        watcher.says("to beat: " + report.told_baselines(prepared.data, found))

    def _seconds_needed(self, network: LabelNetwork, prepared: Prepared) -> float:
        return evaluate.seconds_needed(network, prepared)

    def _judge(
        self,
        run: Run,
        network: LabelNetwork,
        prepared: Prepared,
        progress: Progress,
        epochs: float,
    ) -> None:
        temperature = report.write(run, network, prepared, progress, epochs)
        run.write_json(CALIBRATION, {"temperature": temperature})
        self._temperature = temperature

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
        if run.has(CALIBRATION):
            with run.intact(CALIBRATION):
                self._temperature = float(run.read_json(CALIBRATION)["temperature"])

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
        return classify.probabilities(self._scores(self._inputs(X)), self._temperature)

    def score(self, X: Any, y: Any) -> float:
        """The share of inputs, or of tokens, whose class is right."""
        found = self.predict(X)
        if self.network.architecture.tagged:
            pairs = [
                (a, b) for mine, true in zip(found, y, strict=True) for a, b in zip(mine, true)
            ]
            return float(np.mean([a == b for a, b in pairs]))
        return float(np.mean(np.asarray(found) == np.asarray(y)))

    def classify(self, groups: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, Any]]:
        """Yield (classes, probabilities) for group after group of inputs, large ones in parts."""
        for _, encoded in classify.ahead(self._encoder, groups):
            said = classify.scores(self.network, encoded, np.arange(len(encoded.lengths)))
            found = classify.probabilities(said, self._temperature)
            yield self.classes_[found.argmax(1)], found.max(1)

    def stream(self) -> classify.Stream:
        """A label after each step, as steps arrive; see `recurra.tasks.labels.classify.Stream`.

        Raises:
            OptionError: the model reads from both ends.
        """
        return classify.Stream(self.network, self._encoder, self.classes_, self._temperature)

    def evaluate(self, X: Any, y: Any = None) -> dict[str, Any]:
        """The report on other data: files, or inputs and their labels."""
        return evaluate.on_other(self, X, y)

    def _inputs(self, X: Any) -> list[Any]:
        kind, inputs = inputs_from(X)
        wanted = self._encoder.kind
        if kind != wanted:
            raise OptionError(f"{kind} for a model of {wanted}", expected=wanted)
        return inputs

    def _scores(self, inputs: Sequence[Any]) -> NDArray[np.float64]:
        encoded = self._encoder.encode(inputs)
        return classify.scores(self.network, encoded, np.arange(len(inputs)))

    # -- as scikit-learn's estimators -------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The options, by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def set_params(self, **params: Any) -> Self:
        """Change options.

        Raises:
            OptionError: no such option, or a value out of its range.
        """
        known = [each.name for each in fields(self)]
        for name, value in params.items():
            if name not in known:
                raise OptionError(
                    f"no option {name!r}",
                    expected=f"one of {', '.join(known)}",
                    fix=did_you_mean(name, known),
                )
            setattr(self, name, value)
        self.check()
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(string=True, two_d_array=True, three_d_array=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return self._network is not None


def _are_paths(X: Any) -> bool:
    if isinstance(X, str | PathLike):
        return True
    many = isinstance(X, list | tuple) and bool(X)
    return many and all(isinstance(each, Path | str) for each in X)

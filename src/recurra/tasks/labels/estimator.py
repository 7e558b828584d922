"""LabelModel: fit, predict, evaluate, save, load; it goes where scikit-learn's classifiers go."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import CONFIG, REPORT, Run
from recurra.codecs.sequence_encoder import Encoder, Inputs
from recurra.errors import BundleError, DataError, OptionError
from recurra.judge.probability_calibration import probabilities
from recurra.runtime.labels import Architecture, LabelNetwork
from recurra.runtime.pool import Pool
from recurra.runtime.sizes import sizes_of
from recurra.runtime.streams import Stream, StreamState
from recurra.tasks.labels import answer, classify, data, evaluate, report
from recurra.tasks.labels.answer import Answer
from recurra.tasks.labels.asked import Asked, asked_of
from recurra.tasks.labels.from_memory import as_given, as_known, inputs_from, labels_from
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.labels.stream import LabelStreamed
from recurra.tasks.labels.targets import Targets
from recurra.tasks.labels.task import LABELS
from recurra.tasks.model import Model

if TYPE_CHECKING:
    from recurra.training.callbacks import Callback

ENCODER = "encoder.json"
CALIBRATION = "calibration.json"


@final
class LabelModel(Model[LabelOptions, LabelNetwork]):
    """A classifier of texts and of sequences of numbers, and a tagger of tokens.

        model = LabelModel(minutes=5).fit(texts, labels)  # lists, one label a text
        model.predict(["not bad at all"])

    Options are those of LabelOptions. As a scikit-learn estimator it works in pipelines and in
    cross_val_score. A fitted model stands on the folder of its run; without `out` that folder is a
    temporary one, and `save` copies it to a place of its own.

    Raises:
        OptionError: an option is out of its range.
    """

    task = LABELS
    _architecture, _runtime = Architecture, LabelNetwork

    # -- training ---------------------------------------------------------------------------

    def fit(
        self,
        X: Any = None,
        y: Any = None,
        *,
        groups: Any = None,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
        callbacks: Sequence[Callback] | Callback = (),
        progress: bool | None = None,
    ) -> Self:
        """Train on inputs and their labels, or on files.

        Args:
            X: texts, lists of tokens, arrays (steps, channels), or one array (N, steps) or
                (N, steps, channels), with `layout="channels-first"` (N, channels, steps); NaN at
                the end of a sequence pad it. Or a frame of sktime, nested or of an index of two
                levels. Without y one file or several, or None for handwritten digits.
            y: a label for each; for lists of tokens also a list of tags for each.
            groups: keys; what shares one is kept in one part.
            out: the folder of the run.

        Raises:
            DataError: the data cannot be used.
            MissingExtra: torch, or what the data or the baselines need, is not installed.
            BundleError: `out` exists already, or cannot be written.
            TrainingError: the loss exploded; the best weights before that are kept.
        """
        return self._fit({"X": X, "y": y, "groups": groups}, out, overwrite, callbacks, progress)

    def load_parts(self, run: Run) -> None:
        """Read the classes, the encoder and the temperature; see `Model.load_parts`."""
        with run.intact(CONFIG):
            inference = run.config()["inference"]
            sizes = sizes_of(Architecture, inference["architecture"])
            classes = [str(each) for each in inference["classes"]]
            kind, self._label_type = inference["kind"], inference["label_type"]
        with run.intact(ENCODER):
            encoder = Encoder.from_json(run.read_json(ENCODER))
        size = max(sizes.features, sizes.channels)
        if (encoder.kind, encoder.size) != (kind, size):
            raise BundleError(
                f"{run.path / ENCODER}: {encoder.kind} of {encoder.size:,} features or channels",
                expected=f"{kind} of {size:,}, as the weights have",
                fix="restore both from one copy of the run, or train again",
            )
        if len(classes) != sizes.classes:
            raise BundleError(
                f"{run.path / CONFIG}: {len(classes)} classes",
                expected=f"{sizes.classes}, as the weights have",
                fix="restore both from one copy of the run, or train again",
            )
        self._encoder, self._classes, self._temperature = encoder, classes, 1.0
        self._answer = answer.read(run, encoder.kind, encoder.size, len(classes))
        # Without a report its training is not finished, and has not written it yet.
        if run.has(CALIBRATION) or run.has(REPORT):
            with run.intact(CALIBRATION):
                self._temperature = float(run.read_json(CALIBRATION)["temperature"])
                if not 0.0 < self._temperature < float("inf"):
                    raise ValueError(f"temperature {self._temperature}")

    # -- use --------------------------------------------------------------------------------

    @property
    def answer(self) -> Answer:
        """What it answers with: what was best when it was trained, or its network alone.

        The latter with `answer="network"`, which `set_params` can say of a trained model too, of
        taggers, of streams, and of runs of earlier versions.
        """
        self.network  # noqa: B018, which says what is wrong where it is not fitted
        return self._answer if self.options.answer == "best" else Answer()

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes (K,), as they were given, in the order of `predict_proba`."""
        assert self.network is not None
        return as_given(self._classes, self._label_type)

    def predict(self, X: Any) -> Any:
        """The likeliest class of each input, (N,); a list of tags for each where it is a tagger.

        One text is taken for a list of one, here and below.

        Raises:
            DataError: inputs that are not like those the model was trained on.
        """
        inputs = self._inputs(X)
        if not self.network.architecture.tagged:
            return self.classes_[self._chances(inputs).argmax(1)]
        if not inputs:
            return []
        if unsplit := self.unsplit(inputs):
            warnings.warn(
                f"tokens that look unsplit: {', '.join(map(repr, unsplit[:3]))}"
                f"{', ...' if len(unsplit) > 3 else ''}; training had words and marks apart",
                stacklevel=2,
            )
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
        return self._chances(self._inputs(X))

    def score(self, X: Any, y: Any) -> float:
        """The share of inputs, or of tokens, whose class is right.

        Raises:
            DataError: X as `predict`; not one of the labels y is a class of the model.
        """
        tagged, found = self.network.architecture.tagged, self.predict(X)
        true = [tag for tags in y for tag in tags] if tagged else y
        said = [tag for tags in found for tag in tags] if tagged else found
        if tagged and list(map(len, y)) != list(map(len, found)):
            raise DataError("y: rows of tags", expected="a tag for each token of X")
        labels = as_known(labels_from(true)[0], self._classes)
        return float(np.mean(np.array(labels_from(said)[0]) == np.array(labels)))

    def classify(self, groups: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, Any]]:
        """Yield (classes, probabilities) for group after group of inputs, large ones in parts."""
        for found in self.probabilities(groups):
            yield self.classes_[found.argmax(1)], found.max(1)

    def probabilities(self, groups: Iterable[Sequence[Any]]) -> Iterator[NDArray[np.float64]]:
        """Yield the probabilities (n, K) of all classes for group after group of inputs."""
        for inputs, encoded in classify.ahead(self._encoder, groups):
            yield self._said(inputs, encoded)

    def read_inputs(self, source: str | PathLike[str]) -> Asked:
        """The inputs of a file of a kind that training reads, whose labels are not needed.

        Raises:
            DataError: the file cannot be used.
            OptionError: it is of another kind than what the model was trained on.
        """
        facts = self.run.config()["data"]
        tagged = self.network.architecture.tagged
        reading = data.reading_of(self.options)
        return asked_of(Path(source), self._encoder.kind, tagged, reading, facts)

    def unsplit(self, rows: Iterable[Sequence[str]]) -> list[str]:
        """Tokens that training never had, of whose words it had some: "call.", a sentence."""
        return classify.unsplit(self._encoder, rows)

    def attribution(self, x: Any) -> tuple[Any, list[str], tuple[float, ...]]:
        """The class of one input, its steps as they read, and the share of each in the decision.

        See `recurra.tasks.labels.influence`; steps of numbers read as their places, 1, 2, ...

        Raises:
            DataError: an input that is not like those the model was trained on.
            OptionError: it is a tagger, which decides at every step.
            MissingExtra: torch, which slopes need, is not installed.
        """
        if self.network.architecture.tagged:
            raise OptionError("attribution of a tagger", expected="a model of one class an input")
        inputs = self._inputs([x])
        encoded = self._encoder.encode(inputs)
        label = int(classify.scores(self.network, encoded, np.zeros(1, np.int64)).argmax())
        network = self._trained()
        shares = self.task.part("trainer").influence(network, encoded, label)
        return self.classes_[label], self._encoder.steps(inputs[0]), tuple(shares.tolist())

    def stream(self, state: StreamState | None = None) -> Stream[Any, tuple[Any, float]]:
        """A live stream of steps: the class of what was read so far, and how probable it is.

            stream = model.stream()
            for values in steps:
                label, probability = stream.push(values)

        A step is the channels' values, (C,), or a token. Memory does not grow with the steps.

        Args:
            state: where to go on, of a stream of this model.

        Raises:
            OptionError: the model reads from both ends.
            BundleError: a state of another model.
        """
        return Stream(self._streamed(), self.run.name, state)

    def pool(self) -> Pool[Sequence[Any], tuple[NDArray[Any], NDArray[np.float64]]]:
        """Room for many streams, stepped together: the class of each, and how probable it is.

            pool = model.pool()
            rows = pool.open(1000)
            labels, probabilities = pool.push(rows[:500], steps)

        A step is (B, C), the channels' values of each, or B tokens; labels and probabilities (B,).

        Raises:
            OptionError: the model reads from both ends.
        """
        return Pool(self._streamed(), self.run.name)

    def _streamed(self) -> LabelStreamed:
        return LabelStreamed(self.network, self._encoder, self.classes_, self._temperature)

    def evaluate(self, X: Any, y: Any = None) -> dict[str, Any]:
        """The report on other data: files, or inputs and their labels.

        Raises:
            DataError: the data cannot be used, or hold a label that the model does not know.
        """
        examples, name = data.examples_to_judge(
            X, y, self.options, self.run.config()["data"]["columns"]
        )
        if examples.kind != self._encoder.kind:
            raise OptionError(
                f"{name}: {examples.kind} for a model of {self._encoder.kind}",
                expected=self._encoder.kind,
            )
        rows = np.arange(len(examples))
        answers = evaluate.answers(self.network, self._encoder.encode(examples.inputs), rows)
        truth = Targets.of(examples, rows, self._classes)
        said = evaluate.answered(self.answer, answers, self._temperature, examples.inputs)
        return report.examined(
            truth,
            answers,
            self._temperature,
            answer=said,
            chosen=self.answer.chosen,
            name=name,
            part="all of it",
        )

    def _inputs(self, X: Any) -> list[Any]:
        if self._network is None:
            raise self._unfitted()
        if hasattr(X, "__len__") and not isinstance(X, str) and len(X) == 0:
            return []
        kind, inputs = inputs_from([X] if isinstance(X, str) else X, self.options.layout)
        wanted = self._encoder.kind
        if kind != wanted:
            raise OptionError(f"{kind} for a model of {wanted}", expected=wanted)
        return inputs

    def _chances(self, inputs: Sequence[Any]) -> NDArray[np.float64]:
        if not inputs:
            return np.zeros((0, len(self._classes)))
        return self._said(inputs, self._encoder.encode(inputs))

    def _said(self, inputs: Sequence[Any], encoded: Inputs) -> NDArray[np.float64]:
        """The answer's probabilities of inputs, and the same encoded."""
        own, rows = None, np.arange(len(inputs))
        if self.answer.asks_network:
            said = classify.scores(self.network, encoded, rows)
            own = probabilities(said, self._temperature)
        return self.answer.probabilities(own, inputs)

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

"""What a classifier is worth: figures on examples it never saw, baselines beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.sequence_encoder import Inputs
from recurra.errors import DataError
from recurra.judge import probability_calibration
from recurra.judge.answer import NETWORK, choose
from recurra.judge.bootstrap import Interval
from recurra.judge.verdict import verdict
from recurra.runtime.labels import LabelNetwork
from recurra.tasks.labels import classify, mistakes
from recurra.tasks.labels.answer import Answer, logits
from recurra.tasks.labels.baselines import Baseline
from recurra.tasks.labels.data import LabelData
from recurra.tasks.labels.targets import NAMES, Metric, Targets

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]

_LEAST_CHANCE: Final = 1e-6  # so that no single row decides what an average costs


@final
@dataclass(frozen=True, eq=False)
class Held:
    """What members of the model say of rows that they never trained on.

    Args:
        rows: of the examples (n,), those of fold 0 among them.
        logits: (n, K); where steps are tagged those of all steps end to end.
    """

    rows: Numbers
    logits: NDArray[np.float32]


@final
@dataclass(frozen=True, eq=False)
class Answers:
    """What the model says of some rows.

    Args:
        logits: (n, K); where steps are tagged those of all steps end to end.
        tags: class numbers (T,) for each sentence, where its tags are found together.
    """

    logits: NDArray[np.float32]
    tags: Sequence[Numbers] | None = None

    @property
    def predicted(self) -> Numbers:
        """Class numbers, one for each row of the logits."""
        if self.tags is None:
            found: Numbers = self.logits.argmax(1)
            return found
        return np.concatenate([np.zeros(0, np.int64), *self.tags])


def answers(network: LabelNetwork, inputs: Inputs, rows: Numbers) -> Answers:
    """What a network says of some rows of encoded examples."""
    said = classify.scores(network, inputs, rows)
    if not network.architecture.tagged:
        return Answers(said.astype(np.float32))
    found = classify.tags(network, said, inputs.lengths[rows])
    return Answers(said.astype(np.float32), found)


def answered(
    answer: Answer, network: Answers, temperature: float, inputs: Sequence[Any]
) -> Answers | None:
    """What is answered where the network says this of inputs; None where it answers alone."""
    if answer.baseline is None:
        return None
    own = probability_calibration.probabilities(network.logits, temperature)
    return Answers(logits(answer.probabilities(own, inputs)))


def temperature(data: LabelData, held: Held) -> float:
    """The temperature of the model's probabilities, from what members say of rows unseen.

    Raises:
        DataError: the logits do not fit the rows.
    """
    truth = Targets.of(data.examples, held.rows, data.classes)
    return probability_calibration.temperature(held.logits, truth.targets)


def judge(
    truth: Targets,
    answers: Answers,
    temperature: float = 1.0,
    baselines: Sequence[Baseline] = (),
    answer: Answers | None = None,
) -> dict[str, Any]:
    """Every figure of the network and of the baselines beside it, as plain values.

    Args:
        truth: of the examples.
        answers: of the network.
        temperature: of its probabilities.
        baselines: of the same examples.
        answer: what the verb says, where that is not the network alone: logits of temperature 1.
            What is said of classes and of single examples is said of it.

    Raises:
        DataError: there are not as many answers as labels.
    """
    _check(truth, answers, baselines)
    predicted, chances = (
        answers.predicted,
        probability_calibration.probabilities(answers.logits, temperature),
    )
    steps = np.arange(len(predicted))
    found: dict[str, Any] = {
        "model": figures(truth, predicted)
        | {"nats": _nats(chances[steps, truth.targets]), "temperature": temperature},
        "baselines": [
            {"name": each.name, "note": each.note} | figures(truth, each.predicted)
            for each in baselines
        ],
        "verdict": against(truth, predicted, baselines, truth.metric),
        "macro_verdict": None,
    }
    if truth.metric == "accuracy" and len(truth.classes) > 2:
        found["macro_verdict"] = against(truth, predicted, baselines, "macro_f1")
    uncorrected = probability_calibration.probabilities(answers.logits)[steps, predicted]
    if answer is not None:
        predicted, chances = (
            answer.predicted,
            probability_calibration.probabilities(answer.logits),
        )
        uncorrected = chances[steps, predicted]
        found["answer"] = figures(truth, predicted) | {"nats": _nats(chances[steps, truth.targets])}
    of_true, of_said = chances[steps, truth.targets], chances[steps, predicted]
    right = predicted == truth.targets
    calibrated = probability_calibration.calibration(of_said, right).to_json()
    calibrated["uncorrected"] = probability_calibration.calibration(uncorrected, right).error
    return found | {
        "calibration": calibrated,
        "classes": mistakes.by_class(truth, predicted),
        **mistakes.confusion(truth, predicted),
        "wrong": mistakes.wrong(truth, predicted, of_true, of_said),
    }


def _nats(of_true: NDArray[Any]) -> float:
    """What it costs that these were the chances of what is true."""
    return float(-np.log(np.maximum(of_true, _LEAST_CHANCE)).mean())


def figures(truth: Targets, predicted: Numbers) -> dict[str, Any]:
    """Each metric of answers, with its interval."""
    return {metric: truth.figure(metric, predicted).to_json() for metric in truth.metrics}


def failure(truth: Targets, answers: Answers, temperature: float) -> str:
    """A sentence where a network has learnt nothing beyond how frequent the classes are; else "".

    That is where it costs no less, within one standard error, than to say their shares of every
    example. Of taggers, and where nothing can be told apart, nothing is said.

    Args:
        truth: of examples that it has not learnt from.
        answers: of the network.
        temperature: of its probabilities.
    """
    if truth.lengths is not None or len(np.unique(truth.targets)) < 2:
        return ""
    shares = np.bincount(truth.targets, minlength=len(truth.classes)) / len(truth.targets)
    chances = probability_calibration.probabilities(answers.logits, temperature)
    said = {"shares": np.broadcast_to(shares, chances.shape), NETWORK: chances}
    costs = {
        name: probability_calibration.brier(each, truth.targets) for name, each in said.items()
    }
    choice = choose(costs)
    if choice.name == NETWORK or not math.isfinite(choice.error):
        return ""
    own, others = (f"{choice.costs[name]:.3f}" for name in (NETWORK, "shares"))
    return (
        "The network has failed here: within noise it says no more than how frequent the classes "
        f"are (Brier score {own}, that of their shares {others})."
    )


# -- the verdict --------------------------------------------------------------------------------


def against(
    truth: Targets, predicted: Numbers, baselines: Sequence[Baseline], metric: Metric
) -> dict[str, Any] | None:
    """The verdict against the baseline that is best by a metric; None where there is none."""
    best = strongest(truth, baselines, metric)
    if best is None:
        return None
    return verdict(
        100 * truth.exact(metric, predicted),
        100 * truth.exact(metric, best.predicted),
        _points(truth.advantage(metric, predicted, best.predicted)),
        name=best.name,
        unit=f"points of {NAMES[metric]}",
        higher_is_better=True,
    ).to_json()


def strongest(truth: Targets, baselines: Sequence[Baseline], metric: Metric) -> Baseline | None:
    """The baseline that is best by a metric, the first of equals."""
    return max(baselines, key=lambda each: truth.exact(metric, each.predicted), default=None)


def _points(share: Interval) -> Interval:
    """A share in points of a hundred."""
    return Interval(100 * share.low, 100 * share.high, 100 * share.estimate, share.level)


def _check(truth: Targets, answers: Answers, baselines: Sequence[Baseline]) -> None:
    wanted = (len(truth.targets), len(truth.classes))
    if answers.logits.shape != wanted or len(answers.predicted) != wanted[0]:
        raise DataError(
            f"logits of shape {answers.logits.shape} and {len(answers.predicted):,} labels said",
            expected=f"{wanted[0]:,} rows of {wanted[1]:,} classes",
        )
    if not np.isfinite(answers.logits).all():
        raise DataError("a logit is not finite", expected="finite values")
    for each in baselines:
        if len(each.predicted) != wanted[0]:
            raise DataError(
                f"the {each.name} says {len(each.predicted):,} labels",
                expected=f"{wanted[0]:,}: baselines of the same part",
            )

"""The report of a labels run: numbers for programs, sentences for people, the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.console.text import percent
from recurra.data.files import name_of
from recurra.judge import probability_calibration
from recurra.tasks import card, stored_baselines
from recurra.tasks.labels import evaluate, render
from recurra.tasks.labels.answer import sentence
from recurra.tasks.labels.baselines import Baseline
from recurra.tasks.labels.data import LabelData
from recurra.tasks.labels.evaluate import Answers
from recurra.tasks.labels.targets import NAMES, Targets

SCORED: Final = "traces/test.safetensors"
ATTRIBUTION: Final = "traces/attribution.json"


def baselines_summary(data: LabelData, found: Sequence[Baseline]) -> str:
    """The baselines in one line."""
    truth = Targets.of(data.examples, data.test, data.classes)
    figures = (
        f"{each.name} {100 * truth.exact(truth.metric, each.predicted):.1f} %" for each in found
    )
    return f"{', '.join(figures)} {NAMES[truth.metric]}"


def result(
    data: LabelData,
    answers: Answers,
    temperature: float,
    baselines: Sequence[Baseline],
    answer: Answers | None = None,
    chosen: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the report says of the model on the test part, all but how it was trained.

    Args:
        data: what it was trained on.
        answers: of the rows `data.test`, by the network.
        temperature: of the model's probabilities.
        baselines: of the same data.
        answer: what the verb says of these rows, see `evaluate.judge`.
        chosen: how it was chosen, `Answer.chosen`.
    """
    truth = Targets.of(data.examples, data.test, data.classes)
    part = "the test part" + (f" ({name_of(data.test_files)})" if data.test_files else "")
    found = examined(
        truth, answers, temperature, baselines, answer, chosen, name=data.name, part=part
    )
    found["data"]["found"] = dict(data.found)
    if failure := evaluate.failure(truth, answers, temperature):
        found["failure"] = failure
    if answer is not None:
        other = next(each for each in baselines if each.name == found["chosen"]["baseline"])
        gain = truth.advantage(truth.metric, answer.predicted, other.predicted)
        found["answer"]["advantage"] = gain.to_json()
    return found


def examined(
    truth: Targets,
    answers: Answers,
    temperature: float,
    baselines: Sequence[Baseline] = (),
    answer: Answers | None = None,
    chosen: Mapping[str, Any] | None = None,
    *,
    name: str,
    part: str,
) -> dict[str, Any]:
    """What a report says of any examples whose labels are known.

    Args:
        truth: of these examples.
        answers: what the model says of them.
        temperature: of the model's probabilities.
        baselines: what they say of the same.
        answer: what the verb says of the same, see `evaluate.judge`.
        chosen: how it was chosen, `Answer.chosen`; None or empty where nothing was.
        name: what the data are called.
        part: which part of them it is: "the test part".
    """
    examples = truth.examples
    about = {
        "name": name,
        "part": part,
        "kind": examples.kind,
        "noun": examples.noun,
        "examples": len(truth.rows),
        "steps": None if truth.lengths is None else len(truth.targets),
        "spans": truth.spans,
        "classes": list(truth.classes),
        "found": {},
    }
    judged = evaluate.judge(truth, answers, temperature, baselines, answer)
    if not chosen:
        return {"data": about} | judged
    return {"data": about, "chosen": {**chosen, "sentence": sentence(chosen)}} | judged


def write(
    run: Run,
    data: LabelData,
    answers: Answers,
    temperature: float,
    network: str,
    training: dict[str, Any],
    answer: Answers | None = None,
    chosen: Mapping[str, Any] | None = None,
) -> None:
    """Judge what a trained model says of the test part; write the report and the model card.

    Args:
        run: which has the configuration, and the baselines by `stored_baselines.write`.
        data: what it was trained on.
        answers: of the rows `data.test`, by the network.
        temperature: of the model's probabilities.
        network: the model in a few words.
        training: what there is to say of how it was trained.
        answer, chosen: as of `result`.
    """
    baselines = stored_baselines.read(run, Baseline)
    found = result(data, answers, temperature, baselines, answer, chosen)
    found |= stored_baselines.left_out(run)
    found["training"] = training
    said = (answers, temperature) if answer is None else (answer, 1.0)
    run.write_arrays(SCORED, *scored(data, *said))
    what = {"text": "Text", "tokens": "Tokens", "numbers": "Numbers"}[found["data"]["kind"]]
    does = "one of the classes" if found["data"]["steps"] is None else "a tag for each token"
    card.write(
        run,
        found,
        what=f"{what} in, {does} out: a recurrent model",
        network=network,
        trained_on=f"{len(data.learn):,} {data.examples.noun}, of which {data.chooses:,} chose the "
        "weights",
        blocks=_card(found),
        commands=[
            f"classify {run.path.name} " + ('"..."' if what == "Text" else "FILE"),
            f"evaluate {run.path.name} other data",
        ],
        limits="It knows no other classes than these, and answers with one of them whatever it is "
        "given. What its examples have in common by chance, or by prejudice, it has learnt as "
        "well.",
    )


def _card(report: dict[str, Any]) -> list[str]:
    """What the model card says of a report."""
    about = report["data"]
    rows = (
        (
            card.code(each["name"]),
            f"{each['examples']:,}",
            *(percent(each[figure]) for figure in ("precision", "recall", "f1")),
        )
        for each in report["classes"]
    )
    heads = ["span" if about["spans"] else "class", "how many", "precision", "recall", "F1"]
    return [
        *render.verdicts(report),
        f"On {about['examples']:,} {about['noun']} that it has never seen:",
        card.comparison(report, render.columns(report)),
        render.calibration(report),
        card.table(heads, rows),
        report["training"]["sentence"],
    ]


def scored(
    data: LabelData, answers: Answers, temperature: float
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """What pictures of the test part are made from: arrays, and the classes' names."""
    truth = Targets.of(data.examples, data.test, data.classes)
    arrays: dict[str, NDArray[Any]] = {
        "rows": truth.rows,
        "targets": truth.targets.astype(np.int32),
        "predicted": answers.predicted.astype(np.int32),
        "probabilities": probability_calibration.probabilities(answers.logits, temperature).astype(
            np.float32
        ),
    }
    if truth.lengths is not None:
        arrays["lengths"] = truth.lengths
    return arrays, {"classes": list(truth.classes)}

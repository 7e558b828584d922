"""The report of a labels run: numbers for programs, sentences for people, the model card."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import CARD, REPORT, Run
from recurra.console.text import percent, printable
from recurra.data.files import name_of
from recurra.judge import probability_calibration
from recurra.tasks import stored_baselines
from recurra.tasks.labels import evaluate, render
from recurra.tasks.labels.baselines import Baseline
from recurra.tasks.labels.data import LabelData
from recurra.tasks.labels.evaluate import Answers, Held
from recurra.tasks.labels.targets import NAMES, Metric, Targets

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
    held: Held,
    temperature: float,
    baselines: Sequence[Baseline],
) -> dict[str, Any]:
    """What the report says of the model on the test part, all but how it was trained.

    Args:
        data: what it was trained on.
        answers: of the rows `data.test`.
        held: of rows of `data.learn`, each by a member that did not train on it.
        temperature: of the model's probabilities, fitted on `held`.
        baselines: of the same data.
    """
    truth = Targets.of(data.examples, data.test, data.classes)
    part = "the test part" + (f" ({name_of(data.test_files)})" if data.test_files else "")
    found = examined(truth, answers, temperature, baselines, name=data.name, part=part)
    found["data"]["found"] = dict(data.found)
    best = evaluate.strongest(truth, baselines, truth.metric)
    if best is not None and found["verdict"]["better"] is not True:
        mean = evaluate.average(data, answers, held, temperature, best)
        found["averaged"] = None if mean is None else mean.to_json(truth)
    return found


def examined(
    truth: Targets,
    answers: Answers,
    temperature: float,
    baselines: Sequence[Baseline] = (),
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
    judged = evaluate.judge(truth, answers, temperature, baselines)
    return {"data": about} | judged | {"averaged": None}


def write(
    run: Run,
    data: LabelData,
    answers: Answers,
    held: Held,
    temperature: float,
    network: str,
    training: dict[str, Any],
) -> None:
    """Judge what a trained model says of the test part; write the report and the model card.

    Args:
        run: which has the configuration, and the baselines by `stored_baselines.write`.
        data: what it was trained on.
        answers: of the rows `data.test`.
        held: of rows of `data.learn`, each by a member that did not train on it.
        temperature: of the model's probabilities, fitted on `held`.
        network: the model in a few words.
        training: what there is to say of how it was trained.
    """
    config = run.config()
    found = result(data, answers, held, temperature, stored_baselines.read(run, Baseline))
    found["training"] = training
    run.write_arrays(SCORED, *scored(data, answers, temperature))
    run.write_text(CARD, card(run.path.name, found, config, network))
    run.write_json(REPORT, found)


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


def card(name: str, report: dict[str, Any], config: dict[str, Any], network: str) -> str:
    """The model card, Markdown."""
    data, about = config["data"], report["data"]
    what = {"text": "Text", "tokens": "Tokens", "numbers": "Numbers"}[data["kind"]]
    does = "a tag for each token" if data["tagged"] else "one of the classes"
    metrics: list[Metric] = ["span_f1"] if about["spans"] else []
    metrics += ["accuracy", "macro_f1"]
    rows = [("this model", report["model"])]
    rows += [(each["name"], each) for each in report["baselines"]]
    table = "\n".join(
        f"| {who} | {' | '.join(percent(f[m]['estimate']) for m in metrics)} |" for who, f in rows
    )
    kinds = "\n".join(
        f"| {_cell(each['name'])} | {each['examples']:,} | {percent(each['precision'])} "
        f"| {percent(each['recall'])} | {percent(each['f1'])} |"
        for each in report["classes"]
    )
    said = [report["verdict"], report["macro_verdict"]]
    sentences = "\n\n".join(each["sentence"] for each in said if each)
    if report["averaged"]:
        sentences += f"\n\n{render.averaged(report)}"
    text = f"""# {name}

{what} in, {does} out: a recurrent model made by recurra {config["recurra"]} ({network}), trained \
on {data["name"]} ({data["learn"]:,} examples, of which a tenth chose the weights).

{sentences}

On {about["examples"]:,} {about["noun"]} that it has never seen:

| | {" | ".join(NAMES[each] for each in metrics)} |
|---|{"---|" * len(metrics)}
{table}

{render.calibration(report)}

| {"span" if about["spans"] else "class"} | how many | precision | recall | F1 |
|---|---|---|---|---|
{kinds}

{report["training"]["sentence"]}

    recurra classify {name} {'"..."' if data["kind"] == "text" else "FILE"}
    recurra evaluate {name} other data

It knows no other classes than these, and answers with one of them whatever it is given. What its
examples have in common by chance, or by prejudice, it has learnt as well.
"""
    lines = (textwrap.fill(line, 99) if line[:1].isalnum() else line for line in text.split("\n"))
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A text inside a Markdown table."""
    return printable(text).replace("|", "\\|")

"""How labels models are trained, and what torch is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.codecs.sequence_encoder import Inputs, Rows
from recurra.networks.label_batch import TensorBatch
from recurra.networks.labels import LabelNetwork
from recurra.runtime.labels import Architecture
from recurra.tasks import stored_baselines
from recurra.tasks.labels import answer, baselines, config, data, evaluate, report
from recurra.tasks.labels.config import EncodedDataset
from recurra.tasks.labels.estimator import CALIBRATION, ENCODER, LabelModel
from recurra.tasks.labels.influence import influence as shares_of
from recurra.tasks.labels.influence import recorded
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.training import Training
from recurra.training.callbacks import Callback


def _read(options: LabelOptions, given: Mapping[str, Any], _: Path | None) -> EncodedDataset:
    X, y = given["X"], given["y"]
    if y is None:
        read = data.read(data.files_of(X), options)
    else:
        read = data.from_python(X, y, given["groups"], seed=options.seed, layout=options.layout)
    return EncodedDataset.of(read, options.tokens)


def _read_again(run: Run, config: dict[str, Any]) -> EncodedDataset:
    read = data.INPUT.read_again(run, config["data"])
    return EncodedDataset.of(read, config["options"]["tokens"])


def _inference(_: LabelOptions, dataset: EncodedDataset) -> dict[str, Any]:
    """The kind of inputs, and the classes as they were given."""
    read = dataset.data
    return {
        "kind": read.examples.kind,
        "classes": list(read.classes),
        "label_type": read.label_type,
    }


def _prepare(run: Run, dataset: EncodedDataset, options: LabelOptions, callback: Callback) -> None:
    """Write the encoder, the examples where they cannot be read twice, and the baselines."""
    run.write_json(ENCODER, dataset.encoder.to_json())
    data.INPUT.store(run, dataset.data)
    limit = stored_baselines.limit(options.seconds)
    members = run.config()["inference"]["architecture"]["members"]
    found = baselines.label_baselines(dataset.data, seconds=limit, members=members)
    stored_baselines.write(run, found.baselines, found.left_out)
    if found.best is not None and options.answer == "best":
        assert found.choice is not None
        name, others = found.best.baseline.name, len(found.choice.costs)
        answer.keep(run, name, others, found.best.in_use)
    callback.says("to beat: " + report.baselines_summary(dataset.data, found.baselines))
    for each in found.left_out:
        callback.says(str(each))


def _judge(
    model: LabelModel, network: LabelNetwork, dataset: EncodedDataset, facts: dict[str, Any]
) -> None:
    """Fit the temperature, score the test part, write the report."""
    run, read, inputs = model.run, dataset.data, dataset.inputs
    held = config.held(model.network, dataset)
    answers = evaluate.answers(model.network, inputs, read.test)
    temperature = evaluate.temperature(read, held)
    run.write_json(CALIBRATION, {"temperature": temperature})
    _choose_answer(run, read, held, network.architecture.members)
    model.load_parts(run)
    asked = [read.examples.inputs[row] for row in read.test]
    answered = evaluate.answered(model.answer, answers, temperature, asked)
    if not network.architecture.tagged:
        theirs = None if answered is None else answered.predicted
        traced = recorded(network, dataset.encoder, inputs, read, answers.predicted, theirs)
        run.write_json(report.ATTRIBUTION, traced)
    chosen = model.answer.chosen
    report.write(run, read, answers, temperature, network.summary(), facts, answered, chosen)


def _choose_answer(run: Run, read: data.LabelData, held: evaluate.Held, members: int) -> None:
    """Say in the run what it answers with, where there is a baseline to compare it with."""
    candidate = answer.candidate(run)
    if candidate is None:
        return
    name, others = candidate
    records = stored_baselines.read(run, baselines.Baseline)
    theirs = next(each.held for each in records if each.name == name)
    assert theirs is not None
    which = (read.folds >= 0) & (read.folds < members)
    place = np.full(len(read.examples), -1)
    place[held.rows] = np.arange(len(held.rows))
    chosen = answer.decide(
        name,
        others,
        held.logits[place[read.learn[which]]],
        theirs[which[baselines.compared(read, members)]],
        read.targets(read.learn[which]),
        read.tunes[which],
        read.groups[which],
    )
    answer.settle(run, chosen)


TRAINING: Final = Training(
    architecture=Architecture,
    network=LabelNetwork,
    read=_read,
    read_again=_read_again,
    plan_model=config.plan_model,
    inference=_inference,
    prepare=_prepare,
    training_task=config.training_task,
    seconds_to_judge=lambda network, dataset, _: config.seconds_to_judge(network.in_use(), dataset),
    judge=_judge,
    small=True,
)


# -- what torch is asked --------------------------------------------------------------------------


@torch.inference_mode()
def scores(network: LabelNetwork, inputs: Inputs, rows: Rows) -> NDArray[np.float32]:
    """Scores of rows (B,) of inputs: (B, K), or where steps are tagged (N, K)."""
    found: NDArray[np.float32] = network(TensorBatch.of(inputs, rows)).numpy()
    return found


def influence(network: LabelNetwork, encoded: Inputs, label: int) -> NDArray[np.float64]:
    """The share (T,) of each step of one input in the score of a class."""
    batch = TensorBatch.of(encoded, np.zeros(1, np.int64))
    return shares_of(network, batch, torch.tensor([label]))[0]

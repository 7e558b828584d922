"""How pairs models are trained, and what torch is asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.core.ragged import Ragged
from recurra.networks.pairs import PairNetwork
from recurra.runtime.pairs import Architecture, Ids
from recurra.tasks import stored_baselines
from recurra.tasks.pairs import baselines, config, data, report
from recurra.tasks.pairs.config import EncodedDataset
from recurra.tasks.pairs.estimator import PIECES, PairModel
from recurra.tasks.pairs.known import Lexicon
from recurra.tasks.pairs.options import PairOptions
from recurra.tasks.training import Training
from recurra.training.callbacks import Callback
from recurra.training.session import selected


def _read(options: PairOptions, given: Mapping[str, Any], _: Path | None) -> EncodedDataset:
    read = data.given(given["X"], given["y"], options)
    return EncodedDataset.of(read, options.tokens, options.shared)


def _read_again(run: Run, config: dict[str, Any]) -> EncodedDataset:
    read, options = data.INPUT.read_again(run, config["data"]), config["options"]
    return EncodedDataset.of(read, options["tokens"], options["shared"])


def _inference(_: PairOptions, dataset: EncodedDataset) -> dict[str, Any]:
    """What the pieces of both sides are, and how long translations may get."""
    return {"tokens": dataset.targets.unit, "limits": asdict(config.limits_of(dataset))}


def _prepare(run: Run, dataset: EncodedDataset, options: PairOptions, callback: Callback) -> None:
    """Write the pieces, the pairs where they cannot be read twice, and the baselines."""
    sides = {"sources": dataset.sources, "targets": dataset.targets}
    if dataset.sources is dataset.targets:
        sides = {"shared": dataset.sources}
    read = dataset.data
    known = Lexicon.learnt(dataset.sources, read.of(read.learn).sources)
    stored = {name: pieces.to_json() for name, pieces in sides.items()}
    run.write_json(PIECES, stored | {"known": known.to_json()})
    data.INPUT.store(run, dataset.data)
    limit = stored_baselines.limit(options.seconds)
    found, left_out = baselines.pair_baselines(dataset.data, seconds=limit)
    stored_baselines.write(run, found, left_out)
    callback.says("to beat: " + report.baselines_summary(dataset.data, found))
    for each in left_out:
        callback.says(str(each))


def _judge(
    model: PairModel, network: PairNetwork, dataset: EncodedDataset, facts: dict[str, Any]
) -> None:
    """Translate the test part, and write the report."""
    run, read = model.run, dataset.data
    settings = run.config()["training"]
    facts |= {
        "padding": config.training_task(network, dataset, settings).padding(),
        "selected": selected(run, facts["best_step"], settings["metric"]),
    }
    judged = model.judged(read.of(read.test))
    report.write(run, read, judged, network.summary(), facts)


TRAINING: Final = Training(
    architecture=Architecture,
    network=PairNetwork,
    read=_read,
    read_again=_read_again,
    plan_model=config.plan_model,
    inference=_inference,
    prepare=_prepare,
    training_task=config.training_task,
    seconds_to_judge=lambda network, dataset, _: config.seconds_to_judge(network.in_use(), dataset),
    judge=_judge,
)


# -- what torch is asked --------------------------------------------------------------------------


def log_probabilities(
    network: PairNetwork, sources: Sequence[Ids], targets: Sequence[Ids]
) -> list[NDArray[np.float32]]:
    """What it says after each piece of targets (T,) but the last: (T - 1, V) each."""
    read = Ragged.from_list([torch.from_numpy(each) for each in sources])
    fed = Ragged.from_list([torch.from_numpy(each[:-1]) for each in targets])
    with torch.inference_mode():
        scores = network(read, fed).log_softmax(-1)
    return [each.numpy() for each in Ragged(scores, fed.lengths).to_list()]

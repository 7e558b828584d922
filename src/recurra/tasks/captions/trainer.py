"""How captions models are trained, and what torch is asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.core.ragged import Ragged
from recurra.networks.captions import CaptionNetwork
from recurra.runtime.captions import Architecture
from recurra.runtime.decoder import Ids
from recurra.runtime.state import Array
from recurra.tasks import stored_baselines
from recurra.tasks.captions import baselines, blind, config, data, report
from recurra.tasks.captions.config import EncodedDataset
from recurra.tasks.captions.estimator import PIECES, CaptionModel
from recurra.tasks.captions.options import CaptionOptions
from recurra.tasks.captions.training_task import nats_of
from recurra.tasks.training import Training
from recurra.training.callbacks import Callback
from recurra.training.session import selected


def _read(options: CaptionOptions, given: Mapping[str, Any], _: Path | None) -> EncodedDataset:
    return EncodedDataset.of(data.given(given["X"], given["y"], options), options.tokens)


def _read_again(run: Run, config: dict[str, Any]) -> EncodedDataset:
    read = data.INPUT.read_again(run, config["data"])
    return EncodedDataset.of(read, config["options"]["tokens"])


def _inference(_: CaptionOptions, dataset: EncodedDataset) -> dict[str, Any]:
    """What the pieces of captions are, how long they may get, by what they are judged."""
    return {
        "tokens": dataset.targets.unit,
        "longest": dataset.longest,
        "metric": dataset.metric,
    }


def _prepare(
    run: Run, dataset: EncodedDataset, options: CaptionOptions, callback: Callback
) -> None:
    """Write the pieces, the data where they cannot be read twice, and the baselines."""
    run.write_json(PIECES, {"targets": dataset.targets.to_json()})
    read = dataset.data
    data.INPUT.store(run, read)
    most, seconds = baselines.SECONDS, options.seconds
    limit = most if seconds is None else min(most, seconds / 12)
    learn, test = read.of(read.learn), read.of(read.test)
    found, left_out = baselines.caption_baselines(
        learn.pictures,
        learn.references(),
        test.pictures,
        seconds=stored_baselines.limit(seconds),
        ocr_seconds=limit,
    )
    found = (*found, blind.baseline(dataset, seconds=limit, seed=options.seed))
    stored_baselines.write(run, found, left_out)
    callback.says("to beat: " + report.baselines_summary(dataset.metric, read, found))
    for each in left_out:
        callback.says(str(each))


def _judge(
    model: CaptionModel, network: CaptionNetwork, dataset: EncodedDataset, facts: dict[str, Any]
) -> None:
    """Caption the test part, and write the report."""
    run, read = model.run, dataset.data
    metric = run.config()["training"]["metric"]
    facts |= {"selected": selected(run, facts["best_step"], metric)}
    report.write(run, read, model.judged(read.of(read.test)), network.summary(), facts)


TRAINING: Final = Training(
    architecture=Architecture,
    network=CaptionNetwork,
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


def token_nll(
    network: CaptionNetwork, x: Array, sizes: NDArray[np.int64], targets: Sequence[Ids]
) -> list[NDArray[np.float64]]:
    """What each of targets (T,) costs given the picture of the same number, in nats, (1,) each."""
    found = []
    with torch.inference_mode():
        for row, ids in enumerate(targets):
            nats, _ = nats_of(
                network,
                torch.from_numpy(x[row : row + 1]),
                torch.from_numpy(sizes[row : row + 1]),
                Ragged.from_list([torch.from_numpy(ids)]),
            )
            found.append(np.array([nats.item()]))
    return found

"""How text models are trained, and what torch is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bundle import VOCABULARY, Run
from recurra.codecs.grammar import parsed
from recurra.data.embedded_text import embedded_text
from recurra.data.stored_ids import released
from recurra.data.streams import Ids
from recurra.errors import OptionError
from recurra.networks.text import TextNetwork
from recurra.runtime.text import Architecture
from recurra.tasks import stored_baselines
from recurra.tasks.model_plan import ModelPlan
from recurra.tasks.text import (
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
from recurra.tasks.text.estimator import TextModel
from recurra.tasks.text.influence import influence
from recurra.tasks.text.inputs import opened, reads_standard_input, with_parts
from recurra.tasks.text.options import TextOptions
from recurra.tasks.training import Training
from recurra.training import processes
from recurra.training.callbacks import Callback
from recurra.training.precision import Precision

if TYPE_CHECKING:
    from recurra.data.long_text import Text


def _read(options: TextOptions, asked: Mapping[str, Any], out: Path | None) -> TextData:
    parsed(options.tokens)  # before anything large is read
    beside = None
    if out is not None:
        # The run's folder is not there yet, nor need the one around it be.
        beside = next(each for each in out.absolute().parents if each.is_dir())
    if processes.count() > 1 and reads_standard_input(asked["source"]):
        raise OptionError(
            f"standard input for {processes.count()} processes",
            expected="a file, which all of them can read",
            fix="keep it in a file first",
        )
    source, split = opened(**asked), None
    if options.test:
        parts = (options.valid or [], options.test)
        whole = options.reset_at_documents
        source, split = with_parts(source or embedded_text(), *parts, reset_at_documents=whole)
    return data.read(
        source,
        options.tokens,
        reset_at_documents=options.reset_at_documents,
        beside=beside,
        split=split,
    )


def _plan_model(
    options: TextOptions, read: TextData, precision: Precision, device: torch.device
) -> ModelPlan:
    found = config.plan_model(options, read, precision, device)
    read.check_bptt(found.settings["bptt"])
    return found


def _inference(options: TextOptions, read: TextData) -> dict[str, Any]:
    """What its tokens are, whether documents are apart, how likely the unknown is, what opens."""
    return {
        "tokens": options.tokens,
        "apart": read.apart,
        "unknown_rate": read.unknown_rate,
        "opening": read.opening,
    }


def _prepare(run: Run, read: TextData, options: TextOptions, callback: Callback) -> None:
    """Write the vocabulary, the input where it cannot be read twice, and the baselines."""
    run.write_json(VOCABULARY, read.vocabulary.to_json())
    stored.store_input(run, read)
    known = read.known()
    limit = stored_baselines.limit(options.seconds)
    left_out = baselines.without_time(sum(map(len, known)), limit)
    found = baselines.text_baselines(
        read.vocabulary,
        *known,
        read.text(read.tested),
        without=[each.name for each in left_out],
    )
    stored_baselines.write(run, found, left_out)
    unit = evaluate.beside(read.vocabulary.unit)
    callback.says("to beat: " + render.baselines_summary(found, unit))
    for each in left_out:
        callback.says(str(each))


def _seconds_to_judge(network: TextNetwork, read: TextData, _: TextOptions) -> float:
    in_use = network.in_use()
    return evaluate.seconds_needed(in_use, read) + traces.seconds_needed(in_use, read)


def _judge(model: TextModel, network: TextNetwork, read: TextData, facts: dict[str, Any]) -> None:
    """Score the test part, learn what its lines cost, write the report."""
    released(read.ids)
    in_use = model.network

    def gradient(breaks: traces.Places) -> NDArray[np.float32]:
        return influence(network, in_use, read.test, read.unknown_rate, breaks)

    report.write(model.run, in_use, read, facts, gradient)


TRAINING: Final = Training(
    architecture=Architecture,
    network=TextNetwork,
    read=_read,
    read_again=lambda run, _: stored.read_again(run),
    plan_model=_plan_model,
    inference=_inference,
    prepare=_prepare,
    training_task=config.training_task,
    seconds_to_judge=_seconds_to_judge,
    judge=_judge,
    several=True,
)


# -- what torch is asked --------------------------------------------------------------------------


def log_probabilities(network: TextNetwork, ids: Ids) -> NDArray[np.float32]:
    """What it says after each of ids (T,): (T, V)."""
    with torch.inference_mode():
        scores, _ = network(torch.from_numpy(np.asarray(ids, np.int64))[None])
        found: NDArray[np.float32] = scores[0].log_softmax(-1).numpy()
    return found


def dynamic_evaluation(
    model: TextModel, network: TextNetwork, given: Text | None
) -> dict[str, Any]:
    """See `TextModel.dynamic`."""
    run = model.run
    read, spared = stored.read_again(run), run.config()["training"]["spared"]
    rate = dynamic.chosen(network, read, spared)
    if given is None:
        name, part = read.source.name, "the test part"
        ids, starts = np.asarray(read.test), read.starts_in(read.parts.test)
        before: int | None = int(read.ids[read.parts.test.start - 1])
    else:
        name, part, before = given.name, "the text", None
        ids, starts, _ = data.encoded(read.vocabulary, given, reset=read.apart)
    plain, _ = evaluate.score(model.network, ids, read.unknown_rate, before, starts)
    found = dynamic.dynamic_nats(network, ids, read.unknown_rate, before, rate, starts)
    return {
        "data": {"name": name, "part": part},
        "unit": read.vocabulary.unit,
        "tokens": len(found),
        "plain": float(plain.mean()),
        "dynamic": float(found.mean()),
        "rate": rate,
    }

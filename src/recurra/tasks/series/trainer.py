"""How models of series are trained, and what torch is asked of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bundle import CONFIG, Run
from recurra.errors import counted
from recurra.judge.answer import NETWORK
from recurra.networks.autoregressive import Autoregressive
from recurra.networks.distributions import Distribution
from recurra.networks.distributions import StudentT as TorchStudentT
from recurra.networks.series import SeriesNetwork
from recurra.networks.windows import Windows as TorchWindows
from recurra.runtime.distributions import NegativeBinomial, StudentT, scaled
from recurra.runtime.quantiles import LEVELS
from recurra.runtime.series import Architecture
from recurra.runtime.windows import Windows
from recurra.tasks import stored_baselines
from recurra.tasks.series import config, data, leakage, report
from recurra.tasks.series.answer_choice import chosen
from recurra.tasks.series.baselines import measured
from recurra.tasks.series.baselines.measured import Baseline, series_baselines
from recurra.tasks.series.context import write_context
from recurra.tasks.series.estimator import SeriesModel
from recurra.tasks.series.forecast import forecasts, restored, still
from recurra.tasks.series.forecast import quantiles as quantiles_of
from recurra.tasks.series.influence import recorded
from recurra.tasks.series.intervals import UNSTRETCHED, apply, calibrate
from recurra.tasks.series.loading import SCALE, WIDTHS
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.reading.form import Form
from recurra.tasks.series.splits import CHOOSING, origins
from recurra.tasks.series.training_task import SeriesTrainingTask
from recurra.tasks.series.windows import Reader
from recurra.tasks.training import Training
from recurra.training import checkpoint
from recurra.training.callbacks import Callback
from recurra.training.loop import seeded

BEFORE: Final = "traces/before.safetensors"
"""What networks said that were trained as from earlier origins, of the windows that choose."""

ROLLED: Final = 0.25
"""Share of the budget in which these are trained."""


def _read(options: SeriesOptions, given: Mapping[str, Any], _: Path | None) -> SeriesData:
    X = given["X"]
    if X is None:
        read = data.default(options)
    elif files := data.files_of(X):
        read = data.read(files, options)
    else:
        read = data.from_python(X, options)
    return data.scaled_for(asdict(options), read)


def _read_again(run: Run, facts: dict[str, Any]) -> SeriesData:
    read = data.INPUT.read_again(run, facts["data"])
    if facts["options"]["answer"] != NETWORK and config.judged(read)[0].rolled:
        run.check(BEFORE)  # now, and not when all is trained
    return data.scaled_for(facts["options"], read)


def _prepare(run: Run, read: SeriesData, options: SeriesOptions, callback: Callback) -> None:
    """Look for leaks; write the scale, the tail that forecasts go on from, the baselines."""
    with seeded(0, 0), run.intact(CONFIG):
        network = TRAINING.build(run.config()["inference"]["architecture"])
    callback.says(leakage.examine(read, network))
    if network.architecture.kind == "autoregressive":
        callback.says("training is told in nats a step, selection as the CRPS of sample paths")
    run.write_json(SCALE, read.scale.to_json())
    write_context(run, read, network.architecture.context)
    data.INPUT.store(run, read)
    limit, asked = measured.SECONDS, options.seconds
    if asked is not None:
        limit = min(limit, asked / 6)
    choosing, test = config.judged(read)
    found, left_out = series_baselines(read, choosing, test, seconds=limit)
    stored_baselines.write(run, found, left_out)
    callback.says("to beat: " + report.baselines_summary(read, test, found))
    for each in left_out:
        callback.says(str(each))
    if choosing.rolled and options.answer != NETWORK:
        settings = run.config()["training"]
        said = config.rolled(
            choosing,
            read,
            run.config()["inference"]["architecture"],
            settings,
            seconds=ROLLED * asked if asked is not None else math.inf,
            steps=options.steps,
        )
        run.write_arrays(BEFORE, {"said": said}, {})
        count = len(choosing.parts)
        callback.says(f"{counted(count, 'network')} trained as from earlier origins, to choose by")


def _training_task(
    network: SeriesNetwork, read: SeriesData, settings: dict[str, Any]
) -> SeriesTrainingTask:
    return config.training_task(config.settled(network, read), read, settings)


def _judge(
    model: SeriesModel, network: SeriesNetwork, read: SeriesData, facts: dict[str, Any]
) -> None:
    """Correct the intervals, forecast the test part, write the report."""
    run, in_use, (choosing, test) = model.run, model.network, config.judged(read)
    reader, held = Reader.of(in_use.architecture, read.panel, read.scale), choosing.windows
    if choosing.rolled and not run.has(BEFORE):
        held = origins(read, "select", most=CHOOSING)
    # Once the selection part is trained on, what is said of it is too good and too sure: for
    # the intervals and for the answer stands what was said before.
    now = quantiles_of(in_use, reader, held)
    if run.has(BEFORE):
        with run.intact(BEFORE):
            said = run.read_arrays(BEFORE)[0]["said"].reshape(now.shape)
    else:
        said = checkpoint.carried(run)["said"].numpy()
        said = said if len(said) == len(now) else now
    came = reader.came(held, read.select_ends)
    came[still(reader, held)] = np.nan  # constant series tell nothing of the others' errors
    widths = calibrate(said, came, held.origins, held.series).stretched(said, now)
    run.write_json(WIDTHS, widths.to_json())
    of_test = forecasts(in_use, reader, read.scale, widths, test)
    run.write_json(report.INFLUENCE, recorded(in_use, reader, test))
    answered = None
    if model.options.answer != NETWORK:
        baselines = stored_baselines.read(run, Baseline)
        corrected = apply(said, replace(widths, stretch=UNSTRETCHED))
        answer = chosen(read, choosing, corrected, baselines)
        if answer is not None:
            answer.write(run)
            own = of_test
            if answer.parts:
                said = answer.of_test(read, of_test, baselines)
                own = restored(in_use, read.scale, answer.widths, said, test)
                write_context(run, read, int(read.panel.lengths.max()))
            answered = answer, own
    model.load_parts(run)
    summary, sentence = network.summary(), widths.summary()
    report.write(run, read, of_test, answered, summary, facts, calibrated=sentence)


TRAINING: Final = Training(
    architecture=Architecture,
    network=SeriesNetwork,
    read=_read,
    read_again=_read_again,
    plan_model=config.plan_model,
    inference=lambda _, read: {"form": Form.of(read).to_json()},
    prepare=_prepare,
    training_task=_training_task,
    seconds_to_judge=lambda network, read, _: config.seconds_to_judge(network.in_use(), read),
    judge=_judge,
    small=True,
)


# -- what torch is asked --------------------------------------------------------------------------


def quantiles(network: SeriesNetwork, windows: Windows) -> NDArray[np.float32]:
    """What it says of windows, scaled: (B, H, Q), or (B, 1, Q) where it steps."""
    read, said = TorchWindows.of(windows), []
    with torch.inference_mode():
        for number in range(network.architecture.members):
            member = network.member(number)
            if isinstance(member, Autoregressive):
                nothing = torch.zeros(len(windows), network.architecture.horizon)
                found = member.distributions(read, nothing, nothing > 0)
                said.append(_quantiles(found, windows)[:, None])
            else:
                said.append(member(read).numpy())
    mean: NDArray[np.float32] = np.mean(said, 0, dtype=np.float32)
    return mean


def _quantiles(said: Distribution, windows: Windows) -> NDArray[np.float32]:
    """Of the first step beyond windows, (B, Q), scaled."""
    kind = StudentT if isinstance(said, TorchStudentT) else NegativeBinomial
    found = kind(*(each[:, windows.values.shape[1]].numpy() for each in vars(said).values()))
    quantiles: NDArray[np.float32] = scaled(found, found.quantile(LEVELS), windows.unit[:, None])
    return quantiles

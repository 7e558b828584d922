"""What a text training is made of: its sizes, its configuration, its training task."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import torch

from recurra.data.streams import Streams
from recurra.errors import counted
from recurra.networks.text import TextNetwork
from recurra.runtime.text import Architecture
from recurra.search.sampling import Sampling
from recurra.tasks.model_plan import ModelPlan, overridden
from recurra.tasks.text.data import TextData, spared_range
from recurra.tasks.text.generate import write
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.size import (
    dropout,
    largest_worth,
    members_worth,
    named,
    worth,
)
from recurra.tasks.text.training_task import MOST_EPOCHS, MOST_SPARED, TextTrainingTask
from recurra.training import processes
from recurra.training.loop import seeded
from recurra.training.precision import Precision
from recurra.training.time_budget import step_seconds

SAMPLED: Final = 160
"""Tokens written at each report point, to see how the writing comes on."""

SAMPLED_AT: Final = 0.8
"""The temperature they are drawn at."""


def plan_model(
    options: TextOptions, read: TextData, precision: Precision, device: torch.device
) -> ModelPlan:
    """The size asked for, or the one that the time allows; single options override.

    Raises:
        OptionError: no such size.
    """
    tokens, symbols = len(read.train), len(read.vocabulary)
    operations, members = 0.0, 1
    if options.seconds is not None:
        operations = options.seconds * _timed(options, read, precision, device)
    if options.size is not None:
        size, reason = named(options.size), f"size {options.size}, as asked"
    elif options.seconds is None:
        size, reason = named("small"), "size small"
    elif options.ensemble is not None:
        size = largest_worth(operations / options.ensemble, symbols)
        reason = (
            f"size {size.name}, the largest worth {counted(options.seconds / 60, 'minute')} here"
        )
    else:
        if worth(2 * operations, symbols, tokens)[1] > 1:
            # Members are trained side by side.
            operations = options.seconds * _timed(options, read, precision, device, members=2)
        size, members, reason = worth(operations, symbols, tokens)
        reason += f" {counted(options.seconds / 60, 'minute')} here"
    size = overridden(size, options)
    if options.ensemble is not None:
        members = options.ensemble
    elif members > 1 and (options.hidden or options.layers or options.embedding):
        members = members_worth(operations / size.operations(symbols) / tokens)
        reason = "sizes as asked"
    if options.epochs is not None:
        passes = options.epochs
    elif options.steps is not None:
        passes = options.steps * size.batch * size.bptt / tokens
    else:
        passes = min(MOST_EPOCHS, operations / size.operations(symbols) / tokens / members)
    share = dropout(passes, members) if options.dropout is None else options.dropout
    architecture = Architecture(
        symbols, options.cell, size.embedding, size.hidden, size.layers, share, members
    )
    settings = {
        "size": size.name,
        "batch": size.batch,
        "bptt": size.bptt,
        "spared": min(len(read.select) // 10, MOST_SPARED) if options.finish else 0,
    }
    return ModelPlan(architecture.to_json(), settings, size.rates, reason, options.finish)


def _timed(
    options: TextOptions,
    read: TextData,
    precision: Precision,
    device: torch.device,
    members: int = 1,
) -> float:
    """Floating-point operations a second that training members of size small reaches, as timed."""
    assert options.seconds is not None
    size, symbols = named("small"), len(read.vocabulary)
    sizes = (size.embedding, size.hidden, size.layers)
    with seeded(0, 0):
        trial = TextNetwork(Architecture(symbols, options.cell, *sizes, 0.2, members)).to(device)
    settings = {"batch": size.batch, "bptt": 32, "spared": 0, "seed": options.seed}
    tried = training_task(trial, read, settings)
    step = step_seconds(tried, trial.train(), precision, within=0.01 * options.seconds)
    tokens = members * processes.count() * tried.streams.batch * tried.streams.bptt
    return processes.first(lambda: size.operations(symbols) * tokens / step)


def training_task(
    network: TextNetwork, read: TextData, settings: dict[str, Any]
) -> TextTrainingTask:
    """The training task of a network on a text; seed, batch and bptt as the run's settings."""

    def streams(part: range, silent: range = range(0)) -> Streams:
        return Streams(
            read.ids[: part.stop],
            batch=settings["batch"],
            bptt=settings["bptt"],
            seed=settings["seed"],
            cuts=read.starts_in(part),
            silent=silent,
        )

    def written(network: TextNetwork) -> str:
        rows = write(
            network.in_use(),
            read.vocabulary,
            "",
            Sampling(SAMPLED_AT),
            seed=settings["seed"],
            apart=read.apart,
            opening=read.opening,
        )
        return "".join(row[0] for row in islice(rows, SAMPLED))

    return TextTrainingTask(
        network,
        streams(read.parts.train),
        streams(range(read.parts.select.stop), spared_range(read.parts.select, settings["spared"])),
        read.select,
        read.unknown_rate,
        read.vocabulary.unit,
        written,
        read.starts_in(read.parts.select),
    )

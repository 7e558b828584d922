"""What a labels training is made of: its sizes, its members, its trainee."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor

from recurra.tasks.labels.inputs import Encoder, Inputs
from recurra.tasks.labels.model import Architecture, LabelNetwork
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.labels.parts import FOLDS, LabelData
from recurra.tasks.labels.trainee import Examples, LabelTrainee
from recurra.tasks.model import Design
from recurra.training.optimiser import Rates, build, clip

MOST_MEMBERS: Final = 5
"""Members that a time budget is spent on; more gain less than they cost to carry about."""


@final
@dataclass(frozen=True)
class Size:
    """What works for a kind of input, chosen on selection parts (docs/tried.md).

    Args:
        steps: optimiser steps after which more do not help, of small data.
        epochs: passes after which more do not help, of large data.
    """

    hidden: int
    layers: int
    embedding: int
    pooling: str
    dropout: float
    batch: int
    steps: int
    epochs: int
    rates: Rates


TEXT: Final = Size(64, 1, 64, "max", 0.5, 32, 2200, 4, Rates(0.02, 5e-3))
TAGS: Final = Size(64, 1, 64, "last", 0.5, 32, 2200, 4, Rates(0.02, 5e-3))
NUMBERS: Final = Size(96, 1, 0, "max+mean", 0.3, 32, 2500, 12, Rates(0.02, 2e-3))


@final
@dataclass(frozen=True, eq=False)
class Prepared:
    """The data of a training, and their encoded form."""

    data: LabelData
    encoder: Encoder
    inputs: Inputs

    @classmethod
    def of(cls, data: LabelData, tokens: str) -> Prepared:
        """Learn the encoder from what trains, and encode everything."""
        examples = data.examples
        trains = data.learn[data.folds != 0]
        encoder = Encoder.learn(examples.kind, [examples.inputs[k] for k in trains], tokens)
        return cls(data, encoder, encoder.encode(examples.inputs))

    @cached_property
    def targets(self) -> Examples:
        """The encoded examples with their classes; -1 for rows that are in no part."""
        data, lengths = self.data, self.inputs.lengths
        if not data.examples.tagged:
            found = np.full(len(lengths), -1)
            for rows in (data.learn, data.test):
                found[rows] = data.targets(rows)
            return Examples(self.inputs, found, False)
        starts, found = np.cumsum(lengths) - lengths, np.full(int(lengths.sum()), -1)
        for rows in (data.learn, data.test):
            for row, tags in zip(rows.tolist(), data.step_targets(rows), strict=True):
                found[starts[row] : starts[row] + lengths[row]] = tags
        return Examples(self.inputs, found, True)


def design(options: LabelOptions, prepared: Prepared) -> Design:
    """The sizes for this kind of data, single options overriding, and what the time allows."""
    data, encoder = prepared.data, prepared.encoder
    tagged = data.examples.tagged
    size = NUMBERS if encoder.kind == "numbers" else TAGS if tagged else TEXT
    names = ("hidden", "layers", "embedding", "pooling", "dropout", "batch")
    given = {n: getattr(options, n) for n in names if getattr(options, n) is not None}
    if options.rate is not None:
        given["rates"] = Rates(options.rate, options.rate / 10)
    size = replace(size, **given)
    numbers = encoder.kind == "numbers"
    architecture = Architecture(
        features=0 if numbers else encoder.size,
        channels=encoder.size if numbers else 0,
        classes=len(data.classes),
        tagged=tagged,
        embedding=size.embedding,
        cell=options.cell,
        hidden=size.hidden,
        layers=size.layers,
        bidirectional=options.bidirectional,
        pooling=size.pooling,
        dropout=size.dropout,
        noise=noise(len(data.learn)) if numbers else 0.0,
        members=1,
    )
    batches = max(1, round(len(data.learn) * (FOLDS - 1) / FOLDS / size.batch))
    most = max(size.steps, size.epochs * batches)
    settings = {"batch": size.batch, "most_steps": most, "balanced": options.balanced}
    if options.members is not None:
        members, reason = options.members, "as asked"
    elif options.seconds is None:
        members, reason = 1, "without a time to spend"
    else:
        step = seconds_a_step(architecture, prepared, settings, options.seed)
        members = max(1, min(MOST_MEMBERS, int(0.7 * options.seconds / (step * most))))
        reason = f"{most:,} steps each fit into {options.seconds / 60:g} minutes"
        if members == 1:
            reason = f"what {options.seconds / 60:g} minutes allow"
    architecture = replace(architecture, members=members)
    return Design(architecture.to_json(), settings, size.rates, 0.0, reason)


def noise(examples: int) -> float:
    """How much to add to scaled numbers: the fewer examples, the more there is to be told apart.

    Measured (docs/tried.md): 0.3 to 0.6 is right for 270 examples, 0 for 7,000.
    """
    return round(min(0.5, 8.0 / examples**0.5), 2) if examples < 4000 else 0.0


def seconds_a_step(
    architecture: Architecture, prepared: Prepared, settings: dict[str, Any], seed: int
) -> float:
    """What a training step of one member takes here: the median of some."""
    with torch.random.fork_rng():
        network = LabelNetwork(architecture)
        found = trainee(network, prepared, settings | {"seed": seed})
        optimisers, carry, times = build(network, Rates()), found.first(), []
        network.train()
        for _ in range(8):
            start = time.perf_counter()
            loss = found.loss(network, carry)
            loss.mean.backward()  # type: ignore[no-untyped-call]
            clip(network.parameters(), 1.0)
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
            carry = loss.carry
            times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def trainee(network: LabelNetwork, prepared: Prepared, settings: dict[str, Any]) -> LabelTrainee:
    """The trainee of a network on examples, as the run's settings say."""
    data, examples = prepared.data, prepared.targets
    device = next(network.parameters()).device
    weights = torch.ones(len(data.classes), device=device)
    if settings["balanced"]:
        weights = balanced(examples.targets_of(data.learn), len(data.classes)).to(device)
    return LabelTrainee(
        network,
        examples,
        data.learn,
        data.folds,
        batch=settings["batch"],
        seed=settings["seed"],
        class_weights=weights,
        most_steps=settings["most_steps"],
    )


def balanced(targets: Tensor, classes: int) -> Tensor:
    """Weights (K,) with which every class counts the same (as scikit-learn's "balanced")."""
    counts = torch.bincount(targets, minlength=classes).clamp(min=1)
    return len(targets) / (classes * counts.float())

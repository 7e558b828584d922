"""What a labels training is made of: its sizes, its members, its training task."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, log2
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor

from recurra.codecs.sequence_encoder import Encoder, Inputs
from recurra.codecs.words import word_pattern
from recurra.errors import OptionError
from recurra.networks.labels import LabelNetwork
from recurra.runtime import labels as runtime
from recurra.runtime.labels import Architecture
from recurra.tasks.input import Encoded
from recurra.tasks.labels import classify
from recurra.tasks.labels.evaluate import Held
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.labels.splits import FOLDS, LabelData
from recurra.tasks.labels.training_task import Examples, LabelTrainingTask
from recurra.tasks.model_plan import Members, ModelPlan, overridden
from recurra.training.optimiser import Rates
from recurra.training.plan import REPORTS

MOST_MEMBERS: Final = 5
"""Members that a time budget is spent on; more gain less than they cost to carry about."""


HIDDEN_FEATURES: Final = 0.3

LONG: Final = 64
"""Sequences of so many steps or more, in the median, are read through convolutions."""

AT_MOST: Final = 200
"""Steps, in the median, that the recurrent layers have left to go through behind them."""

FILTERS: Final = 64

FEW_WORDS: Final = 3.0
"""Texts of fewer words in the mean, such as names, are read by their characters."""


@final
@dataclass(frozen=True)
class Size:
    """What works for a kind of input, chosen on selection parts (docs/tried.md).

    Args:
        steps: optimiser steps after which more do not help, of small data.
        epochs: passes after which more do not help, of large data.
        direct: see `recurra.runtime.labels.Architecture`.
        patience: report points without a better selection loss after which it stops.
        finish: the share of the steps, at the end, after which the last weights are kept, whatever
            the folds say: rare classes are learnt last, when what is said of the others has long
            become too sure, which costs nats and is put right by the temperature.
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
    direct: float = 0.0
    finish: float = 0.0
    patience: int = REPORTS  # the plan is short already, and its last steps are the best


TEXT: Final = Size(64, 1, 64, "max", 0.5, 32, 4400, 8, Rates(0.02, 5e-3))
CHARACTERS: Final = Size(128, 1, 64, "max", 0.4, 32, 8800, 16, Rates(0.02, 5e-3))
NAMES: Final = Size(128, 1, 64, "max+mean", 0.3, 32, 3300, 6, Rates(0.005, 5e-3), 3.0, 0.3)
TAGS: Final = Size(64, 1, 64, "last", 0.5, 32, 2200, 4, Rates(0.02, 5e-3))
NUMBERS: Final = Size(96, 1, 0, "max+mean", 0.3, 32, 2500, 12, Rates(0.02, 2e-3))

# Convolutions find what there is in a few hundred steps, or do not find it.
LONG_NUMBERS: Final = Size(
    96, 1, 0, "max+mean", 0.3, 32, 400, 20, Rates(0.02, 2e-3), patience=REPORTS // 2
)


@final
@dataclass(frozen=True, eq=False)
class EncodedDataset(Encoded[LabelData]):
    """The data of a training, and their encoded form."""

    encoder: Encoder
    inputs: Inputs

    @classmethod
    def of(cls, data: LabelData, tokens: str | None) -> EncodedDataset:
        """Learn the encoder from what trains, and encode everything."""
        examples = data.examples
        inputs = [examples.inputs[k] for k in data.learn[data.folds != 0]]
        if tokens is None:
            short = examples.kind == "text" and words_of(inputs) < FEW_WORDS
            tokens = "characters:4" if short else "words"
        encoder = Encoder.learn(examples.kind, inputs, tokens)
        return cls(data, encoder, encoder.encode(examples.inputs))

    @cached_property
    def targets(self) -> Examples:
        """The encoded examples with their classes; -1 for rows that are in no part."""
        data, inputs = self.data, self.inputs
        tagged = data.examples.tagged
        found = np.full(int(inputs.lengths.sum()) if tagged else len(inputs.lengths), -1)
        for rows in (data.learn, data.test):
            if tagged and len(rows):
                found[inputs.steps_of(rows)] = np.concatenate(data.step_targets(rows))
            elif not tagged:
                found[rows] = data.targets(rows)
        return Examples(inputs, found, tagged)


def plan_model(options: LabelOptions, dataset: EncodedDataset, *_: object) -> ModelPlan:
    """The sizes for this kind of data, single options overriding.

    Raises:
        OptionError: what is asked for does not go with tags.
    """
    data, encoder = dataset.data, dataset.encoder
    tagged = data.examples.tagged
    if tagged and options.balanced:
        raise OptionError(
            "--balanced with one label a step", expected="classes of whole examples to balance"
        )
    numbers = encoder.kind == "numbers"
    stages = _convolutions(options, dataset)
    size = overridden(LONG_NUMBERS if stages else size_for(encoder, tagged), options)
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
        # What moves from step to step is less than such noise where there are many steps.
        noise=noise(len(data.learn)) if numbers and not stages else 0.0,
        hidden_features=HIDDEN_FEATURES if encoder.has_many_features else 0.0,
        members=1,
        direct=0.0 if tagged else size.direct,
        convolutions=stages,
        filters=FILTERS if stages else 0,
    )
    batches = max(1, round(len(data.learn) * (FOLDS - 1) / FOLDS / size.batch))
    most = max(size.steps, size.epochs * batches)
    settings = {"batch": size.batch, "most_steps": most, "balanced": options.balanced}
    # Half of each fold is kept to compare the network with what else may answer.
    settings["nested"] = options.answer == "best" and not tagged
    return ModelPlan(
        architecture.to_json(),
        settings,
        size.rates,
        finish=size.finish,
        patience=size.patience,
        members=Members(options.ensemble, most, share=0.7, most=MOST_MEMBERS),
    )


def _convolutions(options: LabelOptions, dataset: EncodedDataset) -> int:
    """How many convolutions stand before the recurrent layers, as asked or by law.

    Raises:
        OptionError: they are asked for where they cannot be.
    """
    asked, numbers = options.convolutions, dataset.encoder.kind == "numbers"
    if asked and not numbers:
        raise OptionError(f"--convolutions {asked} for text", expected="sequences of numbers")
    if asked and not options.bidirectional:
        raise OptionError(
            f"--convolutions {asked} with --no-bidirectional",
            expected="a network that may look ahead, as convolutions do",
            fix="leave one of them out",
        )
    if asked is not None or not numbers or not options.bidirectional:
        return asked or 0
    return convolutions(float(np.median(dataset.inputs.lengths[dataset.data.learn])))


def convolutions(steps: float) -> int:
    """How many halvings suit sequences of so many steps in the median (docs/tried.md)."""
    return 0 if steps < LONG else max(3, ceil(log2(steps / AT_MOST)))


def size_for(encoder: Encoder, tagged: bool) -> Size:
    """The size for a kind of input: characters need more units, and more steps, than words.

    Their n-grams are as good as words to some classes: a linear reading beside them learns what is
    rare from few examples.
    """
    if encoder.kind == "numbers":
        return NUMBERS
    if tagged:
        return TAGS
    if encoder.reach:
        return NAMES
    return TEXT if encoder.has_many_features else CHARACTERS


def words_of(texts: Sequence[str]) -> float:
    """How many words these texts have in the mean; a few of them tell."""
    some = texts[:1000]
    return sum(len(word_pattern().findall(text)) for text in some) / len(some)


def noise(examples: int) -> float:
    """How much to add to scaled numbers: the fewer examples, the more there is to be told apart.

    Measured (docs/tried.md): 0.3 to 0.6 is right for 270 examples, 0 for 7,000.
    """
    return round(min(0.5, 8.0 / examples**0.5), 2) if examples < 4000 else 0.0


def training_task(
    network: LabelNetwork, dataset: EncodedDataset, settings: dict[str, Any]
) -> LabelTrainingTask:
    """The training task of a network on examples, as the run's settings say."""
    data, examples = dataset.data, dataset.targets
    device = next(network.parameters()).device
    weights = torch.ones(len(data.classes), device=device)
    if settings["balanced"]:
        weights = balanced(examples.targets_of(data.learn), len(data.classes)).to(device)
    return LabelTrainingTask(
        network,
        examples,
        data.learn,
        data.folds,
        batch=settings["batch"],
        seed=settings["seed"],
        class_weights=weights,
        most_steps=settings["most_steps"],
        stops=data.tunes if settings.get("nested") else None,
    )


def balanced(targets: Tensor, classes: int) -> Tensor:
    """Weights (K,) with which every class counts the same (as scikit-learn's "balanced")."""
    counts = torch.bincount(targets, minlength=classes).clamp(min=1)
    return len(targets) / (classes * counts.float())


def held(network: runtime.LabelNetwork, dataset: EncodedDataset) -> Held:
    """What each member says of the fold that it never trained on."""
    data = dataset.data
    rows = [data.learn[data.folds == m] for m in range(len(network.members))]
    said = [classify.scores(network, dataset.inputs, each, m) for m, each in enumerate(rows)]
    return Held(np.concatenate(rows), np.concatenate(said).astype(np.float32))


def seconds_to_judge(network: runtime.LabelNetwork, dataset: EncodedDataset) -> float:
    """How long the report is going to take: scoring, from a piece of it, and what figures take."""
    data = dataset.data
    piece = data.learn[:256]
    start = time.perf_counter()
    classify.scores(network, dataset.inputs, piece)
    a_row = (time.perf_counter() - start) / len(piece)
    # Intervals and figures are drawn from the test part, some microseconds an example.
    return 2.0 + (a_row + 4e-4) * (len(data.test) + len(data.learn) / FOLDS)

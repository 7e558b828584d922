"""What a captions training is made of: its pieces, its form, its reading, its training task."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.codecs.pictures import PictureForm
from recurra.codecs.tokenizer import BEGIN, END, Tokenizer, learn
from recurra.data.batches import Rows
from recurra.judge.captions import Metric, are_strings, deciding, score
from recurra.networks.captions import CaptionNetwork
from recurra.runtime.captions import Architecture
from recurra.runtime.captions import CaptionNetwork as InUse
from recurra.search.ctc import frames_needed
from recurra.search.decoding import SearchOptions
from recurra.tasks.captions.caption import LONGEST, caption
from recurra.tasks.captions.detection import Detection
from recurra.tasks.captions.options import CaptionOptions
from recurra.tasks.captions.splits import CaptionData
from recurra.tasks.captions.training_task import Captions, CaptionTrainingTask
from recurra.tasks.input import Encoded
from recurra.tasks.model_plan import ModelPlan, overridden
from recurra.training.loop import seeded
from recurra.training.optimiser import Rates
from recurra.training.plan import REPORTS
from recurra.training.precision import Precision
from recurra.training.time_budget import tried

WRITTEN: Final = 300
"""Pictures of the selection part that are captioned at every report."""

TRIED: Final = 0.15
"""Share of the budget in which two readings are tried against each other."""

FEW_WORDS: Final = 4_000
"""Sentences of no more different words are written word by word."""

MOST_PIECES: Final = 8_000

WIDE: Final = 1.5
"""How many times as wide as high pictures of a line of text are, at least."""

BOX: Final = 64
"""Rows and columns of pixels that pictures to be looked at are brought to, at most."""


@final
@dataclass(frozen=True)
class Size:
    """What works for a reading, chosen on selection parts (docs/tried.md).

    Args:
        steps: optimiser steps that are of use for small data.
        epochs: passes that are of use for large data.
    """

    stages: tuple[int, ...]
    hidden: int
    layers: int
    embedding: int
    dropout: float
    batch: int
    steps: int
    epochs: int
    rates: Rates


STRIP: Final = Size((16, 48, 128), 128, 1, 64, 0.1, 16, 8_000, 60, Rates(0.02, 2e-3))
TALL: Final = Size((16, 32, 64, 128), 128, 1, 64, 0.1, 32, 8_000, 60, Rates(0.02, 2e-3))
LARGE: Final = Size((16, 48, 96, 160), 192, 1, 64, 0.1, 16, 8_000, 60, Rates(0.02, 2e-3))
GRID: Final = Size((16, 32, 64, 96, 96), 128, 2, 64, 0.1, 32, 12_000, 60, Rates(0.02, 2e-3))

_TALL: Final = 40
"""Rows of pixels from which on a strip has a convolution more."""

_MANY: Final = 200
"""Pieces from which on, as of Korean and Chinese, strips have more features, and all more units."""


@final
@dataclass(frozen=True, eq=False)
class EncodedDataset(Encoded[CaptionData]):
    """The data of a training, the pieces of texts, and the encoded texts."""

    targets: Tokenizer
    ids: Sequence[NDArray[np.int64]]

    @classmethod
    def of(cls, data: CaptionData, tokens: str | None) -> EncodedDataset:
        """Learn the pieces from what trains, and encode everything."""
        learnt = data.of(data.learn).texts
        how = tokens or ways(learnt)
        targets = learn(
            learnt, how, "the texts", flowing=False, most=None if tokens else MOST_PIECES
        )
        rows = targets.encode_batch(data.captioned.texts)
        return cls(data, targets, [np.concatenate([[BEGIN], row, [END]]) for row in rows])

    def texts_of(self, pictures: Rows) -> Rows:
        """The texts of some pictures."""
        found: Rows = np.flatnonzero(np.isin(self.data.captioned.owner, pictures))
        return found

    @cached_property
    def detection(self) -> Detection:
        """The pieces that places of a grid are asked for in training."""
        learnt = [self.ids[row] for row in self.texts_of(self.data.learn).tolist()]
        return Detection.of(learnt, len(self.targets))

    @cached_property
    def metric(self) -> Metric:
        """The metric that decides over such captions."""
        return deciding(self.data.of(self.data.learn).references())

    @cached_property
    def longest(self) -> int:
        """The most pieces of a caption: half as many again as any that trains, and some."""
        most = max(len(self.ids[row]) - 1 for row in self.texts_of(self.data.learn).tolist())
        return min(int(1.5 * most) + 10, LONGEST)

    def captions(self, architecture: Architecture) -> Captions:
        """What the network of an architecture trains on."""
        form = PictureForm.from_json(architecture.form)
        pools = np.array(architecture.pools).prod(0)
        scaled = [form.scaled(each) for each in self.data.captioned.pictures]
        owner = self.data.captioned.owner
        return Captions(form, scaled, self.ids, owner, (int(pools[0]), int(pools[1])))


def ways(texts: Sequence[str]) -> str:
    """How texts are cut where nobody says: strings by characters, sentences by words."""
    if are_strings(texts):
        return "characters"
    return "words" if len({word for text in texts for word in text.split()}) <= FEW_WORDS else "bpe"


def plan_model(
    options: CaptionOptions, dataset: EncodedDataset, precision: Precision, device: torch.device
) -> ModelPlan:
    """The reading that says more of the selection part, its sizes, and what the time allows.

    Raises:
        OptionError: an option that no network can have.
    """
    metric = options.metric or dataset.metric
    plans = {
        reading: _plan_of(reading, options, dataset, metric)
        for reading in _readings(options, dataset)
    }
    best, reason = next(iter(plans)), "as asked"
    if options.reading is None:
        reason = "by the shape of the pictures and texts"
    if len(plans) > 1:
        reason = "without a time to spend"
        if options.seconds is not None:
            losses = {
                reading: tried(
                    training_task(
                        network := _drawn(plan, device),
                        dataset,
                        plan.settings | {"seed": options.seed},
                    ),
                    network,
                    plan.rates,
                    precision,
                    seconds=TRIED * options.seconds / len(plans),
                )
                for reading, plan in plans.items()
            }
            best = min(losses, key=lambda reading: losses[reading])
            summary = ", ".join(f"{reading} {loss:.3f}" for reading, loss in losses.items())
            reason = f"nats a piece after a short trial: {summary}"
    chosen = plans[best]
    return ModelPlan(
        chosen.architecture, chosen.settings, chosen.rates, reason, patience=chosen.patience
    )


def _readings(options: CaptionOptions, dataset: EncodedDataset) -> list[str]:
    """The readings to choose from, the likelier one first."""
    if options.reading is not None:
        return [options.reading]
    shapes = np.array([each.shape[:2] for each in dataset.data.captioned.pictures])
    wide = float(np.median(shapes[:, 1] / shapes[:, 0])) >= WIDE
    # A short trial does not tell what their shapes say: both learn slowly at first.
    if dataset.targets.unit == "characters":
        return ["ctc"] if wide else ["ctc", "grid"]
    return ["grid", "columns"] if wide else ["grid"]


def _plan_of(
    reading: str, options: CaptionOptions, dataset: EncodedDataset, metric: str
) -> ModelPlan:
    """The plan for one reading, single options overriding."""
    data = dataset.data
    pictures = data.of(data.learn).pictures
    shapes = np.array([each.shape[:2] for each in pictures])
    if reading == "grid":
        height = options.height or min(BOX, int(shapes[:, 0].max()))
        width = options.width or min(BOX, int(shapes[:, 1].max()))
        form = PictureForm.learn(pictures, height=height, width=width)
        size = overridden(_grid(len(dataset.targets)), options)
        pools = _pools([2, 2, 2], [2, 2, 2], len(size.stages))
    else:
        height = options.height or strip_height(float(np.median(shapes[:, 0])))
        form = PictureForm.learn(pictures, height=height, width=None)
        size = overridden(_strip(height, len(dataset.targets)), options)
        down = [2] * len(size.stages)
        across = _across(form, shapes, dataset) if reading == "ctc" else [2, 2]
        pools = _pools(down, across, len(size.stages))
    down, across = np.array(pools).prod(0).tolist()
    architecture = Architecture(
        form=form.to_json(),
        stages=list(size.stages),
        pools=pools,
        rows=ceil(form.height / down),
        columns=ceil((form.width or 0) / across),
        reading=reading,
        targets=len(dataset.targets),
        cell=options.cell,
        embedding=size.embedding,
        hidden=size.hidden,
        layers=size.layers,
        attention=options.attention or "general",
        feeding="up",
        dropout=size.dropout,
        detected=dataset.detection.pieces if reading == "grid" else [],
    )
    batches = max(1, len(dataset.texts_of(data.learn)) // size.batch)
    settings = {
        "batch": size.batch,
        "most_steps": max(size.steps, size.epochs * batches),
        "augment": options.augment,
        "metric": metric,
    }
    return ModelPlan(architecture.to_json(), settings, size.rates, patience=REPORTS)


def _grid(pieces: int) -> Size:
    """The sizes of what looks at places, and writes with so many pieces."""
    return replace(GRID, hidden=LARGE.hidden) if pieces > _MANY else GRID


def _strip(height: int, pieces: int) -> Size:
    """The sizes of what reads strips of so many rows of pixels, written with so many pieces."""
    if pieces > _MANY:
        return LARGE
    return TALL if height >= _TALL else STRIP


def strip_height(median: float) -> int:
    """Rows of pixels that strips of this height are brought to."""
    if median <= 32:
        return max(16, 4 * ceil(median / 4))
    return int(min(48, max(32, 4 * ceil(median / 6))))


def _pools(down: Sequence[int], across: Sequence[int], stages: int) -> list[list[int]]:
    """Pools of as many stages; those beyond the given ones pool nothing."""
    return [
        [down[n] if n < len(down) else 1, across[n] if n < len(across) else 1]
        for n in range(stages)
    ]


def _across(form: PictureForm, shapes: Rows, dataset: EncodedDataset) -> list[int]:
    """Pools along the width, such that nearly all texts have columns enough to be written."""
    texts = dataset.texts_of(dataset.data.learn)
    owner = np.searchsorted(dataset.data.learn, dataset.data.captioned.owner[texts])
    widths = np.array([form.size(*shape)[1] for shape in shapes.tolist()])[owner]
    needed = np.array([frames_needed(dataset.ids[row][1:-1]) for row in texts.tolist()])
    for pools in ([2, 2], [2], []):
        if float(np.mean(widths // 2 ** len(pools) >= 1.5 * needed)) > 0.99:
            return pools
    return []


def _drawn(plan: ModelPlan, device: torch.device) -> CaptionNetwork:
    with seeded(0, 0):
        return CaptionNetwork(Architecture(**plan.architecture)).to(device)


def training_task(
    network: CaptionNetwork, dataset: EncodedDataset, settings: dict[str, Any]
) -> CaptionTrainingTask:
    """The training task of a network on captions, as the run's settings say."""
    data = dataset.data
    captions = dataset.captions(network.architecture)
    return CaptionTrainingTask(
        network,
        captions,
        dataset.texts_of(data.learn),
        dataset.texts_of(data.select),
        batch=settings["batch"],
        seed=settings["seed"],
        detection=dataset.detection,
        augment=settings["augment"],
        written=_written(dataset, captions, settings["metric"]),
        most_steps=settings["most_steps"],
    )


def _written(
    dataset: EncodedDataset, captions: Captions, metric: Metric
) -> Callable[[CaptionNetwork], float]:
    """The score of what a network writes by itself, greedily, of some of the selection part."""
    rows = dataset.data.select
    rows = rows[:: max(1, -(-len(rows) // WRITTEN))]
    pictures = [captions.pictures[row] for row in rows.tolist()]
    references = dataset.data.of(rows).references()

    def written(network: CaptionNetwork) -> float:
        found = caption(
            network.in_use(),
            captions.form,
            dataset.targets,
            pictures,
            SearchOptions(beam=1),
            longest=dataset.longest,
        )
        return score(metric, [each[0].text for each in found], references)

    return written


def seconds_to_judge(network: InUse, dataset: EncodedDataset) -> float:
    """How long the report is going to take, from a piece of the part that chooses."""
    form = PictureForm.from_json(network.architecture.form)
    piece = dataset.data.of(dataset.data.select[:32]).pictures
    start = time.perf_counter()
    scaled = [form.scaled(each) for each in piece]
    caption(network, form, dataset.targets, scaled, SearchOptions(), longest=dataset.longest)
    # Figures are counted and drawn again from the test part, some milliseconds a picture.
    return 3.0 + ((time.perf_counter() - start) / len(piece) + 5e-3) * len(dataset.data.test)

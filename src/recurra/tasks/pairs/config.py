"""What a pairs training is made of: its pieces, its sizes, its members, its training task."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import torch

from recurra.codecs.tokenizer import Tokenizer, learn
from recurra.core.ragged import Ragged
from recurra.data.batches import Rows
from recurra.judge.translation import deciding, score
from recurra.networks.pairs import PairNetwork
from recurra.runtime.pairs import Architecture
from recurra.search.decoding import SearchOptions
from recurra.tasks.input import Encoded
from recurra.tasks.model_plan import Members, ModelPlan, overridden
from recurra.tasks.pairs.evaluate import ids_of
from recurra.tasks.pairs.options import PairOptions
from recurra.tasks.pairs.splits import PairData, Pairs
from recurra.tasks.pairs.training_task import PairTrainingTask, Sides
from recurra.tasks.pairs.translate import Limits, Translator, translate
from recurra.training.optimiser import Rates
from recurra.training.plan import REPORTS

MOST_MEMBERS: Final = 4
"""Members that a time budget is spent on; each makes translating that much slower."""

WRITTEN: Final = 500
"""Pairs of the selection part that are translated at every report."""

SHORT: Final = 40
WORDS: Final = 5
FEW_LETTERS: Final = 120
"""Texts of fewer characters and words in the mean, of no more letters: read letter by letter."""

FEWEST: Final = 150
"""Steps below which a network of half the width says more."""

MOST_PIECES: Final = 16_000


@final
@dataclass(frozen=True)
class Size:
    """What works for a kind of pairs, chosen on selection parts (docs/tried.md).

    Args:
        steps: optimiser steps that a member should have, of small data.
        epochs: passes that a member should have, of large data. Where the time allows more, there
            are more members; where these are as many as there may be, twice as much is of use.
    """

    hidden: int
    layers: int
    embedding: int
    dropout: float
    smoothing: float
    batch: int
    steps: int
    epochs: int
    rates: Rates


SENTENCES: Final = Size(256, 2, 256, 0.3, 0.1, 64, 3000, 12, Rates(0.02, 4e-3))
LETTERS: Final = Size(128, 2, 64, 0.1, 0.0, 64, 3000, 12, Rates(0.01, 2e-3))


@final
@dataclass(frozen=True, eq=False)
class EncodedDataset(Encoded[PairData]):
    """The data of a training, the pieces of both sides, and the encoded pairs."""

    sources: Tokenizer
    targets: Tokenizer
    sides: Sides

    @classmethod
    def of(cls, data: PairData, tokens: str | None, shared: bool | None) -> EncodedDataset:
        """Learn the pieces from what trains, and encode everything."""
        learnt = data.of(data.learn)
        how = tokens or ways(learnt.sources, learnt.targets)
        if shared is None:
            shared = how != "words" and one_script(learnt.sources, learnt.targets)
        most = None if tokens else MOST_PIECES
        if how == "bpe":
            most = pieces_for(learnt.sources, learnt.targets, both=shared)
        if shared:
            both = (*learnt.sources, *learnt.targets)
            sources = targets = learn(both, how, flowing=False, most=most)
        else:
            sources = learn(learnt.sources, how, "the sources", flowing=False, most=most)
            targets = learn(learnt.targets, how, "the targets", flowing=False, most=most)
        return cls(data, sources, targets, encoded(sources, targets, data.pairs))


def encoded(sources: Tokenizer, targets: Tokenizer, pairs: Pairs) -> Sides:
    """Pairs as ids, targets from BEGIN to END."""
    read, said = ids_of(sources, targets, pairs)
    return Sides(*(Ragged.from_list([torch.from_numpy(row) for row in x]) for x in (read, said)))


def ways(sources: Sequence[str], targets: Sequence[str]) -> str:
    """How texts are cut where nobody says: letter by letter where they are no sentences.

    That is where both sides are short, of few words, and written with few different letters.
    """
    for side in (sources, targets):
        words = sum(len(text.split()) for text in side)
        if (
            sum(map(len, side)) > SHORT * len(side)
            or words >= WORDS * len(side)
            or len(set().union(*side)) > FEW_LETTERS
        ):
            return "bpe"
    return "characters"


def pieces_for(sources: Sequence[str], targets: Sequence[str], *, both: bool) -> int:
    """How many subwords: they grow with the square root of the text, as different words do."""
    size = sum(len(text.encode()) for side in (sources, targets) for text in side)
    return int(min(MOST_PIECES, 2 * (size if both else size / 2) ** 0.5 // 100 * 100 + 400))


def one_script(sources: Sequence[str], targets: Sequence[str]) -> bool:
    """Whether most letters of the targets are letters of the sources too."""
    known = set().union(*sources)
    letters = [each for text in targets[:2000] for each in text if each.isalpha()]
    return sum(each in known for each in letters) > 0.8 * len(letters)


def plan_model(options: PairOptions, dataset: EncodedDataset, *_: object) -> ModelPlan:
    """The sizes for this kind of data, single options overriding.

    Raises:
        OptionError: an option that no network can have.
    """
    letters = dataset.targets.unit == "characters"
    size = overridden(LETTERS if letters else SENTENCES, options, slower=5)
    data = dataset.data
    # Every so many of them: files are often sorted by length.
    some = data.learn[:: max(1, len(data.learn) // 2000)]
    metric = options.metric or deciding(data.of(some).targets)
    architecture = Architecture(
        sources=len(dataset.sources),
        targets=len(dataset.targets),
        shared=dataset.sources is dataset.targets,
        cell=options.cell,
        embedding=size.embedding,
        hidden=size.hidden,
        layers=size.layers,
        bidirectional=options.bidirectional,
        attention=options.attention or "general",
        feeding=options.feeding or "up",
        dropout=size.dropout,
        members=1,
    )
    batches = max(1, len(data.learn) // size.batch)
    enough = max(size.steps, size.epochs * batches)
    settings = {
        "batch": size.batch,
        "most_steps": 2 * enough,
        "smoothing": size.smoothing,
        "sampling": options.sampling,
        "metric": metric,
    }
    # The plan is short already, and its last steps, at a low rate, are the best.
    return ModelPlan(
        architecture.to_json(),
        settings,
        size.rates,
        patience=REPORTS,
        members=Members(
            options.ensemble,
            enough,
            share=0.85,
            most=MOST_MEMBERS,
            fewest=FEWEST if options.hidden is None and options.embedding is None else 0,
        ),
    )


def limits_of(dataset: EncodedDataset) -> Limits:
    """How long translations may get, of what trains."""
    sides, rows = dataset.sides, dataset.data.learn
    read, said = (each.lengths.numpy()[rows] for each in (sides.sources, sides.targets))
    return Limits.learnt(read, said - 1)


def training_task(
    network: PairNetwork, dataset: EncodedDataset, settings: dict[str, Any]
) -> PairTrainingTask:
    """The training task of a network on pairs, as the run's settings say."""
    data = dataset.data
    return PairTrainingTask(
        network,
        dataset.sides,
        data.learn,
        data.select,
        batch=settings["batch"],
        seed=settings["seed"],
        smoothing=settings["smoothing"],
        sampling=settings["sampling"],
        written=_written(dataset, settings),
        most_steps=settings["most_steps"],
    )


def _written(dataset: EncodedDataset, settings: dict[str, Any]) -> Callable[[PairNetwork], float]:
    """The score of what a network writes by itself, greedily, of some of the selection part."""
    rows: Rows = dataset.data.select
    chosen = dataset.data.of(rows[:: max(1, -(-len(rows) // WRITTEN))])
    limit = limits_of(dataset)

    def written(network: PairNetwork) -> float:
        found = translate(
            network.writing(),
            dataset.sources,
            dataset.targets,
            chosen.sources,
            SearchOptions(beam=1),
            limit=limit,
        )
        return score(settings["metric"], [each[0].text for each in found], chosen.targets)

    return written


def seconds_to_judge(network: Translator, dataset: EncodedDataset) -> float:
    """How long the report is going to take, from a piece of the part that chooses."""
    data = dataset.data
    piece = data.of(data.select[:32])
    start = time.perf_counter()
    translate(
        network,
        dataset.sources,
        dataset.targets,
        piece.sources,
        SearchOptions(),
        limit=lambda sizes: sizes + 2,
    )
    # Figures are counted and drawn again from the test part, some milliseconds a pair.
    return 3.0 + ((time.perf_counter() - start) / len(piece) + 4e-3) * len(data.test)

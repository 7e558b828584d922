"""How good translations are after a given time, and how fast they are learnt and written.

Data: a folder with `multi30k` in it; without one, what needs none is measured. Quality is that of
`--minutes` alone, in a process of its own. Speed is that of the network of Multi30k against the
same one written with torch.nn, both in float32: forward, backward and Adam; beam search of 5.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch

from benchmarks import BenchOptions
from benchmarks.machine import described
from benchmarks.pairs_peer import TorchMember, beam_search, step
from benchmarks.timing import interleaved
from benchmarks.trained import train
from benchmarks.translate_peer import translate_seconds
from recurra.codecs.tokenizer import BEGIN, END, UNKNOWN
from recurra.core.ragged import Ragged
from recurra.data.batches import Batches
from recurra.errors import counted
from recurra.judge.translation import NAMES, Metric
from recurra.networks.pairs import Member, PairNetwork
from recurra.runtime import pairs as runtime
from recurra.runtime.pairs import Architecture, Ids
from recurra.search.beam import beam
from recurra.search.decoding import SearchOptions
from recurra.tasks.pairs.config import EncodedDataset, encoded, limits_of, plan_model
from recurra.tasks.pairs.data import read
from recurra.tasks.pairs.options import PairOptions
from recurra.tasks.pairs.training_task import TOGETHER, Sides, zigzag
from recurra.tasks.pairs.translate import Limits

STRINGS: Final = (10_000, 20, 40)
"""Random strings that are said backwards, and the fewest and most letters of each."""

WIDTH, TOGETHER_WRITTEN, WRITTEN = 5, 100, 1000
"""The beam, sentences of a batch, and sentences that are written to time it."""

SPOKEN: Final = 250
"""Steps after which a network ends its sentences, so that writing them means something."""

Files = Callable[[Path, Path], tuple[list[str], dict[str, object]]]


@final
@dataclass(frozen=True)
class Set:
    """Pairs: how they are given to the command, and what is asked of a model of them.

    Args:
        needs: a folder of the data folder without which it is left out; empty where none is needed.
        given: makes (sources, options) from the data folder and a folder for what is written.
        metric: a figure of the report's model, in points.
        target: what it should reach, or None.
        minutes: the most that a training is given.
        options: of the command, beside those given.
    """

    needs: str
    given: Files
    metric: Metric
    target: float | None
    minutes: float
    options: dict[str, object] = field(default_factory=dict)


def _dates(_data: Path, _made: Path) -> tuple[list[str], dict[str, object]]:
    return [], {}


def _multi30k(source: str, target: str) -> Files:
    """What trains, chooses and reports is given as parallel files, as it is published."""

    def given(data: Path, _made: Path) -> tuple[list[str], dict[str, object]]:
        train_files, valid, test = (
            [str(data / "multi30k" / f"{name}.{side}") for side in (source, target)]
            for name in ("train", "val", "test_2016_flickr")
        )
        return train_files, {"valid": valid, "test": test}

    return given


def _strings(_data: Path, made: Path) -> tuple[list[str], dict[str, object]]:
    """Random letters, and the same backwards."""
    draw, (count, fewest, most) = random.Random(0), STRINGS
    file = made / "strings.tsv"
    with open(file, "w", encoding="ascii") as out:
        for _number in range(count):
            letters = draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(fewest, most))
            out.write(f"{''.join(letters)}\t{''.join(reversed(letters))}\n")
    return [str(file)], {"tokens": "characters"}


NONE: Final[dict[str, object]] = {"attention": "none"}
SETS: Final[dict[str, Set]] = {
    "dates": Set("", _dates, "exact", 99.5, 3),
    "multi30k en-de": Set("multi30k", _multi30k("en", "de"), "bleu", 33.0, 45),
    "multi30k de-en": Set("multi30k", _multi30k("de", "en"), "bleu", 35.0, 45),
    "multi30k fixed": Set("multi30k", _multi30k("en", "de"), "bleu", None, 45, NONE),
    "reverse attention": Set("", _strings, "exact", None, 3),
    "reverse fixed": Set("", _strings, "exact", None, 3, NONE),
}
"""By name: a family and, where it has several, which of it; fixed: the encoder's last state alone.

`multi30k fixed` is English to German, and both of a family have the same time.
"""


PARTS: Final = {
    "translate": "",
    "speed": "multi30k",
    **{name: each.needs for name, each in SETS.items()},
}
"""What is measured, in this order, and what it needs in the folder of data."""


def run(options: BenchOptions) -> None:
    """Measure what `--only` names, or everything there are data of.

    Raises:
        OptionError: nothing is named by `--only`, or its data are not there.
        TrainingError: a training failed.
    """
    selected = options.select("pairs", PARTS)
    data = Path() if options.data is None else options.data
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="recurra-bench-") as folder:
        made = Path(folder)
        for name in selected:
            if name == "translate":
                rows += _translate(options)
            elif name == "speed":
                rows += _speed(options, data, made)
            else:
                rows.append(_quality(name, SETS[name], options, data, made))
    print(json.dumps({"bench": "pairs", "rows": rows, "machine": described()}))


def _quality(name: str, each: Set, options: BenchOptions, data: Path, made: Path) -> dict[str, Any]:
    sources, given = each.given(data, made)
    minutes = min(each.minutes, options.minutes)
    out = made / name.replace(" ", "-")
    done = train("pairs", sources, out, **(given | each.options), minutes=minutes)
    report, members = done.report, done.config["inference"]["architecture"]["members"]
    exactly = report["exact_verdict"] if each.metric == "exact" else None
    verdict = exactly or report["verdict"]
    ours = _points(report["model"])
    best = max(report["baselines"], key=lambda one: _points(one)[each.metric])
    row = {
        "kind": "quality",
        "set": name,
        "minutes": minutes,
        "metric": each.metric,
        "ours": ours[each.metric],
        "baseline": _points(best)[each.metric],
        "baseline_name": best["name"],
        "figures": ours,
        "signatures": report["signatures"],
        "search": report["search"],
        "forced": report["forced"],
        "verdict": verdict,
        "training": report["training"],
        "architecture": done.config["inference"]["architecture"],
        "members": members,
        "seconds": round(done.seconds, 1),
    }
    wanted = "" if each.target is None else f", to reach: {each.target:g}"
    shown = ", ".join(f"{NAMES[metric]} {value:.2f}" for metric, value in ours.items())
    print(f"{name}: {shown} ({NAMES[each.metric]} counts{wanted})")
    print(f"    best baseline, {best['name']}: {NAMES[each.metric]} {row['baseline']:.2f}")
    print(f"    {verdict['sentence']}")
    print(
        f"    fed the truth: {report['forced']['nats_a_piece']:.4f} nats a piece, "
        f"{report['forced']['nats_a_character']:.4f} a character"
    )
    print(f"    BLEU as {report['signatures']['bleu']}")
    print(f"    {done.seconds:.0f} s, {counted(members, 'member')}", flush=True)
    return row


def _points(figures: dict[str, Any]) -> dict[Metric, float]:
    """BLEU, chrF and exact matches of a report, each from 0 to 100."""
    return {
        "bleu": figures["bleu"]["estimate"],
        "chrf": figures["chrf"]["estimate"],
        "exact": 100 * figures["exact"]["estimate"],
    }


def _translate(options: BenchOptions) -> Iterator[dict[str, Any]]:
    """The training of lab `translate`, against a plain torch loop of the same, word by word."""
    found = translate_seconds(options.repeats)
    print(
        f"translate, 5,000 steps: ours {min(found.ours):.2f} s, torch {min(found.peer):.2f} s: "
        f"{found.ratio:.2f} times, to reach: 5; last losses {found.losses[0]:.4f} and "
        f"{found.losses[1]:.4f}"
    )
    yield {
        "kind": "translate",
        "ours": found.ours,
        "torch": found.peer,
        "ratio": found.ratio,
        "losses": found.losses,
    }


def _speed(options: BenchOptions, data: Path, made: Path) -> Iterator[dict[str, Any]]:
    """A member's training step, and what it writes, and its peer's, interleaved."""
    sources, _ = _multi30k("en", "de")(data, made)
    settings = PairOptions(ensemble=1, steps=1)
    dataset = EncodedDataset.of(read(sources, settings), settings.tokens, settings.shared)
    found = plan_model(settings, dataset)
    batches = _batches(dataset, found.settings["batch"])
    pieces = statistics.fmean(len(each.answers) for each in batches)
    limits = limits_of(dataset)
    for feeding in ("up", "input"):
        architecture = replace(Architecture(**found.architecture), feeding=feeding)
        yield _steps(architecture, batches, pieces, found.settings["smoothing"], options)
        yield _writing(architecture, dataset, batches, limits, options)


def _batches(dataset: EncodedDataset, size: int) -> list[Sides]:
    """The batches of a pass, as a training draws them."""
    rows, sides = dataset.data.learn, dataset.sides
    said, reads = (each.lengths.numpy()[rows] for each in (sides.targets, sides.sources))
    drawn = Batches(rows, zigzag(said, reads), size=size, seed=0, together=TOGETHER)
    return [sides.select(drawn.read(0, k)) for k in range(min(drawn.count, 200))]


def _steps(
    architecture: Architecture,
    batches: list[Sides],
    pieces: float,
    smoothing: float,
    options: BenchOptions,
) -> dict[str, Any]:
    torch.manual_seed(0)
    ours = Member(architecture).train()
    peer = TorchMember.of(ours, architecture)
    ways = [step(module, batches, smoothing) for module in (ours, peer)]
    median = [statistics.median(each) for each in interleaved(list(ways), 15 * options.seconds)]
    speeds = [1000 * pieces / each for each in median]
    ratio = median[1] / median[0]
    print(
        f"training step, feeding {architecture.feeding}: ours {median[0]:.1f} ms, torch.nn "
        f"{median[1]:.1f} ms ({speeds[0]:,.0f} and {speeds[1]:,.0f} pieces a second): "
        f"{ratio:.2f} times, to reach: 2",
        flush=True,
    )
    return {
        "kind": "train-step",
        "feeding": architecture.feeding,
        "ours_ms": median[0],
        "peer_ms": median[1],
        "pieces_a_second": speeds,
        "ratio": ratio,
    }


def _writing(
    architecture: Architecture,
    dataset: EncodedDataset,
    batches: list[Sides],
    limits: Limits,
    options: BenchOptions,
) -> dict[str, Any]:
    """Sentences of the selection part, by the same weights; of each repeat the fastest counts."""
    torch.manual_seed(0)
    network = PairNetwork(architecture).train()
    learn = step(network.member(0), batches, 0.0)
    for _ in range(SPOKEN):
        learn()
    network.eval()
    peer = TorchMember.of(network.member(0), architecture)
    data = dataset.data
    sides = encoded(dataset.sources, dataset.targets, data.of(data.select[:WRITTEN]))
    rows = sorted((row.numpy() for row in sides.sources.to_list()), key=len)
    every = [rows[k : k + TOGETHER_WRITTEN] for k in range(0, len(rows), TOGETHER_WRITTEN)]
    arrays = {name: each.numpy() for name, each in network.state_dict().items()}
    threads = torch.get_num_threads()
    single, half = (
        runtime.PairNetwork(architecture, arrays, weights=kept, threads=threads)
        for kept in ("float32", "bfloat16")
    )
    ways: tuple[Callable[[list[Ids]], list[list[int]]], ...] = (
        lambda sources: _ours(single, sources, limits),
        lambda sources: _ours(half, sources, limits),
        lambda sources: _theirs(peer, sources, limits),
    )
    times: tuple[list[float], ...] = ([], [], [])
    said: tuple[list[list[int]], ...] = ([], [], [])
    for _ in range(max(2, options.repeats)):
        for way, seconds, texts in zip(ways, times, said, strict=True):
            start = time.perf_counter()
            texts[:] = [row for sources in every for row in way(sources)]
            seconds.append(time.perf_counter() - start)
    speeds = [sum(len(row) + 1 for row in s) / min(t) for s, t in zip(said, times, strict=True)]
    same = [statistics.fmean(a == b for a, b in zip(said[2], x, strict=True)) for x in said[:2]]
    ratios = [speed / speeds[2] for speed in speeds[:2]]
    print(
        f"beam of {WIDTH}, feeding {architecture.feeding}: torch.nn {speeds[2]:,.0f} pieces a "
        f"second, ours {speeds[0]:,.0f}: {ratios[0]:.2f} times, to reach: 1.5; with bfloat16 "
        f"weights {speeds[1]:,.0f}: {ratios[1]:.2f} times, to reach: 2; {100 * same[0]:.0f} and "
        f"{100 * same[1]:.0f} % the same",
        flush=True,
    )
    return {
        "kind": "beam",
        "feeding": architecture.feeding,
        "pieces_a_second": speeds,
        "seconds": times,
        "ratio": ratios[0],
        "ratio_bfloat16": ratios[1],
        "same": same,
    }


def _ours(network: runtime.PairNetwork, sources: list[Ids], limits: Limits) -> list[list[int]]:
    decoder = network.decoder(network.encode(sources))
    found = beam(
        decoder,
        decoder.begin(),
        begin=BEGIN,
        end=END,
        limits=limits(np.array([len(each) for each in sources])),
        options=SearchOptions(beam=WIDTH).search(),
        excluded=(UNKNOWN, BEGIN),
    )
    return [list(each[0].tokens) for each in found]


def _theirs(peer: TorchMember, sources: list[Ids], limits: Limits) -> list[list[int]]:
    read = Ragged.from_list([torch.from_numpy(each) for each in sources])
    return beam_search(
        peer,
        read.padded(),
        read.lengths,
        width=WIDTH,
        alpha=1.0,
        most=int(limits(read.lengths.numpy()).max()),
        begin=BEGIN,
        end=END,
        excluded=(UNKNOWN, BEGIN),
    )

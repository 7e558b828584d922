"""How good captions are after a given time, how fast they are learnt and strips are read.

Pictures are drawn by the package's own generators and written to files, as a user has them; the
MNIST test part (`mnist-t10k`) and ShapeWorld (`shapeworld-captions`) come from a folder of data.
Quality is that of `--minutes` alone, in a process of its own. A training step is that of a reader
of strips against the same model written with torch.nn.
"""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import recurra
from benchmarks import BenchOptions
from benchmarks.captions_peer import TorchStrips, step
from benchmarks.machine import described
from benchmarks.timing import interleaved
from benchmarks.trained import train
from recurra.codecs.pictures import PictureForm
from recurra.networks.captions import CaptionNetwork
from recurra.runtime.captions import Architecture
from recurra.tasks.captions.generators import grammar
from recurra.tasks.captions.generators.digits import Digits
from recurra.tasks.captions.generators.displays import Displays
from recurra.tasks.captions.generators.drawn import Drawn, Generator
from recurra.tasks.captions.generators.fonts import KOREAN
from recurra.tasks.captions.generators.printed_lines import Lines
from recurra.tasks.captions.generators.scenes import Scenes
from recurra.training.precision import measure

REPORTED: Final = 1_000
"""Pictures that report, of those that are drawn."""

STRIPS: Final = 5_000
"""Strips of MNIST's digits that report."""

_TRAIN, _REPORT = 1, 2  # seeds of drawn pictures


@final
@dataclass(frozen=True)
class Set:
    """A data set: what is drawn or read, and what it has to reach.

    Args:
        made: (folder of data, folder to write into) -> (sources, options) of the training.
        figures: (the model, its report, folder of data) -> figures, each a share.
        target: figure -> what it should reach.
        needs: a folder of the data folder without which it is left out.
    """

    made: Callable[[Path, Path], tuple[list[str], dict[str, object]]]
    figures: Callable[[Any, dict[str, Any], Path], dict[str, Any]]
    target: dict[str, float]
    needs: str = ""


def written(folder: Path, drawn: Iterable[Drawn]) -> Path:
    """Pictures as PNG files, and the table of their texts; returns the table."""
    folder.mkdir(parents=True)
    with (folder / "pictures.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "text"])
        for number, each in enumerate(drawn):
            Image.fromarray(each.image).save(folder / f"{number}.png")
            rows.writerow([f"{number}.png", each.text])
    return folder / "pictures.csv"


def _drawn(
    learn: Generator, count: int, test: Generator, reported: int
) -> Callable[[Path, Path], tuple[list[str], dict[str, object]]]:
    def made(_: Path, folder: Path) -> tuple[list[str], dict[str, object]]:
        source = written(folder / "train", map(learn.draw, range(count)))
        reports = written(folder / "test", map(test.draw, range(reported)))
        return [str(source)], {"test": reports}

    return made


def _exact(_: Any, report: dict[str, Any], __: Path) -> dict[str, Any]:
    found = {"exact": report["model"]["exact"], "cer": report["model"]["cer"]}
    others = {each["name"]: each["exact"]["estimate"] for each in report["baselines"]}
    return found | {"baselines": others}


def _meanings(language: grammar.Language) -> Callable[[Any, dict[str, Any], Path], dict[str, Any]]:
    def figures(model: Any, report: dict[str, Any], _: Path) -> dict[str, Any]:
        found: dict[str, Any] = {
            f"{each['name']}": each["exact"]["estimate"] for each in report["baselines"]
        }
        for pairs in ("known", "held_out"):
            scenes = Scenes(_REPORT, language=language, pairs=pairs)
            drawn = [scenes.draw(number) for number in range(REPORTED)]
            said = [each[0] for each in model.captions([one.image for one in drawn])]
            right = [
                grammar.meaning(ours.text, language) == grammar.meaning(one.text, language)
                for ours, one in zip(said, drawn, strict=True)
            ]
            found[pairs] = float(np.mean(right))
            found[f"{pairs} looked"] = looked(drawn, said)
        return found

    return figures


def looked(drawn: Sequence[Drawn], said: Sequence[Any]) -> float:
    """Of the shapes that are told, the share whose last word looked at most at their own place.

    The middle of the place that has the greatest attention lies in the shape's box.
    """
    right = count = 0
    for one, ours in zip(drawn, said, strict=True):
        if ours.text != one.text:
            continue
        _, rows, columns = ours.attention.shape
        height, width = one.image.shape[:2]
        for shown in one.shown:
            # Commas are pieces of their own, with attention of their own.
            commas = one.text.count(",", 0, shown.span[1])
            weights = ours.attention[one.words(shown)[-1] + commas]
            row, column = np.unravel_index(int(weights.argmax()), weights.shape)
            x, y = (column + 0.5) * width / columns, (row + 0.5) * height / rows
            left, top, end, bottom = shown.box
            right += bool(left <= x < end and top <= y < bottom)
            count += 1
    return right / max(count, 1)


def mnist(data: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pictures (10,000, 28, 28) of the MNIST test part, and which digit each is."""
    folder = data / "mnist-t10k"
    pixels = np.frombuffer((folder / "t10k-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer((folder / "t10k-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    return pixels.reshape(-1, 28, 28), labels.astype(np.int64)


def _strips(data: Path) -> tuple[Digits, Digits]:
    """Strips of the first 8,000 pictures, and of the other 2,000."""
    pixels, labels = mnist(data)
    rows = np.arange(len(pixels))
    return (
        Digits(pixels, labels, rows[:8000], seed=_TRAIN),
        Digits(pixels, labels, rows[8000:], seed=_REPORT),
    )


def _mnist(data: Path, folder: Path) -> tuple[list[str], dict[str, object]]:
    learn, test = _strips(data)
    return _drawn(learn, 8_000, test, STRIPS)(data, folder)


def _exact_over_digits(model: Any, report: dict[str, Any], data: Path) -> dict[str, Any]:
    """The share of right strips, with the interval over the 2,000 digits that they are made of.

    The infinitesimal jackknife (Jaeckel 1972): a digit moves the share by what the strips that
    show it are off the mean, whatever else they show.
    """
    _, test = _strips(data)
    drawn = [test.draw(number) for number in range(STRIPS)]
    said = model.caption([one.image for one in drawn])
    off = np.array([ours == one.text for ours, one in zip(said, drawn, strict=True)], np.float64)
    mean = off.mean()
    off -= mean
    shown = np.stack([test.drawn_rows(number) for number in range(STRIPS)])
    moved = np.bincount(shown.ravel(), np.repeat(off, shown.shape[1]))
    half = 1.96 * float(np.sqrt((moved**2).sum())) / STRIPS
    over = {"low": mean - half, "high": mean + half, "estimate": mean}
    return {"exact, over digits": over} | _exact(model, report, data)


def _shapeworld(data: Path, _: Path) -> tuple[list[str], dict[str, object]]:
    return [str(data / "shapeworld-captions" / "captions.tsv")], {}


def _preferred(_: Any, report: dict[str, Any], __: Path) -> dict[str, Any]:
    found = {"preferred": report["model"].get("preferred")}
    others = {
        each["name"]: each["preferred"] for each in report["baselines"] if "preferred" in each
    }
    return found | {"baselines": others, "chrf": report["model"]["chrf"]}


SETS: Final[dict[str, Set]] = {
    "scenes en": Set(
        lambda *_: ([], {"examples": 20_000, "language": "en"}),
        _meanings("en"),
        {"known": 0.98, "held_out": 0.90, "known looked": 0.90},
    ),
    "scenes ko": Set(
        lambda *_: ([], {"examples": 20_000, "language": "ko"}),
        _meanings("ko"),
        {"known": 0.98, "held_out": 0.90, "known looked": 0.90},
    ),
    "mnist": Set(_mnist, _exact_over_digits, {"exact": 0.94}, "mnist-t10k"),
    "displays": Set(_drawn(Displays(_TRAIN), 500, Displays(_REPORT), 500), _exact, {"exact": 0.95}),
    "lines": Set(
        _drawn(
            Lines(_TRAIN, fonts=tuple(name for name in KOREAN if name != KOREAN[2])),
            10_000,
            Lines(_REPORT, fonts=(KOREAN[2],)),
            REPORTED,
        ),
        _exact,
        {"cer": 0.02},
    ),
    "shapeworld": Set(_shapeworld, _preferred, {"preferred": 0.62}, "shapeworld-captions"),
}

PARTS: Final = {
    **{name: each.needs for name, each in SETS.items()},
    "steps": "",
    "speed": "mnist-t10k",
}
"""What is measured, in this order, and what it needs in the folder of data."""


def run(options: BenchOptions) -> None:
    """Measure what `--only` names, or everything there are data of.

    Raises:
        OptionError: nothing is named by `--only`, or its data are not there.
        TrainingError: a training failed.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="recurra-bench-") as folder:
        for name in options.select("captions", PARTS):
            if name == "steps":
                rows.append(_steps(options))
            elif name == "speed":
                assert options.data is not None
                rows.append(_speed(options, options.data, Path(folder) / "speed"))
            else:
                rows += _trained(name, options, Path(folder) / name.replace(" ", "-"))
    print(json.dumps({"bench": "captions", "machine": described(), "rows": rows}))


def _trained(name: str, options: BenchOptions, folder: Path) -> list[dict[str, Any]]:
    """Trainings of a set with different seeds, and their figures."""
    each = SETS[name]
    sources, extra = each.made(options.data or Path(), folder)
    rows = []
    for seed in range(options.repeats):
        out = folder / f"run-{seed}"
        found = train("captions", sources, out, minutes=options.minutes, seed=seed, **extra)
        architecture = found.config["inference"]["architecture"]
        figures = each.figures(recurra.load(out), found.report, options.data or Path())
        rows.append(
            {
                "set": name,
                "seed": seed,
                "minutes": round(found.seconds / 60, 2),
                "reading": architecture["reading"],
                "steps": found.report["training"]["step"],
                "target": each.target,
            }
            | figures
        )
        print(f"{name}, seed {seed}, {found.seconds / 60:.1f} minutes, {architecture['reading']}")
        for key, value in figures.items():
            print(f"  {key}: {_shown(value)}", flush=True)
    return rows


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "estimate" in value:
        ends = "" if value["low"] is None else f" ({value['low']:.4f} to {value['high']:.4f})"
        return f"{value['estimate']:.4f}{ends}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items())
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _architecture(height: int) -> Architecture:
    return Architecture(
        form=PictureForm(1, height, None).to_json(),
        stages=[16, 48, 128],
        pools=[[2, 2], [2, 2], [2, 1]],
        rows=-(-height // 8),
        columns=0,
        reading="ctc",
        targets=14,
        cell="gru",
        embedding=64,
        hidden=128,
        layers=1,
        attention="general",
        feeding="up",
        dropout=0.0,
    )


def _steps(options: BenchOptions) -> dict[str, Any]:
    """A training step on strips of unequal width: recurra's, torch.nn's, and that in bfloat16."""
    random = np.random.default_rng(0)
    widths = np.sort(random.integers(80, 200, 16))
    pictures = [random.integers(0, 256, (28, int(w), 1), np.uint8) for w in widths]
    ids = [random.integers(3, 14, int(w) // 28).astype(np.int64) for w in widths]
    architecture = _architecture(28)
    form = PictureForm.from_json(architecture.form)
    x, sizes = (torch.from_numpy(each) for each in form.numbers(pictures, (8, 4)))
    precision = measure(torch.device("cpu"))
    torch.manual_seed(0)
    ours, peer = CaptionNetwork(architecture).train(), TorchStrips(architecture).train()
    narrow = TorchStrips(architecture).train()
    ways: list[Callable[[], object]] = [
        step(ours, x, sizes, ids, precision.bfloat16),
        step(peer, x, sizes, ids, False),
        step(narrow, x, sizes, ids, True),
    ]
    times = interleaved(ways, options.seconds)
    median = [float(np.median(each)) for each in times]
    row = {
        "set": "steps",
        "recurra_ms": median[0],
        "torch_ms": median[1],
        "torch_bfloat16_ms": median[2],
        "ratio": median[1] / median[0],
        "ratio_bfloat16": median[2] / median[0],
        "precision": str(precision),
    }
    print(
        f"a training step of 16 strips: recurra {median[0]:.1f} ms ({precision}), torch.nn "
        f"{median[1]:.1f} ms, in bfloat16 {median[2]:.1f} ms: {row['ratio']:.2f} and "
        f"{row['ratio_bfloat16']:.2f} times as fast",
        flush=True,
    )
    return row


def _speed(options: BenchOptions, data: Path, folder: Path) -> dict[str, Any]:
    """Strips of 28 x 140 a second, read from disk to text on one core; the model hardly trained."""
    learn, test = _strips(data)
    table = written(folder / "test", map(test.draw, range(600)))
    source = written(folder / "train", map(learn.draw, range(1_000)))
    train("captions", [str(source)], folder / "run", steps=150, seed=0, reading="ctc")
    model = recurra.load(folder / "run")
    model.network.threads = 1
    if hasattr(model.network, "ensemble"):
        model.network.ensemble.threads = 1
    paths = sorted(table.parent.glob("*.png"))
    rates = []
    for _ in range(max(3, options.repeats)):
        start = time.perf_counter()
        model.caption(paths)
        rates.append(len(paths) / (time.perf_counter() - start))
    rate = float(np.median(rates))
    print(f"strips of 28 x 140, from disk to text on one core: {rate:.0f} a second", flush=True)
    return {"set": "speed", "strips_a_second": rate}

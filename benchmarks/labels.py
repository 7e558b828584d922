"""How good labels are after a given time, how fast they are learnt, how fast they are given.

Data: a folder that holds some of the sets below, each in the folder it is known by. Quality is
that of `--minutes` alone, in a process of its own. A training step is that of one member on NSMC
against the same model written with torch.nn.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from benchmarks import BenchOptions
from benchmarks.labels_peer import TorchMember, step
from benchmarks.machine import described
from benchmarks.timing import interleaved
from benchmarks.trained import train
from recurra.data.batches import Batches
from recurra.networks.label_batch import TensorBatch
from recurra.networks.labels import Member
from recurra.runtime.labels import Architecture
from recurra.tasks.labels.config import EncodedDataset, plan_model
from recurra.tasks.labels.data import read
from recurra.tasks.labels.options import LabelOptions

LINES: Final = 200_000
"""Lines that are labelled to time it."""


@final
@dataclass(frozen=True)
class Set:
    """A data set: how it is given to the command, and the figure of its report that counts.

    Args:
        needs: a file or folder of the data folder without which it is left out.
        given: makes (sources, options) from the data folder and a folder for what has to be
            written first.
        metric: a key of the report's model.
        target: what it should reach, or None.
        small: small sets are trained with every seed, the others with one.
    """

    needs: str
    given: Callable[[Path, Path], tuple[list[str], dict[str, object]]]
    metric: str = "accuracy"
    target: float | None = None
    small: bool = True


def _files(train_file: str, test: str | None = None, **options: object) -> Any:
    def given(data: Path, _: Path) -> tuple[list[str], dict[str, object]]:
        extra: dict[str, object] = {} if test is None else {"test": data / test}
        return [str(data / train_file)], options | extra

    return given


def _trec(data: Path, made: Path) -> tuple[list[str], dict[str, object]]:
    """`COARSE:fine question` a line, in ISO-8859-1, as a table of question and coarse class."""
    for name in ("train", "test"):
        lines = (data / "trec-questions" / f"{name}.txt").read_text("iso-8859-1").splitlines()
        rows = [line.split(" ", 1) for line in lines]
        table = "".join(f"{text.strip()}\t{label.split(':')[0]}\n" for label, text in rows)
        (made / f"trec-{name}.tsv").write_text(f"text\tlabel\n{table}", "utf-8")
    return [str(made / "trec-train.tsv")], {"test": made / "trec-test.tsv"}


def _mnist(data: Path, made: Path) -> tuple[list[str], dict[str, object]]:
    """Pictures of 28 x 28 as 28 steps of 28 channels; 8,000 train, the other 2,000 report."""
    folder = data / "mnist-t10k"
    pixels = np.frombuffer((folder / "t10k-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    pictures = (pixels.reshape(-1, 28, 28) / 255).astype(np.float32)
    digits = np.frombuffer((folder / "t10k-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    for name, part in (("train", slice(8000)), ("test", slice(8000, None))):
        np.savez(made / f"mnist-{name}.npz", X=pictures[part], y=digits[part].astype(np.int64))
    return [str(made / "mnist-train.npz")], {"test": made / "mnist-test.npz"}


SETS: Final[dict[str, Set]] = {
    "nsmc": Set(
        "nsmc-sample",
        _files("nsmc-sample/train.tsv", "nsmc-sample/test.tsv"),
        target=0.82,
        small=False,
    ),
    "trec": Set("trec-questions", _trec, target=0.89),
    "names": Set("names", _files("names"), metric="macro_f1", small=False),
    "japanese-vowels": Set(
        "japanese-vowels",
        _files("japanese-vowels/JapaneseVowels_TRAIN.ts", "japanese-vowels/JapaneseVowels_TEST.ts"),
        target=0.97,
    ),
    "basic-motions": Set(
        "basic-motions",
        _files("basic-motions/BasicMotions_TRAIN.ts", "basic-motions/BasicMotions_TEST.ts"),
        target=0.975,
    ),
    "mnist": Set("mnist-t10k", _mnist, target=0.97, small=False),
    "wnut17": Set(
        "wnut17",
        _files("wnut17/wnut17train.conll", "wnut17/emerging.test.annotated", tag=True),
        metric="span_f1",
        small=False,
    ),
}


PARTS: Final = {
    "steps": "nsmc-sample",
    **{name: each.needs for name, each in SETS.items()},
    "lines": SETS["trec"].needs,
}
"""What is measured, in this order, and what it needs in the folder of data."""


def run(options: BenchOptions) -> None:
    """Measure what `--only` names, or everything there are data of.

    Raises:
        OptionError: nothing is named by `--only`, or its data are not there.
        TrainingError: a training failed.
    """
    selected = options.select("labels", PARTS)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="recurra-bench-") as folder:
        made = Path(folder)
        for name in selected:
            if name == "steps":
                rows += _steps(options)
            elif name == "lines":
                rows += _lines(options, made)
            else:
                rows += _quality(name, SETS[name], options, made)
    print(json.dumps({"bench": "labels", "rows": rows, "machine": described()}))


def _quality(name: str, each: Set, options: BenchOptions, made: Path) -> Iterator[dict[str, Any]]:
    assert options.data is not None
    sources, given = each.given(options.data, made)
    figures = []
    for seed in range(options.repeats if each.small else 1):
        done = train(
            "labels",
            sources,
            made / f"{name}-{seed}",
            **given,
            minutes=options.minutes,
            seed=seed,
        )
        model, best = done.report["model"], _best(done.report, each.metric)
        answer = done.report.get("answer", model)
        figures.append(answer[each.metric]["estimate"])
        row = {
            "kind": "quality",
            "set": name,
            "seed": seed,
            "metric": each.metric,
            "ours": model[each.metric]["estimate"],
            "answer": answer[each.metric]["estimate"],
            "answers_with": done.report["chosen"]["name"] if "chosen" in done.report else "network",
            "baseline": best[each.metric]["estimate"],
            "baseline_name": best["name"],
            "calibration_error": done.report["calibration"]["error"],
            "members": done.config["inference"]["architecture"]["members"],
            "seconds": round(done.seconds, 1),
        }
        print(
            f"{name:<16} seed {seed}  {each.metric} network {100 * row['ours']:6.2f} %   answer "
            f"{100 * row['answer']:6.2f} % ({row['answers_with']})   best baseline "
            f"{100 * row['baseline']:6.2f} % ({best['name']})   {done.seconds:.0f} s, "
            f"{row['members']} members",
            flush=True,
        )
        yield row
    target = "" if each.target is None else f" (to reach: {100 * each.target:g} %)"
    median = f"{100 * statistics.median(figures):.2f} %{target}"
    print(f"{name:<16} median {each.metric} of the answer {median}")


def _best(report: dict[str, Any], metric: str) -> dict[str, Any]:
    found: dict[str, Any] = max(report["baselines"], key=lambda each: each[metric]["estimate"])
    return found


def _lines(options: BenchOptions, made: Path) -> Iterator[dict[str, Any]]:
    """Lines a second from standard input, after start: the test part over and over."""
    assert options.data is not None
    sources, given = SETS["trec"].given(options.data, made)
    out = made / "lines"
    train("labels", sources, out, **given, minutes=options.minutes)
    texts = [
        line.split("\t")[0] for line in (made / "trec-test.tsv").read_text("utf-8").splitlines()
    ]
    few = ("\n".join(texts[1:101]) + "\n").encode()
    many = "\n".join((texts[1:] * (LINES // 500 + 1))[:LINES]).encode() + b"\n"
    seconds = []
    for given_lines in (few, many):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "recurra", "classify", str(out)],
            input=given_lines,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        seconds.append(time.perf_counter() - start)
    speed = (LINES - 100) / (seconds[1] - seconds[0])
    print(
        f"classify: start {seconds[0]:.2f} s, then {speed:,.0f} lines a second (questions of TREC)"
    )
    yield {"kind": "lines", "start_seconds": seconds[0], "lines_a_second": speed}


def _steps(options: BenchOptions) -> Iterator[dict[str, Any]]:
    """A training step of one member on NSMC, and of its peers, interleaved."""
    assert options.data is not None
    file = options.data / "nsmc-sample" / "train.tsv"
    settings = LabelOptions(ensemble=1, steps=1)
    dataset = EncodedDataset.of(read([file], settings), settings.tokens)
    found = plan_model(settings, dataset)
    architecture = Architecture(**found.architecture)
    ours = Member(architecture)
    padded = TorchMember(architecture, packed=False)
    packed = TorchMember(architecture, packed=True)
    for peer in (padded, packed):
        peer.load_state_dict(ours.state_dict())
    rows = dataset.data.learn
    drawn = Batches(rows, dataset.inputs.lengths[rows], size=found.settings["batch"], seed=0)
    numbers = [drawn.read(0, k) for k in range(drawn.count)]
    batches = [TensorBatch.of(dataset.inputs, each) for each in numbers]
    targets = [dataset.targets.targets_of(each) for each in numbers]
    names = ["ours", "torch.nn padded", "torch.nn packed"]
    ways = [step(module, batches, targets) for module in (ours, padded, packed)]
    times = dict(zip(names, interleaved(list(ways), 5 * options.seconds), strict=True))
    median = {name: statistics.median(each) for name, each in times.items()}
    real = int(dataset.inputs.lengths[rows].sum())
    drawn_steps = sum(int(each.lengths.max()) * len(each.lengths) for each in batches)
    print(f"padding in these batches: {100 * (1 - real / drawn_steps):.1f} %")
    for name in names[1:]:
        ratio = median[name] / median["ours"]
        print(
            f"training step on NSMC: ours {median['ours']:.2f} ms, {name} {median[name]:.2f} ms: "
            f"{ratio:.2f} times"
        )
        yield {
            "kind": "train-step",
            "set": "nsmc",
            "peer": name,
            "ours_ms": median["ours"],
            "peer_ms": median[name],
            "ratio": ratio,
        }

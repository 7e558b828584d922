"""Makes the frozen runs: small trainings of each task, and what every verb says of them.

    export PYTHONPATH=tests
    python -m frozen.make                    # all fixtures: data, run, expected answers
    python -m frozen.make text-words ...     # these
    python -m frozen.make --record ...       # keep data and runs, note their answers anew

A fixture is a folder beside this file: its data, its `run` without checkpoint and pictures, and
`expected.json`. The answers are those of the code that first made them, and the point is that they
stay: after a change of the code `--record` is for new calls alone, whatever else it would change
is a defect (it says what it changes). Where the form of runs changes, `migrate` rewrites them.
Answers must not hang on a hair: weights that are moved by a millionth have to give the same.
"""

from __future__ import annotations

import contextlib
import csv
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

import recurra
import toy_captions
from frozen import calls
from frozen.calls import CALLS, EXPECTED, FROZEN, RUN, Plain
from recurra.bundle import CONFIG, WEIGHTS, Run

Drawing = Callable[..., tuple[list[Any], list[str]]]
"""Draws so many pictures, and their texts."""

Change = Callable[[dict[str, Any]], dict[str, Any]]

ALWAYS: Final[dict[str, Any]] = {"threads": 1, "precision": "float32", "seed": 3}


# -- runs ------------------------------------------------------------------------------------------


def migrate(run_folder: Path, change: Change, name: str = CONFIG) -> None:
    """Rewrite a JSON file of a run, with a fresh seal; the run stays the one that it was.

    Args:
        change: what the file holds (without its seal) -> what it is to hold.
    """
    run = Run(run_folder)
    run.write_json(name, change(run.read_json(name)))


def runs() -> list[Path]:
    """The folders of all frozen runs."""
    return [FROZEN / name / RUN for name in CALLS]


def _train(task: str, data: Sequence[str], **options: Any) -> None:
    recurra.train(task, list(data), out=RUN, **(ALWAYS | options))


def _prune(run: Path) -> None:
    """Leave what use needs, and paths that are right wherever the repository lies."""
    shutil.rmtree(run / "checkpoint", ignore_errors=True)
    for path in sorted((run / "traces").glob("*")):
        if path.relative_to(run).as_posix() != "traces/lines.safetensors":
            path.unlink()
    beside = f"{run.parent.resolve()}/"

    def nearer(config: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.dumps(config).replace(beside, ""))
        return found

    migrate(run, nearer)


def _moved(run: Path, into: Path) -> None:
    """A copy of a run whose weights are all moved by a millionth of them."""
    shutil.copytree(run, into)
    draw = np.random.default_rng(0)
    arrays, facts = Run(into).read_arrays(WEIGHTS)
    off = {
        name: (each * (1 + 1e-6 * draw.standard_normal(each.shape))).astype(each.dtype)
        if each.dtype.kind == "f"
        else each
        for name, each in arrays.items()
    }
    Run(into).write_arrays(WEIGHTS, off, facts)


# -- data ------------------------------------------------------------------------------------------


def _write(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8", newline="")


def _table(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with open(name, "w", encoding="utf-8", newline="") as file:
        how: Any = {"delimiter": "\t" if name.endswith(".tsv") else ",", "lineterminator": "\n"}
        csv.writer(file, **how).writerows([head, *rows])


def _sentences(draw: random.Random, count: int) -> list[str]:
    animals = ["cat", "dog", "bird", "zebra"]

    def one() -> str:
        old = draw.choice(["", "", "old ", "small "])
        return f"{draw.choice(['the', 'a'])} {old}{draw.choice(animals)}"

    verbs = ["sees", "hears", "likes"]
    ends = [" .", " at night .", " and runs .", " ?"]
    return [f"{one()} {draw.choice(verbs)} {one()}{draw.choice(ends)}" for _ in range(count)]


def _korean(draw: random.Random, count: int) -> list[str]:
    who, what = ["고양이가", "개가", "새가"], ["새를", "물을", "개를"]
    does = ["본다.", "듣는다.", "좋아한다!"]
    return [" ".join(map(draw.choice, (who, what, does))) for _ in range(count)]


def _moods(draw: random.Random, count: int) -> list[tuple[str, str]]:
    noise = ["the", "a", "film", "scene", "plot", "of", "and", "was", "it", "music"]
    said = {
        "good": ["good", "great", "fine"],
        "bad": ["bad", "awful", "dull"],
        "so so": ["fair", "plain"],
    }
    rows = []
    for _ in range(count):
        label = draw.choice(["good", "good", "bad", "so so"])
        words = draw.choices(noise, k=draw.randint(0, 10))
        words.insert(draw.randint(0, len(words)), draw.choice(said[label]))
        if draw.random() < 0.2:
            words.insert(draw.randint(0, len(words)), draw.choice(draw.choice([*said.values()])))
        rows.append((" ".join(words), label))
    return rows


def _names(draw: random.Random, count: int) -> list[tuple[str, str]]:
    ends = {"pl": ["ski", "czyk", "wicz"], "ru": ["ova", "enko", "in"], "ie": ["ley", "nan"]}
    rows = []
    for _ in range(count):
        label = draw.choice([*ends])
        stem = "".join(draw.choice("aeiou") + draw.choice("klmnprstvz") for _ in range(2))
        start = "O'" if label == "ie" and draw.random() < 0.5 else ""
        rows.append((start + stem.capitalize() + draw.choice(ends[label]), label))
    return rows


def _conll(draw: random.Random, count: int) -> str:
    lines = []
    for _ in range(count):
        for part in draw.choices(
            [
                [("anna", "B-PER")],
                [("bob", "B-PER"), ("smith", "I-PER")],
                [("new", "B-LOC"), ("york", "I-LOC")],
                [("oslo", "B-LOC")],
                [("new", "O"), ("films", "O")],
                [("met", "O")],
                [("lives", "O"), ("in", "O")],
            ],
            k=draw.randint(1, 4),
        ):
            lines += [f"{token}\t{tag}" for token, tag in part]
        lines.append("")
    return "\n".join(lines) + "\n"


def _motions(seed: int, count: int) -> tuple[list[Any], list[str]]:
    draw = np.random.default_rng(seed)
    found, labels = [], []
    for row in range(count):
        steps = int(draw.integers(3, 12))
        ramp = np.linspace(-1, 1, steps) * (1 if row % 2 else -1)
        values = np.stack([ramp, np.cos(3 * ramp)], 1) + draw.normal(0, 0.4, (steps, 2))
        found.append((values * [3.0, 100.0] + [7.0, -50.0]).astype(np.float32).round(3))
        labels.append("rises" if row % 2 else "falls")
    return found, labels


def _long(name: str, sequences: Sequence[Any], labels: Sequence[str]) -> None:
    rows = [
        (number, t, *map(float, each.astype(np.float64).round(3)), label)
        for number, (values, label) in enumerate(zip(sequences, labels, strict=True))
        for t, each in enumerate(values)
    ]
    _table(name, ["id", "t", "x", "y", "label"], rows)


def _days(count: int, first: str = "2024-01-01") -> list[str]:
    return [str(np.datetime64(first) + day) for day in range(count)]


_WORDS: Final = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]


def _spelt(draw: random.Random, count: int) -> list[tuple[str, str]]:
    rows = []
    for at in range(count):
        digits = draw.sample(range(10), draw.randint(1, 4))
        read, said = [str(each) for each in digits], [_WORDS[each] for each in digits]
        if at % 9 == 0:  # a name that comes once, to be copied
            place = draw.randrange(len(read))
            read[place] = said[place] = "".join(draw.choices("BKLMaeio", k=4))
        rows.append((" ".join(read), " ".join(said)))
    return rows


def _turned(draw: random.Random, count: int) -> list[tuple[str, str]]:
    words = ["".join(draw.sample("abcdefgh", draw.randint(1, 5))) for _ in range(count)]
    return [(word, word[::-1]) for word in words]


# -- fixtures --------------------------------------------------------------------------------------

_TEXT: Final[dict[str, Any]] = {
    "hidden": 16,
    "embedding": 8,
    "layers": 1,
    "ensemble": 1,
    "dropout": 0.0,
    "lr": 0.1,
    "batch": 8,
    "bptt": 32,
    "steps": 150,
}
_LABELS: Final[dict[str, Any]] = {
    "hidden": 8,
    "embedding": 8,
    "layers": 1,
    "ensemble": 1,
    "batch": 16,
    "lr": 0.02,
    "steps": 60,
}
_PAIRS: Final[dict[str, Any]] = {
    "hidden": 20,
    "embedding": 12,
    "layers": 1,
    "ensemble": 1,
    "batch": 32,
    "dropout": 0.0,
    "smoothing": 0.0,
    "lr": 0.05,
    "steps": 220,
}


def _text_characters() -> None:
    draw = random.Random(1)
    _write("train.txt", "\n".join(_sentences(draw, 260)) + "\n")
    _write("other.txt", "\n".join([*_sentences(draw, 20), "7 zebras: Straße, 漢!", ""]))
    _train("text", ["train.txt"], **_TEXT | {"cell": "lstm", "layers": 2, "ensemble": 2})


def _text_documents() -> None:
    draw = random.Random(2)
    for number in range(24):
        _write(f"documents/{number:02}.txt", "\n".join(_sentences(draw, 11)) + "\n")
    for number in range(3):
        _write(f"others/{number}.txt", "\n".join(_sentences(draw, 5)) + "\n")
    _write("other.txt", "\n".join(_sentences(draw, 12)) + "\nÜber 漢字, all new.\n")
    how = {"cell": "gru", "tokens": "bpe:300", "reset_at_documents": True}
    _train("text", ["documents"], **_TEXT | how)


def _text_bytes() -> None:
    draw = random.Random(3)
    _write("train.txt", "\n".join(_korean(draw, 200)) + "\n")
    _write("other.txt", "\n".join([*_korean(draw, 10), "é, 漢字\n"]))
    _train("text", ["train.txt"], **_TEXT | {"cell": "rnn", "tokens": "bytes"})


def _text_words() -> None:
    draw = random.Random(4)
    _write("train.txt", "\r\n".join(_sentences(draw, 260)) + "\r\n")
    _write("other.txt", "\r\n".join([*_sentences(draw, 20), "nobody knows a unicorn", ""]))
    _train("text", ["train.txt"], **_TEXT | {"tokens": "words:40", "ensemble": 2, "hidden": 12})


def _labels_texts() -> None:
    draw = random.Random(5)
    _table("train.tsv", ["text", "label"], _moods(draw, 220))
    _table("other.tsv", ["text", "label"], _moods(draw, 40))
    _train("labels", ["train.tsv"], **_LABELS | {"ensemble": 2, "tokens": "words"})


def _labels_characters() -> None:
    draw = random.Random(6)
    _table("train.tsv", ["name", "label"], _names(draw, 220))
    _table("other.tsv", ["name", "label"], _names(draw, 40))
    how = {"tokens": "characters:3", "bidirectional": False, "cell": "lstm", "layers": 2}
    _train("labels", ["train.tsv"], **_LABELS | how | {"pooling": "last+attention"})


def _labels_subwords() -> None:
    draw = random.Random(7)
    _table("train.tsv", ["text", "label"], _moods(draw, 220))
    _table("other.tsv", ["text", "label"], _moods(draw, 40))
    how = {"tokens": "bpe:300", "cell": "rnn", "pooling": "max+mean", "balanced": True}
    _train("labels", ["train.tsv"], **_LABELS | how)


def _labels_tags() -> None:
    draw = random.Random(8)
    _write("train.conll", _conll(draw, 160))
    _write("other.conll", _conll(draw, 30))
    _train("labels", ["train.conll"], **_LABELS | {"tag": True, "ensemble": 2, "layers": 2})


def _labels_numbers() -> None:
    _long("train.csv", *_motions(9, 120))
    _long("other.csv", *_motions(10, 30))
    sequences, _ = _motions(11, 12)
    sizes = np.array([len(each) for each in sequences])
    np.savez("other.npz", X=np.concatenate(sequences), lengths=sizes)
    how = {"sequence": "id", "time": "t", "label": "label", "bidirectional": False, "ensemble": 2}
    _train("labels", ["train.csv"], **_LABELS | how)


def _series_panel() -> None:
    draw = np.random.default_rng(12)
    rows, newer, longer = [], [], []
    for number, (name, days) in enumerate([("a", 90), ("b", 70), ("c", 84)]):
        step = np.arange(days + 30)
        promo = (draw.random(days + 30) < 0.2).astype(int)
        wave = np.sin(2 * np.pi * step / 7 + number)
        sales = (10 * (number + 1) + 3 * wave + 4 * promo + draw.normal(0, 0.4, days + 30)).round(2)
        sales[12] = np.nan
        for at, day in enumerate(_days(days + 30)):
            value = "" if np.isnan(sales[at]) else sales[at]
            ahead = (name, day, "", promo[at])
            row = (name, day, value, promo[at])
            if at < days + 4:
                rows.append(row if at < days else ahead)
            if name != "c" and days <= at < days + 12:
                newer.append(row if at < days + 8 else ahead)
            if days <= at:
                longer.append(row)
    # A series that training had not.
    newer += [("d", day, 50 + at % 7 if at < 26 else "", 0) for at, day in enumerate(_days(30))]
    head = ["unique_id", "ds", "sales", "promo"]
    for file, held in (("train", rows), ("newer", newer), ("longer", longer)):
        _table(f"{file}.csv", head, held)
    how = {"target": "sales", "futr_exog": "promo", "horizon": 4, "season": 7, "context": 21}
    _train(
        "series", ["train.csv"], model="segments", ensemble=2, hidden=8, batch=16, steps=60, **how
    )


def _one_series(values: Any, name: str, train: int, newer: int) -> None:
    rows = [
        (day, "" if np.isnan(value) else value)
        for day, value in zip(_days(len(values)), values, strict=True)
    ]
    _table("train.csv", ["ds", name], rows[:train])
    _table("newer.csv", ["ds", name], rows[train : train + newer])
    _table("longer.csv", ["ds", name], rows[train:])


def _series_walk() -> None:
    draw, step = np.random.default_rng(13), np.arange(130)
    values = 10 + 3 * np.sin(2 * np.pi * step / 7) + 0.02 * step + draw.normal(0, 0.5, 130)
    values[40] = np.nan
    _one_series(values.round(2), "load", 100, 6)
    how = {"model": "autoregressive", "horizon": 5, "season": 7, "hidden": 8, "layers": 2}
    _train("series", ["train.csv"], batch=8, steps=40, context=35, ensemble=1, target="load", **how)


def _series_counts() -> None:
    draw, step = np.random.default_rng(14), np.arange(120)
    values = draw.poisson(3 + 2 * np.sin(2 * np.pi * step / 7)).astype(float)
    _one_series(values, "visits", 96, 6)
    how = {"distribution": "counts", "horizon": 4, "season": 7, "hidden": 8, "ensemble": 2}
    _train("series", ["train.csv"], batch=8, steps=40, context=35, target="visits", **how)


Rows = Callable[[random.Random, int], list[tuple[str, str]]]


def _pairs(rows: Rows, seed: int, **how: Any) -> None:
    draw = random.Random(seed)
    _table("train.tsv", ["source", "target"], rows(draw, 300))
    _table("other.tsv", ["source", "target"], rows(draw, 30))
    _train("pairs", ["train.tsv"], **_PAIRS | how)


def _pairs_words() -> None:
    how = {"tokens": "words", "attention": "general", "feeding": "up", "ensemble": 2}
    _pairs(_spelt, 15, **how, layers=2, shared=False)


def _pairs_fixed() -> None:
    how = {"tokens": "characters", "attention": "none", "cell": "lstm", "shared": True}
    _pairs(_turned, 16, **how, layers=2)


def _pairs_input() -> None:
    how = {"tokens": "bpe:300", "attention": "concat", "feeding": "input"}
    _pairs(_spelt, 17, **how, hidden=16, shared=True)


def _pairs_location() -> None:
    how = {"tokens": "characters", "attention": "location", "feeding": "input", "cell": "rnn"}
    _pairs(_turned, 18, **how, bidirectional=False, ensemble=2, hidden=16)


_CAPTIONS: Final[dict[str, Any]] = {
    "hidden": 16,
    "embedding": 12,
    "layers": 1,
    "batch": 16,
    "dropout": 0.0,
    "lr": 0.05,
    "augment": False,
}


def _captions(drawn: Drawing, **how: Any) -> None:
    """Trained on arrays; six pictures and their table are kept for the verbs."""
    from PIL import Image

    X, y = drawn(300)
    recurra.CaptionModel(**ALWAYS | _CAPTIONS | how).fit(X, y, out=RUN)
    pictures, texts = drawn(6, seed=1)
    for number, each in enumerate(pictures):
        Image.fromarray(each).save(f"{number}.png")
    rows = zip([f"{number}.png" for number in range(6)], texts, strict=True)
    _table("other.tsv", ["image", "text"], rows)


def _captions_strips() -> None:
    _captions(toy_captions.strips, reading="ctc", height=16, steps=400)


def _captions_columns() -> None:
    _captions(toy_captions.scenes, reading="columns", steps=200)


FIXTURES: Final[dict[str, Callable[[], None]]] = {
    "text-characters": _text_characters,
    "text-documents": _text_documents,
    "text-bytes": _text_bytes,
    "text-words": _text_words,
    "labels-texts": _labels_texts,
    "labels-characters": _labels_characters,
    "labels-subwords": _labels_subwords,
    "labels-tags": _labels_tags,
    "labels-numbers": _labels_numbers,
    "series-panel": _series_panel,
    "series-walk": _series_walk,
    "series-counts": _series_counts,
    "pairs-words": _pairs_words,
    "pairs-fixed": _pairs_fixed,
    "pairs-input": _pairs_input,
    "pairs-location": _pairs_location,
    "captions-strips": _captions_strips,
    "captions-columns": _captions_columns,
}
"""Each writes its data and trains its run, in the folder that it is called in."""


# -- recording -------------------------------------------------------------------------------------


def make(name: str) -> None:
    """Write the data of a fixture and train its run."""
    folder = FROZEN / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with contextlib.chdir(folder):
        FIXTURES[name]()
    _prune(folder / RUN)


def record(name: str) -> None:
    """Write down what a run answers, and say what of it changes."""
    path = FROZEN / name / EXPECTED
    before: dict[str, Plain] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    now = {call: calls.answer(name, call) for call in CALLS[name]}
    for call in before.keys() - now.keys():
        print(f"{name}: {call}: is asked no more")
    for call, found in now.items():
        if call in before:
            for summary in CALLS[name][call].differs(before[call], found):
                print(f"{name}: {call}: CHANGES {summary}")
    lines = [f"{json.dumps(call)}: {json.dumps(each)}" for call, each in now.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def check(name: str) -> None:
    """Say which answers hang on a hair: those that change as the weights move by a millionth."""
    expected = json.loads((FROZEN / name / EXPECTED).read_text("utf-8"))
    with tempfile.TemporaryDirectory() as held:
        copy = Path(held) / name
        shutil.copytree(FROZEN / name, copy, ignore=shutil.ignore_patterns(RUN))
        _moved(FROZEN / name / RUN, copy / RUN)
        for call, each in CALLS[name].items():
            with contextlib.chdir(copy):
                found = calls.asked(each)
            for summary in each.differs(expected[call], found):
                print(f"{name}: {call}: HANGS ON A HAIR {summary}")


def main(words: Sequence[str]) -> None:
    """Make the fixtures that are named, or all."""
    import torch

    torch.set_num_threads(1)
    names = [word for word in words if word != "--record"] or list(FIXTURES)
    for name in names:
        if "--record" not in words:
            make(name)
        record(name)
        check(name)
        size = sum(path.stat().st_size for path in (FROZEN / name).rglob("*") if path.is_file())
        print(f"{name}: {len(CALLS[name])} calls, {size / 1024:.0f} KiB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

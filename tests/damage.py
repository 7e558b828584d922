"""What can happen to the files of a run, and what is done with a run to see whether it shows."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import recurra
from recurra.bundle import Run
from recurra.data.files import TextSource
from recurra.tasks.series.baselines import classical
from small import SMALL, small_text
from toy_labels import numbers
from toy_pairs import LESS, turned

TASKS = ("text", "labels", "series", "pairs")

FEW: dict[str, Any] = {"steps": 6, "threads": 1}


def fit(task: str, seed: int, out: Path, callback: Any = None) -> None:
    """Train for a few steps: of every task a run, with arrays of the same shapes for each seed."""
    last: dict[str, Any] = {"out": out, "callbacks": callback}
    if task == "text":
        # As many characters, but others.
        text = small_text().replace("T", "TU"[seed])
        recurra.TextModel(**SMALL | FEW | {"seed": seed}).fit(TextSource(text, "small"), **last)
    elif task == "labels":
        X, y = numbers(60, seed)
        recurra.LabelModel(hidden=8, batch=8, seed=seed, **FEW).fit(X, y, **last)
    elif task == "series":
        model = recurra.SeriesModel(
            model="segments", hidden=8, batch=8, horizon=4, seed=seed, **FEW
        )
        # Answers that are fitted again take a second each, and a run is used hundreds of times.
        with patch.object(classical, "installed", return_value=False):
            model.fit(frame(seed), **last)
    else:
        letters = ("abcdefgh", "ijklmnop")[seed]
        how = LESS | FEW | {"hidden": 16, "tokens": "characters", "seed": seed}
        recurra.PairModel(**how).fit(turned(120, letters=letters), **last)


def frame(seed: int, days: int = 80) -> Any:
    """A series of days with a season of a week."""
    import polars as pl

    draw, steps = np.random.default_rng(seed), np.arange(days)
    stamps = np.datetime64("2024-01-01", "us") + steps * np.timedelta64(1, "D")
    values = 10 + 3 * np.sin(2 * np.pi * steps / 7) + draw.normal(0, 0.2, days)
    return pl.DataFrame({"unique_id": ["s"] * days, "ds": stamps, "y": values})


def use(path: Path) -> dict[str, str]:
    """All that a run says: its verb and its report under "", and what is in each file."""
    model: Any = recurra.load(path)
    task = model.task.name
    if task == "text":
        said: Any = [model.token_nll(small_text(2)).tolist(), *model.generate(seed=1, length=20)]
        said += [model.line_statistics.threshold(0.5)]
        said += [model.evaluate(TextSource(small_text(3), "x"))["model"]]
    elif task == "labels":
        X, y = numbers(6, 9)
        said = [model.predict_proba(X).tolist(), model.evaluate(X, y)["model"]]
    elif task == "series":
        newer = frame(0, 90)
        ahead = {each.name: each.to_list() for each in model.predict().iter_columns()}
        said = [ahead, model.evaluate(newer)["model"]]
    else:
        said = [model.translate(["abc", "hag", ""]), model.evaluate(turned(4, seed=5))["model"]]
    run = Run(path)
    run.history()
    return {"": plain([said, model.report])} | held(path)


def held(path: Path) -> dict[str, str]:
    """What is in the files of a run that pictures are drawn from, and in the others."""
    run, found = Run(path), {}
    for name in files(path):
        if name.endswith(".json"):
            found[name] = plain(run.read_json(name))
        elif name.endswith(".safetensors"):
            arrays, facts = run.read_arrays(name)
            found[name] = plain(({key: each.tolist() for key, each in arrays.items()}, facts))
    return found


def plain(value: Any) -> str:
    """A value to compare, short where it differs; numbers that are none are all the same."""
    text = json.dumps(value, default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def files(path: Path) -> list[str]:
    """The files of a run."""
    found = (each for each in path.rglob("*") if each.is_file())
    return sorted(each.relative_to(path).as_posix() for each in found)


@dataclass(frozen=True)
class Damage:
    """Something that happens to a file: `spoil(file, draw, other)`, told as `name`."""

    name: str
    spoil: Callable[[Path, random.Random, Path], None]


def truncated(file: Path, draw: random.Random, _other: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: draw.randrange(len(whole))])


def flipped(file: Path, draw: random.Random, _other: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
    file.write_bytes(whole)


def overwritten(file: Path, draw: random.Random, _other: Path) -> None:
    """A byte anywhere becomes any other: most flips leave what JSON allows."""
    whole = bytearray(file.read_bytes())
    whole[draw.randrange(len(whole))] = draw.choice(b'0123456789eE.-+"{}[],: \x00\xff')
    file.write_bytes(whole)


def garbage(file: Path, draw: random.Random, _other: Path) -> None:
    file.write_bytes(draw.randbytes(draw.randrange(1, 5000)))


def emptied(file: Path, _draw: random.Random, _other: Path) -> None:
    file.write_bytes(b"")


def missing(file: Path, _draw: random.Random, _other: Path) -> None:
    file.unlink()


def a_folder(file: Path, _draw: random.Random, _other: Path) -> None:
    file.unlink()
    file.mkdir()


def swapped(file: Path, _draw: random.Random, other: Path) -> None:
    shutil.copy(other, file)


def retyped(file: Path, draw: random.Random, _other: Path) -> None:
    """A value of a JSON file becomes one of another type, a huge number, or is dropped."""
    value = json.loads(file.read_bytes())
    places = list(_places(value))
    holder, key = draw.choice(places)
    what: Any = draw.choice(["drop", 10**30, -1, 0, 1e308, "text", None, True, [], {}, [[1]]])
    if what == "drop":
        del holder[key]
    else:
        holder[key] = what
    file.write_text(json.dumps(value), "utf-8")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in list(inside):
        yield value, key
        if isinstance(each, dict | list):
            yield from _places(each)


ANY = [
    Damage(each.__name__, each)
    for each in (truncated, flipped, overwritten, garbage, emptied, missing, a_folder, swapped)
]
OF_JSON = Damage("retyped", retyped)
BY_CHANCE = ("truncated", "flipped", "overwritten", "retyped", "garbage")
"""Damages that differ from draw to draw."""

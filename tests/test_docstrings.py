"""Every public name shows one use, and all that docstrings of public names show runs."""

from __future__ import annotations

import inspect
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import recurra
from blocks import ROOT
from recurra.tasks.captions.generators.display_settings import EASY
from recurra.tasks.captions.generators.displays import Displays
from recurra.tasks.series.baselines import classical

pytest.importorskip("griffe")  # of the extra `docs`
from docstrings import is_python, pieces

FROZEN = ROOT / "tests" / "frozen"
RUNS = {
    "TextModel": "text-bytes",
    "LabelModel": "labels-numbers",
    "PairModel": "pairs-words",
    "CaptionModel": "captions-strips",
}
LESS: dict[str, Any] = {"steps": 3, "hidden": 4, "threads": 1, "ensemble": 1}
RARE = {"MissingExtra", "TrainingError"}
"""What is raised where something is not installed, or went wrong in a training."""


def public() -> dict[str, Any]:
    """All public names, and what they stand for."""
    found = {name: getattr(recurra, name) for name in recurra.__all__ if name != "nn"}
    return found | {f"nn.{name}": getattr(recurra.nn, name) for name in recurra.nn.__all__}


def examples(found: Any) -> list[str]:
    """The Python in a docstring, dedented."""
    docstring = inspect.getdoc(found) or ""
    return [dedent(t) for t, block in pieces(docstring) if block and is_python(t)]


def shown() -> Iterator[tuple[str, str]]:
    """Each public name and each method of one -> its examples, as one text."""
    for name, found in public().items():
        yield name, "\n".join(examples(found))
        for inner in sorted(vars(found)) if inspect.isclass(found) else ():
            if inner[0] != "_" and (text := "\n".join(examples(getattr(found, inner)))):
                yield f"{name}.{inner}", text


SHOWN = dict(shown())


def test_each_public_name_shows_one_use() -> None:
    assert [name for name in public() if not SHOWN[name]] == []
    assert {"TextModel.pool", "LabelModel.stream", "SeriesModel.cross_validation"} <= set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_what_a_docstring_shows_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(FROZEN / RUNS["TextModel"] / "run", "runs/bard")
    monkeypatch.setattr(classical, "installed", lambda: False)  # it takes seconds
    if name == "MissingExtra":
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    # Minutes are for readers.
    code = re.sub(r"\bminutes=\d+", "steps=3, hidden=4, threads=1", SHOWN[name])
    names = given(name)
    exec(compile(code, f"the docstring of {name}", "exec"), names)
    if isinstance(public().get(name), type) and issubclass(public()[name], recurra.RecurraError):
        assert capsys.readouterr().out or name in RARE


def given(name: str) -> dict[str, Any]:
    """What the examples of a name take for granted, where they run."""
    own = name.split(".")[0]
    corpus = [f"Once more: to be, or not to be? THAT is question {k}.\n" for k in range(200)]
    Path("corpus.txt").write_text("".join(corpus))
    found: dict[str, Any] = {each: getattr(recurra, each) for each in recurra.__all__}
    found |= {"recurra": recurra, "torch": torch, "documents": corpus}
    if own in ("StreamState", "MissingExtra"):
        found["model"] = recurra.load("runs/bard")
        found["stream"] = found["model"].stream()
    if own == "Callback":
        found["model"] = recurra.LabelModel(**LESS)
    if own in RUNS and "." in name:
        found["model"] = recurra.load(FROZEN / RUNS[own] / "run")
    if own == "SeriesModel":
        found |= series(name)
    texts, labels = [f"a film of {k} hours" for k in range(60)], ["long", "short"] * 30
    found |= {"texts": texts, "labels": labels, "X": texts, "y": labels}
    if own == "CaptionModel":
        drawn = [Displays(seed=0, hardness=EASY).draw(number) for number in range(24)]
        found |= {"texts": [each.text for each in drawn], "images": []}
        for number, each in enumerate(drawn):
            Image.fromarray(each.image).save(f"{number}.png")
            found["images"].append(f"{number}.png")
        shutil.copy("0.png", "new.png")
    attention = recurra.nn.Attention(32, 64)
    return found | {
        "pairs": [(f"{k} dogs", f"{k} Hunde") for k in range(60)],
        "network": torch.nn.Sequential(torch.nn.Embedding(50, 8), torch.nn.GRU(8, 8)),
        "ids": np.zeros(500, int) if own == "TextModel" else torch.zeros(5, 1, dtype=torch.long),
        "steps": np.zeros((500, 2)), "values": np.full(500, 11.0),
        "attention": attention, "memory": attention.memory(torch.randn(4, 9, 64)),
        "queries": torch.randn(4, 3, 32),
    }  # fmt: skip


def series(name: str) -> dict[str, Any]:
    """A frame, and what its methods are called on."""
    walk = FROZEN / "series-walk"
    days = pl.date_range(pl.date(2022, 6, 1), pl.date(2024, 9, 30), eager=True)
    frame = pl.DataFrame({"ds": days, "y": [10.0 + k % 7 for k in range(len(days))]})
    how: dict[str, Any] = {"horizon": 7, "answer": "network", **LESS}
    if name == "SeriesModel":
        return {"frame": frame}
    if name == "SeriesModel.cross_validation":
        return {"model": recurra.SeriesModel(model="segments", **how).fit(frame)}
    found: dict[str, Any] = {"model": recurra.load(walk / "run")}
    found["frame"] = pl.read_csv(walk / "train.csv", try_parse_dates=True)
    if name == "SeriesModel.stream":
        both = [frame[-120:].with_columns(unique_id=pl.lit(shop)) for shop in ("north", "south")]
        found["shops"] = recurra.SeriesModel(model="autoregressive", **how).fit(pl.concat(both))
    return found

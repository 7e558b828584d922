"""A quantized run is used as any other is, says what it cost, and cannot be trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurra
from commands import Recurra, refused
from recurra.bundle import REPORT, WEIGHTS, Run
from recurra.errors import BundleError, OptionError
from recurra.tasks.comparison import Change
from recurra.tasks.quantize import lines_of, quantize
from recurra.tasks.task import QUANTIZED
from recurra.tasks.text import evaluate
from recurra.tasks.text.estimator import TextModel
from small import SMALL, small_text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a text run `run`, and of what was made of it, `run-int8`."""
    path = tmp_path_factory.mktemp("quantized")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "FREE_LENGTH", 60)
        options = {**SMALL, "hidden": 20, "steps": 6}
        (path / "text.txt").write_text(small_text(200), "utf-8")
        TextModel(**options).fit(path / "text.txt", out=path / "run")
    quantize(path / "run")
    return path


def test_it_says_what_became_of_the_model(folder: Path) -> None:
    again = quantize(folder / "run", folder / "again")
    assert again.bytes_after < again.bytes_before / 2
    assert isinstance(again.change, Change)
    assert again.change.after == pytest.approx(again.change.before, abs=0.05)
    assert again.change.decisions > 100
    assert again.change.alike > 0.9 * again.change.decisions
    assert again.certificate.held
    shown = [each for each in again.certificate.checks if each.held is not None]
    assert len(shown) == 4
    said = again.summary()
    for part in ("kB before", "nats a token", "decisions alike", "selection part", str(again.path)):
        assert part in said
    assert json.loads(json.dumps(again.to_json()))["certificate"]["held"]
    assert lines_of(Run(again.path))[1:] == said.split("\n")[:-2]
    assert lines_of(Run(folder / "run")) == []
    assert "Quantized to int8" in (again.path / "README.md").read_text("utf-8")


def test_it_is_the_run_with_its_weights_in_int8(folder: Path) -> None:
    stored = recurra.load(folder / "run-int8", task="text")
    rounded = recurra.load(folder / "run", task="text", weights="int8")
    plain = recurra.load(folder / "run", task="text")
    text = small_text(5)
    assert np.array_equal(stored.token_nll(text), rounded.token_nll(text))
    assert not np.array_equal(stored.token_nll(text), plain.token_nll(text))
    assert np.allclose(stored.token_nll(text), plain.token_nll(text), atol=0.1)
    how: dict[str, Any] = {"seed": 3, "length": 40}
    assert [*stored.generate("The ", **how)] == [*rounded.generate("The ", **how)]
    assert stored.network.size == plain.network.size
    arrays, _ = stored.run.read_arrays(WEIGHTS)
    names = {name for name, each in arrays.items() if each.dtype == np.int8}
    assert names == set(rounded.network.matrices)
    assert any("weight_hh" in name for name in names)
    assert any("head" in name for name in names)


def test_a_state_of_one_is_none_of_the_other(folder: Path) -> None:
    stream = recurra.load(folder / "run", task="text").stream()
    stream.push("T")
    with pytest.raises(BundleError, match="state of the run"):
        recurra.load(folder / "run-int8", task="text").stream(stream.state)


def test_it_is_refused_where_weights_are_trained(folder: Path, call: Recurra) -> None:
    refused(call("resume", folder / "run-int8"), "for use alone")
    with pytest.raises(BundleError, match="for use alone"):
        recurra.load(folder / "run-int8").dynamic(text=small_text(3))
    with pytest.raises(BundleError, match="quantized already"):
        quantize(folder / "run-int8")
    with pytest.raises(OptionError, match="that was quantized"):
        recurra.load(folder / "run-int8", weights="bfloat16")
    with pytest.raises(BundleError, match="exists already"):
        quantize(folder / "run")
    assert (folder / "run-int8" / REPORT).is_file()


def test_the_command_line_quantizes_and_uses(folder: Path, call: Recurra) -> None:
    done = call("quantize", folder / "run", "--out", folder / "other")
    assert done.code == 0, done.err
    assert "decisions alike" in done.out
    done = call("generate", folder / "other", "--length", "20", "--seed", "1")
    assert done.code == 0, done.err
    assert "Quantized to int8" in call("evaluate", folder / "other").out
    certified = call("certify", folder / "other")
    assert certified.code == 0
    assert "NOT HELD" not in certified.out


@pytest.mark.parametrize("broken", ["nan", "negative", "missing", "large", "shape", "other"])
def test_weights_from_strangers_are_looked_at(folder: Path, tmp_path: Path, broken: str) -> None:
    shutil.copytree(folder / "run-int8", tmp_path / "strange")
    strange = Run(tmp_path / "strange")
    arrays, facts = strange.read_arrays(WEIGHTS)
    name = next(name for name in arrays if name.endswith(".scales"))
    scales = arrays[name].copy()
    match broken:
        case "missing":
            del arrays[name]
        case "shape":
            arrays[name] = scales[1:]
        case "other":
            arrays["nothing.scales"] = scales
        case _:
            scales[1] = {"nan": np.nan, "negative": -1.0, "large": 1e38}[broken]
            arrays[name] = scales
    strange.write_arrays(WEIGHTS, arrays, facts)
    with pytest.raises(BundleError, match=WEIGHTS):
        recurra.load(strange.path)


def test_an_int8_run_of_nothing_else_is_no_format(folder: Path) -> None:
    held = json.loads((folder / "run-int8" / QUANTIZED).read_text("utf-8"))
    assert held["weights"] == "int8"
    assert held["from"] == Run(folder / "run").name != Run(folder / "run-int8").name

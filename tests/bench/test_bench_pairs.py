"""The pairs bench: what it gives the command, what it prints and says of it, and what it times."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import BenchOptions
from benchmarks import pairs as bench
from benchmarks.trained import Trained
from recurra.errors import OptionError
from recurra.labs.training.one_sentence import one_thread
from recurra.tasks.pairs.data import read
from recurra.tasks.pairs.estimator import PairModel
from recurra.tasks.pairs.options import PairOptions

MANY = {"one": "ein", "this": "dieser", "every": "jeder", "no": "kein"}
WHO = {"man": "Mann", "dog": "Hund", "boy": "Junge", "baker": "Bäcker"}
DOES = {"runs": "läuft", "sleeps": "schläft", "sings": "singt"}
WHERE = {"here": "hier", "at home": "zu Hause", "in the park": "im Park", "by the sea": "am Meer"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data whose multi30k is 192 sentences, parted as the real one is."""
    data = tmp_path_factory.mktemp("data")
    (data / "multi30k").mkdir()
    rows = [
        (f"{m} {w} {d} {p}.", f"{MANY[m]} {WHO[w]} {DOES[d]} {WHERE[p]}.")
        for m, w, d, p in product(MANY, WHO, DOES, WHERE)
    ]
    random.Random(0).shuffle(rows)
    parts = {"train": rows[:150], "val": rows[150:165], "test_2016_flickr": rows[165:]}
    for name, part in parts.items():
        for side, texts in zip(("en", "de"), zip(*part, strict=True), strict=True):
            (data / "multi30k" / f"{name}.{side}").write_text("\n".join(texts) + "\n", "utf-8")
    return data


@pytest.fixture(autouse=True)
def single() -> Iterator[None]:
    with one_thread():
        yield


def last_line(capsys: pytest.CaptureFixture[str]) -> tuple[str, list[dict[str, Any]]]:
    out = capsys.readouterr().out
    rows: list[dict[str, Any]] = json.loads(out.splitlines()[-1])["rows"]
    return out, rows


def at_once(task: str, sources: list[str], out: Path, **options: Any) -> Trained:
    """What the command would do, here: few steps of a small network, no time to keep."""
    assert task == "pairs"
    options |= {"minutes": None, "steps": 4, "hidden": 8, "embedding": 4, "ensemble": 1}
    model = PairModel(**options).fit([Path(each) for each in sources] or None, out=out)
    config = json.loads((out / "config.json").read_text("utf-8"))
    return Trained(model.report, config, 1.0)


def test_a_set_is_trained_by_the_command_and_compared(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.run(BenchOptions(folder, minutes=0.02, only="multi30k de-en"))
    out, (row,) = last_line(capsys)
    assert (row["set"], row["metric"], row["members"]) == ("multi30k de-en", "bleu", 1)
    assert 0 <= row["ours"] <= 100
    assert row["baseline_name"] == "nearest training source"
    assert row["verdict"]["sentence"] in out
    assert "to reach: 35" in out
    assert row["signatures"]["bleu"] in out
    assert "tok:13a" in row["signatures"]["bleu"]
    assert "case:mixed" in row["signatures"]["bleu"]
    assert f"{row['forced']['nats_a_piece']:.4f} nats a piece" in out


@pytest.mark.parametrize("only", ["multi30k en-de", "multi30k de-en"])
def test_each_way_has_its_own_sides_and_the_parts_that_are_published(
    only: str, folder: Path, tmp_path: Path
) -> None:
    source, target = only.split()[1].split("-")
    found, options = bench.SETS[only].given(folder, tmp_path)
    assert [Path(each).name for each in found] == [f"train.{source}", f"train.{target}"]
    given: Any = options
    data = read(found, PairOptions(**given))
    assert (len(data.learn), len(data.select), len(data.test)) == (150, 15, 27)
    lines = (folder / "multi30k" / f"test_2016_flickr.{source}").read_text("utf-8").splitlines()
    assert list(data.of(data.test).sources) == lines


def test_every_set_is_trained(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "train", at_once)
    monkeypatch.setattr(bench, "STRINGS", (200, 3, 5))
    bench.run(BenchOptions(folder, minutes=2, only="multi30k reverse"))
    out, rows = last_line(capsys)
    assert [row["set"] for row in rows] == [name for name in bench.SETS if name != "dates"]
    looks = {row["set"]: row["architecture"]["attention"] for row in rows}
    assert [name for name, kind in looks.items() if kind == "none"] == [
        "multi30k fixed",
        "reverse fixed",
    ]
    assert {row["minutes"] for row in rows} == {2}
    for row in rows:
        assert set(row["figures"]) == {"bleu", "chrf", "exact"}
        assert f"{row['set']}: BLEU {row['figures']['bleu']:.2f}" in out


def test_exact_matches_are_points_of_a_hundred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def half(task: str, sources: list[str], out: Path, **options: Any) -> Trained:
        done = at_once(task, sources, out, **options)
        done.report["model"]["exact"]["estimate"] = 0.5
        done.report["baselines"][1]["exact"]["estimate"] = 0.25
        done.report["exact_verdict"] = done.report["verdict"] | {"sentence": "Better."}
        return done

    monkeypatch.setattr(bench, "train", half)
    monkeypatch.setattr(bench, "STRINGS", (200, 3, 5))
    bench.run(BenchOptions(tmp_path, only="reverse attention"))
    out, (row,) = last_line(capsys)
    assert (row["ours"], row["baseline"]) == (50, 25)
    assert row["verdict"]["sentence"] == "Better."
    assert "exact 50.00 (exact counts)" in out


def test_both_are_timed_on_the_same_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "SPOKEN", 3)
    monkeypatch.setattr(bench, "WRITTEN", 5)
    state = torch.get_rng_state()
    bench.run(BenchOptions(folder, repeats=1, seconds=0.001, only="speed"))
    torch.set_rng_state(state)
    out, rows = last_line(capsys)
    assert [(row["kind"], row["feeding"]) for row in rows] == [
        ("train-step", "up"),
        ("beam", "up"),
        ("train-step", "input"),
        ("beam", "input"),
    ]
    assert all(row["ratio"] > 0 and min(row["pieces_a_second"]) > 0 for row in rows)
    assert out.count("to reach: 2") == 4


@pytest.mark.parametrize(
    ("only", "names"),
    [
        ("", list(bench.SETS)),
        ("multi30k", ["multi30k en-de", "multi30k de-en", "multi30k fixed"]),
        ("multi30k de-en", ["multi30k de-en"]),
        ("dates multi30k en-de fixed", ["dates", "multi30k en-de", "multi30k fixed"]),
        ("reverse fixed", ["reverse fixed"]),
        ("speed", []),
    ],
)
def test_a_family_or_some_of_it_is_asked_for(only: str, names: list[str], folder: Path) -> None:
    selected = BenchOptions(folder, only=only).select("pairs", bench.PARTS)
    assert [name for name in selected if name in bench.SETS] == names


@pytest.mark.parametrize("only", ["speed", "multi30k en-de"])
def test_what_needs_a_folder_says_so(only: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="without a folder"):
        bench.run(BenchOptions(only=only))
    with pytest.raises(OptionError, match="has no multi30k"):
        bench.run(BenchOptions(tmp_path, only=only))

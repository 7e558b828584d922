"""The run of a pairs training: its files and figures, saved, resumed, damaged."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import recurra
from commands import Pressed
from recurra.bundle import CARD, CHECKPOINT, CONFIG, HISTORY, REPORT, WEIGHTS, Run
from recurra.cli import main
from recurra.errors import BundleError, DataError, OptionError
from recurra.tasks.pairs.estimator import PIECES, PairModel
from recurra.tasks.pairs.report import ATTENTION, SCORED
from recurra.tasks.pairs.translate import Limits, Translation
from recurra.tasks.stored_baselines import BASELINES
from toy_pairs import LESS, SOURCES, UNSEEN, dataset, network, spelt


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def texts(found: list[list[Translation]]) -> list[list[str]]:
    return [[each.text for each in one] for one in found]


# -- the run --------------------------------------------------------------------------------------


def test_saved_and_loaded_it_translates_the_same(model: PairModel, tmp_path: Path) -> None:
    model.save(tmp_path / "copy")
    again = recurra.load(tmp_path / "copy")
    assert isinstance(again, PairModel)
    whole, copy = (each.translations(SOURCES, beam=3, n_best=3) for each in (model, again))
    assert texts(copy) == texts(whole)
    for one, other in zip(whole, copy, strict=True):
        assert [each.score for each in one] == [each.score for each in other]
    assert again.get_params() | {"device": model.options.device} == model.get_params()
    assert again.report == model.report
    # A model on a graph of its own: the folder of the first is not needed.
    assert Run.open(tmp_path / "copy").path != model.run.path


def test_the_run_has_what_a_run_has(model: PairModel) -> None:
    held = {CONFIG, REPORT, WEIGHTS, PIECES, CARD, HISTORY, SCORED, BASELINES}
    assert held <= set(content(model.run.path))
    assert not model.run.has(CHECKPOINT)
    stored = model.run.read_json(PIECES)
    one = model._sources is model._targets
    assert set(stored) == {"known"} | ({"shared"} if one else {"sources", "targets"})
    inference = model.run.config()["inference"]
    assert Limits(**inference["limits"]) == model._limits
    assert inference["tokens"] == model._targets.unit


def test_the_report_is_of_what_it_translates_itself(speller: PairModel) -> None:
    report, run = speller.report, speller.run
    data = run.config()["data"]
    assert (report["data"]["pairs"], report["data"]["learn"], report["data"]["select"]) == (
        data["test"],
        data["learn"],
        data["select"],
    )
    assert data["test"] + data["learn"] + data["select"] == 800
    said = run.read_json(SCORED)
    assert len(said) == data["test"]
    assert speller.translate([each["source"] for each in said]) == [each["said"] for each in said]
    exact = np.mean([each["said"] == each["true"] for each in said])
    assert report["model"]["exact"]["estimate"] == pytest.approx(exact)
    assert report["metric"] == "chrf"
    assert {each["name"] for each in report["baselines"]} == {
        "copy",
        "nearest training source",
        "most frequent target",
    }
    assert report["verdict"]["sentence"].startswith("Better than")
    # What it says of true targets, beside what it writes by itself.
    assert report["forced"]["pieces"] == sum(len(each["true"].split()) + 1 for each in said)
    assert 0 < report["forced"]["nats_a_piece"] < 1
    assert report["writing"]["unknown"]["sources"] > 0.02
    assert report["search"] == {"beam": 5, "length_penalty": 1.0}
    assert len(report["worst"]) == len(report["best"]) == 5


def test_what_chose_is_told_and_is_in_the_history(model: PairModel) -> None:
    training, history = model.report["training"], model.run.history()
    scores = {line["step"]: line["score"] for line in history}
    chosen = training["selected"]
    assert chosen["metric"] == model.run.config()["training"]["metric"]
    # By what is written by itself, not by the teacher-forced loss.
    assert chosen["score"] == max(scores.values()) == scores[training["best_step"]]
    assert chosen["nats_a_piece"] == next(
        line["select"] for line in history if line["step"] == training["best_step"]
    )
    assert 0 <= training["padding"] < 0.2


def test_other_pairs_are_judged(speller: PairModel, tmp_path: Path) -> None:
    found = speller.evaluate(UNSEEN)
    assert found["data"]["pairs"] == len(UNSEEN)
    assert found["baselines"] == []
    assert found["verdict"] is None
    said = speller.translate([source for source, _ in UNSEEN])
    exact = np.mean([text == target for text, (_, target) in zip(said, UNSEEN, strict=True)])
    assert found["model"]["exact"]["estimate"] == pytest.approx(exact)
    file = tmp_path / "others.tsv"
    file.write_text("".join(f"{source}\t{target}\n" for source, target in UNSEEN))
    of_file = speller.evaluate(file)
    assert of_file["model"] == found["model"]
    assert of_file["data"]["name"] == "others"
    sides = list(zip(*UNSEEN, strict=True))
    assert speller.evaluate(list(sides[0]), list(sides[1]))["model"] == found["model"]
    with pytest.raises(DataError):
        speller.evaluate([])


def test_it_reads_the_other_way_round(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("".join(f"{target}\t{source}\n" for source, target in spelt(100)))
    options = LESS | {"tokens": "words", "steps": 3}
    turned_round = PairModel(**options, reverse=True).fit(file)
    straight = PairModel(**options).fit(spelt(100))
    assert turned_round.translate(SOURCES) == straight.translate(SOURCES)
    # What it is judged on is read as what it was trained on.
    rows = [(target, source) for source, target in UNSEEN]
    assert turned_round.evaluate(rows)["forced"] == straight.evaluate(UNSEEN)["forced"]


def test_one_fixed_vector_looks_nowhere() -> None:
    model = PairModel(**LESS, tokens="words", steps=3, attention="none").fit(spelt(60))
    (found,) = model.translations(["4 0 7"])[0]
    assert not found.attention.any()
    assert found.attention.shape == (len(found.pieces), 3)
    assert not model.run.has(ATTENTION)


# -- resuming -------------------------------------------------------------------------------------


def summary(run: Run) -> list[dict[str, Any]]:
    """The history without the clock."""
    return [{k: v for k, v in line.items() if k != "seconds"} for line in run.history()]


@pytest.mark.parametrize(
    "more",
    [
        {"tokens": "words", "ensemble": 2, "sampling": 0.5, "smoothing": 0.1},
        {"tokens": "bpe", "feeding": "input", "cell": "lstm", "layers": 2},
    ],
    ids=str,
)
def test_going_on_is_as_never_having_stopped(more: dict[str, Any], tmp_path: Path) -> None:
    options = LESS | {"steps": 30, "dropout": 0.3, "batch": 8, "seed": 3, "hidden": 16} | more
    rows = spelt(150, names=50)
    whole = PairModel(**options).fit(rows, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        PairModel(**options).fit(rows, out=tmp_path / "cut", callbacks=Pressed(13))
    with pytest.raises(KeyboardInterrupt):
        PairModel.resume(tmp_path / "cut", callbacks=Pressed(22))
    cut = recurra.resume(tmp_path / "cut")
    assert isinstance(cut, PairModel)
    ours, theirs = (each.run.read_arrays(WEIGHTS)[0] for each in (whole, cut))
    for name, weight in ours.items():
        np.testing.assert_array_equal(theirs[name], weight, name)
    assert summary(cut.run) == summary(whole.run)
    for key in ("model", "forced", "baselines", "verdict", "writing", "worst"):
        assert whole.report[key] == cut.report[key], key
    assert cut.translate(SOURCES) == whole.translate(SOURCES)
    assert set(content(tmp_path / "cut")) == set(content(tmp_path / "whole"))
    with pytest.raises(BundleError, match="nothing to resume"):
        PairModel.resume(tmp_path / "cut")


def test_the_first_weights_follow_from_the_seed() -> None:
    # Wherever in memory they come to lie: all stay alive, so that each lies elsewhere.
    nets = [network(dataset("words"), seed=3) for _ in range(30)]
    for net in nets[1:]:
        for one, other in zip(nets[0].parameters(), net.parameters(), strict=True):
            assert torch.equal(one, other)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_and_resumed_it_ends_as_never_stopped(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(f"{source}\t{target}\n" for source, target in spelt(200)))
    options = [
        "--steps",
        "60",
        "--hidden",
        "32",
        "--layers",
        "1",
        "--batch",
        "16",
        "--threads",
        "1",
    ]
    options += ["--precision", "float32", "--dropout", "0.2", "--sampling", "0.3", "--quiet"]
    run = tmp_path / "killed"
    words = ["train", "pairs", str(pairs), *options, "--out"]
    log = tmp_path / "log"
    with open(log, "wb") as sees:
        process = subprocess.Popen(
            [sys.executable, "-m", "recurra", *words, str(run)], stdout=sees, stderr=sees
        )
        end = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < end:
            if (run / HISTORY).is_file() and (run / HISTORY).read_bytes().count(b"\n") >= 4:
                break
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL, log.read_text()
    assert main(["resume", str(run), "--quiet"]) == 0
    assert main([*words, str(tmp_path / "whole")]) == 0
    one, other = Run.open(run), Run.open(tmp_path / "whole")
    assert summary(one) == summary(other)
    for name, weight in one.read_arrays(WEIGHTS)[0].items():
        np.testing.assert_array_equal(weight, other.read_arrays(WEIGHTS)[0][name], name)
    mine, theirs = one.read_json(REPORT), other.read_json(REPORT)
    for key in ("model", "forced", "baselines", "verdict", "writing", "worst"):
        assert mine[key] == theirs[key], key
    # Nothing half-written stays.
    assert sorted(content(one.path)) == sorted(content(other.path))


# -- what cannot be used --------------------------------------------------------------------------


@pytest.fixture
def own(speller: PairModel, tmp_path: Path) -> Path:
    """A run to be spoilt."""
    speller.save(tmp_path / "own")
    return tmp_path / "own"


@pytest.mark.parametrize("name", [PIECES, CONFIG, WEIGHTS])
def test_damage_is_named(own: Path, name: str) -> None:
    path = own / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError, match=name):
        PairModel.load(own)
    path.unlink()
    with pytest.raises(BundleError):
        PairModel.load(own)
    path.write_bytes(whole)
    assert PairModel.load(own).translate(["4 0 7"]) == ["vier null sieben"]


def without(key: str) -> Any:
    return lambda value: {k: v for k, v in value.items() if k != key}


def sized(sizes: dict[str, object]) -> Any:
    """A configuration whose network has other sizes."""

    def spoil(value: dict[str, Any]) -> dict[str, Any]:
        inference = value["inference"]
        return value | {
            "inference": inference | {"architecture": inference["architecture"] | sizes}
        }

    return spoil


SPOILT: dict[str, tuple[str, Any]] = {
    "no sources": (PIECES, without("sources")),
    "no targets": (PIECES, without("targets")),
    "a list": (PIECES, lambda value: [value]),
    "nothing": (PIECES, lambda value: None),
    "pieces of no kind": (PIECES, lambda value: value | {"sources": {"kind": "syllables"}}),
    "a piece twice": (
        PIECES,
        lambda value: value | {"targets": {"kind": "words", "known": [" a", " a"]}},
    ),
    "a piece less": (
        PIECES,
        lambda value: (
            value | {"targets": {"kind": "words", "known": value["targets"]["known"][:-1]}}
        ),
    ),
    "no limits": (
        CONFIG,
        lambda value: value | {"inference": without("limits")(value["inference"])},
    ),
    "limits that are none": (
        CONFIG,
        lambda value: value | {"inference": value["inference"] | {"limits": {"slope": "x"}}},
    ),
    "limits that are no numbers": (
        CONFIG,
        lambda value: (
            value | {"inference": value["inference"] | {"limits": {"slope": "x", "extra": 3.0}}}
        ),
    ),
    "no pieces named": (
        CONFIG,
        lambda value: value | {"inference": without("tokens")(value["inference"])},
    ),
    "other pieces": (
        CONFIG,
        lambda value: value | {"inference": value["inference"] | {"tokens": "characters"}},
    ),
    "no architecture": (
        CONFIG,
        lambda value: value | {"inference": without("architecture")(value["inference"])},
    ),
    "another size": (CONFIG, sized({"hidden": 12})),
    "an attention that is none": (CONFIG, sized({"attention": "magic"})),
    "another kind of attention": (CONFIG, sized({"attention": "concat"})),
    "a network of another shape": (CONFIG, sized({"depth": 3})),
}


@pytest.mark.parametrize("case", SPOILT)
def test_what_does_not_fit_is_named(own: Path, case: str) -> None:
    name, spoil = SPOILT[case]
    run = Run(own)
    run.write_json(name, spoil(run.read_json(name)))
    with pytest.raises(BundleError, match=rf"{name}|{PIECES}") as caught:
        PairModel.load(own)
    assert str(own) in str(caught.value)


def test_pieces_of_another_run_are_refused(own: Path, turner: PairModel) -> None:
    shutil.copy(turner.run.path / PIECES, own / PIECES)
    with pytest.raises(BundleError, match=f"{PIECES}: of another run"):
        PairModel.load(own)
    # The same under the run's own seal.
    Run(own).write_json(PIECES, turner.run.read_json(PIECES))
    with pytest.raises(BundleError, match="as the weights have"):
        PairModel.load(own)


def test_a_run_of_another_task_is_refused(own: Path) -> None:
    run = Run(own)
    run.write_json(CONFIG, run.config() | {"task": "labels"})
    with pytest.raises(BundleError, match="a run of task 'labels'"):
        PairModel.load(own)


def test_nothing_is_left_of_a_training_that_never_began(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too few"):
        PairModel(**LESS, steps=3).fit(spelt(9), out=tmp_path / "run")
    with pytest.raises(DataError, match="bpe:5000"):
        PairModel(**LESS, steps=3, tokens="bpe:5000").fit(spelt(90), out=tmp_path / "run")
    with pytest.raises(OptionError, match="attention='magic'"):
        PairModel(**LESS, steps=3, attention="magic").fit(spelt(90), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_not_fitted_says_so() -> None:
    with pytest.raises(OptionError, match="not fitted"):
        PairModel().translate(["a"])
    with pytest.raises(OptionError, match="not fitted"):
        PairModel().evaluate([("a", "b")])

from __future__ import annotations

import gc
import json
import platform
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import recurra
from in_torch import in_torch, same_weights
from recurra.bundle import (
    CARD,
    CHECKPOINT,
    CONFIG,
    HISTORY,
    INPUT,
    REPORT,
    VOCABULARY,
    WEIGHTS,
    Run,
)
from recurra.data.files import TextSource
from recurra.errors import BundleError, DataError, OptionError, TrainingError
from recurra.runtime.certificate import CERTIFICATE
from recurra.tasks.text import baselines, evaluate
from recurra.tasks.text.estimator import TextModel
from recurra.training.progress import Silence
from small import SMALL, small_text

TEXT = TextSource(small_text(30), "small")
LESS = {**SMALL, "hidden": 12, "steps": 24}


@pytest.fixture(autouse=True)
def short_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "FREE_LENGTH", 200)


@pytest.fixture(scope="module")
def model(trained: Path) -> TextModel:
    return TextModel.load(trained)


def fit(out: Path | None = None, source: Any = TEXT, **options: Any) -> TextModel:
    return TextModel(**{**LESS, **options}).fit(source, out=out)


def summary(run: Run) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k != "seconds"} for line in run.history()]


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# -- training -----------------------------------------------------------------------------------


def test_a_run_holds_all_it_should(trained: Path) -> None:
    assert sorted(content(trained)) == sorted(
        [
            CARD,
            CONFIG,
            HISTORY,
            REPORT,
            VOCABULARY,
            WEIGHTS,
            CERTIFICATE,
            "traces/baselines.safetensors",
            "traces/inside.safetensors",
            "traces/lines.safetensors",
            "traces/test.safetensors",
        ]
    )
    run = Run.open(trained, task="text")
    config, report = run.config(), run.read_json(REPORT)
    assert config["recurra"] == recurra.__version__
    assert config["inference"]["architecture"]["hidden"] == SMALL["hidden"]
    assert config["data"]["name"] == "corpus"
    scored, _ = run.read_arrays("traces/test.safetensors")
    assert report["model"]["nats"] == pytest.approx(float(scored["nats"].mean()), rel=1e-5)
    assert report["model"]["characters"] == config["data"]["test"] == len(scored["nats"])
    assert {b["name"] for b in report["baselines"]} >= {"compressor xz", "unigram"}
    assert report["verdict"]["sentence"] in (trained / CARD).read_text().replace("\n", " ")
    assert report["training"]["step"] == 120
    assert report["training"]["reason"] == "completed"


def test_it_learns(model: TextModel) -> None:
    assert model.report["model"]["nats"] < 0.3
    known = [row["known_words"] for row in model.report["free_running"]]
    assert known[0] > 0.7


def test_the_report_is_what_evaluating_the_test_part_gives(trained: Path, model: TextModel) -> None:
    text = (trained.parent / "corpus.txt").read_text()
    test = text[-model.report["model"]["characters"] :]
    again = model.token_nll(test)
    # Apart from the first characters: here nothing stands before them.
    scored, _ = model.run.read_arrays("traces/test.safetensors")
    np.testing.assert_allclose(again[200:].mean(), scored["nats"][200:].mean(), atol=0.03)


def test_the_same_seed_gives_the_same_model(tmp_path: Path) -> None:
    one = fit(tmp_path / "one", dropout=0.3)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    other = fit(tmp_path / "other", dropout=0.3)
    assert summary(one.run) == summary(other.run)
    assert same_weights(other, one)
    third = fit(tmp_path / "third", dropout=0.3, seed=1)
    assert summary(third.run) != summary(one.run)


def test_training_leaves_chance_alone() -> None:
    torch.manual_seed(4)
    before = torch.get_rng_state()
    fit()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_the_other_cells_train_too(cell: str) -> None:
    model = fit(cell=cell)
    assert model.network.architecture.cell == cell
    assert type(in_torch(model).recurrent).__name__ == cell.upper()
    losses = [line["train"] for line in model.run.history()]
    assert losses[-1] < losses[0] - 0.5


def test_a_time_budget_is_kept(tmp_path: Path) -> None:
    model = fit(tmp_path / "run", steps=None, minutes=0.1)
    training = model.report["training"]
    assert training["plan"]["budget"] == 6.0
    assert training["plan"]["step_seconds"] > 0
    assert training["reason"] in ("completed", "early")
    assert training["seconds"] < 8


def test_epochs_are_passes(tmp_path: Path) -> None:
    model = fit(steps=None, epochs=2.0)
    assert model.report["training"]["epochs"] == pytest.approx(2, abs=0.2)


def test_without_a_folder_the_run_is_gone_with_the_model() -> None:
    model = fit()
    folder = model.run.path
    assert folder.is_dir()
    del model
    gc.collect()
    assert not folder.exists()


def test_the_shortest_texts_train() -> None:
    text = "abcdefgh" * 5
    model = fit(source=TextSource(text, "short"), bptt=2, steps=3)
    assert model.report["model"]["characters"] == 4
    assert len("".join(model.generate(length=5))) == 5
    # Every character another: not one of the test part is known.
    strange = TextSource("".join(chr(0xAC00 + n) for n in range(100)), "strange")
    model = fit(source=strange, bptt=2, steps=3)
    assert model.report["model"]["unknown"] == 10
    assert model.report["model"]["nats"] == pytest.approx(-np.log(0.5))


def test_parts_without_a_known_character_stop_nothing() -> None:
    # Sorted by language: nothing of the training part comes again.
    text = small_text(40) + "".join(chr(0xAC00 + n) for n in range(340))
    model = fit(source=TextSource(text, "sorted"), batch=1, train_on_validation=0.9)
    assert model.report["training"]["reason"] == "completed"
    assert model.report["model"]["unknown"] == model.report["model"]["characters"]


def test_too_short_a_text_for_a_chunk_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="short: the training part has 85 characters") as caught:
        fit(tmp_path / "run", TextSource("ab" * 50, "short"), bptt=100)
    assert "--bptt" in caught.value.fix
    assert not (tmp_path / "run").exists()


def test_an_exploding_loss_keeps_what_can_be_used(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"run: the loss exploded after step \d+") as caught:
        fit(tmp_path / "run", lr=10.0, steps=60, cell="rnn", hidden=128)
    assert "are kept" in caught.value.fix
    model = TextModel.load(tmp_path / "run")
    assert model.report["training"]["reason"] == "diverged"
    assert np.isfinite(model.token_nll("The quick")).all()
    assert len("".join(model.generate(length=20))) == 20
    with pytest.raises(BundleError, match="finished"):
        TextModel.resume(tmp_path / "run")


# -- what goes wrong before it begins -------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, BundleError("the disk is full")])
def test_what_ends_before_the_first_step_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    def fail(*given: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(baselines, "text_baselines", fail)
    with pytest.raises((KeyboardInterrupt, BundleError)):
        fit(tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [{"size": "huge"}, {"cell": "cnn"}, {"device": "abacus"}])
def test_options_that_do_not_exist_are_told_before_anything_is_written(
    tmp_path: Path, options: dict[str, str]
) -> None:
    with pytest.raises(OptionError, match=next(iter(options.values()))):
        fit(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_an_existing_run_stays(own_run: Path) -> None:
    before = content(own_run)
    with pytest.raises(BundleError, match="exists already"):
        fit(own_run)
    assert content(own_run) == before
    TextModel(**LESS).fit(TEXT, out=own_run, overwrite=True)
    assert TextModel.load(own_run).network.architecture.hidden == 12


def test_a_text_inside_the_run_is_not_replaced(own_run: Path) -> None:
    (own_run / "mine.txt").write_text(small_text())
    before = content(own_run)
    with pytest.raises(BundleError, match="holds what the new run is made from"):
        TextModel(**LESS).fit(own_run / "mine.txt", out=own_run, overwrite=True)
    assert content(own_run) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, BundleError("the disk is full")])
def test_what_ends_before_the_first_step_brings_back_what_it_overwrote(
    own_run: Path, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    def fail(*given: object, **options: object) -> None:
        raise error

    before = content(own_run.parent)
    monkeypatch.setattr(baselines, "text_baselines", fail)
    with pytest.raises((KeyboardInterrupt, BundleError)):
        TextModel(**LESS).fit(TEXT, out=own_run, overwrite=True)
    assert content(own_run.parent) == before


def test_what_is_overwritten_is_kept_until_the_new_training_has_ended_well(own_run: Path) -> None:
    before = content(own_run)
    exploding = {**LESS, "lr": 10.0, "steps": 60, "cell": "rnn", "hidden": 128}
    with pytest.raises(TrainingError, match="exploded"):
        TextModel(**exploding).fit(TEXT, out=own_run, overwrite=True)
    with pytest.raises(KeyboardInterrupt):
        TextModel(**LESS).fit(TEXT, out=own_run, overwrite=True, callbacks=Interrupting(9))
    run = Run.open(own_run)
    assert content(run.replaced[0]) == before
    assert len(run.replaced) == 2
    TextModel.resume(own_run)
    assert run.replaced == []
    assert [each.name for each in own_run.parent.iterdir()] == [own_run.name]


# -- going on -----------------------------------------------------------------------------------


class Interrupting(Silence):  # type: ignore[misc]  # final for users; a test may look inside
    """Presses Ctrl-C at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, step: int, loss: float, count: int, seconds: float) -> None:
        import signal

        if step == self.step:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("steps", [(1,), (11, 12, 17, 20), (23,)])
def test_resumed_is_never_stopped(tmp_path: Path, steps: tuple[int, ...]) -> None:
    options = {**LESS, "dropout": 0.3, "seed": 3}
    TextModel(**options).fit(TEXT, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        TextModel(**options).fit(TEXT, out=tmp_path / "cut", callbacks=Interrupting(steps[0]))
    run = Run.open(tmp_path / "cut")
    assert run.has(CHECKPOINT)
    assert run.has(INPUT)
    # What was learnt so far can be used.
    assert TextModel.load(run.path).network is not None
    for step in steps[1:]:
        with pytest.raises(KeyboardInterrupt):
            TextModel.resume(run.path, callbacks=Interrupting(step))
    model = recurra.resume(run.path)
    whole = TextModel.load(tmp_path / "whole")
    assert summary(model.run) == summary(whole.run)
    assert same_weights(model, whole)
    assert model.report["model"] == whole.report["model"]
    assert model.report["free_running"] == whole.report["free_running"]
    assert not (run.path / "checkpoint").exists()


def test_a_finished_run_is_not_resumed(own_run: Path) -> None:
    before = content(own_run)
    with pytest.raises(BundleError, match="finished; there is nothing to resume"):
        TextModel.resume(own_run)
    assert content(own_run) == before


def begun(tmp_path: Path) -> Path:
    (tmp_path / "corpus.txt").write_text(TEXT.text)
    with pytest.raises(KeyboardInterrupt):
        TextModel(**LESS).fit(
            tmp_path / "corpus.txt", out=tmp_path / "run", callbacks=Interrupting(9)
        )
    return tmp_path / "run"


def test_what_resuming_needs_is_missed_by_name(tmp_path: Path) -> None:
    run = begun(tmp_path)
    kept = content(run)
    (tmp_path / "corpus.txt").write_text(TEXT.text.replace("fox", "cat"))
    with pytest.raises(DataError, match="the text has changed since the training began"):
        TextModel.resume(run)
    (tmp_path / "corpus.txt").unlink()
    with pytest.raises(DataError, match=r"corpus\.txt: no such file"):
        TextModel.resume(run)
    (tmp_path / "corpus.txt").write_text(TEXT.text)
    (run / CHECKPOINT).write_bytes(kept[CHECKPOINT][:-100])
    with pytest.raises(BundleError, match=f"{CHECKPOINT}: damaged or truncated"):
        TextModel.resume(run)
    (run / CHECKPOINT).unlink()
    with pytest.raises(BundleError, match=f"{CHECKPOINT}: missing"):
        TextModel.resume(run)
    for name, whole in kept.items():
        if name != CHECKPOINT:
            assert (run / name).read_bytes() == whole
    (run / CHECKPOINT).write_bytes(kept[CHECKPOINT])
    assert TextModel.resume(run).report["training"]["reason"] == "completed"


def test_the_text_of_another_python_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between releases of one minor version the text changes, between others its name too."""
    run = tmp_path / "run"
    monkeypatch.setattr("pydoc_data.topics.topics", {"a": TEXT.text})
    with pytest.raises(KeyboardInterrupt):
        TextModel(**LESS).fit(out=run, callbacks=Interrupting(9))
    begun_with = platform.python_version()
    monkeypatch.setattr("pydoc_data.topics.topics", {"a": TEXT.text + "More of it.\n"})
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.1")
    for version in (sys.version_info, SimpleNamespace(major=3, minor=99)):
        with monkeypatch.context() as patch:
            patch.setattr("recurra.data.files.sys.version_info", version)
            with pytest.raises(DataError, match=r"this is Python 3\.99\.1") as caught:
                TextModel.resume(run)
        assert str(run) in caught.value.got
        assert caught.value.expected == f"Python {begun_with}"
    monkeypatch.setattr("pydoc_data.topics.topics", {"a": TEXT.text})
    assert TextModel.resume(run).report["training"]["reason"] == "completed"


def test_resuming_takes_as_many_threads_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = begun(tmp_path), set()
    monkeypatch.setattr(Silence, "stepped", lambda *_: seen.add(torch.get_num_threads()))
    torch.set_num_threads(2)
    try:
        TextModel.resume(run)
        assert (seen, torch.get_num_threads()) == ({1}, 2)
    finally:
        torch.set_num_threads(1)


def test_an_unfinished_run_says_so(tmp_path: Path) -> None:
    run = begun(tmp_path)
    (run / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=f"{WEIGHTS}: missing") as caught:
        TextModel.load(run)
    assert "recurra resume" in caught.value.fix


# -- use ----------------------------------------------------------------------------------------


def test_saved_and_loaded_the_next_step_is_the_same(tmp_path: Path, model: TextModel) -> None:
    model.save(tmp_path / "copy")
    copy = recurra.load(tmp_path / "copy")
    ids = np.array([[3, 1, 4], [1, 5, 9]])
    hidden, state = model.network.read(ids)
    again, state_again = copy.network.read(ids)
    np.testing.assert_array_equal(again, hidden)
    one, _ = model.network.step(ids[:, 0], state)
    other, _ = copy.network.step(ids[:, 0], state_again)
    np.testing.assert_array_equal(one, other)
    assert copy.vocabulary == model.vocabulary
    assert list(copy.generate(seed=1, length=50)) == list(model.generate(seed=1, length=50))
    np.testing.assert_array_equal(copy.token_nll("The fox λ"), model.token_nll("The fox λ"))
    assert content(tmp_path / "copy") == content(model.run.path)


def test_saving_replaces_no_folder_without_being_told(tmp_path: Path, own_run: Path) -> None:
    model, before = TextModel.load(own_run), content(own_run)
    with pytest.raises(BundleError, match="exists already"):
        model.save(own_run)
    with pytest.raises(BundleError, match="made from"):
        model.save(own_run, overwrite=True)
    with pytest.raises(BundleError, match="made from"):
        model.save(own_run.parent, overwrite=True)
    assert content(own_run) == before


def test_a_copy_that_cannot_be_written_leaves_what_it_was_to_replace(
    tmp_path: Path, own_run: Path, model: TextModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_run / "mine.txt").write_text("of the old run")
    before = content(own_run)

    def full(run: Run, name: str, _content: object) -> None:
        raise BundleError(f"{run.path / name}: no space")

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write_bytes", full)
        with pytest.raises(BundleError, match="no space"):
            model.save(own_run, overwrite=True)
    assert content(own_run) == before
    model.save(own_run, overwrite=True)
    assert content(tmp_path) == {f"own/{k}": v for k, v in content(model.run.path).items()}


def test_the_first_continuation_is_what_generate_writes(model: TextModel) -> None:
    rows = model.continuations("The ", count=3, seed=4, length=40)
    assert rows[0] == "".join(model.generate("The ", seed=4, length=40))
    stream: Iterator[str] = model.generate("The ", seed=4, length=None)
    assert "".join(islice(stream, 40)) == rows[0]


def test_other_text_is_evaluated(tmp_path: Path, model: TextModel) -> None:
    text = small_text(5).replace("brown fox", "fox") + "λμ"
    (tmp_path / "other.txt").write_text(text)
    found = model.evaluate(tmp_path / "other.txt")
    assert found["data"] == {"name": "other", "part": "the whole text", "note": ""}
    assert found["model"]["unknown"] == 2
    assert found["model"]["nats"] == pytest.approx(model.token_nll(text).mean())
    assert found["baselines"]
    assert found["verdict"]["sentence"]
    json.dumps(found, allow_nan=False)
    with pytest.raises(DataError, match="empty"):
        model.token_nll("")


def test_without_the_training_text_there_are_no_baselines(own_run: Path, tmp_path: Path) -> None:
    config = Run(own_run).config()
    config["data"]["files"] = [str(tmp_path / "gone.txt")]
    Run(own_run).write_json(CONFIG, config)
    found = TextModel.load(own_run).evaluate(TextSource(small_text(3), "other"))
    assert found["baselines"] == []
    assert found["verdict"] is None


def test_a_model_that_is_not_fitted_says_so() -> None:
    model = TextModel(**LESS)
    for use in (lambda: model.network, lambda: model.run, lambda: model.generate("x")):
        with pytest.raises(OptionError, match="not fitted"):
            use()


def spoil(run: Path, name: str, change: Any) -> None:
    value = Run(run).read_json(name)
    change(value)
    Run(run).write_json(name, value)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (CONFIG, lambda c: c.pop("inference")),
        (CONFIG, lambda c: c.update(inference=None)),
        (CONFIG, lambda c: c["inference"].pop("architecture")),
        (CONFIG, lambda c: c["inference"]["architecture"].pop("cell")),
        (CONFIG, lambda c: c["inference"]["architecture"].update(cell="cnn")),
        (CONFIG, lambda c: c["inference"]["architecture"].update(hidden="many")),
        (CONFIG, lambda c: c["inference"].update(architecture=[1])),
        (CONFIG, lambda c: c.pop("options")),
        (CONFIG, lambda c: c["options"].update(mood="good")),
        (CONFIG, lambda c: c["options"].update(steps=-3)),
        (CONFIG, lambda c: c["inference"].pop("unknown_rate")),
        (CONFIG, lambda c: c["inference"].update(unknown_rate=1.5)),
        (CONFIG, lambda c: c["inference"].update(tokens="letters")),
        (CONFIG, lambda c: c["inference"].pop("tokens")),
        (CONFIG, lambda c: c["inference"].pop("apart")),
        (CONFIG, lambda c: c.update(format=2)),
        (VOCABULARY, lambda v: v.pop("symbols")),
        (VOCABULARY, lambda v: v.update(symbols="zzz")),
        (VOCABULARY, lambda v: v.update(kind="words")),
        (VOCABULARY, lambda v: v.update(symbols=v["symbols"][:-1])),
    ],
)
def test_files_that_make_no_sense_are_named(own_run: Path, name: str, change: Any) -> None:
    spoil(own_run, name, change)
    with pytest.raises(BundleError) as caught:
        TextModel.load(own_run)
    assert str(own_run / name) in caught.value.got


def test_weights_of_another_run_do_not_fit(own_run: Path, tmp_path: Path) -> None:
    fit(tmp_path / "other")
    (own_run / WEIGHTS).write_bytes((tmp_path / "other" / WEIGHTS).read_bytes())
    with pytest.raises(BundleError, match=f"{WEIGHTS}: of another run than {CONFIG}"):
        TextModel.load(own_run)
    # The same under the run's own seal.
    Run(own_run).write_arrays(WEIGHTS, *Run(tmp_path / "other").read_arrays(WEIGHTS))
    with pytest.raises(BundleError, match=f"{WEIGHTS}: does not fit {CONFIG}"):
        TextModel.load(own_run)


@pytest.mark.parametrize(
    ("change", "summary"),
    [
        (lambda w: w.pop("head.bias"), "no weights head.bias"),
        (lambda w: w.update({"head.bias": w["head.bias"][1:]}), "weights head.bias: float32"),
        (lambda w: w.update({"head.more": w["head.bias"]}), "belong nowhere: head.more"),
        (lambda w: w["head.bias"].fill(np.nan), "weights head.bias: NaN or infinite"),
        (
            lambda w: w["recurrent.weight_hh_l1"][3].fill(-np.inf),
            "weights recurrent.weight_hh_l1: NaN or infinite",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(own_run: Path, change: Any, summary: str) -> None:
    run = Run(own_run)
    arrays, facts = run.read_arrays(WEIGHTS)
    change(arrays)
    run.write_arrays(WEIGHTS, arrays, facts)
    with pytest.raises(BundleError, match=f"{WEIGHTS}: does not fit {CONFIG}") as caught:
        TextModel.load(own_run)
    assert str(own_run) in caught.value.got
    assert summary in caught.value.got
    assert caught.value.fix


@pytest.mark.parametrize("change", [lambda c: c.pop("training"), lambda c: c["training"].clear()])
def test_resuming_names_a_configuration_that_makes_no_sense(own_run: Path, change: Any) -> None:
    (own_run / REPORT).unlink()
    spoil(own_run, CONFIG, change)
    with pytest.raises(BundleError, match=f"{CONFIG}: damaged"):
        TextModel.resume(own_run)


def test_from_python_names_are_checked(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no task 'texts'") as caught:
        recurra.train("texts")
    assert "did you mean text?" in caught.value.fix
    with pytest.raises(OptionError, match="no option 'minute'") as caught:
        recurra.train("text", minute=3)
    assert "did you mean minutes?" in caught.value.fix
    (tmp_path / "a.txt").write_text(TEXT.text)
    model = recurra.train("text", tmp_path / "a.txt", out=tmp_path / "run", **LESS)
    assert recurra.load(tmp_path / "run").report == model.report
    run = Run(tmp_path / "run")
    run.write_json(CONFIG, run.config() | {"task": "dreams"})
    for use in (recurra.load, recurra.resume):
        with pytest.raises(BundleError, match="run: a run of task 'dreams'"):
            use(run.path)

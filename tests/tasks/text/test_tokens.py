"""Bytes, subwords and words: what is read comes back, and models of all of them compare."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from commands import Pressed, Recurra
from in_torch import in_torch, same_weights
from recurra.bundle import CARD, CONFIG, VOCABULARY, Run
from recurra.codecs import tokenizer as tokens
from recurra.codecs.tokenizer import LOST_BYTE
from recurra.data.files import TextSource
from recurra.errors import BundleError, DataError, OptionError
from recurra.tasks.text import evaluate
from recurra.tasks.text.baselines import spread
from recurra.tasks.text.data import TextData
from recurra.tasks.text.estimator import TextModel
from small import SMALL, small_text

KINDS = ["characters", "bytes", "bpe:300", "words"]
TEXT = "".join(
    f"{name} sees {n % 7} naïve dogs,\n\n  한국어 and 🙂 too.\n"
    for n, name in enumerate(["Anna", "Ben", "Cem"] * 20)
)
LESS: dict[str, Any] = {**SMALL, "hidden": 12, "steps": 24}


@pytest.fixture(autouse=True)
def short_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "FREE_LENGTH", 100)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TextModel]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "made.txt").write_text(TEXT, encoding="utf-8")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "FREE_LENGTH", 100)
        for how in KINDS:
            model = TextModel(tokens=how, **{**LESS, "bptt": 8})
            found[how] = model.fit(folder / "made.txt", out=folder / how.replace(":", "-"))
    return found


@pytest.mark.parametrize(
    "how",
    ["bpe:4", "bpe:x", "bpe", "bpe:", "words:", "words:0", "bytes:3", "letters", ""],
)
def test_what_are_no_tokens_is_told_before_anything_is_read(tmp_path: Path, how: str) -> None:
    with pytest.raises(OptionError, match="tokens") as caught:
        TextModel(tokens=how, **LESS).fit(tmp_path / "nothing.txt")
    assert caught.value.got == f"--tokens {how}"
    assert "bpe:N" in caught.value.expected


def test_more_subwords_than_there_are(tmp_path: Path) -> None:
    (tmp_path / "small.txt").write_text(TEXT)
    with pytest.raises(DataError, match=r"lines of small allow \d+ subwords") as caught:
        TextModel(tokens="bpe:4000", **LESS).fit(tmp_path / "small.txt", out=tmp_path / "run")
    assert "--tokens bpe:" in caught.value.fix
    assert not (tmp_path / "run").exists()


# -- parts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", KINDS)
def test_the_text_is_cut_before_it_is_encoded(how: str) -> None:
    read = TextData.from_source(TextSource(TEXT + "zebra " * 40, "made"), how)
    for part, ids in (("train", read.train), ("select", read.select), ("test", read.test)):
        text = read.text(getattr(read.split, part))
        assert ids.tolist() == read.vocabulary.encode(text).tolist()
    # Words and subwords are those of the training part.
    assert len(read.vocabulary) == len(tokens.learn([read.text(read.split.train)], how, "made"))


# -- figures ------------------------------------------------------------------------------------


def test_nats_are_shared_out_among_bytes() -> None:
    nats, widths = np.array([2.0, 3.0, 1.0]), np.array([1, 3, 2])
    lost = np.array([False, False, True])
    spelt = (1.0 + 3 * LOST_BYTE) / 2
    np.testing.assert_allclose(spread(nats, widths, lost), [2.0, 1.0, 1.0, 1.0, spelt, spelt])


@pytest.mark.parametrize("how", KINDS)
def test_figures_a_byte_are_those_of_the_test_parts_bytes(
    models: dict[str, TextModel], how: str
) -> None:
    model = models[how]
    own, config = model.report["model"], model.run.config()
    test = TEXT[-config["data"]["test"] :]
    scored = model.run.read_arrays("traces/test.safetensors")[0]["nats"]
    ids = model.vocabulary.encode(test)
    lost = int((ids == model.vocabulary.lost).sum())
    assert own["tokens"] == len(scored) == len(ids) == config["data"]["tokens"][2]
    assert (own["characters"], own["bytes"]) == (len(test), len(test.encode()))
    assert own["unknown"] == lost
    assert own["nats"] == pytest.approx(scored.mean(), rel=1e-5)
    if not lost:
        assert own["nats_a_byte"] == pytest.approx(scored.sum() / own["bytes"], rel=1e-5)
    # The first token follows the last of the selection part.
    before = TEXT[: -len(test)][-config["data"]["select"] :]
    rate = config["inference"]["unknown_rate"]
    last = int(model.vocabulary.encode(before)[-1])
    again, _ = evaluate.score(model.network, ids, rate, last)
    np.testing.assert_allclose(scored, again, rtol=1e-5)
    # The baselines read characters, and count in the unit of the verdict.
    per = len(test) if how == "characters" else len(test.encode())
    kept = model.run.read_arrays("traces/baselines.safetensors")[0]
    assert {len(each) for each in kept.values()} == {per}
    beside = {each["name"]: each["nats"] for each in model.report["baselines"]}
    share = len(test) / per
    of_characters = {
        each["name"]: each["nats"] for each in models["characters"].report["baselines"]
    }
    assert beside["compressor xz"] == pytest.approx(of_characters["compressor xz"] * share)
    unit = "character" if how == "characters" else "byte"
    assert f"nats a {unit} " in model.report["verdict"]["sentence"]
    best = min(beside.values())
    mine = own["nats"] if how == "characters" else own["nats_a_byte"]
    assert model.report["verdict"]["advantage"] == pytest.approx(best - mine)
    card = (model.run.path / CARD).read_text()
    assert model.vocabulary.unit in card
    assert f"nats a {unit}" in card


def test_words_learn_how_likely_an_unknown_one_is(models: dict[str, TextModel]) -> None:
    model = models["words"]
    assert model.vocabulary.encode("zebra").tolist() == [model.vocabulary.lost]
    nats = model.token_nll("Anna zebra dogs")
    assert np.isfinite(nats).all()
    ids = model.vocabulary.encode("Anna zebra")
    with torch.no_grad():
        logits, _ = in_torch(model)(torch.tensor([[0, int(ids[0])]]))
    assert nats[1] == pytest.approx(-float(logits[0, 1].log_softmax(-1)[ids[1]]), rel=1e-4)


# -- a model of each ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", KINDS)
def test_it_is_loaded_scores_and_writes(models: dict[str, TextModel], how: str) -> None:
    model = TextModel.load(models[how].run.path)
    assert model.vocabulary.unit == models[how].vocabulary.unit
    np.testing.assert_array_equal(model.token_nll("Anna sees"), models[how].token_nll("Anna sees"))
    assert len(model.token_nll("Anna sees")) == len(model.vocabulary.encode("Anna sees"))
    pieces = list(model.generate("Anna sees", length=60, seed=1, temperature=1.5))
    assert 0 < len(pieces) <= 60
    assert all(pieces)
    assert pieces == list(models[how].generate("Anna sees", length=60, seed=1, temperature=1.5))
    both = model.continuations("Anna sees", count=2, length=60, seed=1, temperature=1.5)
    assert both[0] == "".join(pieces)
    assert both[0] != both[1]
    assert "".join(model.generate(length=5, seed=0))
    found = model.evaluate(TextSource(TEXT[:300], "again"))
    assert found["model"]["bytes"] == len(TEXT[:300].encode())
    assert found["copied"]["share"] == 1.0
    assert found["verdict"] is None  # it was trained on


def test_subwords_are_applied_without_the_library(
    models: dict[str, TextModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    model = TextModel.load(models["bpe:300"].run.path)
    np.testing.assert_array_equal(
        model.token_nll("Anna sees"), models["bpe:300"].token_nll("Anna sees")
    )


def test_a_byte_model_writes_text_whatever_it_draws(models: dict[str, TextModel]) -> None:
    text = "".join(models["bytes"].generate("한", length=400, seed=2, temperature=50.0))
    assert text.encode().decode() == text
    assert "\ufffd" in text


def test_prompts_of_unknown_words(models: dict[str, TextModel]) -> None:
    model = models["words"]
    with pytest.raises(DataError, match="words that the model does not know: 'zebra'"):
        model.generate("zebra")
    assert "".join(model.generate("zebra", replace_unknown=True, length=5, seed=1))
    # Known inside of lines alone: read as it stands there.
    assert model.vocabulary.unknown("sees")
    assert "".join(model.generate("sees", length=9, seed=1)) == "".join(
        model.generate(" sees", length=9, seed=1)
    )


@pytest.mark.parametrize("how", ["bytes", "bpe:300", "words"])
def test_resumed_is_never_stopped(models: dict[str, TextModel], tmp_path: Path, how: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        TextModel(tokens=how, **{**LESS, "bptt": 8}).fit(
            TextSource(TEXT, "made"), out=tmp_path / "run", callbacks=Pressed(9)
        )
    resumed = TextModel.resume(tmp_path / "run")
    assert resumed.vocabulary.to_json() == models[how].vocabulary.to_json()
    assert same_weights(resumed, models[how])
    assert resumed.report["model"] == models[how].report["model"]


@pytest.mark.parametrize("how", ["bytes", "bpe:300", "words"])
def test_a_vocabulary_of_another_kind_is_told(
    models: dict[str, TextModel], tmp_path: Path, how: str
) -> None:
    models[how].save(tmp_path / "run")
    run = Run(tmp_path / "run")
    whole = run.read_json(VOCABULARY)
    for other in ("characters", "bytes", "bpe:300", "words"):
        if other != how:
            run.write_json(VOCABULARY, models[other].vocabulary.to_json())
            with pytest.raises(BundleError, match=f"{VOCABULARY}: holds"):
                TextModel.load(run.path)
    several: list[Any] = [{"kind": "letters"}, [], None]
    if how != "bytes":
        several += [{**whole, "flowing": 3}, {**whole, "flowing": False}, {"kind": whole["kind"]}]
    for damaged in several:
        run.write_json(VOCABULARY, damaged)
        with pytest.raises(BundleError, match=VOCABULARY):
            TextModel.load(run.path)
    run.write_json(VOCABULARY, whole)
    config = run.config()
    config["inference"]["tokens"] = "letters"
    run.write_json(CONFIG, config)
    with pytest.raises(BundleError, match=f"{CONFIG}: damaged"):
        TextModel.load(run.path)


def test_a_large_head_is_gone_through_in_pieces(
    models: dict[str, TextModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = in_torch(models["words"])
    ids = torch.from_numpy(models["words"].vocabulary.encode(TEXT[:400])).long()[None]
    hidden, _ = network.read(ids[:, :-1])

    def made() -> tuple[float, torch.Tensor]:
        network.zero_grad()
        loss = network.summed_loss(hidden.detach(), ids[:, 1:])
        loss.backward()
        assert network.head.weight.grad is not None
        return float(loss.detach()), network.head.weight.grad.clone()

    whole, gradient = made()
    nats = models["words"].token_nll(TEXT[:400])
    monkeypatch.setattr("recurra.networks.text.MOST_SCORES", 5 * len(network.head.weight))
    seen: list[int] = []
    forward = network.head.forward

    def noted(hidden: torch.Tensor) -> torch.Tensor:
        seen.append(hidden.shape[1])
        found: torch.Tensor = forward(hidden)
        return found

    monkeypatch.setattr(network.head, "forward", noted)
    pieces, again = made()
    assert max(seen) <= 5
    assert pieces == pytest.approx(whole, rel=1e-5)
    torch.testing.assert_close(again, gradient, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(models["words"].token_nll(TEXT[:400]), nats, rtol=1e-3, atol=1e-5)


def test_on_the_command_line(call: Recurra, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text(small_text(40))
    how = ["--tokens", "words", "--steps", "6", "--size", "tiny", "--bptt", "8", "--threads", "1"]
    done = call("train", "text", tmp_path / "corpus.txt", "--out", tmp_path / "run", *how)
    assert done.code == 0, done.err
    assert "words" in done.err
    assert "nats a word" in done.out
    assert "a byte" in done.out
    assert math.isfinite(Run(tmp_path / "run").read_json("report.json")["model"]["nats_a_byte"])
    done = call("generate", tmp_path / "run", "--prompt", "The quick", "--length", "3")
    assert done.code == 0
    assert done.out.startswith("The quick")
    done = call("train", "text", tmp_path / "corpus.txt", "--tokens", "bpe:4")
    assert done.code == 2
    assert "--tokens bpe:4" in done.err

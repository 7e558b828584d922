"""Long texts: what is on disk trains as what is in memory does, and what is left out is told."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import Pressed
from in_torch import in_torch, same_weights
from recurra.bundle import CARD, CHECKPOINT
from recurra.codecs import tokenizer as tokens
from recurra.data import long_text
from recurra.data.files import TextSource
from recurra.data.streams import Streams
from recurra.tasks.text import data, evaluate, render, report, training_task
from recurra.tasks.text.data import TextData
from recurra.tasks.text.estimator import TextModel
from recurra.tasks.text.training_task import TextTrainingTask
from small import SMALL, small_text

LESS: dict[str, Any] = {**SMALL, "hidden": 12, "bptt": 16, "steps": 20}
TEXT = "".join(f"{line}{n % 13} naïve.\n" for n, line in enumerate(small_text(90).splitlines()))


@pytest.fixture(autouse=True)
def short_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "FREE_LENGTH", 100)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "corpus.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path / "corpus.txt"


def make_long(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(long_text, "IN_MEMORY", 0)
    patch.setattr(long_text, "_BLOCK", 500)
    patch.setattr(data, "LONG", 1000)
    patch.setattr(data, "TESTED", 300)
    patch.setattr(data, "KNOWN", 200)


@pytest.mark.parametrize("how", ["characters", "bytes", "bpe:300", "words"])
def test_its_ids_are_those_of_memory(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    short = data.read([corpus], how)
    assert short.note == ""
    make_long(monkeypatch)
    monkeypatch.setattr(tokens, "_BLOCK", 64)
    read = data.read([corpus], how)
    assert isinstance(read.ids, np.memmap)
    assert read.ids.dtype == (np.uint8 if how in ("characters", "words") else np.uint16)
    assert read.train.tolist() == short.train.tolist()
    assert read.select.tolist() == short.select.tolist()
    # Where the scored part ends, a piece may.
    assert short.test.tolist()[: len(read.test) - 9] == read.test.tolist()[:-9]
    assert read.vocabulary.to_json() == short.vocabulary.to_json()
    assert read.text(read.tested) == short.text(short.split.test)[:300]
    assert read.unknown_rate == short.unknown_rate
    assert read.facts()["sha256"] == short.facts()["sha256"]
    assert "first 300 characters" in read.note


def test_a_sample_of_a_long_training_part_is_learnt_from(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_long(monkeypatch)
    monkeypatch.setattr(data, "LEARNT", 400)
    read = data.read([corpus], "words")
    assert "learnt from 400 characters" in read.note
    assert len(read.vocabulary) < len(tokens.learn([TEXT], "words", "made"))
    # Characters are all of them, so that none is unknown in training.
    assert data.read([corpus]).note.count("learnt") == 0
    assert not (data.read([corpus]).train == 0).any()


def test_training_on_it_is_the_same(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = TextModel(**LESS).fit(corpus, out=tmp_path / "short")
    make_long(monkeypatch)
    monkeypatch.setattr(training_task, "MOST_CHOOSING", 10**6)
    long = TextModel(**LESS).fit(corpus, out=tmp_path / "long")
    assert same_weights(long, short)
    one, other = short.report, long.report
    assert one["data"]["note"] == ""
    assert other["model"]["characters"] == 300
    short_nats = short.run.read_arrays(report.SCORED)[0]["nats"]
    long_nats = long.run.read_arrays(report.SCORED)[0]["nats"]
    np.testing.assert_allclose(long_nats, short_nats[:300], rtol=1e-4, atol=1e-5)
    assert "400 characters before" in other["baselines"][0]["note"]
    assert "first 300 characters" in (tmp_path / "long" / CARD).read_text().replace("\n", " ")
    assert "first 300 characters" in render.summary(other).replace("\n", " ")
    again = long.evaluate(corpus)
    assert again["model"]["characters"] == 300
    assert f"beginning of its {len(TEXT):,} characters" in again["data"]["part"]
    assert again["copied"]["share"] == 1.0
    assert again["verdict"] is None
    # Nothing but the run itself is left, there or beside it.
    assert {each.name for each in tmp_path.iterdir()} == {"corpus.txt", "short", "long"}
    assert {each.name for each in (tmp_path / "long").iterdir()} == {
        each.name for each in (tmp_path / "short").iterdir()
    }


@pytest.mark.parametrize("through", ["a file", "standard input"])
def test_resumed_is_never_stopped(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, through: str
) -> None:
    make_long(monkeypatch)

    def source() -> Any:
        if through == "a file":
            return corpus
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
        return "-"

    whole = TextModel(tokens="words", **LESS).fit(source(), out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        TextModel(tokens="words", **LESS).fit(source(), out=tmp_path / "run", callbacks=Pressed(7))
    assert (tmp_path / "run" / CHECKPOINT).is_file()
    resumed = TextModel.resume(tmp_path / "run")
    assert same_weights(resumed, whole)
    assert resumed.report["model"] == whole.report["model"]


def test_a_large_selection_part_is_sampled(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TextModel(**LESS).fit(corpus, out=tmp_path / "run")
    network, ids = in_torch(model), model.vocabulary.encode(TEXT * 4)
    streams = Streams(ids, batch=2, bptt=16, seed=0)

    def chosen() -> Any:
        training_task = TextTrainingTask(network, streams, streams, ids, 0.01)
        return training_task.select(network)

    whole = chosen()
    assert whole.count == len(ids) - 1
    monkeypatch.setattr(training_task, "MOST_CHOOSING", 5000)
    monkeypatch.setattr(training_task, "CHOOSING", 3200)
    sample = chosen()
    assert sample.count == 3200
    assert sample.mean == pytest.approx(whole.mean, rel=0.02)
    # It is spread: what differs in the last tenth of the part is seen, and no more than that.
    ids[-len(ids) // 10 :] = 0
    strange = -np.log(0.01)
    assert chosen().mean == pytest.approx(0.9 * sample.mean + 0.1 * strange, rel=0.03)


def test_what_is_given_as_a_string_is_long_too(monkeypatch: pytest.MonkeyPatch) -> None:
    make_long(monkeypatch)
    read = TextData.from_source(TextSource(TEXT, "made"))
    assert isinstance(read.ids, np.memmap)
    assert read.vocabulary.decode(read.train) == TEXT[: read.split.train.stop]

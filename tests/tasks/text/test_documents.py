"""Documents kept apart: nothing of one reaches the next, in training, choosing or scoring."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from commands import Pressed, Recurra, refused
from in_torch import in_torch, same_weights
from recurra.data.files import TextSource, read_text
from recurra.data.streams import Cursor
from recurra.errors import DataError
from recurra.tasks.text import config, data, evaluate
from recurra.tasks.text.data import TextData
from recurra.tasks.text.estimator import TextModel
from recurra.tasks.text.training_task import TextTrainingTask
from small import SMALL, small_text

LESS: dict[str, Any] = {**SMALL, "hidden": 12, "bptt": 16, "steps": 20, "reset_at_documents": True}
KINDS = ["characters", "bytes", "bpe:300", "words"]


@pytest.fixture(autouse=True)
def short_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "FREE_LENGTH", 100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("documents")
    for n in range(40):
        end = "" if n % 3 else "\n"  # some end without a line end
        text = small_text(1 + n % 3).rstrip("\n") + f" Ende {n}, Ωé." + "Ж" * (n > 38) + end
        (found / f"{n:02}.txt").write_text(text, encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def model(folder: Path) -> TextModel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "FREE_LENGTH", 100)
        return TextModel(**LESS).fit(folder, out=folder.parent / "documents-run")


@pytest.mark.parametrize("how", KINDS)
def test_documents_that_end_in_blanks_are_counted_in_their_own_bytes(how: str) -> None:
    rows = small_text(60).splitlines()
    texts = [f"{row}\n\n" if n % 2 else f"  and {row} \n" for n, row in enumerate(rows)]
    starts = tuple(np.cumsum([0, *map(len, texts)])[:-1].tolist())
    source = TextSource("".join(texts), "documents", starts=starts)
    tokens = TextData.from_source(source, how, reset_at_documents=True).vocabulary
    ids, marks, text = data.encoded(tokens, source, reset=True)
    assert marks is not None
    ids = np.delete(ids, marks)
    cuts = data.cuts_in(source, range(len(text)), apart=True)
    figures, _ = evaluate.summary(np.ones(len(ids)), ids, text, tokens, 1, cuts)
    assert figures.bytes == len(text.encode())


@pytest.mark.parametrize("how", KINDS)
def test_no_document_stands_in_two_parts(folder: Path, how: str) -> None:
    read = data.read([folder], how, reset_at_documents=True)
    source = read_text([folder])
    assert len(read.starts) == 40
    assert (read.ids[read.starts] == 0).all()
    for part, ids in ((read.split.train, read.parts.train), (read.split.test, read.parts.test)):
        assert part.start in source.starts
        inside = [at for at in source.starts if at in part]
        own = read.starts_in(ids)
        assert own is not None
        assert len(own) == len(inside)
        bare = np.delete(read.ids[ids.start : ids.stop], own)
        stops = [*inside[1:], part.stop]
        again = [
            read.vocabulary.encode(source.text[start:stop])
            for start, stop in zip(inside, stops, strict=True)
        ]
        assert bare.tolist() == np.concatenate(again).tolist()
    # What marks a beginning is neither unknown nor seen once.
    facts = read.facts()
    strange = set(source.text[: read.split.train.stop])
    if how == "characters":
        test = source.text[read.split.test.start :]
        assert facts["unknown_in_test"] == sum(c not in strange for c in test)
        train = source.text[: read.split.train.stop]
        once = sum(train.count(c) == 1 for c in set(train))
        assert facts["unknown_rate"] == pytest.approx(max(once, 0.5) / len(train))


def test_a_document_is_scored_as_if_it_stood_alone(folder: Path, model: TextModel) -> None:
    files = sorted(folder.iterdir())[:3]
    texts = [file.read_text("utf-8") for file in files]
    texts = [text if text.endswith("\n") or n == 2 else text + "\n" for n, text in enumerate(texts)]
    alone = np.concatenate([model.token_nll(text) for text in texts])
    found = model.evaluate(files)["model"]
    assert found["tokens"] == len(alone) == len("".join(texts))
    assert found["nats"] == pytest.approx(alone.mean(), rel=1e-5)


def test_pieces_side_by_side_keep_documents_apart(
    model: TextModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [small_text(3), "Fox.\n", small_text(5)] * 6
    starts = np.cumsum([0, *map(len, texts)])[:-1].tolist()
    source = TextSource("".join(texts), "made", starts=tuple(starts))
    ids, begins, _ = data.encoded(model.vocabulary, source, reset=True)
    whole, _ = evaluate.score(model.network, ids, 0.01, starts=begins)
    monkeypatch.setattr(evaluate, "ONE_STREAM", 100)
    monkeypatch.setattr(evaluate, "_WARM_UP", 40)
    pieces, streams = evaluate.score(model.network, ids, 0.01, starts=begins)
    assert streams > 1
    assert len(pieces) == len(whole) == source.length
    near = [n for start in starts[1:] for n in range(start, min(start + 5, source.length))]
    np.testing.assert_allclose(pieces[near], whole[near], rtol=1e-3, atol=1e-4)


def training_task(read: TextData, model: TextModel) -> TextTrainingTask:
    settings = {"batch": 2, "bptt": 64, "seed": 1, "spared": 0}
    return config.training_task(in_torch(model), read, settings)


def test_in_training_no_state_crosses_a_beginning(folder: Path, model: TextModel) -> None:
    read = data.read([folder], reset_at_documents=True)
    chunk = training_task(read, model).streams.read(Cursor(0, 64))
    assert chunk.resets is not None
    assert chunk.resets.any()
    network = in_torch(model)
    inputs, resets = torch.from_numpy(chunk.inputs), torch.from_numpy(chunk.resets)
    with torch.no_grad():
        state = network.recurrent.zero_state(2).map(torch.ones_like)
        hidden, _ = network.read(inputs, state, resets)
        row, at = np.argwhere(chunk.resets)[0].tolist()
        fresh, _ = network.read(inputs[row : row + 1, at:], None, resets[row : row + 1, at:])
    torch.testing.assert_close(hidden[row, at:], fresh[0])
    # And the loss leaves out what is predicted there.
    loss = training_task(read, model).loss(network, training_task(read, model).first())
    first = training_task(read, model).streams.read(Cursor())
    assert loss.total.count == (first.targets != 0).sum() < first.targets.size


def test_what_chooses_is_the_loss_of_documents_alone(folder: Path, model: TextModel) -> None:
    read = data.read([folder], reset_at_documents=True)
    begins = read.starts_in(read.parts.select)
    assert begins is not None
    assert len(begins) > 1
    nats, _ = evaluate.score(model.network, read.select, read.unknown_rate, 0, begins)
    found = training_task(read, model).select(in_torch(model))
    assert found.count == len(nats)
    assert found.total == pytest.approx(nats.sum(), rel=1e-4)


def test_it_begins_a_document(model: TextModel) -> None:
    first = "".join(model.generate(length=5, temperature=0))
    network = in_torch(model)
    with torch.no_grad():
        logits, _ = network(torch.zeros(1, 1, dtype=torch.long))
    assert first[0] == model.vocabulary.decode([int(logits[0, -1].argmax())])
    ids = torch.from_numpy(np.concatenate([[0], model.vocabulary.encode("The ")]))[None]
    with torch.no_grad():
        logits, _ = network(ids)
    (piece,) = model.generate("The ", length=1, temperature=0)
    assert piece == model.vocabulary.decode([int(logits[0, -1].argmax())])


@pytest.mark.parametrize("through", ["files", "standard input"])
def test_resumed_is_never_stopped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, through: str
) -> None:
    def sources() -> list[str | Path]:
        given = io.TextIOWrapper(io.BytesIO(small_text(9).encode()))
        monkeypatch.setattr(sys, "stdin", given)
        return [folder] if through == "files" else [*sorted(folder.iterdir()), "-"]

    whole = TextModel(**LESS).fit(sources(), out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        TextModel(**LESS).fit(sources(), out=tmp_path / "run", callbacks=Pressed(7))
    resumed = TextModel.resume(tmp_path / "run")
    assert same_weights(resumed, whole)
    assert resumed.report["model"] == whole.report["model"]


def test_one_file_cannot_be_kept_apart(call: Recurra, folder: Path, tmp_path: Path) -> None:
    done = call(
        "train", "text", folder / "00.txt", "--reset-at-documents", "--out", tmp_path / "run"
    )
    refused(done, "00 has 1 document: too few", "three files", "--reset-at-documents")
    assert not (tmp_path / "run").exists()
    with pytest.raises(DataError, match="2 documents"):
        TextModel(**LESS).fit([folder / "00.txt", folder / "01.txt"])
    assert "--reset-at-documents" in call("train", "text", "--help").out

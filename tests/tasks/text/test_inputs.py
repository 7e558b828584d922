from __future__ import annotations

import io
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import Recurra
from recurra.bundle import CHECKPOINT, INPUT, REPORT, Run
from recurra.codecs.tokenizer import UNKNOWN
from recurra.data import long_text
from recurra.data.embedded_text import embedded_text
from recurra.errors import DataError, OptionError
from recurra.tasks.text import baselines, evaluate, stored
from recurra.tasks.text.estimator import TextModel
from recurra.tasks.text.inputs import in_memory, opened
from recurra.tasks.text.options import Sample, TextOptions
from recurra.tasks.text.trainer import TRAINING
from small import SMALL, small_text

OTHER = "".join(f"Another line, number {n * n % 89}, has {n} words.\n" for n in range(60))
VALID, TEST = OTHER[: OTHER.index("\n", 400) + 1], OTHER[OTHER.index("\n", 400) + 1 :]


@pytest.fixture(autouse=True)
def short_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "FREE_LENGTH", 100)


@pytest.fixture(scope="module")
def model(trained: Path) -> TextModel:
    return TextModel.load(trained)


def small(**options: Any) -> TextModel:
    return TextModel(**{**SMALL, "hidden": 12, "steps": 3, **options})


# -- what is given ------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["fit", "evaluate", "dynamic"])
@pytest.mark.parametrize(
    "source", ["some text " * 2000, "some text ...", "corpus", ["one text\n", "another\n"]]
)
def test_a_string_that_names_nothing_is_told_in_two_lines(
    model: TextModel,
    verb: str,
    source: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # beside no file that could be meant
    with pytest.raises(DataError, match="no such file or folder") as caught:
        getattr(small() if verb == "fit" else model, verb)(source)
    told = str(caught.value).splitlines()
    assert len(told) == 2
    assert "text=..." in told[1]
    assert max(map(len, told)) < 120


def test_a_slip_in_a_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corpus.txt").write_text(OTHER)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"corpus\.tx: no such file") as caught:
        small().fit("corpus.tx")
    assert caught.value.fix == "did you mean corpus.txt?"


@pytest.mark.parametrize("verb", ["fit", "evaluate", "dynamic"])
@pytest.mark.parametrize("source", [None, [], 7, [b"a"]])
def test_what_is_no_source_trains_on_nothing_else(model: TextModel, verb: str, source: Any) -> None:
    with pytest.raises(DataError, match="a source of "):
        getattr(small() if verb == "fit" else model, verb)(source)


def test_evaluate_wants_a_text(model: TextModel) -> None:
    with pytest.raises(DataError, match="no text was given"):
        model.evaluate()


def test_without_anything_the_default_text_trains() -> None:
    read = TRAINING.read(TextOptions(), {"source": Sample.SAMPLE, "text": None}, None)
    assert read.source == embedded_text()


def test_a_text_in_memory_is_given_by_name(model: TextModel) -> None:
    made = small().fit(text=small_text(30))
    assert made.run.config()["data"]["characters"] == len(small_text(30))
    assert made.run.config()["data"]["name"] == "text"
    found = made.evaluate(text=[OTHER, OTHER])
    assert found["model"]["characters"] == 2 * len(OTHER)
    assert model.dynamic(text=OTHER)["tokens"] == len(OTHER)


def test_documents_in_memory_are_apart_as_files_are() -> None:
    texts = ["abc abc\n" * 9, "no line end", "abd abd\n" * 9, "last\n"]
    source = in_memory(texts)
    assert source.text == texts[0] + texts[1] + "\n" + texts[2] + texts[3]
    assert [source.text[start] for start in source.starts] == ["a", "n", "a", "l"]
    read = TRAINING.read(
        TextOptions(reset_at_documents=True), {"source": Sample.SAMPLE, "text": texts}, None
    )
    assert (read.ids[read.starts] == UNKNOWN).all()
    assert len(read.starts) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text: empty"),
        ([], "no documents"),
        (["a", ""], "document 1: empty"),
        ([b"a"], "document 0: a bytes"),
        (b"abc", "the text: a bytes"),
        (7, "the text: a int"),
        ("ab\ud800", "half a character"),
    ],
)
def test_what_is_no_text_is_told(text: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        in_memory(text)


def test_a_source_and_a_text_are_one_too_many() -> None:
    with pytest.raises(DataError, match="a source and a text"):
        opened("corpus.txt", "a text")


# -- parts in files -----------------------------------------------------------------------------


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("train", small_text(40)), ("valid", VALID), ("test", TEST)):
        (tmp_path / f"{name}.txt").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def given(source: Any = "train.txt", text: Any = None) -> dict[str, Any]:
    return {"source": Sample.SAMPLE if text else source, "text": text}


@pytest.mark.parametrize("text", [None, small_text(40), small_text(40).rstrip()])
@pytest.mark.parametrize("apart", [False, True])
def test_published_parts_are_as_they_are(parts: Path, text: str | None, apart: bool) -> None:
    options = TextOptions(test=["test.txt"], valid=["valid.txt"], reset_at_documents=apart)
    read = TRAINING.read(options, given(text=text), None)
    split = read.split
    assert read.text(split.train) == small_text(40)
    assert read.text(split.select) == VALID
    assert read.text(split.test) == TEST
    assert read.source.name == ("text" if text else "train")
    assert not set(OTHER) <= set(small_text(40))
    assert read.vocabulary.unknown(OTHER)  # only the training part is known
    assert options.finish == 0.0
    assert TextOptions(test=["test.txt"]).finish == 0.5


def test_without_valid_the_end_of_the_rest_chooses(parts: Path) -> None:
    (parts / "more").mkdir()
    (parts / "more" / "a.txt").write_text("of a folder\n")
    read = TRAINING.read(TextOptions(test=["test.txt", "more"]), given(), None)
    assert read.text(read.split.test) == TEST + "of a folder\n"
    length = len(small_text(40))
    assert len(read.split.train) == int(0.95 * length)
    assert read.split.select.stop == length


def test_standard_input_with_a_test_file(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(small_text(40).encode())))
    made = small(test=["test.txt"]).fit("-")
    assert made.run.config()["data"]["test"] == len(TEST)


def test_a_run_with_parts_is_read_again(parts: Path, call: Recurra) -> None:
    options = ["--steps", 3, "--size", "tiny", "--threads", 1, "--out", "run"]
    done = call(
        "train", "text", "train.txt", "--valid", "valid.txt", "--test", "test.txt", *options
    )
    assert done.code == 0, done
    run = Run.open("run", task="text")
    assert not run.has(INPUT)
    assert run.config()["data"]["test"] == len(TEST)
    assert run.config()["training"]["spared"] == 0
    assert not run.has(CHECKPOINT)
    again = stored.read_again(run)
    assert again.text(again.split.test) == TEST
    assert again.facts() == run.config()["data"]
    (parts / "test.txt").write_text("changed")
    with pytest.raises(DataError, match="has changed"):
        stored.read_again(run)


def test_a_long_text_of_no_file_has_no_part_in_files(
    parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_text, "IN_MEMORY", 100)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(small_text(40).encode())))
    with pytest.raises(DataError, match="come from no file, and test"):
        TRAINING.read(TextOptions(test=["test.txt"]), given("-"), None)
    read = TRAINING.read(TextOptions(test=["test.txt"]), given(), None)
    assert read.text(read.split.test) == TEST


def test_slips_in_parts_are_told(parts: Path, call: Recurra) -> None:
    with pytest.raises(OptionError, match="valid without test"):
        TextOptions(valid=["valid.txt"])
    done = call("train", "text", "train.txt", "--test", "train.txt", "--steps", 1)
    assert done.code == 2
    assert "train.txt: given twice" in done.err


# -- what a report says of words and of copies -----------------------------------------------------


def test_perplexity_is_a_word_s(parts: Path, call: Recurra) -> None:
    made = small(tokens="words", test=["test.txt"]).fit("train.txt", out=parts / "words")
    figures = made.report["model"]
    text = TEST
    # Published figures count what blanks part, and a token for each line end.
    assert figures["words"] == len(text.replace("\n", " <eos> ").split())
    nats, _ = made.run.read_arrays("traces/test.safetensors")
    exact = math.exp(float(np.sum(nats["nats"], dtype=np.float64)) / figures["words"])
    assert figures["perplexity_a_word"] == pytest.approx(exact, rel=1e-5)
    said = " ".join(call("evaluate", parts / "words").out.split())
    assert f"Perplexity {exact:,.5g}"[:14] in said
    assert f"a word, of {figures['words']:,}:" in said


def test_what_stands_in_the_training_text_is_told(parts: Path, call: Recurra) -> None:
    text = OTHER[:1500] + small_text(40)[200:1700]
    (parts / "test.txt").write_text(text)
    made = small(test=["test.txt"]).fit("train.txt", out=parts / "run")
    found = made.report["copied"]
    assert found["share"] == pytest.approx(0.5, abs=0.01)
    nats, _ = made.run.read_arrays("traces/test.safetensors")
    assert found["nats"] == pytest.approx(float(nats["nats"][:1500].mean()), abs=1e-4)
    assert found["baseline"]["name"].startswith(("interpolated", "unigram"))
    said = " ".join(call("evaluate", parts / "run").out.split())
    assert "of it stands word for word in the text that trained" in said
    # Elsewhere figures are a byte's, and characters have several.
    fresh = OTHER[:1500].replace("o", "λ")
    (parts / "test.txt").write_text(fresh + small_text(40)[200:1700])
    made = small(test=["test.txt"], tokens="bytes").fit("train.txt")
    nats, _ = made.run.read_arrays("traces/test.safetensors")
    rest = nats["nats"][: len(fresh.encode())]
    assert made.report["copied"]["share"] == found["share"]
    assert made.report["copied"]["nats"] == pytest.approx(float(rest.mean()), abs=1e-4)


def test_the_training_text_is_no_test(own_run: Path, call: Recurra) -> None:
    found = TextModel.load(own_run).evaluate(text=small_text(5))
    assert found["copied"]["share"] == 1.0
    assert found["verdict"] is None
    assert "learnt by heart" in found["data"]["note"]
    other = TextModel.load(own_run).evaluate(text=OTHER)
    assert other["copied"]["share"] == 0.0
    assert other["verdict"] is not None
    assert other["data"]["note"] == ""
    (own_run.parent / "other.txt").write_text(OTHER)
    said = call("evaluate", own_run, own_run.parent / "other.txt").out
    assert "Nothing of it stands word for word" in said


def test_without_the_training_text_nothing_is_claimed(parts: Path) -> None:
    made = small().fit("train.txt", out=parts / "run")
    (parts / "train.txt").unlink()
    found = made.evaluate(text=OTHER)
    assert found["copied"] is None
    assert found["verdict"] is None
    assert "not there any more" in found["data"]["note"]


def test_another_text_counts_what_is_cheap(own_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = TextModel.load(own_run)
    plain = made.evaluate(text=OTHER)["baselines"]
    asked: list[int] = []
    fitted = baselines.NGram.fit

    def fit(ids: Any, size: int, order: int = baselines.LONGEST_ORDER) -> Any:
        asked.append(order)
        return fitted(ids, size, order)

    monkeypatch.setattr(baselines.NGram, "fit", fit)
    monkeypatch.setattr(baselines, "XZ_AGAIN", 100)
    monkeypatch.setattr(baselines, "xz", None)  # is not asked
    found = made.evaluate(text=OTHER)
    assert [each for each in plain if each["name"] != baselines.XZ] == found["baselines"]
    assert "compressor xz" in found["data"]["note"]
    # The order was chosen in the training, and is that of the report.
    assert sorted(asked) == [1, int(made.report["baselines"][0]["name"].split()[1][0])]
    assert Run(own_run).has(REPORT)

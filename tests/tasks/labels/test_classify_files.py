"""`recurra classify RUN FILE`: files of every kind that training reads, a row at a time."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurra
from commands import Recurra, refused
from recurra.tasks.labels.estimator import LabelModel

LESS: dict[str, Any] = {
    "hidden": 10,
    "embedding": 8,
    "batch": 8,
    "dropout": 0.1,
    "threads": 1,
    "lr": 0.05,
    "steps": 80,
}
TEXTS = ["it was warm", "it was dull and cold", "so bright", "cold"]


@pytest.fixture(scope="module")
def mood(tmp_path_factory: pytest.TempPathFactory) -> LabelModel:
    folder = tmp_path_factory.mktemp("mood")
    words = {"good": ["bright", "warm"], "bad": ["dull", "cold"]}
    rows = [
        (f"it was {words[label][k % 2]} {k}", label) for k in range(60) for label in ("good", "bad")
    ]
    data = folder / "reviews.tsv"
    data.write_text("note\tklasse\n" + "".join(f"{a}\t{b}\n" for a, b in rows))
    return LabelModel(**LESS, label="klasse").fit(data, out=folder / "run")


def waves() -> tuple[np.ndarray[Any, Any], list[str]]:
    draw = np.random.default_rng(0)
    signs = np.where(np.arange(40) % 2, 1, -1)
    X = signs[:, None, None] * np.linspace(-1, 1, 6)[None, :, None] + draw.normal(
        0, 0.2, (40, 6, 2)
    )
    return X.round(3), ["up" if sign > 0 else "down" for sign in signs]


@pytest.fixture(scope="module")
def wave(tmp_path_factory: pytest.TempPathFactory) -> LabelModel:
    return LabelModel(**LESS).fit(*waves(), out=tmp_path_factory.mktemp("wave") / "run")


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> LabelModel:
    folder = tmp_path_factory.mktemp("pets")
    one = "the\tO\n{}\tB-pet\nruns\tO\n.\tO\n"
    rows = [one.format(("cat", "dog")[k % 2]) * (1 + k % 3) + f"{k}\tO\n\n" for k in range(60)]
    (folder / "pets.conll").write_text("".join(rows))
    return LabelModel(**LESS).fit(folder / "pets.conll", out=folder / "run")


def lines_of(model: LabelModel, inputs: Any) -> list[str]:
    found = zip(model.predict(inputs), model.predict_proba(inputs).max(1), strict=True)
    return [f"{label}\t{p:.3f}" for label, p in found]


FILES: dict[str, str] = {
    "a.csv": "id,note,klasse\n" + "".join(f"{k},{text},?\n" for k, text in enumerate(TEXTS)),
    "alone.csv": "whatever\n" + "\n".join(TEXTS) + "\n",
    "a.tsv": "note\tmore\n" + "".join(f"{text}\tx\n" for text in TEXTS),
    "a.jsonl": "".join(json.dumps({"k": 1, "NOTE": text}) + "\n" for text in TEXTS),
    "a.txt": "\n".join(TEXTS) + "\n",
    "without-suffix": "\r\n".join(TEXTS),
}


@pytest.mark.parametrize("name", FILES)
def test_each_row_of_a_file_is_classified(
    mood: LabelModel, tmp_path: Path, call: Recurra, name: str
) -> None:
    path = tmp_path / name
    path.write_text(FILES[name], newline="")
    done = call("classify", mood.run.path, path)
    assert done.code == 0, done.err
    assert done.out.splitlines() == lines_of(mood, TEXTS)
    said = [
        json.loads(each)
        for each in call("classify", mood.run.path, path, "--json").out.splitlines()
    ]
    assert [each["label"] for each in said] == mood.predict(TEXTS).tolist()
    assert path.read_bytes() == FILES[name].encode()


def test_folders_and_several_files(mood: LabelModel, tmp_path: Path, call: Recurra) -> None:
    for name, some in (("one.txt", TEXTS[:2]), ("two.txt", TEXTS[2:])):
        (tmp_path / name).write_text("\n".join(some) + "\n")
    done = call("classify", mood.run.path, tmp_path)
    assert done.out.splitlines() == lines_of(mood, TEXTS)
    done = call("classify", mood.run.path, tmp_path / "two.txt", tmp_path / "one.txt")
    assert done.out.splitlines() == lines_of(mood, TEXTS[2:] + TEXTS[:2])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_file_of_answers_keeps_the_columns(
    mood: LabelModel, tmp_path: Path, call: Recurra, suffix: str
) -> None:
    path, out = tmp_path / "a.csv", tmp_path / f"out{suffix}"
    rows = [("1", "it was, warm", "a"), ("2", 'it "was" cold', "b\tc"), ("3", "한국어", "")]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("predicted", "note", "more"), *rows])
    done = call("classify", mood.run.path, path, "--out", out)
    assert (done.code, done.out) == (0, ""), done.err
    if suffix == ".parquet":
        polars = pytest.importorskip("polars")
        found = polars.read_parquet(out).to_dicts()
    elif suffix == ".jsonl":
        found = [json.loads(line) for line in out.read_text().splitlines()]
    else:
        with out.open(newline="") as file:
            found = list(csv.DictReader(file, delimiter="\t" if suffix == ".tsv" else ","))
    assert [(e["predicted"], e["note"], e["more"]) for e in found] == rows
    texts = [row[1] for row in rows]
    assert [each["predicted_"] for each in found] == mood.predict(texts).tolist()
    chances = mood.predict_proba(texts)
    for k, name in enumerate(mood.classes_):
        np.testing.assert_allclose(
            [float(e[f"p({name})"]) for e in found], chances[:, k], atol=1e-6
        )
    np.testing.assert_allclose([float(e["probability"]) for e in found], chances.max(1), atol=1e-6)


def test_the_probabilities_of_all_classes(mood: LabelModel, call: Recurra) -> None:
    done = call("classify", mood.run.path, "--probabilities", *TEXTS)
    head, *rows = [line.split("\t") for line in done.out.splitlines()]
    assert head == ["label", "probability", "bad", "good"]
    chances = mood.predict_proba(TEXTS)
    np.testing.assert_allclose([[float(p) for p in row[2:]] for row in rows], chances, atol=1e-3)
    done = call("classify", mood.run.path, "--probabilities", "--json", "cold")
    assert list(json.loads(done.out)["probabilities"]) == ["bad", "good"]


def number_file(folder: Path, kind: str, X: np.ndarray[Any, Any]) -> tuple[Path, list[str]]:
    """The sequences without their labels, and how they have to be read."""
    if kind == "ts":
        path = folder / "test.ts"
        rows = [":".join(",".join(map(str, channel)) for channel in x.T) for x in X]
        path.write_text("@classLabel false\n@data\n" + "\n".join(rows) + "\n")
    elif kind == "labelled ts":
        path = folder / "test.ts"
        rows = [":".join(",".join(map(str, channel)) for channel in x.T) + ":?" for x in X]
        path.write_text("@classLabel true up down\n@data\n" + "\n".join(rows) + "\n")
    elif kind == "npz":
        path = folder / "test.npz"
        np.savez(path, X=X)
    elif kind == "channels-first":
        path = folder / "test.npz"
        np.savez(path, X=X.transpose(0, 2, 1))
        return path, ["--layout", "channels-first"]
    else:
        path = folder / "test.csv"
        rows = [
            f"s{k},{t},{x[t, 1]},note,{x[t, 0]}" for k, x in enumerate(X) for t in range(len(x))
        ]
        path.write_text("id,t,2,other,1\n" + "\n".join(rows[::-1]) + "\n")
        return path, ["--sequence", "id", "--time", "t"]
    return path, []


@pytest.mark.parametrize("kind", ["ts", "labelled ts", "npz", "channels-first", "table"])
def test_sequences_of_numbers_are_classified(
    wave: LabelModel, tmp_path: Path, call: Recurra, kind: str
) -> None:
    X = waves()[0][:5]
    path, words = number_file(tmp_path, kind, X)
    X = X[::-1] if kind == "table" else X
    done = call("classify", wave.run.path, path, *words)
    assert done.code == 0, done.err
    assert done.out.splitlines() == lines_of(wave, X)
    out = tmp_path / "out.csv"
    assert call("classify", wave.run.path, path, *words, "--out", out).code == 0
    found = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [each["predicted"] for each in found] == wave.predict(X).tolist()
    if kind == "table":
        assert [each["id"] for each in found] == ["s4", "s3", "s2", "s1", "s0"]


def test_a_conll_file_is_tagged_and_kept(pets: LabelModel, tmp_path: Path, call: Recurra) -> None:
    text = "# text = a\nthe\tX\ncat\tY\n\n \ndog\tZ\r\n"
    path = tmp_path / "test.conll"
    path.write_text(text, newline="")
    (one, two), (three,) = pets.predict([["the", "cat"], ["dog"]])
    done = call("classify", pets.run.path, path)
    assert done.out == f"the\t{one}\ncat\t{two}\n\ndog\t{three}\n\n"
    out = tmp_path / "out.conll"
    assert call("classify", pets.run.path, path, "--out", out).code == 0
    kept = f"# text = a\nthe\tX\t{one}\ncat\tY\t{two}\n\n \ndog\tZ\t{three}\r\n"
    assert out.read_bytes().decode() == kept
    path.write_text("the\ncat\n")
    assert call("classify", pets.run.path, path).out == f"the\t{one}\ncat\t{two}\n\n"
    path.write_bytes(b"the\tX\rcat\tY\r")  # as on old Macintoshes
    assert call("classify", pets.run.path, path, "--out", out).code == 0
    assert out.read_text() == f"the\tX\t{one}\ncat\tY\t{two}\n"


def test_text_that_is_not_cut_is_told(pets: LabelModel, call: Recurra, typed: Any) -> None:
    typed("the cat runs.\n")
    done = call("classify", pets.run.path)
    assert done.err.count("unsplit (runs.)") == 1
    typed("the cat runs .\nthe zebra runs .\n")
    assert call("classify", pets.run.path).err == ""
    with pytest.warns(UserWarning, match="unsplit: 'the cat runs.'"):
        pets.predict([["the cat runs."]])


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def give(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return give


def test_what_cannot_be_classified_is_refused(
    mood: LabelModel,
    wave: LabelModel,
    pets: LabelModel,
    tmp_path: Path,
    call: Recurra,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ts, _ = number_file(tmp_path, "ts", waves()[0][:2])
    csv_file = tmp_path / "a.csv"
    csv_file.write_text("a,b\n1,2\n")
    run = mood.run.path
    refused(call("classify", run, tmp_path / "missing.tsv"), "missing.tsv", "no such file")
    refused(call("classify", run, csv_file, "warm"), "a.csv", "'warm'")
    refused(call("classify", run, csv_file), "which column is the text", "--text COLUMN")
    refused(call("classify", run, ts), "numbers, for a model of text")
    refused(call("classify", wave.run.path, csv_file), "text, for a model of numbers", "--sequence")
    refused(call("classify", run, csv_file, "--text", "a", "--out", tmp_path / "x.doc"), "'.doc'")
    refused(call("classify", run, csv_file, "--text", "a", "--out", csv_file), "another file")
    refused(call("classify", run, "warm", "--out", tmp_path / "x.csv"), "a file to classify")
    refused(call("classify", pets.run.path, "--probabilities", "the"), "tagger")
    assert call("classify", run, csv_file, "--text", "b").code == 0
    # What is no path is a text, however it ends.
    assert call("classify", run, "I read it in a.tsv", "\0", "a" * 5000, "", ".").code == 0
    monkeypatch.chdir(tmp_path)
    (tmp_path / "warm").write_text("cold\n")
    assert call("classify", run, "warm").out.splitlines() == lines_of(mood, ["warm"])
    assert call("classify", run, "./warm").out.splitlines() == lines_of(mood, ["cold"])


def test_evaluate_takes_the_columns_of_other_files(
    mood: LabelModel, tmp_path: Path, call: Recurra, trained: Path
) -> None:
    path = tmp_path / "other.csv"
    path.write_text("opinion,verdict,place\nso warm,good,x\nso cold,bad,y\n")
    refused(call("evaluate", mood.run.path, path), "--label klasse")
    words = ["--label", "verdict", "--text", "opinion"]
    done = call("evaluate", mood.run.path, path, *words)
    assert done.code == 0, done.err
    assert "2 texts" in done.out
    refused(call("evaluate", trained, path, *words), "--label verdict for a model of text")
    refused(call("evaluate", mood.run.path, path, "--source", "x"), "--source x", "--label")
    # The column of the texts was the only one that was left; it is found again among others.
    path.write_text("text,note,klasse\n?,so warm,good\n?,so cold,bad\n")
    again = recurra.load(mood.run.path)
    assert again.evaluate([path])["data"]["examples"] == 2
    assert again.read_inputs(path).inputs == ["so warm", "so cold"]

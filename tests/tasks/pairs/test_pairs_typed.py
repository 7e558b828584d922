"""`recurra train pairs`, `translate`, `resume`, `evaluate` and `show`, as typed, on a real run."""

from __future__ import annotations

import io
import json
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from commands import Recurra, refused
from recurra.bundle import CHECKPOINT, REPORT, Run
from recurra.cli import main
from recurra.tasks.pairs.estimator import PairModel
from recurra.training.progress import Silence
from toy_pairs import UNSEEN, Rows, spelt

OPTIONS = ["--tokens", "words", "--steps", "150", "--hidden", "48", "--embedding", "32"]
OPTIONS += ["--layers", "1", "--batch", "32", "--dropout", "0", "--smoothing", "0"]
OPTIONS += ["--lr", "0.05", "--threads", "1", "--precision", "float32", "--seed", "1"]
FEW = ["--steps", "4", "--hidden", "8", "--layers", "1", "--threads", "1", "--precision", "float32"]

Typed = Callable[[str], None]


def table(path: Path, rows: Rows) -> Path:
    path.write_text("".join(f"{source}\t{target}\n" for source, target in rows), "utf-8")
    return path


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A finished run, and what was printed while it was trained."""
    folder = tmp_path_factory.mktemp("spelt")
    data = table(folder / "digits.tsv", spelt(800, names=300))
    words = ["train", "pairs", str(data), "--out", str(folder / "run"), *OPTIONS]
    with pytest.MonkeyPatch.context() as patch:
        out, err = io.StringIO(), io.StringIO()
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        assert main(words) == 0, err.getvalue()
    return folder / "run", out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def run(said: tuple[Path, str, str]) -> Path:
    return said[0]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Puts text on standard input."""

    def types(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return types


# -- train, evaluate, show ------------------------------------------------------------------------


def test_a_training_says_what_it_reads_builds_and_has_to_beat(
    said: tuple[Path, str, str],
) -> None:
    run, out, err = said
    assert f"run: {run}\n" in err
    assert "digits: 800 pairs (source: first column, target: second column)" in err
    assert "1 x GRU(48) on each side, both ways, general attention" in err
    assert "to beat: copy " in err
    assert " nats a piece; score of what it writes\n" in err
    assert " pieces/s; score " in err
    for words in (
        "digits: the test part, ",
        "this model",
        "nearest training source",
        "most frequent target",
        "Verdict: Better than",
        "By sacrebleu's paired test p = ",
        "Written by itself (beam of 5): ",
        "teacher forcing",
        "Went best:",
        "chrF: nrefs:1|case:mixed",
        "Trained for 150 steps",
        "were padding.",
    ):
        assert words in out, words
    assert out.endswith(f"\nrun: {run}\n")
    summary = [line for line in out.splitlines() if str(run) not in line]
    assert max(map(cell_len, summary)) <= 79
    assert (run.parent / "digits.tsv").is_file()


def test_its_report_is_read_again(said: tuple[Path, str, str], call: Recurra) -> None:
    run, out, _ = said
    assert call("evaluate", run).out.strip() in out
    report = json.loads(call("evaluate", run, "--json").out)
    assert report == Run(run).read_json(REPORT)
    assert {"data", "model", "baselines", "verdict", "forced", "writing", "training"} <= set(report)


def test_other_files_are_judged(run: Path, tmp_path: Path, call: Recurra) -> None:
    other = table(tmp_path / "other.tsv", UNSEEN)
    done = call("evaluate", run, other)
    assert done.code == 0, done.err
    assert done.out.startswith(f"other: all of it, {len(UNSEEN)} pairs\n")
    assert "Verdict" not in done.out
    found = json.loads(call("evaluate", run, other, "--json").out)
    assert found["model"]["exact"]["estimate"] > 0.8
    sources, targets = tmp_path / "other.num", tmp_path / "other.de"
    for file, side in zip((sources, targets), zip(*UNSEEN, strict=True), strict=True):
        file.write_text("\n".join(side))
    parallel = json.loads(call("evaluate", run, sources, targets, "--json").out)
    assert parallel["model"] == found["model"]
    assert parallel["data"]["name"] == "other-num-de"
    refused(call("evaluate", run, tmp_path / "nowhere.tsv"), "nowhere.tsv")
    other.write_text("1 2\teins zwei\n3\n")
    refused(call("evaluate", run, other), "other.tsv, line 2: no separator: '3'")


def test_what_there_is_to_see_is_drawn(run: Path, call: Recurra) -> None:
    pytest.importorskip("matplotlib")
    done = call("show", run)
    assert done.code == 0, done.err
    files = [Path(line) for line in done.out.splitlines()]
    names = [file.name for file in files]
    assert names[:2] == ["report.html", "curves.svg"]
    assert {"attention-1.png", "attention.html", "lengths.svg"} <= set(names)
    for file in files:
        content = file.read_bytes()
        begins = {".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!doctype html>"}
        assert content.startswith(begins[file.suffix])
    page = (run / "figures" / "attention.html").read_text()
    assert page.count("<table>") == len([name for name in names if name.startswith("attention-")])
    assert "http" not in page


# -- translate ------------------------------------------------------------------------------------


def test_texts_are_translated(run: Path, call: Recurra) -> None:
    done = call("translate", run, "4 0 7", "", "8 Ωmega 2")
    assert done.code == 0, done.err
    assert done.out == "vier null sieben\n\nacht Ωmega zwei\n"
    assert done.err == "recurra: '8 Ωmega 2': not in what it was trained on: 'Ωmega'\n"


def test_lines_are_translated_and_stay_aligned(run: Path, call: Recurra, typed: Typed) -> None:
    typed("4 0 7\n\n   \n1\r\n\n3 2")
    done = call("translate", run)
    assert done.out.split("\n") == ["vier null sieben", "", "", "eins", "", "drei zwei", ""]
    typed("")
    assert call("translate", run).out == ""
    # More lines than are read together.
    lines = [str(k % 10) if k % 7 else "" for k in range(700)]
    typed("\n".join(lines))
    said = call("translate", run, "--beam", 1).out.splitlines()
    assert len(said) == 700
    assert [not line for line in said] == [not line for line in lines]
    assert said[:10] == call("translate", run, "--beam", 1, *lines[:10]).out.splitlines()
    assert said[1] == "eins"


def test_translations_as_json(run: Path, call: Recurra, typed: Typed) -> None:
    typed("4 0 7\n\n1\n")
    lines = call("translate", run, "--json", "--n-best", 2).out.splitlines()
    first, empty, last = map(json.loads, lines)
    assert empty == {"source": "", "translations": [], "known": 1.0, "unknown": []}
    assert first["source"] == "4 0 7"
    assert [len(each["translations"]) for each in (first, last)] == [2, 2]
    best = first["translations"][0]
    assert set(best) == {"text", "score", "log_probability", "ended"}
    assert (best["text"], best["ended"]) == ("vier null sieben", True)
    (line,) = call("translate", run, "4 0", "--json", "--show-attention").out.splitlines()
    (found,) = json.loads(line)["translations"]
    assert found["source_pieces"] == [" 4", " 0"]
    assert found["pieces"] == [" vier", " null"]
    assert [max(range(2), key=row.__getitem__) for row in found["attention"]] == [0, 1]


def test_the_best_few_come_best_first_with_scores(run: Path, call: Recurra) -> None:
    out = call("translate", run, "4 0 7", "1", "--n-best", 3).out
    first, second = (block.split("\n") for block in out.rstrip("\n").split("\n\n"))
    assert len(first) == len(second) == 3
    scores = [float(line.split("\t")[0]) for line in first]
    assert scores == sorted(scores, reverse=True)
    assert first[0].endswith("\tvier null sieben")
    assert len(set(first)) == 3


def test_where_it_looked_is_shown(run: Path, call: Recurra) -> None:
    lines = call("translate", run, "8 3 5", "--show-attention").out.splitlines()
    assert lines[0] == "acht drei fünf"
    rows = [line for line in lines if line.startswith(("acht ", "drei ", "fünf ")) and "·" in line]
    assert len(rows) == 3
    dark = [row.index(max(row, key="·░▒▓█".find)) for row in rows]
    assert dark == sorted(dark)
    assert len(set(dark)) == 3
    # In pieces of one line each, below the piece that was read there.
    head = lines[lines.index(rows[0]) - 1]
    assert [head[at + 1] for at in dark] == ["8", "3", "5"]


def test_draws_are_the_same_for_a_seed(run: Path, call: Recurra) -> None:
    def drawn(*words: Any) -> str:
        done = call("translate", run, "1 2 3 4", "5", "--n-best", 4, "--temperature", 3, *words)
        assert done.code == 0, done.err
        return done.out

    assert drawn("--seed", 7) == drawn("--seed", 7) != drawn("--seed", 8)
    done = call("translate", run, "4 0 7", "--sample", "--seed", 3)
    assert done.code == 0
    assert call("translate", run, "4 0 7", "--sample", "--top-k", 1).out == "vier null sieben\n"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--beam", 0], "beam = 0"),
        (["--beam", 2, "--n-best", 3], "n best = 3"),
        (["--n-best", 0], "n best = 0"),
        (["--length-penalty", -1], "length penalty =  1"),
        (["--coverage-penalty", -0.1], "coverage penalty =  0.1"),
        (["--no-repeat-ngram", -1], "no repeat ngram =  1"),
        (["--sample", "--seed", -1], "seed =  1"),
        (["--top-k", 0], "top k = 0"),
    ],
)
def test_options_out_of_range(run: Path, call: Recurra, words: list[Any], names: str) -> None:
    done = call("translate", run, "1", *words)
    refused(done)
    assert names in done.err.replace("-", " ").replace("_", " ")


def test_slips_on_the_command_line(run: Path, tmp_path: Path, call: Recurra) -> None:
    assert call("translate", run, "1", "--beam", "two").code == 2
    assert call("translate", run, "1", "--width", 3).code == 2
    assert call("translate").code == 2
    refused(call("translate", tmp_path / "nothing", "1"), "nothing: no such run")
    refused(call("translate", run.parent, "1"), "not a run of recurra")
    refused(call("classify", run, "1"), "a run of task 'pairs'", "task 'labels'")
    refused(call("resume", run), "finished")


def test_bytes_that_are_no_text(run: Path, call: Recurra, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"1 2\n\xff\xfe3\n")))
    done = call("translate", run)
    assert done.code == 2
    assert "recurra: " in done.err


def test_a_damaged_run_says_what_is_damaged(run: Path, tmp_path: Path, call: Recurra) -> None:
    own = Path(shutil.copytree(run, tmp_path / "own"))
    (own / "pieces.json").write_text('{"sources": {}, "targets": {}}')
    refused(call("translate", own, "1"), "pieces.json")


# -- resuming -------------------------------------------------------------------------------------


def test_a_training_that_was_interrupted_goes_on(
    tmp_path: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = table(tmp_path / "digits.tsv", spelt(100))
    pressed = Silence.stepped

    def press(self: Silence, step: int, *rest: Any) -> None:
        if step == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Silence, "stepped", press)
    run = tmp_path / "run"
    done = call("train", "pairs", data, "--out", run, *FEW, "--quiet")
    assert done.code == 130
    assert f"what was learnt is kept\n  to do: recurra resume {run}\n" in done.err
    assert Run(run).has(CHECKPOINT)
    refused(call("train", "pairs", data, "--out", run, *FEW, "--quiet"), "exists already")
    monkeypatch.setattr(Silence, "stepped", pressed)
    whole = data.read_bytes()
    data.write_bytes(whole.replace(b"null", b"nul", 1))
    refused(call("resume", run, "--quiet"), "have changed since", "the same 100 pairs")
    data.write_bytes(whole)
    done = call("resume", run, "--quiet")
    assert done.code == 0, done.err
    assert "Trained for 4 steps" in done.out
    assert PairModel.load(run).translate([""]) == [""]


# -- what cannot be used --------------------------------------------------------------------------

LINES = "".join(f"{k}\tno {k}\n" for k in range(30))

BAD: dict[str, tuple[dict[str, bytes], list[str], list[str]]] = {
    "no separator": (
        {"data.tsv": (LINES + "alone\nalso alone\n").encode()},
        [],
        ["data.tsv, line 31: no separator: 'alone' (and 1 more such line)", "a tab"],
    ),
    "unequal line counts": (
        {"a.en": b"one\n\ntwo\n" * 10, "a.de": b"eins\nzwei\n" * 10},
        [],
        ["has 30 lines", "a.de has 20", "a.en, line 2", "line by line the same"],
    ),
    "empty sides alone": (
        {"data.tsv": b"\tx\ny\t\n \tz\n"},
        [],
        ["data.tsv, line 1: 3 pairs, each without a source or without a target"],
    ),
    "an encoding of its own": (
        {"data.tsv": LINES.replace("no", "né").encode("latin-1")},
        [],
        ["data.tsv", "byte", "UTF-8"],
    ),
    "a vocabulary that is too large": (
        {"data.tsv": LINES.encode()},
        ["--tokens", "bpe:8000"],
        ["--tokens bpe:8000", "the sources allow 261"],
    ),
    "a way of no kind": (
        {"data.tsv": LINES.encode()},
        ["--tokens", "syllables"],
        ["--tokens syllables", "bpe:N"],
    ),
    "an attention of no kind": (
        {"data.tsv": LINES.encode()},
        ["--attention", "cosine"],
        ["--attention cosine", "dot, scaled_dot, general, concat, location, none"],
    ),
    "a cell of no kind": (
        {"data.tsv": LINES.encode()},
        ["--cell", "qrnn"],
        ["--cell qrnn", "rnn, gru, lstm"],
    ),
    "a metric of no kind": (
        {"data.tsv": LINES.encode()},
        ["--metric", "rouge"],
        ["--metric rouge", "bleu, chrf, exact"],
    ),
    "a share above one": (
        {"data.tsv": LINES.encode()},
        ["--sampling", "1.5"],
        ["--sampling 1.5", "at most 1"],
    ),
    "nothing to feed": (
        {"data.tsv": LINES.encode()},
        ["--attention", "none", "--feeding", "input"],
        ["--feeding input with --attention none"],
    ),
    "an odd half": (
        {"data.tsv": LINES.encode()},
        ["--hidden", "7"],
        ["--hidden 7", "even"],
    ),
    "two times": (
        {"data.tsv": LINES.encode()},
        ["--minutes", "1"],
        ["--minutes", "--steps"],
    ),
    "no such column": (
        {"data.csv": ("source,target\n" + LINES.replace("\t", ",")).encode()},
        ["--target", "german"],
        ["german", "'source', 'target'"],
    ),
    "too few": (
        {"data.tsv": b"1\tone\n2\ttwo\n"},
        [],
        ["2 pairs", "at least 10"],
    ),
    "one column": ({"data.csv": b"text\n" + b"a\n" * 20}, [], ["text"]),
    "nothing at all": ({"data.tsv": b""}, [], ["data.tsv"]),
    "three plain files": (
        {"a.x": b"a\n" * 20, "b.x": b"b\n" * 20, "c.x": b"c\n" * 20},
        [],
        ["no tab", "3 files"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_nothing_is_left(tmp_path: Path, call: Recurra, case: str) -> None:
    files, words, said = BAD[case]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name for name in files]
    done = call("train", "pairs", *paths, "--out", tmp_path / "run", *FEW, *words, "--quiet")
    refused(done, *said)
    assert not (tmp_path / "run").exists()
    assert {file.name: file.read_bytes() for file in paths} == files


def test_pairs_of_two_parts_leave_the_test_part_and_are_counted(
    tmp_path: Path, call: Recurra
) -> None:
    rows = spelt(60)
    data, test = table(tmp_path / "all.tsv", rows), tmp_path / "test.tsv"
    fresh = [row for row in spelt(40, seed=5) if row not in rows]
    table(test, [*rows[:7], *fresh])
    words = ["--test", test, "--tokens", "characters", *FEW]
    done = call("train", "pairs", data, *words, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    summary = " ".join((done.out + done.err).split())
    assert "7 pairs taken out of the test part: another part has the same" in summary
    found = Run(tmp_path / "run").read_json(REPORT)["data"]
    assert found["found"]["test_removed"] == 7
    assert found["pairs"] == len(fresh)
    table(test, rows[:7])
    done = call("train", "pairs", data, *words, "--out", tmp_path / "other", "--quiet")
    refused(done, "nothing is left of the part that reports")
    assert not (tmp_path / "other").exists()

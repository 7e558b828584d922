from __future__ import annotations

import io
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurra
from commands import Done, Recurra, refused
from recurra import native
from recurra.bundle import CHECKPOINT, CONFIG, HISTORY, REPORT, VOCABULARY, WEIGHTS, Run
from recurra.cli import main
from recurra.errors import DataError
from recurra.tasks import TASKS, command
from recurra.tasks.text import baselines, evaluate
from recurra.tasks.text.estimator import TextModel
from recurra.training.progress import Bar, Silence
from small import small_text

OPTIONS = [
    *["--steps", "12", "--size", "tiny", "--hidden", "10", "--embedding", "6", "--batch", "4"],
    *["--bptt", "16", "--threads", "1", "--precision", "float32"],
]


@pytest.fixture(autouse=True)
def short_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "FREE_LENGTH", 200)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text(small_text(20))
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Press Ctrl-C during a step, for the callbacks of a quiet and of a talking command."""
    for kind in (Silence, Bar):
        stepped = kind.stepped

        def pressed(self: Any, at: int, *rest: Any, _stepped: Callable[..., Any] = stepped) -> None:
            _stepped(self, at, *rest)
            if at == step:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(kind, "stepped", pressed)


# -- data that cannot be used ---------------------------------------------------------------------

BAD_DATA: dict[str, tuple[bytes | None, list[str]]] = {
    "missing": (None, ["data.txt: no such file or folder"]),
    "empty": (b"", ["data.txt: the file is empty"]),
    "only a mark": (b"\xef\xbb\xbf", ["data.txt: the file is empty"]),
    "one character": (b"x", ["data has one character: too few", "at least 40 characters"]),
    "one line end": (b"\n", ["data has one character"]),
    "short": (b"abcdefgh" * 4, ["data has 32 characters: too few"]),
    "a single letter": (b"a" * 5000, ["data: the training part repeats one character, 'a'"]),
    "binary": (b"\x7fELF\x02\x01\0\0" * 200, ["data.txt: not UTF-8 text"]),
    "zeros": (
        b"text " * 50 + b"\0" * 50,
        ["it is binary (byte 250 is 0)"],
    ),
    "latin1": ("Grüße ".encode("latin1") * 99, ["not UTF-8 at byte 2 (0xfc)", "iconv"]),
    "utf16": (("Hello there. " * 99).encode("utf-16"), ["data.txt: not UTF-8", "iconv"]),
    "cut in a character": (("한국어 " * 99).encode()[:-2], ["data.txt: not UTF-8 at byte 986"]),
    "shorter than a chunk": (b"abcd " * 30, ["the training part has 127 characters", "--bptt"]),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_are_named_and_nothing_is_left(tmp_path: Path, call: Recurra, case: str) -> None:
    given, words = BAD_DATA[case]
    data = tmp_path / "data.txt"
    if given is not None:
        data.write_bytes(given)
    options = [*OPTIONS, "--bptt", 200] if "chunk" in case else OPTIONS
    refused(call("train", "text", data, "--out", tmp_path / "run", *options), *words)
    assert content(tmp_path) == ({} if given is None else {"data.txt": given})
    assert not (tmp_path / "run").exists()


def test_a_slip_in_a_name_is_guessed(corpus: Path, call: Recurra) -> None:
    done = call("train", "text", corpus.with_name("korpus.txt"), *OPTIONS)
    refused(done, f"did you mean {corpus}?")


def test_folders_without_text_are_named(tmp_path: Path, call: Recurra) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    run = tmp_path / "run"
    refused(call("train", "text", folder, "--out", run, *OPTIONS), "the folder holds no files")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (folder / "empty.txt").write_text("")
    refused(call("train", "text", folder, "--out", run, *OPTIONS), "not text")
    assert not run.exists()


def test_a_file_given_twice_is_told(corpus: Path, call: Recurra) -> None:
    refused(call("train", "text", corpus, corpus.parent, *OPTIONS), "given twice")


def test_a_file_that_may_not_be_read_is_told(
    corpus: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def refuse(self: Path, *how: Any) -> Any:
        if self == corpus:
            raise PermissionError(13, "Permission denied")
        return opened(self, *how)

    monkeypatch.setattr(Path, "open", refuse)
    refused(call("train", "text", corpus, *OPTIONS), "cannot be read: Permission denied")


@pytest.mark.parametrize("data", [b"", b"x", b"\xff\xfe\xfd"])
def test_standard_input_is_checked_as_files_are(
    tmp_path: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    done = call("train", "text", "-", "--out", tmp_path / "run", *OPTIONS)
    refused(done, "stdin" if data == b"x" else "standard input")
    assert not (tmp_path / "run").exists()


# -- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--minutes", "0"], ["--minutes 0.0", "above 0"]),
        (["--minutes", "-3"], ["--minutes -3.0"]),
        (["--minutes", "nan"], ["--minutes nan"]),
        (["--steps", "0"], ["--steps 0", "at least 1"]),
        (["--epochs", "0"], ["--epochs 0.0"]),
        (["--minutes", "1", "--steps", "5"], ["--minutes 1.0 and --steps 5", "one of"]),
        (["--steps", "5", "--epochs", "2"], ["--steps 5 and --epochs 2.0"]),
        (["--seed", "-1"], ["--seed -1"]),
        (["--threads", "0"], ["--threads 0"]),
        (["--precision", "half"], ["--precision half", "bfloat16"]),
        (["--device", "abacus"], ["--device abacus"]),
        (["--size", "huge"], ["--size huge", "tiny, small, medium, large"]),
        (["--cell", "cnn"], ["--cell cnn", "rnn, gru, lstm"]),
        (["--hidden", "0"], ["--hidden 0"]),
        (["--layers", "99"], ["--layers 99"]),
        (["--dropout", "1"], ["--dropout 1.0"]),
        (["--batch", "0"], ["--batch 0"]),
        (["--bptt", "1"], ["--bptt 1"]),
        (["--lr", "0"], ["--lr 0.0"]),
        (["--lr", "11"], ["--lr 11.0"]),
        (["--train-on-validation", "1"], ["--train-on-validation 1.0"]),
    ],
)
def test_options_out_of_range_are_named(
    tmp_path: Path, corpus: Path, call: Recurra, options: list[str], words: list[str]
) -> None:
    refused(call("train", "text", corpus, "--out", tmp_path / "run", *options), *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--temperature", "-1"], ["temperature = -1.0"]),
        (["--temperature", "nan"], ["temperature = nan"]),
        (["--top-k", "0"], ["top-k = 0"]),
        (["--top-p", "1.5"], ["top-p = 1.5"]),
        (["--repetition-penalty", "0"], ["repetition penalty = 0.0"]),
        (["--length", "-5"], ["--length -5"]),
        (["--count", "0"], ["count = 0"]),
        (["--count", "2", "--length", "0"], ["no length"]),
        (["--stop", ""], ["empty stop string"]),
        (["--prompt", "x", "--prompt-file", "y"], ["--prompt and --prompt-file"]),
        (["--prompt-file", "/nowhere/x"], ["/nowhere/x: no such file"]),
        (["--prompt", "Żółw"], ["'Ż' (U+017B)", "--replace-unknown"]),
    ],
)
def test_options_of_writing_are_checked_before_a_character_is_written(
    trained: Path, call: Recurra, options: list[str], words: list[str]
) -> None:
    refused(call("generate", trained, *options), *words)


@pytest.mark.parametrize(
    "words",
    [
        ["trian"],
        ["train", "texts"],
        ["train", "text", "--minuets", "3"],
        ["train", "text", "--steps", "many"],
        ["generate"],
        ["generate", "x", "--temperature", "hot"],
        ["resume"],
    ],
)
def test_slips_on_the_command_line_are_usage_errors(call: Recurra, words: list[str]) -> None:
    done = call(*words)
    assert done.code == 2
    assert "internal error" not in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "Did you mean train?"),
        (["train", "texts"], "Did you mean text?"),
        (["--versoin"], "--version"),
        (["train", "text", "--minuets", "3"], "--minutes"),
        (["generate", "x", "--temprature", "1"], "--temperature"),
        (["train", "labels", "--no-bidirectonal"], "--no-bidirectional"),
        (["train", "text", "--steps", "many"], "Invalid value for '--steps': 'many'"),
        (["generate", "x", "--top-k", "1.5"], "Invalid value for '--top-k': '1.5'"),
        (["generate", "x", "--length"], "--length"),
        (["generate"], "Missing argument 'RUN'."),
        (["resume", "x", "y"], "(y)"),
    ],
)
def test_slips_are_answered_in_one_message(call: Recurra, words: list[str], said: str) -> None:
    done = call(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("Error: ") == 1
    assert said in done.err.partition("Error: ")[2]


@pytest.mark.parametrize("words", [[], ["--debug"], ["train"]])
def test_without_a_command_there_is_help(call: Recurra, words: list[str]) -> None:
    done = call(*words)
    assert (done.code, done.err) == (0, "")
    assert "\nCommands:\n" in done.out


@pytest.mark.parametrize("task", TASKS)
def test_options_of_a_training_are_those_of_its_class(
    call: Recurra, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(command, "train", lambda _, *found, **how: given.append((*found, how)))
    assert call("train", task).code == 0
    options, data, out, how = given.pop()
    assert options == type(options)()
    assert (data, out) == ([], None)
    assert how == {"overwrite": False, "as_json": False, "quiet": False}
    words = ["--seed", "7", "--lr", "1", "--overwrite", "--json", "-q", "a", "b", "--out", "c"]
    assert call("train", task, *words).code == 0
    options, data, out, how = given.pop()
    assert options == type(options)(seed=7, lr=1.0)
    assert (data, out) == (["a", "b"], Path("c"))
    assert how == {"overwrite": True, "as_json": True, "quiet": True}
    if task == "pairs":
        words = ["--test", "x", "--test", "y", "--no-bidirectional", "--no-shared"]
        assert call("train", task, *words).code == 0
        wanted = {"test": ["x", "y"], "bidirectional": False, "shared": False}
        assert given.pop()[0] == type(options)(**wanted)


def test_an_unknown_lab_is_told_with_those_there_are(call: Recurra) -> None:
    refused(
        call("lab", "hihelo"), "no lab is called 'hihelo'", "shakespeare", "did you mean hihello"
    )


# -- runs that cannot be used ---------------------------------------------------------------------

COMMANDS = [["generate"], ["evaluate"], ["resume"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_is_no_run_is_told(tmp_path: Path, call: Recurra, command: list[str]) -> None:
    refused(call(*command, tmp_path / "nowhere"), "nowhere: no such run")
    refused(call(*command, tmp_path), "not a run of recurra (no config.json)")
    (tmp_path / "file").write_text("x")
    refused(call(*command, tmp_path / "file"), "file: not a folder")
    (tmp_path / CONFIG).write_text('{"model_type": "lstm"}')
    refused(call(*command, tmp_path), "not the configuration of a recurra run")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_run_of_another_task_is_told(own_run: Path, call: Recurra, command: list[str]) -> None:
    run = Run(own_run)
    run.write_json(CONFIG, run.config() | {"task": "dreams"})
    refused(call(*command, own_run), f"{own_run}: a run of task 'dreams'", "task", "text")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[-30] ^= 4
    path.write_bytes(whole)


@pytest.mark.parametrize("command", [["generate"], ["evaluate"]], ids=" ".join)
@pytest.mark.parametrize(
    ("name", "spoil", "fault"),
    [
        (WEIGHTS, cut, "damaged or truncated"),
        (WEIGHTS, flip, "damaged (its checksum does not match)"),
        (WEIGHTS, Path.unlink, "missing"),
        (CONFIG, cut, "damaged, not JSON"),
        (VOCABULARY, cut, "damaged, not JSON"),
        (VOCABULARY, Path.unlink, "missing"),
    ],
)
def test_damaged_runs_are_told_with_the_file(
    own_run: Path,
    call: Recurra,
    command: list[str],
    name: str,
    spoil: Callable[[Path], None],
    fault: str,
) -> None:
    spoil(own_run / name)
    before = content(own_run)
    refused(call(*command, own_run), f"{own_run / name}: {fault}")
    assert content(own_run) == before


def test_a_finished_run_is_not_resumed(own_run: Path, call: Recurra) -> None:
    before = content(own_run)
    refused(call("resume", own_run), "this training is finished", "recurra evaluate")
    assert content(own_run) == before


def test_an_existing_run_stays_without_overwrite(
    own_run: Path, corpus: Path, call: Recurra
) -> None:
    before = content(own_run)
    done = call("train", "text", corpus, "--out", own_run, *OPTIONS)
    refused(done, "exists already", "--overwrite")
    assert content(own_run) == before
    done = call("train", "text", corpus, "--out", own_run, "--overwrite", "--quiet", *OPTIONS)
    assert done.code == 0
    assert TextModel.load(own_run).network.architecture.hidden == 10


def test_what_is_no_run_stays_in_spite_of_overwrite(
    tmp_path: Path, corpus: Path, call: Recurra
) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter.txt").write_text("my only copy")
    (folder / CONFIG).write_text("{}")
    before = content(tmp_path)
    for out in (folder, corpus):
        done = call("train", "text", corpus, "--out", out, "--overwrite", *OPTIONS)
        refused(done, "choose another --out")
    assert content(tmp_path) == before


# -- training -------------------------------------------------------------------------------------


def test_a_training_prints_its_run_first_and_last_and_plain_lines(
    corpus: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    for number in (1, 2):
        done = call("train", "text", corpus.name, *OPTIONS)
        assert done.code == 0
        run = Path("runs") / f"text-corpus-{number}"
        assert done.err.startswith(f"run: {run}\n")
        assert done.out.endswith(f"\nrun: {run}\n")
        assert Run.open(run).has(REPORT)
    # No control codes, nothing drawn over.
    for text in (done.err, done.out):
        assert re.fullmatch(r"[\x20-\x7e\n]*", text)
    assert "Verdict: " in done.out
    assert max(map(len, done.out.split("A sample")[0].split("\n"))) <= 80
    # What its columns mean: a line each, none of them broken.
    summary = done.out.split("Left to write by itself")[1].split("\n\n")[0]
    means = re.findall("^  (known words|longest copy|new pairs): .+[;.]$", summary, re.MULTILINE)
    assert len(means) == 3
    assert summary.endswith(".")
    lines = [line for line in done.err.split("\n") if re.match(r" +\d+ %", line)]
    assert len(lines) == 12
    assert done.err.count("characters/s") == 12


def test_quiet_is_quiet(tmp_path: Path, corpus: Path, call: Recurra) -> None:
    done = call("train", "text", corpus, "--out", tmp_path / "run", "-q", *OPTIONS)
    assert (done.code, done.err) == (0, "")
    assert "Verdict: " in done.out


def test_json_is_all_there_is_on_stdout(
    tmp_path: Path, corpus: Path, trained: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parsed(*words: object) -> Any:
        done = call(*words)
        assert done.code == 0
        return json.loads(done.out, parse_constant=lambda name: pytest.fail(name))

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupt_at(patch, 5)
        done = call("train", "text", corpus, "--out", run, "--json", *OPTIONS)
        assert (done.code, done.out) == (130, "")
    report = parsed("resume", run, "--json")
    assert report["run"] == str(run)
    assert report == {"run": str(run)} | Run(run).read_json(REPORT)
    report = parsed("train", "text", corpus, "--out", tmp_path / "two", "--json", *OPTIONS)
    assert report["training"]["step"] == 12
    assert parsed("evaluate", run, "--json") == Run(run).read_json(REPORT)
    other = parsed("evaluate", trained, corpus, "--json")
    assert other["model"]["characters"] == len(corpus.read_text())
    written = parsed("generate", trained, "--count", 2, "--length", 30, "--seed", 1, "--json")
    assert [len(text) for text in written["continuations"]] == [30, 30]
    one = parsed("generate", trained, "--length", 30, "--seed", 1, "--json")
    assert one["continuations"] == written["continuations"][:1]
    found = parsed("doctor", "--json")
    assert found["recurra"] == recurra.__version__
    assert found["cores"] >= 1
    assert set(found["training"]["paths"]) == {"RNN", "GRU", "LSTM", "bfloat16"}


def test_the_doctor_speaks(call: Recurra) -> None:
    done = call("doctor")
    assert done.code == 0
    assert "LSTM runs on" in done.out
    assert np.__version__ in done.out


def test_the_doctor_can_ask_for_the_kernels(call: Recurra, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("doctor", "--require-native").code == (1 if native.absent else 0)
    monkeypatch.setattr(native, "absent", "no kernels today")
    monkeypatch.setattr(native, "instructions", lambda: None)
    done = call("doctor", "--require-native")
    assert done.code == 1
    assert done.err == "recurra: no kernels today\n"
    assert "native  no kernels today" in done.out
    assert call("doctor").code == 0


def test_the_doctor_builds_on_request(call: Recurra, monkeypatch: pytest.MonkeyPatch) -> None:
    from recurra.core import extension

    built: list[bool] = []
    monkeypatch.setattr(extension, "build", lambda: built.append(True))
    assert call("doctor", "--build").code == 0
    assert built == [True]
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    done = call("doctor", "--build")
    assert done.code == 2
    assert "--build" in done.err
    assert "Traceback" not in done.err


def test_ctrl_c_keeps_what_was_learnt(
    tmp_path: Path, corpus: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupt_at(patch, 7)
        done = call("train", "text", corpus, "--out", run, "--quiet", *OPTIONS)
    assert done.code == 130
    assert f"what was learnt is kept\n  to do: recurra resume {run}\n" in done.err
    assert call("generate", run, "--length", 5).code == 0
    assert call("evaluate", run).err.startswith(f"recurra: {run / REPORT}: missing")
    done = call("resume", run)
    assert done.code == 0
    assert "going on from step 7 of 12" in done.err
    assert done.out.endswith(f"\nrun: {run}\n")
    assert not (run / "checkpoint").exists()


def test_ctrl_c_before_anything_was_learnt_leaves_nothing(
    tmp_path: Path, corpus: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*given: object, **options: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(baselines, "text_baselines", press)
    done = call("train", "text", corpus, "--out", tmp_path / "run", *OPTIONS)
    assert done.code == 130
    assert "interrupted before anything was learnt" in done.err
    assert not (tmp_path / "run").exists()


def test_ctrl_c_tells_where_the_run_is_that_it_overwrites(
    own_run: Path, corpus: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(monkeypatch, 7)
    command = ("train", "text", corpus, "--out", own_run, "--overwrite", "--quiet", *OPTIONS)
    assert call(*command).err.endswith(
        f"to do: recurra resume {own_run}\n  the run that it replaces: {Run(own_run).replaced[0]}\n"
    )


def test_ctrl_c_while_writing_ends_with_130(
    trained: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*given: object, **options: object) -> Any:
        yield "abc"
        raise KeyboardInterrupt

    monkeypatch.setattr(TextModel, "generate", press)
    done = call("generate", trained)
    assert (done.code, done.out) == (130, "abc")


def begun(tmp_path: Path, corpus: Path, call: Recurra, patch: pytest.MonkeyPatch) -> Path:
    """A run that was interrupted."""
    with patch.context() as inner:
        interrupt_at(inner, 7)
        assert call("train", "text", corpus, "--out", tmp_path / "run", *OPTIONS).code == 130
    return tmp_path / "run"


def test_what_stands_in_the_way_of_resuming_is_told(
    tmp_path: Path, corpus: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(tmp_path, corpus, call, monkeypatch)
    before = content(run)
    text = corpus.read_text()
    corpus.write_text(text.replace("fox", "cat", 1))
    refused(call("resume", run), "the text has changed since the training began")
    corpus.unlink()
    refused(call("resume", run), "corpus.txt: no such file")
    corpus.write_text(text)
    flip(run / CHECKPOINT)
    refused(call("resume", run), f"{run / CHECKPOINT}: damaged")
    (run / CHECKPOINT).unlink()
    refused(call("resume", run), f"{run / CHECKPOINT}: missing", "train again")
    (run / CHECKPOINT).write_bytes(before[CHECKPOINT])
    assert content(run) == before
    with open(run / HISTORY, "a") as file:
        file.write("\0\0\0\n")
    refused(call("resume", run), f"{run / HISTORY}: damaged at line")


def test_standard_input_is_data_and_can_be_resumed(
    tmp_path: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def piped() -> None:
        data = small_text(20).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    piped()
    assert call("train", "text", "-", "--quiet", *OPTIONS).code == 0
    piped()
    with monkeypatch.context() as patch:
        interrupt_at(patch, 5)
        assert call("train", "text", "-", "--quiet", *OPTIONS).code == 130
    one, other = Path("runs/text-stdin-1"), Path("runs/text-stdin-2")
    assert call("resume", other, "--quiet").code == 0
    mine, theirs = (json.loads((run / REPORT).read_text()) for run in (one, other))
    assert mine["model"] == theirs["model"]
    piped()
    done = call("evaluate", one, "-")
    assert done.code == 0
    assert "stdin: the whole text" in done.out


def test_an_exploding_loss_ends_with_1_and_keeps_weights(
    tmp_path: Path, corpus: Path, call: Recurra
) -> None:
    run = tmp_path / "run"
    hot = ["--lr", "10", "--cell", "rnn", "--hidden", "128", "--steps", "60"]
    done = call("train", "text", corpus, "--out", run, *OPTIONS, *hot)
    assert done.code == 1
    assert done.out == ""
    assert re.search(r"the loss exploded at step \d+", done.err)
    assert f"recurra: {run}: the loss exploded after step" in done.err
    assert "are kept; train again with a lower --lr" in done.err
    assert call("generate", run, "--length", 5).code == 0
    done = call("evaluate", run)
    assert done.code == 0
    assert "until its loss exploded" in done.out.replace("\n", " ")
    refused(call("resume", run), "finished")


def test_a_loss_that_is_no_number_ends_with_1_and_keeps_the_best_weights(
    tmp_path: Path, corpus: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recurra.tasks.text.training_task import TextTrainingTask

    honest, count = TextTrainingTask.loss, 0

    def loss(self: Any, network: Any, train_state: Any) -> Any:
        nonlocal count
        count += 1
        found = honest(self, network, train_state)
        if count == 9:
            found.mean.data.fill_(float("nan"))
            return type(found)((found.mean * float("nan"),), found.total, found.train_state)
        return found

    monkeypatch.setattr(TextTrainingTask, "loss", loss)
    done = call(
        "train", "text", corpus, "--out", tmp_path / "run", "--train-on-validation", 0, *OPTIONS
    )
    assert done.code == 1
    assert "the loss exploded at step 9" in done.err
    model = TextModel.load(tmp_path / "run")
    assert model.report["training"]["best_step"] == 8
    assert np.isfinite(model.token_nll("The quick")).all()


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
def test_a_full_disk_loses_nothing(
    tmp_path: Path, corpus: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = textwrap.dedent(
        """
        import resource, sys
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
        from recurra.cli import main
        sys.exit(main(sys.argv[2:]))
        """
    )

    def on_a_small_disk(size: int, *words: object) -> Done:
        command = [sys.executable, "-c", script, str(size), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    # Too small for the first checkpoint: nothing was learnt, and nothing is left.
    done = on_a_small_disk(6000, "train", "text", corpus, "--out", tmp_path / "a", *OPTIONS)
    refused(done, "cannot be written (File too large)", "free some space")
    assert not (tmp_path / "a").exists()
    # Too small for the next one: the last good one stays, and goes on once there is space.
    run = begun(tmp_path, corpus, call, monkeypatch)
    before = content(run)
    done = on_a_small_disk(len(before[CHECKPOINT]) - 1000, "resume", run)
    refused(done, "cannot be written (File too large)", "recurra resume")
    after = content(run)
    assert after[CHECKPOINT] == before[CHECKPOINT]
    assert after.keys() == before.keys()
    assert call("resume", run).code == 0


# -- writing --------------------------------------------------------------------------------------


def test_generate_writes_the_prompt_and_goes_on(trained: Path, call: Recurra) -> None:
    words = ["generate", trained, "--prompt", "The quick ", "--length", 50, "--seed", 3]
    done = call(*words)
    assert done.code == 0
    assert done.err == ""
    assert done.out.startswith("The quick ")
    assert done.out.endswith("\n")
    assert len(done.out) == 10 + 50 + 1
    assert call(*words).out == done.out
    rows = call(*words, "--count", 3).out
    assert rows.startswith(f"--- 1\n{done.out}--- 2\nThe quick ")
    stopped = call(*words, "--stop", "fox")
    assert stopped.out == done.out.split("fox")[0] + "\n"


def test_prompts_come_from_files_and_pipes(
    tmp_path: Path, trained: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prompt.txt").write_text("The lazy")
    words = ["generate", trained, "--length", 9, "--seed", 3]
    expected = call(*words, "--prompt", "The lazy").out
    assert call(*words, "--prompt-file", tmp_path / "prompt.txt").out == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"The lazy")))
    assert call(*words, "--prompt-file", "-").out == expected


def test_a_terminal_that_lacks_a_character_stops_nothing(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    words = ["generate", str(trained), "--prompt", "é", "--replace-unknown", "--length", "3"]
    assert main(words) == 0
    sys.stdout.flush()
    assert raw.getvalue().startswith(b"?")
    assert len(raw.getvalue()) == 5


def test_a_reader_that_goes_away_ends_it_quietly(trained: Path) -> None:
    command = [sys.executable, "-m", "recurra", "generate", str(trained), "--length", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.read(20)) == 20
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""


# -- the rest -------------------------------------------------------------------------------------


def test_debug_shows_where_it_happened(tmp_path: Path) -> None:
    for words in (
        ["--debug", "train", "text", str(tmp_path / "x")],
        ["train", "text", "--debug", str(tmp_path / "x")],
    ):
        with pytest.raises(DataError):
            main(words)


def test_a_fault_of_ours_is_owned_up_to(
    trained: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **options: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(TextModel, "generate", fail)
    done = call("generate", trained)
    assert done.code == 1
    assert "internal error: ZeroDivisionError: division by zero" in done.err
    assert "--debug" in done.err


def test_the_version_is_the_packages(call: Recurra) -> None:
    done = call("--version")
    assert (done.code, done.out) == (0, f"recurra {recurra.__version__}\n")


def test_help_names_every_option_of_a_training(call: Recurra) -> None:
    done = call("train", "text", "--help")
    assert done.code == 0
    assert call("train", "text", "-h") == done
    for name in ("minutes", "steps", "epochs", "size", "seed", "out", "overwrite", "json", "quiet"):
        assert f"--{name}" in done.out


@pytest.mark.long
def test_help_comes_within_a_third_of_a_second() -> None:
    took = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "recurra", "--help"], check=True, capture_output=True)
        took.append(time.perf_counter() - start)
    assert statistics.median(took) < 0.35
    assert os.cpu_count()

"""What helps on the command line: help, completion, and ends that are told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import recurra
from commands import Recurra
from recurra import cli
from recurra.bundle import Run
from recurra.cli.examples import EXAMPLES
from recurra.errors import BundleError, OptionError, counted
from recurra.tasks import TASKS
from recurra.tasks.text import monitor

TEXTS = [f"a {'good' if n % 2 else 'bad'} film {n}" for n in range(60)]
LABELS = ["yes" if n % 2 else "no" for n in range(60)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run whose data lie in a file with a name that is no UTF-8."""
    folder = tmp_path_factory.mktemp("run")
    rows = "".join(f"{text}\t{label}\n" for text, label in zip(TEXTS, LABELS, strict=True))
    table = folder / os.fsdecode(b"od\xffd.tsv")
    try:
        table.write_text("text\tlabel\n" + rows)
    except OSError:
        table = folder / "odd.tsv"  # a file system that takes no such name
        table.write_text("text\tlabel\n" + rows)
    model = recurra.LabelModel(steps=3, hidden=4, ensemble=1, threads=1)
    return model.fit(table, out=folder / "made").run.path


def commands() -> Iterator[tuple[list[str], click.Command]]:
    """Every command with the words that call it."""
    context = click.Context(cli.recurra, info_name="recurra")
    for name in cli.recurra.list_commands(context):
        found = cli.recurra.get_command(context, name)
        assert found is not None
        yield [name], found
        if isinstance(found, click.Group):
            for each in found.list_commands(context):
                inner = found.get_command(context, each)
                assert inner is not None
                yield [name, each], inner


def test_every_command_shows_examples_that_parse(call: Recurra) -> None:
    for words, command in commands():
        said = call(*words, "--help")
        assert said.code == 0
        assert "\nExamples:\n  " in said.out, words
        for line in EXAMPLES[words[-1]]:
            assert f"  {line}\n" in said.out
            if isinstance(command, click.Group) or words == ["completion"]:
                continue
            _, _, typed = line.partition(f"recurra {' '.join(words)}")
            given = typed.split("<")[0].split("|")[0].split(">")[0].replace('"', "").split()
            command.make_context(words[-1], given)  # raises where an option is none


def test_options_are_listed_once_in_sections_and_choices_are_shown(call: Recurra) -> None:
    for task in TASKS.values():
        said = call("train", task.name, "--help").out
        titles = [line for line in said.splitlines() if line[:1].isalpha() and line[-1:] == ":"]
        assert titles[:4] == ["Examples:", "Arguments:", "Time:", "Data:"]
        for each in task.options_class.__dataclass_fields__.values():
            flag = f"  --{each.metadata['flag'] or each.name.replace('_', '-')} "
            assert sum(line.startswith(flag) for line in said.splitlines()) == 1, each.name
            if choices := each.metadata["choices"]:
                assert f"[{'|'.join(choices)}]" in said
    listed = [words for words, _ in commands() if len(words) == 1]
    assert listed[0] == ["train"]


def completed(monkeypatch: pytest.MonkeyPatch, capsys: Any, typed: str) -> list[str]:
    for name, value in {
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
        cli.COMPLETE: "bash_complete",
    }.items():
        monkeypatch.setenv(name, value)
    assert cli.main([]) == 0
    return [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()]


def test_the_tab_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert completed(monkeypatch, capsys, "recurra tra") == ["train", "translate"]
    assert completed(monkeypatch, capsys, "recurra train te") == ["text"]
    assert completed(monkeypatch, capsys, "recurra train text --cel") == ["--cell"]
    assert completed(monkeypatch, capsys, "recurra train text --cell g") == ["gru"]


def test_what_a_shell_needs_for_it(call: Recurra) -> None:
    for shell in ("zsh", "fish"):
        done = call("completion", shell)
        assert (done.code, done.err) == (0, "")
        assert cli.COMPLETE in done.out
    assert call("completion", "tcsh").code == 2


def test_a_run_of_another_task_names_the_command_for_it(call: Recurra, run: Path) -> None:
    done = call("generate", run)
    assert done.code == 2
    assert f"recurra classify {run}" in done.err


def test_a_run_is_named_when_its_folder_is_there_and_not_before_an_error(
    call: Recurra, tmp_path: Path
) -> None:
    done = call("train", "labels", tmp_path / "none.tsv", "--steps", 1)
    assert done.code == 2
    assert "run: " not in done.err


def test_names_of_files_that_are_no_text(run: Path) -> None:
    facts = Run(run).config()["data"]
    assert Path(facts["files"][0]).is_file()
    assert recurra.load(run).report["data"]["name"]


def test_a_path_that_no_system_takes(call: Recurra, run: Path) -> None:
    for words in (("train", "labels", "x" * 5000), ("evaluate", "x" * 5000), ("lab", "x" * 5000)):
        done = call(*words)
        assert done.code == 2, words
        assert "internal error" not in done.err
    assert call("evaluate", run, "y" * 5000).code == 2


def typed(run: Path, tail: str) -> subprocess.CompletedProcess[str]:
    shell = f'"{sys.executable}" -m recurra classify "{run}" "a good film" {tail}'
    return subprocess.run(["sh", "-c", shell], capture_output=True, text=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_output_that_cannot_be_written(run: Path) -> None:
    full = typed(run, "> /dev/full")
    assert (full.returncode, full.stderr) == (
        1,
        "recurra: what is printed: No space left on device\n",
    )
    closed = typed(run, ">&-")
    assert closed.returncode == 2
    assert closed.stderr.startswith("recurra: standard output is closed")
    assert typed(run, "2>&-").returncode == 0


@pytest.mark.parametrize("most", [2, 9])
def test_a_disk_that_is_full_is_gone_on_from_where_there_is_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    from recurra.bundle import disk

    written: list[Path] = []
    write = disk.write

    def full(target: Path, parts: Any) -> None:
        written.append(target)
        with disk.errors(target):
            if len(written) > most:
                raise OSError(28, "No space left on device")
        write(target, parts)

    monkeypatch.setattr(disk, "write", full)
    with pytest.raises(BundleError, match="No space left") as caught:
        recurra.LabelModel(steps=9, hidden=4, ensemble=1, threads=1).fit(
            TEXTS, LABELS, out=tmp_path / "run"
        )
    there = (tmp_path / "run" / "checkpoint" / "state.safetensors").exists()
    assert there is (most > 2)
    assert ("recurra resume" in caught.value.fix) is there


def test_counts_that_have_no_end_are_refused() -> None:
    from recurra.search.decoding import SearchOptions
    from recurra.tasks.text import generate

    for given in ({"n_best": 10**20}, {"beam": 10**20}, {"longest": 10**20}):
        with pytest.raises(OptionError):
            SearchOptions.of(given)
    none: Any = None
    with pytest.raises(OptionError, match="count = 1000000000"):
        generate.write(
            none, none, "", none, seed=0, count=10**9, replace_unknown=False, apart=False
        )
    with pytest.raises(OptionError, match=r"length = 1e\+20|length = 1000"):
        recurra.TextModel().generate(length=10**20)
    for threshold in (float("nan"), float("inf")):
        with pytest.raises(OptionError, match="threshold"):
            monitor.watch(none, "-", quantile=None, threshold=threshold, every=False, as_json=False)
    with pytest.raises(OptionError, match="top"):
        monitor.rank(none, "-", top=10**20, as_json=False)


def test_one_of_a_thing() -> None:
    said = [counted(1, "step"), counted(2, "step"), counted(1.0, "minute"), counted(0.5, "minute")]
    assert said == ["1 step", "2 steps", "1 minute", "0.5 minutes"]


def test_long_values_are_told_short() -> None:
    error = OptionError("x" * 20_000, expected="one of " + "y, " * 20_000, fix="z")
    assert len(str(error)) < 3000
    assert str(error).endswith("\n  to do: z")
    assert str(OptionError("x" * 900)) == "x" * 900

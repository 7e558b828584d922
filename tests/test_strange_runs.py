"""Runs that a stranger made: what is no regular file of theirs is neither read nor written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import recurra
from commands import Recurra, refused
from recurra import cli
from recurra.bundle import CONFIG, HISTORY, INPUT, WEIGHTS, Run, seal
from recurra.errors import BundleError, DataError
from recurra.tasks.text import stored

FROZEN = Path(__file__).parent / "frozen"
RUNS = {
    "text": "text-words",
    "labels": "labels-texts",
    "series": "series-walk",
    "pairs": "pairs-words",
    "captions": "captions-columns",
}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return copied("text", tmp_path)


def copied(task: str, folder: Path) -> Path:
    return Path(shutil.copytree(FROZEN / RUNS[task] / "run", folder / task))


def resealed(path: Path, change: Callable[[Any], None], name: str = CONFIG) -> None:
    """Change a JSON file as a forger does: the seal is no secret."""
    value, whose = seal.opened(json.loads((path / name).read_text("utf-8")))
    change(value)
    assert whose is not None
    (path / name).write_text(json.dumps(seal.sealed(value, whose)), "utf-8")


def linked(file: Path) -> None:
    elsewhere = file.parent.parent / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def endless(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def piped(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def monstrous(file: Path) -> None:
    with file.open("ab") as opened:
        opened.truncate(4 << 40)


@pytest.mark.parametrize("odd", [linked, endless, piped, monstrous])
@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, "vocabulary.json"])
def test_what_is_no_regular_file_is_refused(
    run: Path, name: str, odd: Callable[[Path], None]
) -> None:
    try:
        odd(run / name)
    except OSError:
        pytest.skip("this disk holds no such file")
    with pytest.raises(BundleError) as caught:
        recurra.load(run)
    assert str(run) in str(caught.value)
    assert caught.value.expected


def cached(run: Path, cache: Path) -> Path:
    """A run as Hugging Face's cache keeps it: every file a link into blobs."""
    snapshot, blobs = cache / "models--a--b" / "snapshots" / "0f", cache / "models--a--b" / "blobs"
    blobs.mkdir(parents=True)
    for number, file in enumerate(sorted(each for each in run.rglob("*") if each.is_file())):
        shutil.copy(file, blobs / str(number))
        link = snapshot / file.relative_to(run)
        link.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * (len(link.relative_to(snapshot).parts) + 1)
        link.symlink_to(f"{up}blobs/{number}")
    return snapshot


@pytest.mark.parametrize("task", RUNS)
def test_a_run_in_a_cache_of_links_is_read_and_copied(tmp_path: Path, task: str) -> None:
    run = copied(task, tmp_path)
    model: Any = recurra.load(cached(run, tmp_path / "cache"))
    assert model.report == recurra.load(run).report
    model.save(tmp_path / "saved")
    saved = {each.name for each in (tmp_path / "saved").iterdir()}
    assert saved == {each.name for each in run.iterdir() if each.name != "checkpoint"}
    assert not any(each.is_symlink() for each in (tmp_path / "saved").rglob("*"))


def test_in_a_cache_nothing_is_written_through_a_link(run: Path, tmp_path: Path) -> None:
    snapshot = cached(run, tmp_path / "cache")
    blobs = tmp_path / "cache" / "models--a--b" / "blobs"
    before = {each.name: each.read_bytes() for each in blobs.iterdir()}
    Run(snapshot).write_text("README.md", "new")
    with pytest.raises(BundleError):
        Run(snapshot).append_history({"step": 1})
    assert {each.name: each.read_bytes() for each in blobs.iterdir()} == before


@pytest.mark.parametrize("odd", [linked, endless, piped, monstrous])
def test_in_a_cache_too_only_its_own_regular_files_are_read(
    run: Path, tmp_path: Path, odd: Callable[[Path], None]
) -> None:
    snapshot = cached(run, tmp_path / "cache")
    weights = snapshot / WEIGHTS
    try:
        odd(weights if odd in (linked, endless) else weights.resolve())
    except OSError:
        pytest.skip("this disk holds no such file")
    if odd is linked:
        # Out of the snapshot, and not into blobs.
        assert "blobs" not in str(weights.readlink())
    with pytest.raises(BundleError):
        recurra.load(snapshot)


def test_a_run_behind_a_link_is_read(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to(run)
    assert recurra.load(tmp_path / "mine").report


def test_nothing_is_written_through_a_link(run: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (run / "figures").symlink_to(outside)
    with pytest.raises(BundleError, match="leads out of the run"):
        Run(run).write_bytes("figures/curves.png", b"x")
    assert list(outside.iterdir()) == []
    (outside / "mine").write_bytes(b"mine")
    (run / HISTORY).unlink()
    (run / HISTORY).symlink_to(outside / "mine")
    with pytest.raises(BundleError):
        Run(run).append_history({"step": 1})
    Run(run).write_text("README.md", "whole")
    (run / "README.md").unlink()
    (run / "README.md").symlink_to(outside / "mine")
    Run(run).write_text("README.md", "of the run")  # takes the place of the link
    assert (outside / "mine").read_bytes() == b"mine"
    assert not (run / "README.md").is_symlink()


def test_what_a_link_leads_to_is_not_saved(run: Path, tmp_path: Path) -> None:
    model = recurra.load(run)
    (tmp_path / "secret").write_text("secret")
    (run / "notes.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(BundleError, match="a link"):
        model.save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_device_that_a_configuration_names_is_not_opened(run: Path) -> None:
    resealed(run, lambda value: value["data"].update(files=["/dev/zero"]))
    shutil.rmtree(run / "checkpoint", ignore_errors=True)
    with pytest.raises(DataError, match="named by a run"):
        stored.read_again(Run(run))


def test_a_copy_of_the_data_that_is_a_link_is_not_read(run: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("other")
    (run / INPUT).parent.mkdir(exist_ok=True)
    (run / INPUT).unlink(missing_ok=True)
    (run / INPUT).symlink_to(tmp_path / "other.txt")
    with pytest.raises(BundleError, match="a link"):
        stored.read_again(Run(run))


SIZES: dict[str, Any] = {
    "hidden": 12_000,
    "layers": 10**9,
    "hidden below zero": -1,
    "hidden as text": "32",
    "layers as a share": 1.5,
    "hidden as a truth": True,
    "dropout as none": None,
    "unknown": 1,
}


@pytest.mark.parametrize("task", RUNS)
@pytest.mark.parametrize("what", SIZES)
def test_sizes_are_compared_before_anything_is_made(tmp_path: Path, task: str, what: str) -> None:
    path, name = copied(task, tmp_path), what.split(" ")[0]
    resealed(path, lambda v: v["inference"]["architecture"].update({name: SIZES[what]}))
    with pytest.raises(BundleError) as caught:
        recurra.load(path)
    assert str(path) in str(caught.value)


WEIGHTLESS: Any = [
    ("captions", ("architecture", "pools"), [[2, 2], [2, 2]]),
    ("captions", ("architecture", "pools"), [[2, 2], [2, 2], [2**20, 1]]),
    ("captions", ("architecture", "pools"), [[2, 2], [2, 2], [0, 1]]),
    ("captions", ("architecture", "pools"), [[2, 2], [2, 2], [2]]),
    ("captions", ("architecture", "form", "height"), 10**6),
    ("captions", ("architecture", "form", "height"), 64),
    ("captions", ("architecture", "form", "longest"), 10**6),
    ("captions", ("longest",), 10**9),
    ("captions", ("metric",), 1e308),
    ("series", ("architecture", "context"), 10**6),
    ("series", ("architecture", "horizon"), 10**6),
    ("series", ("architecture", "horizon"), 0),
    ("series", ("architecture", "period"), 10**7),
    ("pairs", ("limits", "slope"), 1e308),
    ("pairs", ("limits", "extra"), -1),
]


@pytest.mark.parametrize(("task", "where", "value"), WEIGHTLESS)
def test_sizes_that_no_weight_has_are_bounded(
    tmp_path: Path, task: str, where: tuple[str, ...], value: Any
) -> None:
    path = copied(task, tmp_path)

    def change(config: Any) -> None:
        inner = config["inference"]
        for name in where[:-1]:
            inner = inner[name]
        assert where[-1] in inner
        inner[where[-1]] = value

    resealed(path, change)
    with pytest.raises(BundleError, match="damaged") as caught:
        recurra.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("task", RUNS)
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, task: str, number: float) -> None:
    run = Run(copied(task, tmp_path))
    arrays, facts = run.read_arrays(WEIGHTS)
    for name in sorted(arrays):
        spoilt = {k: v.copy() for k, v in arrays.items()}
        spoilt[name].reshape(-1)[-1] = number
        run.write_arrays(WEIGHTS, spoilt, facts)
        with pytest.raises(BundleError, match="NaN or infinite"):
            recurra.load(run.path)


def test_deep_nesting_and_numbers_that_json_has_not(run: Path) -> None:
    for text in ("[" * 100_000 + "]" * 100_000, '{"a": NaN}', '{"a": -Infinity}', "9" * 9999):
        (run / CONFIG).write_text(text)
        with pytest.raises(BundleError, match="damaged"):
            recurra.load(run)


def test_the_command_line_says_it_once(run: Path, call: Recurra) -> None:
    resealed(run, lambda value: value["inference"]["architecture"].update(hidden=12_000))
    refused(call("evaluate", str(run)), "does not fit")


def test_a_panic_is_told_as_an_internal_error(
    monkeypatch: pytest.MonkeyPatch, call: Recurra
) -> None:
    class PanicException(BaseException):  # as Rust's libraries raise it
        pass

    def panic(*_: object) -> int:
        raise PanicException("stack overflow")

    monkeypatch.setattr(cli, "_run", panic)
    done = call("doctor")
    assert done.code == 1
    assert "internal error: PanicException: stack overflow" in done.err

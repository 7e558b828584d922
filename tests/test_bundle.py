from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recurra.bundle import (
    CHECKPOINT,
    CONFIG,
    FORMAT,
    HISTORY,
    WEIGHTS,
    Arrays,
    Run,
    free_path,
    type_names,
)
from recurra.errors import BundleError

ARRAYS: Arrays = {
    "weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "step": np.array(7, np.int64),
    "empty": np.zeros((0, 5), np.float32),
}
FACTS = {"step": 30, "best": 1.25, "plan": {"steps": 400}, "name": "é한"}


def begun(path: Path, task: str = "text") -> Run:
    run = Run.create(path)
    run.write_json(CONFIG, {"format": FORMAT, "task": task, "recurra": "0.1.0"})
    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


# -- round trips ------------------------------------------------------------------------------


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8),
        st.sampled_from(list(type_names.values())).flatmap(
            lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
        ),
        max_size=4,
    ).filter(lambda arrays: "__metadata__" not in arrays),
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers() | st.none(), max_size=3),
)
@settings(max_examples=60)
def test_arrays_and_facts_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, arrays: Arrays, facts: dict[str, Any]
) -> None:
    run = Run.create(tmp_path_factory.mktemp("run"))
    run.write_arrays(WEIGHTS, arrays, facts)
    found, summary = run.read_arrays(WEIGHTS)
    assert summary == facts
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == np.ascontiguousarray(array).tobytes()


def test_arrays_of_any_layout_are_written_in_order(tmp_path: Path) -> None:
    run, array = Run.create(tmp_path), np.arange(24, dtype=np.float32).reshape(4, 6)
    run.write_arrays(WEIGHTS, {"turned": array.T, "strided": array[::2, ::-3]})
    found, _ = run.read_arrays(WEIGHTS)
    np.testing.assert_array_equal(found["turned"], array.T)
    np.testing.assert_array_equal(found["strided"], array[::2, ::-3])
    found["turned"][0, 0] = 5  # its own memory, which may be written


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    run = Run.create(tmp_path)
    run.write_arrays(WEIGHTS, ARRAYS)
    before = contents(tmp_path)
    with pytest.raises(TypeError, match="mask"):
        run.write_arrays(WEIGHTS, {"mask": np.ones(3, np.bool_)})
    with pytest.raises(ValueError, match="JSON"):
        run.write_json("report.json", {"nats": float("nan")})
    assert contents(tmp_path) == before


def test_text_and_json_come_back(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "deep" / "run")
    run.write_text("checkpoint/input.txt", "line\r\nline\n한\u2028")
    assert run.read_text("checkpoint/input.txt") == "line\r\nline\n한\u2028"
    run.write_json("report.json", FACTS)
    assert run.read_json("report.json") == FACTS
    assert "é한" in (run.path / "report.json").read_text("utf-8")


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077, 0o002])
def test_files_have_the_permissions_of_new_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    before = os.umask(umask)
    try:
        (tmp_path / "plain").write_text("")
        with monkeypatch.context() as patch:
            # To ask for it is to set it, for all threads.
            patch.delattr(os, "umask")
            Run(tmp_path).write_text("written", "")
            Run(tmp_path).write_text("written", "anew")
    finally:
        os.umask(before)
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "plain").stat().st_mode


# -- crashes ----------------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends here."""


STAGES = {
    "open": "recurra.bundle.disk._open_aside",
    "write": "recurra.bundle.disk.os.fdopen",
    "fsync": "recurra.bundle.disk.os.fsync",
    "rename": "pathlib.Path.replace",
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("error", [Crash(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_write_that_ends_early_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, error: BaseException
) -> None:
    run = begun(tmp_path / "run")
    run.write_arrays(CHECKPOINT, ARRAYS, FACTS)
    before = contents(run.path)

    def fail(*args: object, **options: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(STAGES[stage], fail)
        with pytest.raises(Crash if isinstance(error, Crash) else BundleError) as caught:
            run.write_arrays(CHECKPOINT, {"weight": np.zeros(9, np.float32)}, {"step": 31})
    if isinstance(caught.value, BundleError):
        assert CHECKPOINT in str(caught.value)
        assert "No space left" in str(caught.value)
        assert "intact" in str(caught.value)
    assert contents(run.path) == before
    run.write_arrays(CHECKPOINT, {}, {"step": 31})
    assert run.read_arrays(CHECKPOINT) == ({}, {"step": 31})


def test_the_new_file_is_on_the_disk_before_it_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, order = begun(tmp_path / "run"), []
    fsync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        order.append("folder" if Path(f"/proc/self/fd/{handle}").resolve().is_dir() else "file")
        fsync(handle)

    def replaced(self: Path, target: Path) -> Path:
        order.append("rename")
        assert self.parent == target.parent
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    run.write_text("README.md", "new")
    assert order == ["file", "rename", "folder"]


def test_what_a_kill_left_half_written_is_swept_away(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    run.write_arrays(CHECKPOINT, ARRAYS)
    before = contents(run.path)
    code = """
        import os, sys
        from recurra.bundle import CHECKPOINT, WEIGHTS, Run
        os.fsync = lambda handle: os.kill(os.getpid(), 9)
        Run(sys.argv[1]).write_text(sys.argv[2], "half")
    """
    for name in (CHECKPOINT, WEIGHTS):
        command = [sys.executable, "-c", textwrap.dedent(code), str(run.path), name]
        assert subprocess.run(command, check=False).returncode == -9
    left = contents(run.path)
    assert len(left) == len(before) + 2
    assert before.items() <= left.items()
    run.sweep()
    assert contents(run.path) == before


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
def test_a_disk_that_is_full_for_real_loses_nothing(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    run.write_arrays(WEIGHTS, ARRAYS)
    run.append_history({"step": 1, "train": 2.5})
    before = contents(run.path)
    code = """
        import resource, sys
        import numpy as np
        from recurra.bundle import HISTORY, WEIGHTS, Run
        from recurra.errors import BundleError
        run = Run(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            run.write_arrays(WEIGHTS, {"weight": np.zeros(10_000, np.float32)})
        except BundleError as error:
            print(error)
        try:
            for step in range(2, 1000):
                run.append_history({"step": step, "train": 2.5})
        except BundleError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(run.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{run.path / WEIGHTS}: cannot be written (File too large)" in done.stdout
    assert f"{run.path / HISTORY}: cannot be written" in done.stdout
    after = contents(run.path)
    history = after.pop(HISTORY)
    assert history.startswith(before.pop(HISTORY))
    assert after == before
    # The line at which the disk was full may be there in part.
    steps = [line["step"] for line in run.history()]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) > 50


def test_a_folder_that_may_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(BundleError, match=r"run: cannot be written .Permission denied") as caught:
        Run.create(tmp_path / "run")
    assert "permissions" in caught.value.fix


# -- damage -----------------------------------------------------------------------------------


def arrays_file(tmp_path: Path) -> tuple[Run, bytes]:
    run = begun(tmp_path / "run")
    run.write_arrays(WEIGHTS, ARRAYS, FACTS)
    return run, (run.path / WEIGHTS).read_bytes()


def test_arrays_cut_off_anywhere_are_damaged(tmp_path: Path) -> None:
    run, whole = arrays_file(tmp_path)
    for end in range(len(whole)):
        (run.path / WEIGHTS).write_bytes(whole[:end])
        with pytest.raises(BundleError, match=f"{WEIGHTS}: damaged"):
            run.read_arrays(WEIGHTS)


@settings(max_examples=200)
@given(st.data())
def test_a_flipped_bit_changes_nothing_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    run, whole = arrays_file(tmp_path_factory.mktemp("damage"))
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    (run.path / WEIGHTS).write_bytes(flipped)
    fault = ""
    try:
        arrays, facts = run.read_arrays(WEIGHTS)
    except BundleError as error:
        fault = error.got
    if fault:
        assert fault.startswith(f"{run.path / WEIGHTS}: damaged")
    else:
        # What fills the header up means nothing.
        assert facts == FACTS
        assert {k: v.tobytes() for k, v in arrays.items()} == {
            k: v.tobytes() for k, v in ARRAYS.items()
        }


def test_changed_facts_are_noticed(tmp_path: Path) -> None:
    run, whole = arrays_file(tmp_path)
    assert whole.count(b'\\"step\\": 30') == 1
    (run.path / WEIGHTS).write_bytes(whole.replace(b'\\"step\\": 30', b'\\"step\\": 80'))
    with pytest.raises(BundleError, match="checksum"):
        run.read_arrays(WEIGHTS)


def test_arrays_of_others_are_foreign(tmp_path: Path) -> None:
    from safetensors.numpy import save

    run = begun(tmp_path / "run")
    for content in (
        b"",
        b"hello, these are weights",
        save({"weight": np.zeros(3, np.float32)}),
        save({"weight": np.zeros(3, np.float32)}, {"format": "pt"}),
        save({"weight": np.zeros(3, np.float16)}, {"sha256": "", "facts": "{}"}),
    ):
        (run.path / WEIGHTS).write_bytes(content)
        with pytest.raises(BundleError, match=f"{WEIGHTS}: damaged or truncated, or not written"):
            run.read_arrays(WEIGHTS)


def test_missing_files_say_what_can_be_done(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    for read in (run.read_arrays, run.read_text, run.read_json):
        with pytest.raises(BundleError, match=f"{WEIGHTS}: missing") as caught:
            read(WEIGHTS)
        assert "recurra resume" in caught.value.fix
    with pytest.raises(BundleError, match=f"{CHECKPOINT}: missing") as caught:
        run.read_arrays(CHECKPOINT)
    assert "train again" in caught.value.fix
    (run.path / "folder").mkdir()
    for read in (run.read_arrays, run.read_text):
        with pytest.raises(BundleError, match="folder: cannot be read"):
            read("folder")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'{"a": 1', "not JSON at line 1, column 8"),
        (b'{"a":\n 1,}', "not JSON at line 2"),
        (b"", "not JSON at line 1, column 1"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b"[" * 100_000, "damaged"),
        (b"1" * 10_000, "damaged"),
    ],
)
def test_damaged_json_names_the_place(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(BundleError, match=rf"report\.json: damaged.*{fault}|{fault}") as caught:
        Run(tmp_path).read_json("report.json")
    assert str(tmp_path / "report.json") in caught.value.got
    assert caught.value.fix


def test_what_makes_no_sense_inside_a_file_is_damage_to_it(tmp_path: Path) -> None:
    run = Run(tmp_path)
    errors: list[Exception] = [KeyError("sizes"), TypeError("no"), BundleError("the vocabulary")]
    for error in errors:
        with (
            pytest.raises(BundleError, match=r"vocabulary\.json: damaged"),
            run.intact("vocabulary.json"),
        ):
            raise error
    with pytest.raises(BundleError) as caught, run.intact("vocabulary.json"):
        run.read_json("vocabulary.json")
    assert caught.value.got == f"{tmp_path / 'vocabulary.json'}: missing"


# -- opening and making -----------------------------------------------------------------------


def test_open_tells_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere: no such run"):
        Run.open(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"not a run of recurra \(no config\.json\)"):
        Run.open(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(BundleError, match="file: not a folder"):
        Run.open(tmp_path / "file")
    for foreign in ("[]", "{}", '{"task": "text"}', '"format"', '{"format": 1, "task": "text"}'):
        (tmp_path / CONFIG).write_text(foreign)
        with pytest.raises(BundleError, match="not the configuration of a recurra run"):
            Run.open(tmp_path)
    (tmp_path / CONFIG).write_text('{"format": 99, "task": "text", "recurra": "9.0"}')
    with pytest.raises(BundleError, match="bundle format 99") as caught:
        Run.open(tmp_path)
    assert caught.value.expected == f"format {FORMAT}" == "format 1"
    (tmp_path / CONFIG).write_text('{"format": 1, "task": "text", "recurra": "0.1.0"}')
    with pytest.raises(BundleError, match=r"config\.json: damaged \(no seal\)"):
        Run.open(tmp_path)


def test_open_tells_a_run_of_another_task(tmp_path: Path) -> None:
    begun(tmp_path / "run", "labels")
    assert Run.open(tmp_path / "run").config()["task"] == "labels"
    with pytest.raises(BundleError, match="a run of task 'labels'") as caught:
        Run.open(tmp_path / "run", task="text")
    assert caught.value.expected == "a run of task 'text'"


def test_an_existing_folder_is_never_taken_without_being_told(tmp_path: Path) -> None:
    begun(tmp_path / "run").append_history({"step": 1})
    before = contents(tmp_path)
    with pytest.raises(BundleError, match="exists already") as caught:
        Run.create(tmp_path / "run")
    assert "--overwrite" in caught.value.fix
    assert contents(tmp_path) == before
    (tmp_path / "empty").mkdir()
    Run.create(tmp_path / "empty")


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.txt": "my only copy"},
        {"thesis.txt": "my only copy", CONFIG: '{"name": "a package of another program"}'},
        {"thesis.txt": "my only copy", CONFIG: "not even JSON"},
        {"thesis.txt": "my only copy", CONFIG: '{"task": "text", "format": "torch"}'},
    ],
)
def test_overwrite_replaces_nothing_but_a_run(tmp_path: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    before = contents(tmp_path)
    with pytest.raises(BundleError, match="so it is not replaced") as caught:
        Run.create(tmp_path, overwrite=True)
    assert caught.value.fix
    assert contents(tmp_path) == before


def test_overwrite_never_replaces_a_file_nor_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(BundleError, match="file: is a file"):
            Run.create(tmp_path / "file", overwrite=overwrite)
    run = begun(tmp_path / "run")
    (run.path / "notes").mkdir()
    (run.path / "notes" / "corpus.txt").write_text("x")
    before = contents(tmp_path)
    with pytest.raises(BundleError, match="holds what the new run is made from"):
        Run.create(run.path, overwrite=True, reading=[run.path / "notes" / "corpus.txt"])
    assert contents(tmp_path) == before


def trained(path: Path, name: str) -> dict[str, bytes]:
    """Something learnt, in a folder where nothing is; what is in it."""
    run = begun(path)
    run.write_arrays(WEIGHTS, ARRAYS, {"name": name})
    run.write_arrays(CHECKPOINT, ARRAYS)
    return contents(path)


def test_what_is_overwritten_stays_beside_until_the_new_run_is_finished(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "corpus.txt").write_text("x")
    place, before = tmp_path / "run", trained(tmp_path / "run", "old")
    (place / "link").symlink_to(tmp_path / "kept", target_is_directory=True)
    run = Run.create(place, overwrite=True)
    assert contents(place) == {}
    (aside,) = run.replaced
    assert aside.parent == tmp_path.resolve()
    assert contents(aside) == before
    run.write_json(CONFIG, begun(tmp_path / "other").config())
    run.settle()
    assert run.replaced == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["kept", "other", "run"]
    assert list(contents(place)) == [CONFIG]
    assert (tmp_path / "kept" / "corpus.txt").read_text() == "x"


def test_what_comes_to_nothing_brings_back_what_it_overwrote(tmp_path: Path) -> None:
    place, before = tmp_path / "run", trained(tmp_path / "run", "old")
    run = Run.create(place, overwrite=True)
    run.write_text("README.md", "card")
    run.remove()
    assert contents(tmp_path) == {f"run/{name}": content for name, content in before.items()}
    Run(tmp_path / "other").remove()  # nothing at all


def test_the_old_run_comes_back_where_no_new_folder_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, before = tmp_path / "run", trained(tmp_path / "run", "old")

    def full(*_given: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", full)
        with pytest.raises(BundleError, match="No space left"):
            Run.create(place, overwrite=True)
    assert contents(place) == before


@pytest.mark.parametrize("how_far", ["set aside", "made", "begun"])
def test_killed_while_it_overwrites_the_old_run_is_found(tmp_path: Path, how_far: str) -> None:
    place, before = tmp_path / "run", trained(tmp_path / "run", "old")
    (aside,) = Run.create(place, overwrite=True).replaced
    if how_far == "set aside":
        place.rmdir()
    elif how_far == "begun":
        Run(place).write_json(CONFIG, Run(aside).config())
    for tried in (lambda: Run.open(place).read_arrays(WEIGHTS), lambda: Run.create(place)):
        with pytest.raises(BundleError) as caught:
            tried()
        assert str(aside) in caught.value.got
    # The next attempt learns nothing either, twice.
    for _ in range(2):
        run = Run.create(place, overwrite=True)
        assert run.replaced == [aside]
        run.remove()
        assert contents(place) == before
    assert Run(place).replaced == []


def test_all_that_was_learnt_stays_until_a_run_is_finished(tmp_path: Path) -> None:
    place, first = tmp_path / "run", trained(tmp_path / "run", "first")
    Run.create(place, overwrite=True).write_json(CONFIG, begun(tmp_path / "x").config())
    Run(place).write_arrays(CHECKPOINT, ARRAYS)
    second = contents(place)
    run = Run.create(place, overwrite=True)
    assert [contents(each) for each in run.replaced] == [first, second]
    run.remove()
    assert contents(place) == second
    run = Run.create(place, overwrite=True)
    run.settle()
    assert run.replaced == []


def test_a_run_that_a_link_leads_to_is_overwritten_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    before = trained(tmp_path / "disk" / "run", "old")
    (tmp_path / "run").symlink_to(tmp_path / "disk" / "run", target_is_directory=True)
    run = Run.create(tmp_path / "run", overwrite=True)
    assert [each.parent.name for each in run.replaced] == ["disk"]
    run.write_text("README.md", "card")
    assert list(contents(tmp_path / "disk" / "run")) == ["README.md"]
    run.remove()
    assert contents(tmp_path / "run") == before


def test_the_folder_one_stands_in_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = trained(tmp_path / "run", "old")
    (tmp_path / "run" / "deep").mkdir()
    for folder, out in (("run", "."), ("run/deep", ".."), ("run/deep", tmp_path / "run")):
        monkeypatch.chdir(tmp_path / folder)
        with pytest.raises(BundleError, match="that this command is run in") as caught:
            Run.create(out, overwrite=True)
        assert caught.value.fix
    assert contents(tmp_path / "run") == before


def test_a_run_that_is_being_replaced_leaves_its_name_taken(tmp_path: Path) -> None:
    trained(tmp_path / "text-x-1", "old")
    Run.create(tmp_path / "text-x-1", overwrite=True).path.rmdir()
    assert free_path("text", "x", tmp_path).name == "text-x-2"


def test_copies_are_whole_but_for_the_checkpoint(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    run.write_arrays(WEIGHTS, ARRAYS)
    run.write_arrays("traces/test.safetensors", ARRAYS)
    before = contents(run.path)
    run.write_arrays(CHECKPOINT, ARRAYS)
    (run.path / ".state.x.aside").write_text("half")
    run.copy_to(Run.create(tmp_path / "copy"))
    assert contents(tmp_path / "copy") == before


def test_free_paths_are_free_and_plain(tmp_path: Path) -> None:
    assert free_path("text", "my corpus/한", tmp_path) == tmp_path / "text-my-corpus-한-1"
    (tmp_path / "text-x-1").mkdir()
    (tmp_path / "text-x-2").write_text("")
    assert free_path("text", "x", tmp_path) == tmp_path / "text-x-3"
    for odd in ("", ".", "..", "/", "---"):
        assert free_path("text", odd, tmp_path).name == "text-data-1"


# -- history ----------------------------------------------------------------------------------


def test_history_is_what_was_appended(tmp_path: Path) -> None:
    run = Run.create(tmp_path)
    assert run.history() == []
    lines = [{"step": step, "train": 1 / step, "select": None} for step in range(1, 6)]
    for line in lines:
        run.append_history(line)
    assert run.history() == lines
    run.cut_history(3)
    assert run.history() == lines[:3]
    run.append_history(lines[3])
    assert run.history() == lines[:4]
    run.cut_history(0)
    assert run.history() == []


def test_a_line_cut_short_is_dropped_and_written_over(tmp_path: Path) -> None:
    run = Run.create(tmp_path)
    lines = [{"step": step, "train": 0.5} for step in (1, 2, 3)]
    for line in lines:
        run.append_history(line)
    whole = (tmp_path / HISTORY).read_bytes()
    last = len(whole) - len(whole.splitlines()[-1]) - 1
    for end in range(last, len(whole)):
        (tmp_path / HISTORY).write_bytes(whole[:end])
        assert run.history() == lines[:2]
        run.cut_history(3)
        run.append_history(lines[2])
        assert (tmp_path / HISTORY).read_bytes() == whole


@pytest.mark.parametrize("line", ["{", "5", "[]", "{}", '{"step": "2"}', "\0\0\0", "[" * 100_000])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    good = json.dumps({"step": 1})
    (tmp_path / HISTORY).write_text(f"{good}\n{line}\n{good}\n")
    with pytest.raises(BundleError, match=rf"{HISTORY}: damaged at line 2"):
        Run(tmp_path).history()


# -- seals ------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4) | st.lists(VALUES, max_size=4))
@example({"nats": 1.0, "seal": "of wax"})
@example({"list": [1]})
@example({"list": [1], "nats": 1.0})
def test_what_is_sealed_comes_back(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (UnicodeEncodeError, ValueError):
        return
    run = begun(tmp_path_factory.mktemp("run"))
    if isinstance(value, dict) and ("seal" in value or value.keys() == {"list"}):
        with pytest.raises(ValueError, match="the seal's own"):
            run.write_json("report.json", value)
        return
    run.write_json("report.json", value)
    assert run.read_json("report.json") == value
    # Written anew by eye, with other blanks and in another order, it is the same.
    held = json.loads((run.path / "report.json").read_text("utf-8"))
    (run.path / "report.json").write_text(json.dumps(held, sort_keys=True))
    assert run.read_json("report.json") == value


@settings(max_examples=300)
@given(st.data())
def test_another_byte_of_json_changes_nothing_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    run = begun(tmp_path_factory.mktemp("run"))
    value = {"nats": 1.5, "names": ["a", "é"], "inner": {"on": True, "step": 30, "none": None}}
    name = data.draw(st.sampled_from(["report.json", CONFIG]))
    run.write_json("report.json", value)
    expected = run.read_json(name)
    spoilt = bytearray((run.path / name).read_bytes())
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    (run.path / name).write_bytes(spoilt)
    fault = ""
    try:
        found = run.read_json(name)
    except BundleError as error:
        fault = error.got
    assert fault.startswith(f"{run.path / name}: ") if fault else found == expected


@pytest.mark.parametrize("name", ["report.json", WEIGHTS])
def test_files_of_another_run_are_noticed(tmp_path: Path, name: str) -> None:
    one, other = begun(tmp_path / "one"), begun(tmp_path / "other")
    for run in (one, other):
        run.write_json("report.json", {"nats": 1.5})
        run.write_arrays(WEIGHTS, ARRAYS, FACTS)
    read = Run.read_json if name == "report.json" else Run.read_arrays
    # What is the same to the last byte but for the run that it was made for.
    (one.path / name).write_bytes((other.path / name).read_bytes())
    with pytest.raises(BundleError, match=f"{name}: of another run than {CONFIG}"):
        read(one, name)
    # The same where the configuration is the other's; a copy of both is a run again.
    (one.path / CONFIG).write_bytes((other.path / CONFIG).read_bytes())
    read(one, name)
    # A file without the seal of a run is not of this one either.
    Run(tmp_path / "bare").write_json("report.json", {"nats": 1.5})
    Run(tmp_path / "bare").write_arrays(WEIGHTS, ARRAYS, FACTS)
    read(Run(tmp_path / "bare"), name)
    (one.path / name).write_bytes((tmp_path / "bare" / name).read_bytes())
    with pytest.raises(BundleError, match="of another run"):
        read(one, name)


def test_a_configuration_written_again_is_of_the_same_run(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    run.write_arrays(WEIGHTS, ARRAYS)
    run.write_json(CONFIG, run.config() | {"device": "cpu"})
    assert run.config()["device"] == "cpu"
    assert "seal" not in run.config()
    run.read_arrays(WEIGHTS)
    # Copies are of it too.
    run.copy_to(Run.create(tmp_path / "copy"))
    Run.open(tmp_path / "copy").read_arrays(WEIGHTS)


def test_a_folder_in_which_the_first_write_was_cut_off_is_trained_into(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir()
    (place / f".{CONFIG}.0123abcd.aside").write_text("{")
    Run.create(place)
    assert list(place.iterdir()) == []
    (place / ".other").write_text("mine")
    with pytest.raises(BundleError, match="exists already"):
        Run.create(place)

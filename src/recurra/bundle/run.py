"""The folder of a run: made, opened, its files read and written."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from recurra.bundle import arrays as array_file
from recurra.bundle import disk, seal
from recurra.bundle.arrays import Arrays
from recurra.errors import BundleError, InputError, MissingExtra

FORMAT = 1
"""What runs are written in."""

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
VOCABULARY = "vocabulary.json"
REPORT = "report.json"
HISTORY = "history.jsonl"
CARD = "README.md"
CHECKPOINT = "checkpoint/state.safetensors"
INPUT = "checkpoint/input.txt"


@final
class Run:
    """The folder of one training run.

    Args:
        path: the folder. Nothing is read or written until a method is called; use `create`
            for a new run and `open` for one that exists.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        reading: Sequence[Path] = (),
    ) -> Run:
        """Make the folder of a new run; `reading` are files that it is made from.

        A run that is overwritten is set aside beside it, until `settle` says that the new one is
        finished, or `remove` brings the old one back.

        Raises:
            BundleError: something is there already (without `overwrite`), something that is not
                a run or that holds what is read (with it), or the folder cannot be made.
        """
        run = cls(path)
        with disk.errors(run.path):
            is_file = run.path.exists() and not run.path.is_dir()
            held = run.path.is_dir() and not all(map(disk.is_aside, run.path.iterdir()))
            place, before = run.path.resolve(), run.replaced
        if is_file:
            raise BundleError(
                f"{run.path}: is a file", expected="a new folder", fix="choose another --out"
            )
        if (held or before) and not overwrite:
            raise BundleError(
                f"{run.path}: {'exists already' if held else 'is to be replaced'}{run._replaced()}",
                expected="a new folder for the run",
                fix="choose another --out, or add --overwrite to replace the run",
            )
        if held and any(place in file.resolve().parents for file in reading):
            raise BundleError(
                f"{run.path}: holds what the new run is made from, so it is not replaced",
                expected="another folder for the run",
                fix="choose another --out",
            )
        if held and place in (Path.cwd(), *Path.cwd().parents):
            # It would be set aside with whoever stands in it.
            raise BundleError(
                f"{run.path}: the folder that this command is run in, so it is not replaced",
                expected="another folder for the run",
                fix="change to a folder outside of it first",
            )
        if held:
            try:
                cls.open(path)
            except BundleError as error:
                # Many programs have a config.json: only what is a run beyond doubt is removed.
                raise BundleError(
                    f"{error.got}, so it is not replaced",
                    expected="an existing run, where --overwrite is given",
                    fix="choose another --out, or remove that folder yourself",
                ) from error
        with disk.errors(run.path):
            if held and any(map(run.has, (CHECKPOINT, WEIGHTS, REPORT))):
                place.rename(run._aside(len(before) + 1))
            elif held:
                run._empty()  # nothing was learnt
            try:
                place.mkdir(parents=True, exist_ok=True)
                run.sweep()
            except BaseException:
                run.remove()
                raise
        return run

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, task: str | None = None) -> Run:
        """Open an existing run and check that it is one, and of this task if one is given.

        Raises:
            BundleError: no such folder, no run, another format, or a run of another task.
        """
        run = cls(path)
        if not run.path.is_dir():
            raise BundleError(
                f"{run.path}: no such run{run._replaced()}"
                if not run.path.exists()
                else f"{run.path}: not a folder",
                expected="the folder of a run, as made by `recurra train`",
            )
        if not (run.path / CONFIG).is_file():
            raise BundleError(
                f"{run.path}: not a run of recurra (no {CONFIG}){run._replaced()}",
                expected="the folder of a run, as made by `recurra train`",
            )
        config = run.config()
        if task is not None and config["task"] != task:
            raise BundleError(
                f"{run.path}: a run of task {config['task']!r}", expected=f"a run of task {task!r}"
            )
        return run

    def config(self) -> dict[str, Any]:
        """The run's configuration, checked for its format."""
        config = self.read_json(CONFIG)
        if not (
            isinstance(config, dict)
            and {"format", "task", "recurra"} <= config.keys()
            and isinstance(config["task"], str)
        ):
            raise BundleError(
                f"{self.path / CONFIG}: not the configuration of a recurra run",
                expected="the folder of a run, as made by `recurra train`",
            )
        if config["format"] != FORMAT:
            raise BundleError(
                f"{self.path / CONFIG}: bundle format {config['format']!r}",
                expected=f"format {FORMAT}",
                fix="load it with the version of recurra that wrote it",
            )
        return config

    def has(self, name: str) -> bool:
        """Whether the run holds this file."""
        return (self.path / name).is_file()

    def write_bytes(self, name: str, content: bytes | Iterable[bytes]) -> None:
        """Replace a file by this content, whole or in parts, or leave it as it was."""
        disk.check_within(self.path / name, self.path)
        disk.write(self.path / name, [content] if isinstance(content, bytes) else content)

    def write_text(self, name: str, text: str) -> None:
        """Replace a text file, UTF-8."""
        self.write_bytes(name, disk.encoded(text))

    def write_json(self, name: str, value: Mapping[str, Any] | Sequence[Any]) -> None:
        """Replace a JSON file, indented to be read by eye, with a seal at its end."""
        new = name == CONFIG and not self.has(CONFIG)
        whose = self.name or (seal.identity() if new else None)
        written = value if whose is None else seal.sealed(value, whose)
        self.write_text(
            name, json.dumps(written, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        )

    def read_text(self, name: str) -> str:
        """The content of a text file."""
        try:
            return self.read_bytes(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise BundleError(
                f"{self.path / name}: damaged, not UTF-8 at byte {error.start}", fix=_RESTORE
            ) from None

    def read_json(self, name: str) -> Any:
        """The value of a JSON file, without its seal.

        Raises:
            BundleError: missing, truncated, damaged or of another run.
        """
        value, whose = self._opened(name)
        self._check_own(name, whose)
        return value

    def _opened(self, name: str) -> tuple[Any, str | None]:
        text = self.read_text(name)
        try:
            value, whose = seal.opened(seal.parsed(text))
        except json.JSONDecodeError as error:
            raise BundleError(
                f"{self.path / name}: damaged, not JSON at line {error.lineno}, "
                f"column {error.colno}",
                fix=_RESTORE,
            ) from None
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{self.path / name}: damaged ({error})", fix=_RESTORE) from None
        own = name == CONFIG and isinstance(value, dict) and "recurra" in value
        if own and value.get("format") == FORMAT and whose is None:
            raise BundleError(f"{self.path / name}: damaged (no seal)", fix=_RESTORE)
        return value, whose

    def write_arrays(
        self, name: str, arrays: Arrays, facts: Mapping[str, Any] | None = None
    ) -> None:
        """Replace a file of named arrays; `facts` (JSON) travel in its header."""
        self.write_bytes(name, array_file.to_bytes(arrays, facts or {}, self.name))

    def read_arrays(self, name: str) -> tuple[Arrays, dict[str, Any]]:
        """The named arrays of a file, and the facts in its header.

        Raises:
            BundleError: missing, truncated, damaged, of another run, or not written by recurra.
        """
        content = self.read_bytes(name)
        try:
            arrays, facts, whose = array_file.from_bytes(content)
        except ValueError as error:
            raise BundleError(f"{self.path / name}: {error}", fix=_RESTORE) from None
        self._check_own(name, whose)
        return arrays, facts

    def check(self, *names: str) -> None:
        """Read files of JSON and of arrays, to tell now what else would be told later."""
        for name in names:
            _ = self.read_json(name) if name.endswith(".json") else self.read_arrays(name)

    def read_bytes(self, name: str) -> bytes:
        """The content of a file, which has to be a regular one inside the run."""
        target = self.path / name
        try:
            return disk.read(target, self.path)
        except FileNotFoundError:
            raise BundleError(
                f"{target}: missing{self._replaced()}", fix=_unfinished(name)
            ) from None
        except OSError as error:
            raise BundleError(
                f"{target}: cannot be read ({error.strerror})",
                expected="a file that this user may read",
                fix=_RESTORE,
            ) from None

    @property
    def name(self) -> str | None:
        """Which run this is, as its files know it; None before its configuration is written."""
        return self._opened(CONFIG)[1] if self.has(CONFIG) else None

    def _check_own(self, name: str, whose: str | None) -> None:
        """Refuse a file that was written for another run than the configuration was."""
        if name != CONFIG and self.has(CONFIG) and whose != self.name:
            fault = "damaged (no seal), or " if whose is None else ""
            raise BundleError(
                f"{self.path / name}: {fault}of another run than {CONFIG}",
                fix="restore both from one copy of the run, or train again",
            )

    def files(self) -> dict[str, bytes]:
        """The content of all files by name, but for the checkpoint; the configuration last."""
        found = (path for path in sorted(self.path.rglob("*")) if path.is_file())
        names = [p.relative_to(self.path).as_posix() for p in found if p.name[0] != "."]
        kept = [name for name in names if not name.startswith("checkpoint/")]
        return {name: self.read_bytes(name) for name in sorted(kept, key=CONFIG.__eq__)}

    def copy_to(self, other: Run) -> None:
        """Copy all files but the checkpoint into another run's folder, the configuration last.

        The other run is removed where that fails, and settled else.
        """
        try:
            for name, content in self.files().items():
                other.write_bytes(name, content)
        except BaseException:
            other.remove()
            raise
        other.settle()

    @property
    def replaced(self) -> list[Path]:
        """Where runs lie that were overwritten by this one, the latest last, until it `settle`s."""
        return list(itertools.takewhile(Path.exists, map(self._aside, itertools.count(1))))

    def _aside(self, number: int) -> Path:
        # Beside the folder that a link leads to, as none is renamed from one disk to another.
        place = self.path.resolve()
        return place.parent / f".{place.name}.replaced-{number}"

    def _replaced(self) -> str:
        """Where the run lies that stood here before this one, and what to do with it."""
        found = "; the run that it was to replace is {}, which can be renamed back"
        return "".join(found.format(each) for each in self.replaced[-1:])

    def settle(self) -> None:
        """Remove the runs that were overwritten by this one, as it is finished."""
        import shutil

        disk.sync_folder(self.path.resolve().parent)
        for each in reversed(self.replaced):
            shutil.rmtree(each, ignore_errors=True)

    def remove(self) -> None:
        """Remove the run, as far as that is possible, and bring back the one that it overwrote."""
        place = self.path.resolve()
        with contextlib.suppress(OSError):
            if place.exists():
                self._empty()
                place.rmdir()
            for latest in self.replaced[-1:]:
                latest.rename(place)

    def _empty(self) -> None:
        import shutil

        # The configuration last: cut off half-way, what is left still says that it is a run.
        for each in sorted(self.path.iterdir(), key=lambda each: each.name == CONFIG):
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()

    @contextlib.contextmanager
    def intact(self, name: str, *, alone: bool = True) -> Iterator[None]:
        """Name the file where what it holds makes no sense to whoever reads it inside.

        Where it is not read `alone`, an InputError may be of another, and says so itself.
        """
        file = str(self.path / name)
        try:
            yield
        except seal.SENSELESS as error:
            named = isinstance(error, BundleError) and error.got.startswith(file)
            settled = named or (isinstance(error, InputError) and not alone)
            if settled or isinstance(error, MissingExtra):  # which is no fault of the file
                raise
            what = error.got if isinstance(error, InputError) else repr(error)
            raise BundleError(f"{file}: damaged ({what})", fix=_RESTORE) from error

    def sweep(self) -> None:
        """Remove what a crash left half-written beside the files."""
        with disk.errors(self.path):
            for path in self.path.rglob(f".*{disk.ASIDE}"):
                path.unlink()

    def append_history(self, line: Mapping[str, Any]) -> None:
        """Add a line to the history."""
        disk.append(self.path / HISTORY, json.dumps(line, allow_nan=False).encode() + b"\n")

    def history(self) -> list[dict[str, Any]]:
        """The lines of the history; a last line cut short by a crash is left out."""
        if not self.has(HISTORY):
            return []
        found = []
        for number, text in enumerate(self.read_text(HISTORY).split("\n")[:-1], 1):
            try:
                line = seal.parsed(text)
            except (ValueError, RecursionError):
                line = None
            if not isinstance(line, dict) or not isinstance(line.get("step"), int):
                raise BundleError(f"{self.path / HISTORY}: damaged at line {number}", fix=_RESTORE)
            found.append(line)
        return found

    def cut_history(self, step: int) -> None:
        """Drop what lies beyond this step: the run goes on from a checkpoint taken there."""
        kept = [line for line in self.history() if line["step"] <= step]
        self.write_text(HISTORY, "".join(json.dumps(line, allow_nan=False) + "\n" for line in kept))


def free_path(task: str, data: str, root: str | os.PathLike[str] = "runs") -> Path:
    """The first of runs/<task>-<data>-1, -2, ... that does not exist, nor is being replaced."""
    stem = "".join(c if c.isalnum() or c in "._-" else "-" for c in data).strip("-.") or "data"
    number = 1
    while (path := Path(root) / f"{task}-{stem}-{number}").exists() or Run(path).replaced:
        number += 1
    return path


_RESTORE = "restore the run from a copy, or train again"


def _unfinished(name: str) -> str:
    without = "without its checkpoint a run cannot go on: train again"
    cut = "if its training was cut off, finish it with `recurra resume`; else restore a copy"
    return without if name == CHECKPOINT else cut

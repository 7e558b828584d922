"""A trained model on disk: the only reader and writer of a run's folder. No torch, no pickle.

Every file is written aside, flushed to the disk and renamed, so that a crash at any byte leaves
the last good one in place. Arrays and their facts carry a SHA-256: damage is found when read.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save as safetensors_bytes

from recurra.errors import BundleError, InputError, MissingExtra

FORMAT = 1

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
VOCABULARY = "vocabulary.json"
REPORT = "report.json"
HISTORY = "history.jsonl"
CARD = "README.md"
CHECKPOINT = "checkpoint/state.safetensors"
INPUT = "checkpoint/input.txt"

type_names = {
    "F32": np.float32,
    "F64": np.float64,
    "I64": np.int64,
    "I32": np.int32,
    "U8": np.uint8,
}

Arrays = dict[str, np.ndarray[Any, np.dtype[Any]]]


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

        Raises:
            BundleError: something is there already (without `overwrite`), something that is not
                a run or that holds what is read (with it), or the folder cannot be made.
        """
        run = cls(path)
        with _disk_errors(run.path):
            is_file = run.path.exists() and not run.path.is_dir()
            held = run.path.is_dir() and any(run.path.iterdir())
        if is_file:
            raise BundleError(
                f"{run.path}: is a file", expected="a new folder", fix="choose another --out"
            )
        if held and not overwrite:
            raise BundleError(
                f"{run.path}: exists already",
                expected="a new folder for the run",
                fix="choose another --out, or add --overwrite to replace the run",
            )
        if held and any(run.path.resolve() in file.resolve().parents for file in reading):
            raise BundleError(
                f"{run.path}: holds what the new run is made from, so it is not replaced",
                expected="another folder for the run",
                fix="choose another --out",
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
        with _disk_errors(run.path):
            if held:
                run._empty()
            run.path.mkdir(parents=True, exist_ok=True)
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
                f"{run.path}: no such run"
                if not run.path.exists()
                else f"{run.path}: not a folder",
                expected="the folder of a run, as made by `recurra train`",
            )
        if not (run.path / CONFIG).is_file():
            raise BundleError(
                f"{run.path}: not a run of recurra (no {CONFIG})",
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
        if not isinstance(config, dict) or not {"format", "task", "recurra"} <= config.keys():
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
        target = self.path / name
        with _disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, aside = tempfile.mkstemp(_ASIDE, f".{target.name}.", target.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.writelines([content] if isinstance(content, bytes) else content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(aside).chmod(0o666 & ~_umask())
                Path(aside).replace(target)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(aside).unlink()
                raise
            _sync_folder(target.parent)

    def write_text(self, name: str, text: str) -> None:
        """Replace a text file, UTF-8."""
        self.write_bytes(name, text.encode("utf-8"))

    def write_json(self, name: str, value: object) -> None:
        """Replace a JSON file, indented to be read by eye."""
        self.write_text(
            name, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        )

    def read_text(self, name: str) -> str:
        """The content of a text file."""
        target = self.path / name
        try:
            return target.read_bytes().decode("utf-8")
        except FileNotFoundError:
            raise BundleError(f"{target}: missing", fix=_unfinished(name)) from None
        except UnicodeDecodeError as error:
            raise BundleError(
                f"{target}: damaged, not UTF-8 at byte {error.start}", fix=_RESTORE
            ) from None
        except OSError as error:
            raise BundleError(f"{target}: cannot be read ({error.strerror})") from None

    def read_json(self, name: str) -> Any:
        """The value of a JSON file."""
        text = self.read_text(name)
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise BundleError(
                f"{self.path / name}: damaged, not JSON at line {error.lineno}, "
                f"column {error.colno}",
                fix=_RESTORE,
            ) from None
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{self.path / name}: damaged ({error})", fix=_RESTORE) from None

    def write_arrays(
        self, name: str, arrays: Arrays, facts: Mapping[str, Any] | None = None
    ) -> None:
        """Replace a file of named arrays; `facts` (JSON) travel in its header."""
        # Not ascontiguousarray, which makes a row of a single number.
        arrays = {key: np.asarray(value, order="C") for key, value in arrays.items()}
        for key, value in arrays.items():
            if value.dtype not in type_names.values():
                raise TypeError(f"{key}: no file holds arrays of {value.dtype}")
        told = json.dumps(facts or {}, allow_nan=False)
        metadata = {"sha256": _digest(arrays, told), "facts": told}
        self.write_bytes(name, safetensors_bytes(arrays, metadata))

    def read_arrays(self, name: str) -> tuple[Arrays, dict[str, Any]]:
        """The named arrays of a file, and the facts in its header.

        Raises:
            BundleError: missing, truncated, damaged, or not written by recurra.
        """
        target = self.path / name
        try:
            content = target.read_bytes()
        except FileNotFoundError:
            raise BundleError(f"{target}: missing", fix=_unfinished(name)) from None
        except OSError as error:
            raise BundleError(f"{target}: cannot be read ({error.strerror})") from None
        try:
            arrays = {
                key: np.frombuffer(entry["data"], type_names[entry["dtype"]])
                .reshape(entry["shape"])
                .copy()
                for key, entry in deserialize(content)  # type: ignore[no-untyped-call]
            }
            metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])[
                "__metadata__"
            ]
            digest, told = metadata["sha256"], metadata["facts"]
            facts: dict[str, Any] = json.loads(told)
        except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
            raise BundleError(
                f"{target}: damaged or truncated, or not written by recurra", fix=_RESTORE
            ) from None
        if digest != _digest(arrays, told):
            raise BundleError(f"{target}: damaged (its checksum does not match)", fix=_RESTORE)
        return arrays, facts

    def copy_to(self, other: Run) -> None:
        """Copy all files but the checkpoint into another run's folder, the configuration last."""
        names = [
            path.relative_to(self.path).as_posix()
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        ]
        for name in sorted(names, key=lambda name: name == CONFIG):
            if not name.startswith("checkpoint/"):
                try:
                    content = (self.path / name).read_bytes()
                except OSError as error:
                    raise BundleError(
                        f"{self.path / name}: cannot be read ({error.strerror})"
                    ) from error
                other.write_bytes(name, content)

    def remove(self) -> None:
        """Remove the run and its folder, as far as that is possible."""
        with contextlib.suppress(OSError):
            self._empty()
            self.path.rmdir()

    def _empty(self) -> None:
        # The configuration last: cut off half-way, what is left still says that it is a run.
        for each in sorted(self.path.iterdir(), key=lambda each: each.name == CONFIG):
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()

    @contextlib.contextmanager
    def intact(self, name: str) -> Iterator[None]:
        """Name the file where what it holds makes no sense to whoever reads it inside."""
        file = str(self.path / name)
        try:
            yield
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            told = isinstance(error, BundleError) and error.got.startswith(file)
            if told or isinstance(error, MissingExtra):  # which is no fault of the file
                raise
            what = error.got if isinstance(error, InputError) else repr(error)
            raise BundleError(f"{file}: damaged ({what})", fix=_RESTORE) from error

    def sweep(self) -> None:
        """Remove what a crash left half-written beside the files."""
        with _disk_errors(self.path):
            for path in self.path.rglob(f".*{_ASIDE}"):
                path.unlink()

    def append_history(self, line: Mapping[str, Any]) -> None:
        """Add a line to the history."""
        with _disk_errors(self.path / HISTORY), open(self.path / HISTORY, "ab") as file:
            file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def history(self) -> list[dict[str, Any]]:
        """The lines of the history; a last line cut short by a crash is left out."""
        if not self.has(HISTORY):
            return []
        found = []
        for number, text in enumerate(self.read_text(HISTORY).split("\n")[:-1], 1):
            try:
                line = json.loads(text)
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
    """The first of runs/<task>-<data>-1, -2, ... that does not exist."""
    stem = "".join(c if c.isalnum() or c in "._-" else "-" for c in data).strip("-.") or "data"
    number = 1
    while (path := Path(root) / f"{task}-{stem}-{number}").exists():
        number += 1
    return path


_RESTORE = "restore the run from a copy, or train again"
_ASIDE = ".aside"


def _unfinished(name: str) -> str:
    if name == CHECKPOINT:
        return "without its checkpoint a run cannot go on: train again"
    return "if its training was cut off, finish it with `recurra resume`; else restore a copy"


def _digest(arrays: Arrays, facts: str) -> str:
    digest = hashlib.sha256(b"" if facts == "{}" else facts.encode() + b"\n")
    for key in sorted(arrays):
        array = arrays[key]
        digest.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    # A rename is durable only once its folder is; Windows cannot open folders and needs none of it.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise BundleError(
            f"{path}: cannot be written ({error.strerror or error})",
            fix="free some space; what was saved before is intact, and `recurra resume` goes on "
            "from the last checkpoint"
            if full
            else "check the folder and its permissions, or choose another --out",
        ) from error

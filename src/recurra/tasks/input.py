"""The data of a run: copied where they cannot be read twice, read again to go on with it."""

from __future__ import annotations

import json
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar, final

from recurra.bundle import CONFIG, Run
from recurra.data.source_locations import Places
from recurra.data.splits import Rows
from recurra.errors import DataError, InputError

FILES: Final = ("files", "test_files", "valid_files")
"""What names files among the facts of data."""


class TrainingData(Protocol):
    """What a task trains on, read and checked."""

    @property
    def read_files(self) -> Sequence[Path]:
        """The files that it came from."""
        ...

    def summary(self) -> str:
        """What it is, in a line or two."""
        ...

    def facts(self) -> dict[str, Any]:
        """What the run's configuration says of it."""
        ...


class Readable(TrainingData, Protocol):
    """Data that can be compared with what a run's configuration says of them."""

    @property
    def files(self) -> Sequence[Path]:
        """The files that what trains came from; none where it came from Python."""
        ...

    @property
    def origin(self) -> dict[str, Any]:
        """How they were asked for; "default" where they are recurra's own."""
        ...

    @property
    def digest(self) -> str:
        """Of all that is in them."""
        ...


Data = TypeVar("Data", bound=Readable)


@dataclass(frozen=True, eq=False)
class CutData(ABC):
    """Data cut into parts: rows that train (`learn`), choose and report, ascending.

    Rows in no part were taken out of a given part, since another part has the same. `found` counts
    what was found on the way; `columns` says what was taken as what. Final classes add the rows.
    """

    name: str
    files: tuple[Path, ...]
    test_files: tuple[Path, ...]
    valid_files: tuple[Path, ...]
    learn: Rows
    select: Rows
    test: Rows
    found: dict[str, int]
    columns: dict[str, str] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    @abstractmethod
    def digest(self) -> str:
        """SHA-256 of the rows."""

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """How much there is of what, the rows first."""

    @property
    def read_files(self) -> tuple[Path, ...]:
        """The files and folders that it came from."""
        return (*self.files, *self.test_files, *self.valid_files)

    def facts(self) -> dict[str, Any]:
        """What the run's configuration says of the data; `read_again` reads by it."""
        return {
            "name": self.name,
            "files": [str(file.resolve()) for file in self.files],
            "test_files": [str(file.resolve()) for file in self.test_files],
            "valid_files": [str(file.resolve()) for file in self.valid_files],
            "origin": self.origin,
            "sha256": self.digest,
            "columns": self.columns,
            **self.counts(),
            "learn": len(self.learn),
            "select": len(self.select),
            "test": len(self.test),
            "found": self.found,
        }

    def sentence(
        self, what: str, called: Callable[[Sequence[Path]], str], notes: Sequence[str]
    ) -> str:
        """What there is, in a sentence.

        Args:
            what: how much of what the parts have.
            called: files of a part -> what they are called together.
            notes: on what was found.
        """
        line = f"{self.name}: {what}"
        if self.columns:
            line += " (" + ", ".join(f"{k}: {v}" for k, v in self.columns.items()) + ")"
        for rows, files, does in (
            (self.test, self.test_files, "report"),
            (self.select, self.valid_files, "choose"),
        ):
            line += f"; {len(rows):,}{f' of {called(files)}' if files else ''} {does}"
        return "; ".join([line, *notes])

    @property
    def used(self) -> int:
        """Rows of all parts together."""
        return len(self.learn) + len(self.select) + len(self.test)


def of_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What `cut` of a task takes by name, of the facts of its data."""
    named = {name: tuple(map(Path, facts[name])) for name in FILES}
    return named | {"columns": facts["columns"], "counts": facts["found"]}


@dataclass(frozen=True, eq=False)
class Encoded(ABC, Generic[Data]):
    """Data as a network reads them; final classes add what their task's data are encoded to."""

    data: Data

    @property
    def read_files(self) -> Sequence[Path]:
        """The files that they came from."""
        return self.data.read_files

    def summary(self) -> str:
        """What they are, in a line."""
        return self.data.summary()

    def facts(self) -> dict[str, Any]:
        """What they are, and how they were split."""
        return self.data.facts()


@final
@dataclass(frozen=True, kw_only=True)
class Input(Generic[Data]):
    """How a task's data are kept in a run, and come back.

    Args:
        copies: the files of a run that a copy is in, one of them.
        write: writes the copy.
        from_copy: (run, facts) -> the data of the copy.
        from_files: facts -> the data of the files that they name.
        default: facts -> the data that recurra has itself.
        unit: what is counted of them, which the facts have too: examples.
        costly: whether reading takes long: files are then taken to be as they were read, where
            they can be read again at all.
    """

    copies: tuple[str, ...]
    write: Callable[[Run, Data], None]
    from_copy: Callable[[Run, dict[str, Any]], Data]
    from_files: Callable[[dict[str, Any]], Data]
    default: Callable[[dict[str, Any]], Data]
    unit: str
    costly: bool = False

    def is_kept(self, run: Run) -> bool:
        """Whether a run holds a copy."""
        return any(map(run.has, self.copies))

    def store(self, run: Run, data: Data) -> None:
        """Keep a copy of what cannot be read again.

        That is what came from Python, and from files that have changed or gone since, as pipes do.
        """
        try:
            again = data.origin.get("default") or (
                bool(data.files)
                and all(file.is_file() or file.is_dir() for file in data.read_files)
                and (self.costly or self._same(self.from_files(data.facts()), data.facts()))
            )
        except InputError:
            again = False
        if not again:
            self.write(run, data)

    def read_again(self, run: Run, facts: dict[str, Any]) -> Data:
        """The data that a run was begun with; `facts` are what its configuration says of them.

        Raises:
            DataError: a file is missing or has changed since, or the copy is gone.
            BundleError: the copy in the run is damaged.
        """
        with run.intact(CONFIG, alone=False):
            name = facts["name"]
            if self.is_kept(run):
                data = self.from_copy(run, facts)
            elif facts["origin"].get("default"):
                data = self.default(facts)
            elif facts["files"]:
                check_regular([file for key in FILES for file in facts.get(key, ())])
                data = self.from_files(facts)
            else:
                raise DataError(
                    f"{name}: the run's copy of the data is gone",
                    expected=f"{' or '.join(self.copies)}, since the data came from no file",
                    fix="restore the run from a copy, or train again",
                )
            if not self._same(data, facts):
                raise DataError(
                    f"{name}: the data have changed since the training began",
                    expected=f"the same {facts[self.unit]:,} {self.unit}",
                    fix="put the old files back, or train a new run",
                )
        return data

    @staticmethod
    def _same(data: Readable, facts: dict[str, Any]) -> bool:
        return (data.digest, data.origin) == (facts["sha256"], facts["origin"])


def check_regular(paths: Iterable[str | Path]) -> None:
    """Refuse what is neither a file nor a folder, of paths that a configuration holds.

    A device has no end, and a pipe may wait for ever: only who types their names asks for them.

    Raises:
        DataError: one is something else.
    """
    for each in map(Path, paths):
        mode = each.stat().st_mode if each.exists() else stat.S_IFREG
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise DataError(
                f"{each}: a device or a pipe, named by a run",
                expected="files and folders, where a run names what it was trained on",
                fix="give the data themselves",
            )


# -- a copy of rows ------------------------------------------------------------------------------

ROWS: Final = "checkpoint/input.jsonl"
"""The copy of data that are rows of text."""


def write_rows(run: Run, where: Places, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write a copy as JSON lines, a row each; the first says where the rows stood."""
    columns = {**columns, "at": where.numbers}
    rows = zip(*columns.values(), strict=True)
    lines = [{"places": where.sources}, *(dict(zip(columns, row, strict=True)) for row in rows)]
    run.write_text(ROWS, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines))


def read_rows(run: Run) -> tuple[list[dict[str, Any]], Places]:
    """The rows of a copy, and where they stood.

    Raises:
        BundleError: it is damaged.
    """
    content = run.read_text(ROWS)
    with run.intact(ROWS):
        first, *rows = [json.loads(line) for line in content.split("\n") if line]
        return rows, Places.of_sources(first["places"], [int(row["at"]) for row in rows])

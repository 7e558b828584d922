"""The data of a run: copied where they cannot be read twice, read again to go on with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, final

from recurra.bundle import Run
from recurra.errors import DataError, InputError


class Readable(Protocol):
    """Data that can be compared with what a run's configuration says of them."""

    @property
    def files(self) -> Sequence[Path]:
        """The files that what trains came from; none where it came from Python."""
        ...

    @property
    def read_files(self) -> Sequence[Path]:
        """All files that were read."""
        ...

    @property
    def origin(self) -> dict[str, Any]:
        """How they were asked for; "default" where they are recurra's own."""
        ...

    @property
    def digest(self) -> str:
        """Of all that is in them."""
        ...

    def facts(self) -> dict[str, Any]:
        """What a run's configuration says of them."""
        ...


Data = TypeVar("Data", bound=Readable)


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
        name = facts["name"]
        if self.is_kept(run):
            data = self.from_copy(run, facts)
        elif facts["origin"].get("default"):
            data = self.default(facts)
        elif facts["files"]:
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

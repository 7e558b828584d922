"""What a user can get wrong, and what can go wrong in a training.

RecurraError                 anything this package raises on purpose
|-- InputError               what was given cannot be used (exit code 2)
|   |-- OptionError          an option or argument out of range, or two that exclude each other
|   |-- DataError            a file or its content
|   |-- BundleError          a run that is damaged, foreign, unfinished or of another task
|   `-- MissingExtra         an optional dependency that is not installed
`-- TrainingError            a training that failed, with what was kept (exit code 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar


class RecurraError(Exception):
    """Anything that recurra raises on purpose.

    Args:
        got: what was found, naming the file, line, byte, column or option.
        expected: what would have been right.
        fix: what the user can do now.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, got: str, *, expected: str = "", fix: str = "") -> None:
        super().__init__(got, expected, fix)
        self.got = got
        self.expected = expected
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.got]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.fix:
            lines.append(f"  to do: {self.fix}")
        return "\n".join(lines)


class InputError(RecurraError, ValueError):
    """What was given cannot be used."""

    exit_code: ClassVar[int] = 2


class OptionError(InputError):
    """An option or argument is out of range, or excludes another."""


class DataError(InputError):
    """A file, or its content, cannot be used."""


class BundleError(InputError):
    """A run is damaged, foreign, unfinished or of another task."""


class MissingExtra(InputError, ImportError):
    """An optional dependency is needed and not installed."""


class TrainingError(RecurraError):
    """A training failed; the message says what was kept."""


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The fix for a name that is not known: the nearest of those that are, or nothing."""
    import difflib  # only where something went wrong: this module is loaded at every start

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"did you mean {near[0]}?" if near else ""


def counted(n: int, what: str) -> str:
    """How many there are of what is told in the singular: "1 step", "2 steps"."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def unknown(what: str, name: str, known: Sequence[str]) -> OptionError:
    """What is said of a name that is none of those known: "no option 'hiden'"."""
    return OptionError(
        f"no {what} {name!r}",
        expected=f"one of {', '.join(known)}",
        fix=did_you_mean(name, known),
    )

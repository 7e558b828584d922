"""What a user can get wrong, and what can go wrong in a training.

RecurraError                 anything this package raises on purpose
|-- InputError               what was given cannot be used (exit code 2)
|   |-- OptionError          an option or argument out of range, or two that exclude each other
|   |   `-- NotFittedError   a model that was not fitted yet; scikit-learn's too where it is in use
|   |-- DataError            a file or its content
|   |-- BundleError          a run that is damaged, foreign, unfinished or of another task
|   `-- MissingExtra         an optional dependency that is not installed
`-- TrainingError            a training that failed, with what was kept (exit code 1)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar


class RecurraError(Exception):
    """Anything that recurra raises on purpose.

        try:
            model = recurra.load("runs/none")
        except recurra.RecurraError as error:
            print(error.got, error.expected, error.fix)

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
        """The message, with options as Python has them: `minutes=5`."""
        return in_python(self.on_command_line())

    def on_command_line(self) -> str:
        """The message, with options as the command line has them: `--minutes 5`."""
        lines = [_short(self.got)]
        if self.expected:
            lines.append(f"  expected: {_short(self.expected)}")
        if self.fix:
            lines.append(f"  to do: {_short(self.fix)}")
        return "\n".join(lines)


def _short(text: str) -> str:
    """A text without its middle where it is long: what was given can be a whole book."""
    return text if len(text) <= 1500 else f"{text[:1000]} [...] {text[-300:]}"


class InputError(RecurraError, ValueError):
    """What was given cannot be used.

        try:
            recurra.LabelModel(minutes=5).fit(["good", "bad"], ["yes"])
        except recurra.InputError as error:
            print(error)

    It is a ValueError too.
    """

    exit_code: ClassVar[int] = 2


class OptionError(InputError):
    """An option or argument is out of range, or excludes another.

        try:
            recurra.TextModel(hiden=64)
        except recurra.OptionError as error:
            print(error)  # ... to do: did you mean hidden?

    A name that is close to a known one gets "did you mean".
    """


class NotFittedError(OptionError, AttributeError):
    """A model is used that was not fitted; scikit-learn's error of this name where it is in use.

        try:
            recurra.LabelModel().predict(["good"])
        except recurra.NotFittedError as error:
            print(error)

    It is an AttributeError too, so that `hasattr` says no.
    """


def not_fitted(name: str) -> NotFittedError:
    """The error of a model of this class that was not fitted."""
    # Whoever waits for scikit-learn's error of this name has imported it.
    theirs = getattr(sys.modules.get("sklearn.exceptions"), "NotFittedError", None)
    kind: Any = NotFittedError
    if theirs is not None:
        kind = type("NotFittedError", (NotFittedError, theirs), {"__module__": __name__})
    found: NotFittedError = kind("the model is not fitted yet", fix=f"call fit, or {name}.load")
    return found


class DataError(InputError):
    """A file, or its content, cannot be used.

        try:
            recurra.train("text", "none.txt", minutes=5)
        except recurra.DataError as error:
            print(error)

    The message names the file, and the line and column where there are any.
    """


class BundleError(InputError):
    """A run is damaged, foreign, unfinished or of another task.

        try:
            recurra.load("runs/bard", task="series")
        except recurra.BundleError as error:
            print(error)

    The run is left as it is.
    """


class MissingExtra(InputError, ImportError):
    """An optional dependency is needed and not installed.

        try:
            model.plot()
        except recurra.MissingExtra as error:
            print(error)  # what is missing, and what installs it

    It is an ImportError too.
    """


class TrainingError(RecurraError):
    """A training failed; the message says what was kept.

        try:
            recurra.train("text", "corpus.txt", minutes=5)
        except recurra.TrainingError as error:
            print(error)

    On the command line its exit code is 1, that of an InputError 2.
    """


_OPTION = re.compile(
    r"(?P<add>\badd )?(?<![\w-])--(?P<no>no-)?(?P<name>[a-z][a-z0-9-]*)"
    r"(?:(?: |=)(?P<value>[A-Z]{2,}\b|'[^'\n]*'|\"[^\"\n]*\"|-?[\d.][\w.+-]*"
    r"|(?!out\b)[\w.:+/-]*\w(?=[,;:)?]|$)))?",
    re.MULTILINE,
)
"""An option, and its value: quoted, a number, or a word at the end of a clause."""

_PLAIN = re.compile(r"-?[\d.]+(e[+-]?\d+)?|nan|-?inf|True|False|None")
"""Values that Python writes without quotes."""

_SPELLED = {"futr": "futr_exog", "hist": "hist_exog", "stat": "stat_exog"}
"""Options that have a shorter name on the command line."""


def in_python(message: str) -> str:
    """A message that speaks of options as the command line does, with options as Python has them.

    `--minutes 5` becomes `minutes=5`, `add --overwrite` `add overwrite=True`, `--no-header`
    `header=False`, and `--out` alone `out`. All messages are written for the command line, so that
    each is written once.
    """

    def python(found: re.Match[str]) -> str:
        name, value = found["name"].replace("-", "_"), found["value"]
        name = _SPELLED.get(name, name)
        if found["no"]:
            return f"{found['add'] or ''}{name}=False" + (f" {value}" if value else "")
        if value is None:
            return f"{found['add']}{name}=True" if found["add"] else name
        plain = value[0] in "'\"" or _PLAIN.fullmatch(value)
        return f"{found['add'] or ''}{name}={value if plain else repr(value)}"

    return _OPTION.sub(python, message) if "--" in message else message


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The fix for a name that is not known: the nearest of those that are, or nothing.

    Near is what is spelled alike, begins alike or has a word in common: `hiden`, `temp`, `n_layer`.
    """
    import difflib  # only where something went wrong: this module is loaded at every start

    asked = name.strip("-").lower().replace("-", "_")

    def likeness(other: str) -> float:
        folded = other.strip("-").lower().replace("-", "_")
        alike = difflib.SequenceMatcher(None, asked, folded).ratio()
        words = {each for each in asked.split("_") if len(each) > 2} & {*folded.split("_")}
        begins = min(len(asked), len(folded)) > 2 and (
            asked.startswith(folded) or folded.startswith(asked)
        )
        return max(alike, (0.7 + 0.2 * alike) if words or begins else 0.0)

    near = max(known, key=likeness, default="")
    return f"did you mean {near}?" if near and likeness(near) >= cutoff else ""


def counted(n: float, what: str) -> str:
    """How many there are of what is told in the singular: "1 step", "2 steps", "0.5 minutes"."""
    number = f"{n:,}" if isinstance(n, int) else f"{n:g}"
    return f"{number} {what}" + ("" if n == 1 else "s")


def check_count(what: str, value: int, expected: str, *, least: int = 1, most: int) -> None:
    """Check how many there are to be: beyond `most` nobody would live to see the end.

    Raises:
        OptionError: fewer than `least`, or more than `most`.
    """
    if not least <= value <= most:
        raise OptionError(f"{what} = {value}", expected=f"{expected}, {least:,} to {most:,}")


def unknown(what: str, name: str, known: Sequence[str], near: str = "") -> OptionError:
    """What is said of a name that is none of those known: "no option 'hiden'".

    Args:
        near: which of them is meant; else the one that is nearest.
    """
    return OptionError(
        f"no {what} {name!r}",
        expected=f"one of {', '.join(known)}",
        fix=f"did you mean {near}?" if near else did_you_mean(name, known),
    )

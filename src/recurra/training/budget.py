"""What the user says about how long a training takes, and about where it runs. No torch."""

from __future__ import annotations

import math
import os
from dataclasses import Field, dataclass, field, fields
from typing import Any, Final, get_args, get_origin, get_type_hints

from recurra.errors import OptionError, did_you_mean, in_python

DEFAULT_MINUTES: Final = 2.0


def option(
    default: Any,
    help: str,
    *,
    flag: str | None = None,
    choices: tuple[str, ...] = (),
    **limits: float,
) -> Any:
    """A field of an options class: its default, its one-line help, and its limits.

    Args:
        flag: what the command line calls it, where that is not its name.
        choices: all that it may be.
        limits: `least` (included), `above` (excluded), `below` (excluded), `most` (included).
    """
    stated = {"help": help, "flag": flag, "choices": choices, **limits}
    return field(default=default, metadata=stated)


def flag_of(each: Field[Any]) -> str:
    """What the command line calls a field: --hidden, --train-on-validation."""
    return f"--{each.metadata['flag'] or each.name.replace('_', '-')}"


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What every task's training can be told. None leaves the choice to recurra.

    Raises:
        OptionError: a value is out of its range, or two exclude each other.
    """

    minutes: float | None = option(
        None, "Time for everything; size and schedule follow from it. Default 2.", above=0
    )
    steps: int | None = option(None, "Optimiser steps, in place of --minutes.", least=1)
    epochs: float | None = option(None, "Passes over the data, in place of --minutes.", above=0)
    seed: int = option(0, "Everything random follows from it.", least=0, below=2**63)
    precision: str = option(
        "auto", "How large products run.", choices=("auto", "float32", "bfloat16")
    )
    device: str = option("auto", "auto, cpu, cuda or mps.")
    threads: int | None = option(
        None, "Threads; default as many as there are cores.", least=1, most=1024
    )
    lr: float | None = option(None, "Peak learning rate of the matrices.", above=0, most=10)

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if (plain := _plain(value)) is not value:
                object.__setattr__(self, each.name, plain)
        self.check()

    def check(self) -> None:
        """Check every value against its limits."""
        kinds = get_type_hints(type(self))
        for each in fields(self):
            value, limits = getattr(self, each.name), each.metadata
            if not _fits(value, kinds[each.name]):
                raise OptionError(f"{flag_of(each)} {value!r}", expected=_kind(kinds[each.name]))
            choices = limits["choices"]
            if choices and value is not None and value not in choices:
                raise OptionError(
                    f"{flag_of(each)} {value}",
                    expected=f"one of {', '.join(choices)}",
                    fix=did_you_mean(str(value), choices),
                )
            if isinstance(value, int | float) and not _within(value, limits):
                raise OptionError(f"{flag_of(each)} {value}", expected=_range(limits))
        given = [n for n in ("minutes", "steps", "epochs") if getattr(self, n) is not None]
        if len(given) > 1:
            raise OptionError(
                " and ".join(f"--{n} {getattr(self, n)}" for n in given),
                expected="one of --minutes, --steps and --epochs",
            )

    @property
    def seconds(self) -> float | None:
        """The time budget, or None where steps or epochs were given."""
        if self.steps is not None or self.epochs is not None:
            return None
        return 60.0 * (DEFAULT_MINUTES if self.minutes is None else self.minutes)


def described(options: type[TrainingOptions]) -> str:
    """The options, a paragraph each, as a docstring of Python has them."""
    from textwrap import fill

    rows = []
    for each in fields(options):
        about = each.metadata["help"]
        if each.metadata["choices"]:
            about += f" One of {', '.join(each.metadata['choices'])}."
        if each.default is not None:
            about += f" Default {each.default!r}."
        row = f"{each.name}: {in_python(about)}"
        rows.append(fill(row, 96, initial_indent=" " * 8, subsequent_indent=" " * 12))
    return "\n".join(rows)


def _plain(value: Any) -> Any:
    """A value as Python has it: of a scalar of NumPy, a path, a tuple; the same one if it is."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        found = [_plain(each) for each in value]
        same = all(a is b for a, b in zip(found, value, strict=True))
        return value if isinstance(value, list) and same else found
    return value


def _fits(value: object, kind: Any) -> bool:
    """Whether a value is of an annotated type, such as `float | None`; whole numbers are floats."""
    kinds = _kinds(kind)
    if isinstance(value, int) and not isinstance(value, bool) and float in kinds:
        return True
    if list[str] in kinds and isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return type(value) in kinds


def _kinds(kind: Any) -> tuple[Any, ...]:
    """What a type such as `list[str] | None` is made up of."""
    return (kind,) if get_origin(kind) is list else get_args(kind) or (kind,)


def _kind(kind: Any) -> str:
    words: dict[Any, str] = {
        int: "a whole number",
        float: "a number",
        str: "a word",
        bool: "True or False",
        list[str]: "a list of words",
    }
    return next(words[each] for each in _kinds(kind) if each in words)


def _within(value: float, limits: Any) -> bool:
    return (
        math.isfinite(value)
        and limits.get("least", -math.inf) <= value <= limits.get("most", math.inf)
        and limits.get("above", -math.inf) < value < limits.get("below", math.inf)
    )


def _range(limits: Any) -> str:
    words = {"least": "at least", "above": "above", "most": "at most", "below": "below"}
    parts = [f"{word} {limits[name]:g}" for name, word in words.items() if name in limits]
    return " and ".join(parts) or "a finite number"

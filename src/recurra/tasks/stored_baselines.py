"""Baselines of a run, kept while it trains: their arrays, and what else they say, in one file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self, TypeVar, final

import numpy as np

from recurra.bundle import REPORT, Arrays, Run
from recurra.errors import counted

BASELINES: Final = "traces/baselines.safetensors"

SHARE: Final = 0.2
"""Of the time of a training, what one baseline may take."""

MOST_SHARE: Final = 1 / 3
LEAST: Final = 20.0
"""Seconds that a baseline may take in any training, up to a third of its time."""

WITHOUT: Final = 300.0
"""Seconds that a baseline may take where a training has no time of its own."""

Baseline = TypeVar("Baseline")


def limit(seconds: float | None) -> float:
    """What each baseline may take, of the seconds that a training has; `WITHOUT` where none."""
    return WITHOUT if seconds is None else max(min(LEAST, MOST_SHARE * seconds), SHARE * seconds)


@final
@dataclass(frozen=True)
class LeftOut:
    """A baseline that could not be given all the data: nothing is claimed against it.

    Args:
        name: as it reads after "the".
        why: in a few words: "150,000 examples take it about 4 minutes".
    """

    name: str
    why: str

    @classmethod
    def of(cls, name: str, known: str, cost: float) -> Self:
        """One that takes too long for the time there is.

        Args:
            known: what it would have to be given: "150,000 examples".
            cost: seconds that this takes.
        """
        return cls(
            name,
            f"{known} take it about {_duration(cost)}, for which a training has to have "
            f"{_duration(cost / SHARE)}",
        )

    def __str__(self) -> str:
        return f"left out: {self.name}: {self.why}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return counted(math.ceil(seconds), "second")
    return counted(math.ceil(seconds / 60), "minute")


def write(run: Run, found: Sequence[Any], left_out: Sequence[LeftOut] = ()) -> None:
    """Keep baselines, each a dataclass of arrays and plain values; what is None is left out."""
    arrays: Arrays = {}
    facts = []
    for number, each in enumerate(found):
        values = {field.name: getattr(each, field.name) for field in fields(each)}
        own = {name for name, value in values.items() if isinstance(value, np.ndarray)}
        arrays |= {f"{number}.{name}": values[name] for name in own}
        facts.append({k: v for k, v in values.items() if k not in own and v is not None})
    facts_of_all = {"baselines": facts, "left_out": [asdict(each) for each in left_out]}
    run.write_arrays(BASELINES, arrays, facts_of_all)


def read(run: Run, kind: type[Baseline]) -> tuple[Baseline, ...]:
    """The baselines, of a class, that `write` kept.

    Raises:
        BundleError: missing, damaged or of another run.
    """
    arrays, facts = run.read_arrays(BASELINES)
    with run.intact(BASELINES):
        own: list[dict[str, Any]] = [dict(each) for each in facts["baselines"]]
        for key, array in arrays.items():
            number, _, name = key.partition(".")
            own[int(number)][name] = array
        return tuple(kind(**each) for each in own)


def read_left_out(run: Run) -> tuple[LeftOut, ...]:
    """Those that `write` was told are left out."""
    _, facts = run.read_arrays(BASELINES)
    with run.intact(BASELINES):
        return tuple(LeftOut(**each) for each in facts.get("left_out", ()))


def left_out(run: Run) -> dict[str, Any]:
    """What a report says of them."""
    return {"left_out": [asdict(each) for each in read_left_out(run)]}


def holds(run: Run, file: str) -> bool:
    """Whether a run answers with what is in a file: by its report, where the file is missing."""
    return run.has(file) or (run.has(REPORT) and bool(run.read_json(REPORT).get("answer")))

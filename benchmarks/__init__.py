"""Measurements of speed and quality: each prints what it did, and one line of JSON at the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from recurra.errors import OptionError, did_you_mean


@final
@dataclass(frozen=True)
class BenchOptions:
    """What a measurement can be told.

    Args:
        data: the file or folder that it runs on, where it takes one.
        minutes: the budget of each training.
        repeats: trainings with different seeds, or timings of one thing.
        only: names of what is measured, all of it without any; for `layers` words that a case's
            description has to have.
        seconds: time of each way of each case, for `layers` and what is timed as they are.
    """

    data: Path | None = None
    minutes: float = 3.0
    repeats: int = 3
    only: str = ""
    seconds: float = 1.0

    def select(self, bench: str, parts: Mapping[str, str]) -> list[str]:
        """The parts of a measurement that `only` names; without it all whose data are there.

        A name of several words is a family and which of it: the first alone stands for all of the
        family, with others of its words for those.

        Args:
            parts: name -> what it needs in the folder of data; empty where it needs none.

        Raises:
            OptionError: a name is not known or of no part, or its data are not there; or nothing
                is left to measure.
        """
        words = self.only.split()
        known = dict.fromkeys(word for name in parts for word in name.split())
        named = [name for name in parts if not words or _is_named(name, parts, set(words))]
        wrong = next((word for word in words if word not in known), "")
        if wrong or not named:
            raise OptionError(
                f"bench {bench} --only {self.only!r} "
                + (f"names {wrong!r}, which is nothing here" if wrong else "selects nothing"),
                expected=f"some of {', '.join(parts)}",
                fix=did_you_mean(wrong, known),
            )
        folder = self.data if self.data is not None and self.data.is_dir() else None
        there = [
            name
            for name in named
            if not parts[name] or (folder is not None and (folder / parts[name]).exists())
        ]
        missing = dict.fromkeys(parts[name] for name in named if name not in there)
        if missing and (words or not there or folder != self.data):
            raise OptionError(
                f"bench {bench} without a folder of data"
                if folder is None
                else f"bench {bench} without its data: {folder} has no {', '.join(missing)}",
                expected=f"./dev bench {bench} FOLDER, with {', '.join(missing)} in it",
            )
        return there


def _is_named(name: str, names: Collection[str], words: set[str]) -> bool:
    """Whether words name this: its family, and it or nothing else of its family."""
    family, _, which = name.partition(" ")
    others = {other.partition(" ")[2] for other in names if other.partition(" ")[0] == family}
    narrower = others & words
    return family in words and (not narrower or which in narrower)

"""Pairs, checked, and cut into what trains, what chooses and what reports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from recurra.data.files import name_of
from recurra.data.group_splits import parts
from recurra.data.source_locations import Places, composed
from recurra.data.splits import Rows, numbered
from recurra.errors import DataError, counted
from recurra.tasks.input import CutData

LEAST: Final = 10
"""Pairs, of all parts together."""

MOST: Final = 2_000
"""Pairs of the part that reports, and of the one that chooses, where they are drawn."""

SELECT: Final = 0.05
"""The share of what does not report that chooses."""


@final
@dataclass(frozen=True, eq=False)
class Pairs:
    """N sources, each with its target, and where each pair stands; made by `checked`."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    where: Places

    def __len__(self) -> int:
        return len(self.sources)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of sources and targets, in their order."""
        digest = hashlib.sha256()
        for side in (self.sources, self.targets):
            for text in side:
                content = text.encode("utf-8")
                digest.update(len(content).to_bytes(8, "little") + content)
        return digest.hexdigest()

    @property
    def reversed(self) -> Pairs:
        """The targets as sources, the sources as targets."""
        return Pairs(self.targets, self.sources, self.where)

    def of(self, rows: Iterable[int]) -> Pairs:
        """The pairs of these rows, in their order."""
        chosen = [int(row) for row in rows]
        return Pairs(
            tuple(self.sources[row] for row in chosen),
            tuple(self.targets[row] for row in chosen),
            self.where.of(chosen),
        )

    def followed_by(self, other: Pairs) -> Pairs:
        """These pairs, and others after them."""
        return Pairs(
            self.sources + other.sources,
            self.targets + other.targets,
            Places(self.where.parts + other.where.parts),
        )


def checked(sources: Sequence[str], targets: Sequence[str], where: Places) -> Pairs:
    """Pairs in Unicode's composed form (NFC), those without a source or a target left out.

    Raises:
        DataError: nothing is left, or a side is no text.
    """
    sides = [
        tuple(composed(text, where, row) for row, text in enumerate(side))
        for side in (sources, targets)
    ]
    whole = [
        row
        for row, both in enumerate(zip(*sides, strict=True))
        if all(each.strip() for each in both)
    ]
    if where and not whole:
        raise DataError(
            f"{where[0]}: {counted(len(where), 'pair')}, each without a source or without a target",
            expected="a source and a target in every pair",
        )
    found = Pairs(sides[0], sides[1], where)
    return found if len(whole) == len(where) else found.of(whole)


def called(files: Sequence[Path]) -> str:
    """What files are called together; parallel ones "train-en-de"."""
    if len(files) == 2 and files[0].stem == files[1].stem:
        return "".join([files[0].stem, *(each.suffix.replace(".", "-") for each in files)])
    return name_of(files)


@final
@dataclass(frozen=True, eq=False)
class PairData(CutData):
    """Pairs cut into parts; those of one source are in one part, where the parts were drawn."""

    pairs: Pairs = field(kw_only=True)

    def of(self, rows: Rows) -> Pairs:
        """The pairs of these rows, in their order."""
        return self.pairs.of(rows.tolist())

    @property
    def digest(self) -> str:
        """SHA-256 of the pairs."""
        return self.pairs.digest

    def counts(self) -> dict[str, int]:
        """How many pairs there are."""
        return {"pairs": len(self.pairs)}

    def summary(self) -> str:
        """What there is, in a sentence."""
        return self.sentence(f"{self.used:,} pairs", called, notes(self.found))


def notes(found: Mapping[str, int]) -> list[str]:
    """What was found in the data, a few words each; nothing of what was not."""
    return [
        f"{counted(count, noun)} {words}"
        for key, (noun, words) in _FOUND.items()
        if (count := found.get(key, 0))
    ]


_FOUND: Final = {
    "repeats": ("repeated pair", "(kept, in one part)"),
    "several": ("source", "with several targets"),
    "test_removed": ("pair", "taken out of the test part: another part has the same"),
    "valid_removed": ("pair", "taken out of the part that chooses: training has the same"),
    "shared": ("test source", "with another target in another part"),
    "headerless": ("table", "without column names: its first line is data"),
    "blank_lines": ("blank line", "skipped"),
    "empty": ("pair", "without a source or a target, left out"),
    "further": ("line", "with further columns, not read"),
    "trimmed": ("side", "with blanks around, taken off"),
}


def cut(
    name: str,
    pairs: Pairs,
    origin: dict[str, Any],
    *,
    keys: Rows | None = None,
    files: tuple[Path, ...] = (),
    test_files: tuple[Path, ...] = (),
    valid_files: tuple[Path, ...] = (),
    columns: dict[str, str] | None = None,
    counts: dict[str, int] | None = None,
) -> PairData:
    """Draw the parts that are not given, and keep apart what stands in two.

    Args:
        name: what the data are called.
        pairs: those to draw from, then those of a given part that chooses, then those of a given
            part that reports.
        origin: by what `seed` is drawn and what `share` reports; `valid` and `test`, the first and
            the last row but one of a given part, or None.
        keys: (N,); pairs of one key are in one part; None for one of each source.
        files, test_files, valid_files, columns, counts: where they came from.

    Raises:
        DataError: there are too few pairs, or too few sources, or nothing is left of a part.
    """
    valid, test = origin["valid"], origin["test"]
    main = min((part[0] for part in (valid, test) if part), default=len(pairs))
    if main < LEAST:
        raise DataError(
            f"{name}: {counted(main, 'pair')}: too few to train, choose and test on",
            expected=f"at least {LEAST}; a model learns little from fewer than 1,000",
            fix="give more data",
        )
    sources = numbered(pairs.sources)
    same = numbered(zip(pairs.sources, pairs.targets, strict=True))
    keys = sources if keys is None else keys
    learn, selects, tests, found = parts(
        origin,
        main,
        keys,
        same,
        salt=0x9A125,
        select=SELECT,
        most=MOST,
        name=name,
        unit="pair",
        group="source",
    )
    others = sources[np.concatenate([learn, selects])]
    used = np.concatenate([learn, selects, tests])
    targets = np.unique(np.stack([sources[used], same[used]], 1), axis=0)
    found |= {
        "repeats": len(used) - len(np.unique(same[used])),
        "several": int((np.bincount(targets[:, 0]) > 1).sum()),
        "shared": len(np.intersect1d(sources[tests], others)),
    }
    return PairData(
        name,
        files,
        test_files,
        valid_files,
        learn,
        selects,
        tests,
        dict(counts or {}) | found,
        columns or {},
        origin,
        pairs=pairs,
    )

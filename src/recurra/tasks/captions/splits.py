"""Pictures with their texts, checked, and cut into what trains, what chooses and what reports."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from recurra.codecs.pictures import Pixels
from recurra.data.group_splits import parts
from recurra.data.source_locations import Places, composed
from recurra.data.splits import Rows, numbered
from recurra.errors import DataError, counted
from recurra.tasks.captions.picture import Picture, key_of
from recurra.tasks.input import CutData

LEAST: Final = 10
"""Pictures, of all parts together."""

MOST: Final = 2_000
"""Pictures of the part that reports, and of the one that chooses, where they are drawn."""

SELECT: Final = 0.05
"""The share of what does not report that chooses."""


@final
@dataclass(frozen=True, eq=False)
class Captioned:
    """P pictures, N texts that are true of them, and M that are not; made by `checked`.

    `owner` (N,) is the picture of each text and `false_owner` (M,) that of each false one, both
    ascending: a picture's texts stand together. Every picture has a text. `where` says where each
    text stands, `keys` (P) which pictures are equal.
    """

    pictures: tuple[Pixels, ...]
    names: tuple[str, ...]
    keys: tuple[str, ...]
    texts: tuple[str, ...]
    owner: Rows
    where: Places
    false: tuple[str, ...]
    false_owner: Rows

    def __len__(self) -> int:
        return len(self.pictures)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of pictures, texts and which belong together."""
        digest = hashlib.sha256()
        for pixels in self.pictures:
            digest.update(key_of(pixels).encode())
        for texts, owner in ((self.texts, self.owner), (self.false, self.false_owner)):
            for text, number in zip(texts, owner.tolist(), strict=True):
                content = text.encode("utf-8")
                digest.update(number.to_bytes(8, "little") + len(content).to_bytes(8, "little"))
                digest.update(content)
        return digest.hexdigest()

    def of(self, pictures: Rows) -> Captioned:
        """These pictures in their order, with all their texts."""
        rows = np.asarray(pictures, np.int64)
        true, owner = _picked(self.owner, rows, len(self))
        false, false_owner = _picked(self.false_owner, rows, len(self))
        return Captioned(
            tuple(self.pictures[row] for row in rows.tolist()),
            tuple(self.names[row] for row in rows.tolist()),
            tuple(self.keys[row] for row in rows.tolist()),
            tuple(self.texts[row] for row in true.tolist()),
            owner,
            self.where.of(true.tolist()),
            tuple(self.false[row] for row in false.tolist()),
            false_owner,
        )

    def references(self) -> list[list[str]]:
        """The texts of each picture (P)."""
        found: list[list[str]] = [[] for _ in self.pictures]
        for text, number in zip(self.texts, self.owner.tolist(), strict=True):
            found[number].append(text)
        return found

    def followed_by(self, other: Captioned) -> Captioned:
        """These pictures, and others after them."""
        return Captioned(
            self.pictures + other.pictures,
            self.names + other.names,
            self.keys + other.keys,
            self.texts + other.texts,
            np.concatenate([self.owner, other.owner + len(self)]),
            Places(self.where.parts + other.where.parts),
            self.false + other.false,
            np.concatenate([self.false_owner, other.false_owner + len(self)]),
        )


def _picked(owner: Rows, rows: Rows, count: int) -> tuple[Rows, Rows]:
    """The texts of some pictures, and for each the new number of its picture."""
    sizes = np.bincount(owner, minlength=count)
    starts, sizes = (np.cumsum(sizes) - sizes)[rows], sizes[rows]
    new = np.repeat(np.arange(len(rows)), sizes)
    first = np.cumsum(sizes) - sizes
    return np.arange(len(new)) + (starts - first)[new], new


def checked(
    pictures: Sequence[Picture],
    owner: Sequence[int],
    texts: Sequence[str],
    true: Sequence[bool] | None,
    where: Places,
) -> tuple[Captioned, dict[str, int]]:
    """Pictures with their texts, in Unicode's composed form (NFC) without blanks around them.

    Equal pictures become one with the texts of all; pictures of which nothing true is said are
    left out.

    Args:
        pictures: those that texts are of.
        owner: the picture of each text.
        texts: the texts.
        true: whether each is true of its picture; None where all are.
        where: where each stands.

    Returns:
        The pictures with their texts, and what was found, counted.

    Raises:
        DataError: a text is empty or blank, or half a character; or no text is true.
    """
    found = {"trimmed": sum(text != text.strip() for text in texts)}
    texts = [composed(text.strip(), where, row) for row, text in enumerate(texts)]
    empty = [row for row, text in enumerate(texts) if not text]
    if empty:
        shown = "; ".join(where[row] for row in empty[:3])
        more = f"; and {len(empty) - 3:,} more" if len(empty) > 3 else ""
        raise DataError(
            f"all {len(texts):,} texts are empty"
            if len(empty) == len(texts)
            else f"{counted(len(empty), 'empty text')}: {shown}{more}",
            expected="a text for every picture",
            fix="look whether the right column was taken"
            if len(empty) == len(texts)
            else "fill them, or drop these rows",
        )
    numbers = numbered(each.key for each in pictures)
    firsts = np.unique(numbers, return_index=True)[1]
    owners = numbers[np.asarray(owner, np.int64)]
    kept = np.ones(len(texts), bool) if true is None else np.asarray(true, bool)
    if not kept.any():
        raise DataError("no text is true of its picture", expected="rows with 1 in column 'true'")
    described = np.zeros(len(firsts), bool)
    described[owners[kept]] = True
    renumbered = np.cumsum(described) - 1
    order = np.argsort(owners, kind="stable")
    order = order[described[owners[order]]]
    right, wrong = order[kept[order]], order[~kept[order]]
    chosen = [pictures[row] for row in firsts[described].tolist()]
    captioned = Captioned(
        tuple(each.pixels for each in chosen),
        tuple(each.name for each in chosen),
        tuple(each.key for each in chosen),
        tuple(texts[row] for row in right.tolist()),
        renumbered[owners[right]],
        where.of(right.tolist()),
        tuple(texts[row] for row in wrong.tolist()),
        renumbered[owners[wrong]],
    )
    found |= {
        "equal": len(pictures) - len(firsts),
        "untold": int((~described).sum()),
        "false": len(wrong),
    }
    return captioned, found


@final
@dataclass(frozen=True, eq=False)
class CaptionData(CutData):
    """Pictures cut into parts, each picture with all its texts."""

    captioned: Captioned = field(kw_only=True)

    def of(self, rows: Rows) -> Captioned:
        """These pictures, with all their texts."""
        return self.captioned.of(rows)

    @property
    def digest(self) -> str:
        """SHA-256 of the pictures and texts."""
        return self.captioned.digest

    def counts(self) -> dict[str, int]:
        """How many pictures there are, and texts that are true and false of them."""
        given = self.captioned
        return {"pictures": len(given), "texts": len(given.texts), "false": len(given.false)}

    def summary(self) -> str:
        """What there is, in a sentence."""
        what = f"{self.used:,} pictures, {counted(len(self.captioned.texts), 'text')}"
        return self.sentence(what, called, notes(self.found))


def called(files: Sequence[Path]) -> str:
    """What the files of a part are called together."""
    return ", ".join(file.name for file in files)


def notes(found: Mapping[str, int]) -> list[str]:
    """What was found in the data, a few words each; nothing of what was not.

    What was done to pictures as they were read is told in the words of whoever read them.
    """
    known = [
        f"{counted(found[key], noun)} {words}"
        for key, (noun, words) in _FOUND.items()
        if found.get(key, 0)
    ]
    others = [(key, count) for key, count in found.items() if key not in _FOUND and count]
    return [*known, *(f"{counted(count, 'picture')}: {key}" for key, count in others)]


_FOUND: Final = {
    "equal": ("picture", "equal to another (one picture, with the texts of both)"),
    "several": ("picture", "with several texts"),
    "false": ("false text", "beside the true ones (never trained on)"),
    "untold": ("picture", "of which nothing true is said, left out"),
    "test_removed": ("picture", "taken out of the test part: another part has the same"),
    "valid_removed": ("picture", "taken out of the part that chooses: training has the same"),
    "headerless": ("table", "without column names: its first line is data"),
    "trimmed": ("text", "with blanks around, taken off"),
    "cases": ("text", "like another but for upper and lower case"),
    "others": ("other file", "of the folder not read"),
    "unnamed": ("image", "without a caption, not read"),
}


def cut(
    name: str,
    captioned: Captioned,
    origin: dict[str, Any],
    *,
    files: tuple[Path, ...] = (),
    test_files: tuple[Path, ...] = (),
    valid_files: tuple[Path, ...] = (),
    columns: dict[str, str] | None = None,
    counts: dict[str, int] | None = None,
) -> CaptionData:
    """Draw the parts that are not given, and keep apart what stands in two.

    Args:
        name: what the data are called.
        captioned: pictures to draw from, then those of a given part that chooses, then those of a
            given part that reports.
        origin: by what `seed` is drawn and what `share` reports; `valid` and `test`, the first and
            the last picture but one of a given part, or None.
        files, test_files, valid_files, columns, counts: where they came from.

    Raises:
        DataError: there are too few pictures, all texts are alike, or nothing is left of a part.
    """
    valid, test = origin["valid"], origin["test"]
    main = min((part[0] for part in (valid, test) if part), default=len(captioned))
    if main < LEAST:
        raise DataError(
            f"{name}: "
            + ("one picture only" if main == 1 else f"{counted(main, 'picture')}: too few")
            + ", where some train, some choose and some report",
            expected=f"at least {LEAST} different pictures; a model learns little from fewer than "
            "500",
            fix="give more data",
        )
    texts = set(captioned.texts)
    if len(texts) == 1:
        raise DataError(
            f"{name}: all {len(captioned.texts):,} texts are alike: {next(iter(texts))[:60]!r}",
            expected="texts that differ from picture to picture",
            fix="look whether the right column was taken as the text",
        )
    keys = numbered(captioned.keys)
    learn, selects, tests, found = parts(
        origin,
        main,
        keys,
        keys,
        salt=0xCA971,
        select=SELECT,
        most=MOST,
        name=name,
        unit="picture",
        group="picture",
    )
    used = np.concatenate([learn, selects, tests])
    found["several"] = int((np.bincount(captioned.owner, minlength=len(captioned))[used] > 1).sum())
    return CaptionData(
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
        captioned=captioned,
    )

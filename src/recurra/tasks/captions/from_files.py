"""Files -> pictures with their texts: tables, folders, Flickr8k's and COCO's files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from recurra.codecs.pictures import need_pillow, side_by_side
from recurra.data.files import STANDARD_INPUT, given_once, is_folder, name_of
from recurra.data.source_locations import Places
from recurra.errors import DataError
from recurra.tasks.captions.layouts import EXPECTED, Reading, described_in, is_file
from recurra.tasks.captions.picture import Picture, area_of
from recurra.tasks.captions.splits import Captioned, checked


@final
@dataclass(frozen=True, eq=False)
class Found:
    """The pictures and texts of some files, what was taken as which, and what was found."""

    name: str
    captioned: Captioned
    files: tuple[Path, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def captioned_of(sources: Sequence[str | Path], reading: Reading) -> Found:
    """Read tables, folders, and Flickr8k's and COCO's files, with the pictures they name.

    Raises:
        DataError: a file is missing, broken or of no known form; a picture is missing, broken or
            too large (its row is named); a text is empty.
        OptionError: a column does not exist, or columns are named where there are none.
        MissingExtra: a file needs a package that is not installed.
    """
    if any(str(each) == STANDARD_INPUT for each in sources):
        raise DataError("pictures are not read from standard input", expected=EXPECTED)
    files = tuple(Path(each) for each in sources)
    given_once(files)
    described = [described_in(file, reading, is_folder(file, EXPECTED)) for file in files]
    where = Places(tuple(part for each in described for part in each.where.parts))
    paths = [path for each in described for path in each.paths]
    numbers: dict[Path, int] = {}
    owner = [numbers.setdefault(path, len(numbers)) for path in paths]
    firsts = {path: row for row, path in reversed(list(enumerate(paths)))}
    pictures, counts = _read(list(numbers), [where[firsts[path]] for path in numbers])
    captioned, found = checked(
        pictures,
        owner,
        [text for each in described for text in each.texts],
        None
        if all(each.true is None for each in described)
        else [t for each in described for t in (each.true or [True] * len(each.texts))],
        where,
    )
    for each in described:
        counts.update(each.counts)
    return Found(name_of(files), captioned, files, described[0].columns, {**counts, **found})


def _read(paths: Sequence[Path], where: Sequence[str]) -> tuple[list[Picture], Counter[str]]:
    """The pictures of these files, and what was done to them, counted."""
    missing = [row for row, path in enumerate(paths) if not is_file(path)]
    if missing:
        row = missing[0]
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        raise DataError(
            f"{where[row]}: no such picture: {str(paths[row])[:200]}{more}",
            expected="paths of pictures, from the table's folder or from the root",
            fix="put the pictures there, or the table beside them",
        )
    need_pillow()
    area = area_of(len(paths))

    def read(row: int) -> tuple[Picture, tuple[str, ...]]:
        place = where[row] if where[row] == str(paths[row]) else f"{where[row]}: {paths[row]}"
        return Picture.in_file(paths[row], place, area)

    found = side_by_side(read, len(paths))
    return [picture for picture, _ in found], Counter(note for _, notes in found for note in notes)

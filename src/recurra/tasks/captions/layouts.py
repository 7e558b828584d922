"""Which text is told of which picture's file: by tables, folders, Flickr8k's and COCO's files."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

from recurra.codecs.pictures import SUFFIXES
from recurra.data.delimited import fields_of
from recurra.data.files import bytes_of, decoded, lined
from recurra.data.source_locations import Places, composed
from recurra.data.tables import TABLE_SUFFIXES, Table, read_table
from recurra.errors import DataError, OptionError

IMAGES: Final = ("image", "file", "filename", "file_name", "path", "picture", "image_path", "img")
TEXTS: Final = ("text", "caption", "label", "sentence", "description", "transcription")
TRUE: Final = "true"

FOLDERS: Final = (
    *("Images", "images", "pictures", "Flicker8k_Dataset", "Flickr8k_Dataset"),
    *("train2017", "val2017", "train2014", "val2014"),
)
"""Where pictures lie beside the file that tells of them, or a folder above it."""

TABLES: Final = (
    *("captions.txt", "Flickr8k.token.txt", "captions.csv", "captions.tsv", "captions.jsonl"),
    *("metadata.csv", "metadata.jsonl", "metadata.parquet"),
)
"""What tells of the pictures in a folder, where that has such a file; else their names do."""


EXPECTED: Final = (
    "a table with columns image and text (.csv, .tsv, .jsonl, .parquet), a folder of pictures "
    "whose names are the texts (12.5.png; 12.5_2.png for another of 12.5), or Flickr8k's or COCO's "
    "captions"
)


@final
@dataclass(frozen=True)
class Reading:
    """How files are read: the columns that were named."""

    image: str | None = None
    text: str | None = None
    header: bool | None = None


@final
@dataclass(frozen=True, eq=False)
class Described:
    """Rows (N): a picture's file, a text, and whether that is true (None: all are)."""

    paths: list[Path]
    texts: list[str]
    true: list[bool] | None
    where: Places
    columns: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def described_in(file: Path, reading: Reading, folder: bool) -> Described:
    """What a file or folder tells of which picture.

    Raises:
        DataError: it is broken, or of no known form.
        OptionError: a column does not exist, or is named where there are none.
    """
    suffix = file.suffix.lower()
    if folder:
        inside = next((file / name for name in TABLES if (file / name).is_file()), None)
        if inside is not None:
            return described_in(inside, reading, False)
        _no_columns(reading, file, "the names of its files are the texts")
        return _of_names(file)
    if suffix in TABLE_SUFFIXES:
        asked = [each for each in (reading.image, reading.text) if each is not None]
        known = [*IMAGES, *TEXTS, TRUE, *asked]
        return _of_table(file, read_table(file, header=reading.header, known=known), reading)
    if suffix == ".json":
        _no_columns(reading, file, "COCO's captions have no columns")
        return _of_coco(file)
    if suffix == ".txt":
        _no_columns(reading, file, "Flickr8k's captions have no choice of columns")
        return _of_flickr(file)
    raise DataError(
        f"{file}: suffix {suffix!r} says nothing of its form",
        expected=EXPECTED,
        fix="a picture alone has no text: give a table" if suffix in SUFFIXES else "",
    )


def _no_columns(reading: Reading, file: Path, why: str) -> None:
    for option in ("image", "text"):
        if (name := getattr(reading, option)) is not None:
            raise OptionError(f"--{option} {name}: {file}: {why}", expected="a column of a table")


def _found(file: Path, names: Sequence[str]) -> list[Path]:
    """The pictures' paths: from the folder of the file, or one beside it that has the first."""
    base = file.parent
    roots = [base, *(above / each for above in (base, base.parent) for each in FOLDERS)]
    first = next((name for name in names if name), "")
    root = next((each for each in roots if is_file(each / first)), base)
    return [root / name for name in names]


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name too long for the system is as missing as any other."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


# -- tables ------------------------------------------------------------------------------------


def _of_table(file: Path, table: Table, reading: Reading) -> Described:
    image = table.pick(reading.image, "image", IMAGES)
    rest = Table(
        table.name,
        {name: values for name, values in table.columns.items() if name != image},
        table.lines,
        table.unit,
        table.nested,
        table.header,
        table.unsure,
    )
    if reading.text is not None and reading.text == image:
        raise OptionError(
            f"{file}: column {image!r} is to be both image and text",
            expected="a column each for --image and --text",
        )
    if reading.text is None and len(rest.columns) == 1:
        text = next(iter(rest.columns))
    elif not rest.columns:
        raise DataError(
            f"{file}: one column, {image!r}", expected="a column of pictures and one of texts"
        )
    else:
        try:
            text = rest.pick(reading.text, "text", TEXTS)
        except (DataError, OptionError):
            # Says it of all columns that the table has.
            table.pick(reading.text, "text", TEXTS)
            raise
    texts = rest.column(text, "text")
    names = [each.strip() for each in table.column(image, "image")]
    blank = next((row for row, name in enumerate(names) if not name), None)
    if blank is not None:
        raise DataError(
            f"{table.where(blank)}: no picture in column {image!r}",
            expected="a picture's path in every row",
        )
    true = next((name for name in rest.columns if name.lower() == TRUE and name != text), None)
    return Described(
        _found(file, names),
        texts,
        None if true is None else _truths(table, true),
        Places(((file.name, table.unit, table.lines),)),
        {"image": f"column {image!r}", "text": f"column {text!r}"},
        {"headerless": int(not table.header)},
    )


def _truths(table: Table, column: str) -> list[bool]:
    known = {"1": True, "true": True, "0": False, "false": False}
    found = []
    for row, value in enumerate(table.column(column, "true")):
        truth = known.get(value.strip().lower())
        if truth is None:
            raise DataError(
                f"{table.where(row)}: column {column!r} says {value[:60]!r}",
                expected="1 or true where the text is true of the picture, 0 or false elsewhere",
                fix="rename the column if it says something else",
            )
        found.append(truth)
    return found


# -- names of files ----------------------------------------------------------------------------


def text_of(name: str) -> str:
    """The text in a file's name: up to its suffix, and to the last "_" where digits follow it.

    >>> text_of("12.5.png"), text_of("12.5_2.png"), text_of("a_b.png")
    ('12.5', '12.5', 'a_b')
    """
    return re.sub(r"_[0-9]+$", "", Path(name).stem)


def _of_names(folder: Path) -> Described:
    files = [each for each in folder.iterdir() if each.is_file() and each.name[0] != "."]
    pictures = [each for each in files if each.suffix.lower() in SUFFIXES]
    if not pictures:
        raise DataError(
            f"{folder}: no pictures in the folder",
            expected="pictures whose names are the texts: 12.5.png, 12.5_2.png; folders below are "
            "not read",
            fix=f"or one of {', '.join(TABLES)} beside them that tells of them",
        )
    paths = sorted(pictures, key=lambda each: each.name)
    where = Places(((folder.name, "picture", range(1, len(paths) + 1)),))
    texts = [composed(text_of(path.name), where, row) for row, path in enumerate(paths)]
    nameless = next((path for path, text in zip(paths, texts, strict=True) if not text.strip()), 0)
    if nameless:
        raise DataError(
            f"{nameless}: no text in its name",
            expected="the text, then nothing or _ and a number: 12.5.png, 12.5_2.png",
        )
    distinct = Counter(text.lower() for text in set(texts))
    counts = {
        "cases": sum(count - 1 for count in distinct.values()),
        "others": len(files) - len(pictures),
    }
    return Described(paths, texts, None, where, {"text": "the names of the files"}, counts)


# -- Flickr8k and COCO ---------------------------------------------------------------------------


def _of_flickr(file: Path) -> Described:
    """`image,caption` below such a line, or `name.jpg#0`, a tab and the caption."""
    lines = lined(file).split("\n")
    filled = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    separator = "\t" if filled and "\t" in filled[0][1] else ","
    if filled and re.fullmatch(r"image(_name)?[,\t](caption|comment)", filled[0][1].lower()):
        del filled[0]
    names, texts, numbers = [], [], []
    for number, line in filled:
        name, found, text = line.partition(separator)
        if not found:
            raise DataError(
                f"{file}, line {number:,}: no picture and text: {line[:60]!r}",
                expected="name.jpg,caption below a line image,caption; or name.jpg#0, a tab, and a "
                "caption",
            )
        # Commas stand in captions too; what has quotes around it has its quotes doubled.
        if separator == "," and text.startswith('"') and text.endswith('"') and len(text) > 1:
            unquoted = fields_of(text)
            text = unquoted[0] if len(unquoted) == 1 else text
        names.append(re.sub(r"#[0-9]+$", "", name.strip()))
        texts.append(text)
        numbers.append(number)
    if not names:
        raise DataError(f"{file}: no captions", expected="name.jpg,caption in every line")
    where = Places(((file.name, "line", numbers),))
    return Described(_found(file, names), texts, None, where)


def _of_coco(file: Path) -> Described:
    expected = (
        '{"images": [{"id": 1, "file_name": "1.jpg"}, ...], '
        '"annotations": [{"image_id": 1, "caption": "..."}, ...]}'
    )
    try:
        value: Any = json.loads(decoded(bytes_of(file), str(file)))
    except (json.JSONDecodeError, RecursionError) as error:
        at = f"line {error.lineno:,}: " if isinstance(error, json.JSONDecodeError) else ""
        raise DataError(f"{file}: {at}not JSON", expected=expected) from None
    try:
        named = {each["id"]: str(each["file_name"]) for each in value["images"]}
        described = [(each["image_id"], each["caption"]) for each in value["annotations"]]
    except (KeyError, TypeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else "lists of other things"
        raise DataError(f"{file}: not as COCO's captions: {what}", expected=expected) from None
    if not described:
        raise DataError(f"{file}: no annotations", expected=expected)
    for number, (image, text) in enumerate(described, 1):
        wrong = f"no image of id {image!r}" if image not in named else "a caption that is no text"
        if image not in named or not isinstance(text, str):
            raise DataError(f"{file}, annotation {number:,}: {wrong}", expected=expected)
    where = Places(((file.name, "annotation", range(1, len(described) + 1)),))
    counts = {"unnamed": len(named.keys() - {image for image, _ in described})}
    paths = _found(file, [named[image] for image, _ in described])
    return Described(paths, [text for _, text in described], None, where, {}, counts)

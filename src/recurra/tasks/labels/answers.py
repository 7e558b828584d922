"""What was said of the rows of a file, beside what stands in it: CSV, TSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import disk
from recurra.data.files import lined
from recurra.data.tagged import Tagged
from recurra.errors import MissingExtra, OptionError

FORMS: Final = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")

Columns = dict[str, Sequence[Any]]


def check_form(path: Path, *, tagged: bool) -> None:
    """Refuse a file in whose form answers cannot be written.

    Raises:
        OptionError: its suffix says another.
    """
    if not tagged and path.suffix.lower() not in FORMS:
        raise OptionError(f"--out {path}: suffix {path.suffix!r}", expected=", ".join(FORMS))


def columns_of(
    beside: Columns, chances: NDArray[np.float64], classes: Sequence[str]
) -> dict[str, Sequence[Any]]:
    """Columns of a file, and behind them the answer, its probability, and that of each class.

    Args:
        beside: of the file; where one of them has the name of an answer's, that is marked by a _.
        chances: (N, K).
        classes: (K,).
    """
    found = dict(beside)
    rounded = chances.round(6)
    best = chances.argmax(1)
    said: Columns = {
        "predicted": [classes[each] for each in best.tolist()],
        "probability": rounded.max(1).tolist(),
    }
    said |= {f"p({name})": rounded[:, k].tolist() for k, name in enumerate(classes)}
    for name, values in said.items():
        while name in found:
            name += "_"
        found[name] = values
    return found


def write(path: Path, columns: Columns) -> None:
    """Write a table, in the form of the file's suffix.

    Raises:
        BundleError: it cannot be written.
        MissingExtra: Parquet, and polars is not installed.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        try:
            import polars
        except ImportError as error:
            raise MissingExtra(
                f"--out {path}: Parquet is written by polars, which is not installed",
                fix='pip install "recurra[all]"; or write .csv or .jsonl',
            ) from error
        held = io.BytesIO()
        polars.DataFrame({name: list(values) for name, values in columns.items()}).write_parquet(
            held
        )
        disk.write(path, [held.getvalue()])
        return
    rows: Iterable[Sequence[Any]] = zip(*columns.values(), strict=True)
    text = io.StringIO()
    if suffix in (".jsonl", ".ndjson"):
        for row in rows:
            text.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n")
    else:
        writer = csv.writer(text, delimiter="," if suffix == ".csv" else "\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    disk.write(path, [text.getvalue().encode()])


def write_tags(path: Path, read: Tagged, tags: Sequence[Sequence[str]]) -> None:
    """Write a CoNLL file again, the tags said in a column behind all others.

    Raises:
        BundleError: it cannot be written.
    """
    lines = lined(Path(read.name)).split("\n")  # as they were counted when they were read
    for places, said in zip(read.at, tags, strict=True):
        for number, tag in zip(places, said, strict=True):
            line = lines[number - 1]
            end = "\r" if line.endswith("\r") else ""
            lines[number - 1] = f"{line.removesuffix(end)}{read.between}{tag}{end}"
    disk.write(path, ["\n".join(lines).encode()])

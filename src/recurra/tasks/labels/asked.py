"""Files -> inputs whose labels are not needed, and the columns that stand beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from recurra.codecs.sequence_encoder import Kind
from recurra.data.files import is_folder, lined
from recurra.data.long_tables import from_long
from recurra.data.sequences import Sequences, read_npz
from recurra.data.tables import Table, like, read_table
from recurra.data.tagged import Tagged, read_conll
from recurra.data.ts import read_ts
from recurra.errors import OptionError
from recurra.tasks.labels.from_files import (
    LABEL_COLUMNS,
    Reading,
    form_of,
    in_folder,
    text_column,
)


@final
@dataclass(frozen=True, eq=False)
class Asked:
    """What a model is asked about a file.

    Args:
        inputs: texts, tuples of tokens, or arrays (T, C) float32, N of them.
        columns: what stands beside them in the file, (N,) each.
        tagged: the sentences of a CoNLL file, where it is one.
    """

    inputs: Sequence[Any]
    columns: dict[str, Sequence[Any]]
    tagged: Tagged | None = None


def asked_of(
    path: Path, kind: Kind, tagged: bool, reading: Reading, facts: Mapping[str, Any]
) -> Asked:
    """The inputs of a file, or of the files of a folder, a line each.

    Args:
        kind: what the model reads.
        tagged: whether it tags.
        reading: the columns that were named.
        facts: of the data that it was trained on: their "columns" are looked for first, and their
            "channels" taken.

    Raises:
        DataError: the file is missing or broken.
        OptionError: it holds another kind of inputs; a column does not exist.
        MissingExtra: a package that it needs is not installed.
    """
    if is_folder(path, "a file of a kind that training reads, or a folder"):
        parts = [asked_of(each, kind, tagged, reading, facts) for each in in_folder(path)]
        texts = [text for part in parts for text in part.inputs]
        return Asked(texts, {"text": texts})
    form = "tagged" if tagged else form_of(path, reading)
    holds = {"table": "text", "classes": "text", "tagged": "tokens"}.get(form, "numbers")
    if holds != kind and (holds, kind) != ("text", "tokens"):
        raise OptionError(
            f"{path}: {holds}, for a model of {kind}",
            expected=f"a file of {kind}"
            + (": .ts, .npz, or a table with --sequence" if kind == "numbers" else ""),
        )
    if form == "tagged":
        read = read_conll(path, token=reading.text, tag=reading.tag_column, tagged=False)
        return Asked(read.tokens, {}, read)
    if form == "classes":
        lines = lined(path).removesuffix("\n").split("\n")
        return Asked(lines, {"text": lines})
    known = [*reading.known, *map(str, facts.get("columns", {}).values())]
    if form == "table":
        table = read_table(path, header=reading.header, known=known)
        return _of_table(table, reading, facts["columns"])
    if form == "long":
        table = read_table(path, header=reading.header, known=known)
        return _of_sequences(_of_long(table, reading, facts), reading.sequence)
    read_numbers = (
        read_ts(path, labelled=False)
        if form == "ts"
        else read_npz(path, reading.layout, labelled=False)
    )
    return _of_sequences(read_numbers)


def _of_table(table: Table, reading: Reading, likely: Mapping[str, str]) -> Asked:
    """The texts of a table; the column of labels, where there is one, is none of them."""
    names = [reading.label, likely.get("label"), *LABEL_COLUMNS]
    label = next((found for each in names if each and (found := like(table.columns, each))), None)
    text = text_column(table, reading, likely, {label} if label else ())
    return Asked(table.column(text, "text"), dict(table.columns))


def _of_long(table: Table, reading: Reading, facts: Mapping[str, Any]) -> Sequences:
    assert reading.sequence is not None
    channels = [table.pick(each, "channel") for each in facts["channels"]]
    return from_long(
        table, sequence=reading.sequence, label=None, time=reading.time, channels=channels
    )


def _of_sequences(read: Sequences, called: str | None = None) -> Asked:
    place = read.ids if called and read.ids else read.places
    beside = {called or read.unit: place, "label": read.labels, "group": read.groups}
    return Asked(read.values, {name: values for name, values in beside.items() if values})

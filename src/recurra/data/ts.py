"""Sequences of numbers out of .ts files (UEA and UCR archives)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np

from recurra.data.files import lined
from recurra.data.sequences import MISSING, Sequences, Values, checked, number_of
from recurra.errors import DataError, counted, did_you_mean


@final
@dataclass
class _Header:
    """What the lines before @data say."""

    classes: tuple[str, ...] = ()
    dimensions: int | None = None
    equal: bool = False
    length: int | None = None
    has_labels: bool | None = None


_TAGS: Final = (
    "@problemname",
    "@timestamps",
    "@missing",
    "@univariate",
    "@dimensions",
    "@dimension",
    "@equallength",
    "@serieslength",
    "@classlabel",
    "@targetlabel",
    "@data",
)


def read_ts(path: Path, *, labelled: bool = True) -> Sequences:
    """Read a .ts file (UEA and UCR archives): a line a sequence, channels between colons.

    Args:
        labelled: whether there have to be labels, and those that the header names; where not there
            may be, whatever they are.

    Raises:
        DataError: it is broken, or holds what no model can be trained on; the line is named.
    """
    name = str(path)
    lines = _ts_lines(lined(path, "a .ts file"))
    header = _ts_header(lines, name, labelled)
    values: list[Values] = []
    labels: list[str] = []
    places: list[int] = []
    known = frozenset(header.classes)
    for number, line in lines:
        where = f"{name}, line {number:,}"
        fields, label = line.split(":"), ""
        if header.has_labels:
            label = fields.pop().strip()
        if labelled and label not in known:
            raise _unknown_label(label, bool(fields), header.classes, where)
        if not fields:
            raise DataError(
                f"{where}: no values before the label {label!r}",
                expected="values, a colon, and the label",
                fix="drop that line",
            )
        found = _ts_channels(fields, where)
        expected = header.dimensions or (values[0].shape[1] if values else found.shape[1])
        if found.shape[1] != expected:
            said = "@dimensions says" if header.dimensions else f"line {places[0]:,} has"
            raise DataError(
                f"{where}: {counted(found.shape[1], 'channel')}, but {said} {expected}",
                expected="the same channels in every sequence",
            )
        first = header.length or (len(values[0]) if values else len(found))
        if header.equal and len(found) != first:
            raise DataError(
                f"{where}: {counted(len(found), 'step')}, where {first} were expected: the header "
                "says that all lengths are equal",
                expected=f"{first} steps",
                fix="if they may differ, write @equalLength false",
            )
        values.append(found)
        labels.append(label)
        places.append(number)
    if not values:
        raise DataError(f"{name}: nothing after @data", expected="a line for each sequence")
    channels = tuple(str(each + 1) for each in range(values[0].shape[1]))
    return Sequences(name, values, labels if header.has_labels else [], places, "line", channels)


def _ts_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if line and not line.startswith(("#", "%")):
            yield number, line


def _ts_header(lines: Iterator[tuple[int, str]], name: str, labelled: bool) -> _Header:
    header = _Header()
    for number, line in lines:
        tag, *words = line.split()
        where = f"{name}, line {number:,}"
        if not tag.startswith("@"):
            raise DataError(
                f"{where}: values before @data",
                expected="a header of lines that begin with @, then @data, then the values",
            )
        if tag.lower() == "@data":
            if labelled and not header.has_labels:
                raise DataError(
                    f"{name}: without labels"
                    if header.has_labels is False
                    else f"{name}: no line @classLabel before @data",
                    expected="@classLabel true, and the labels: @classLabel true walking resting",
                )
            return header
        _ts_tag(header, tag, words, where)
    raise DataError(
        f"{name}: no line @data", expected="a header, a line @data, then a line for each sequence"
    )


def _ts_tag(header: _Header, tag: str, words: list[str], where: str) -> None:
    said = words[0].lower() if words else ""
    match tag.lower():
        case "@timestamps" if said == "true":
            raise DataError(
                f"{where}: values with time stamps",
                expected="@timestamps false: values alone, in their order",
            )
        case "@targetlabel" if said == "true":
            raise DataError(
                f"{where}: its targets are numbers to be predicted (@targetLabel)",
                expected="classes (@classLabel)",
            )
        case "@classlabel":
            if said not in ("true", "false") or (said == "true" and len(words) < 2):
                raise DataError(f"{where}: {tag} {said}", expected=f"{tag} true and the labels")
            header.has_labels, header.classes = said == "true", tuple(words[1:])
        case "@equallength":
            header.equal = said == "true"
        case "@dimensions" | "@dimension" | "@serieslength":
            if not (said.isascii() and said.isdigit() and int(said[:18]) > 0):
                raise DataError(f"{where}: {tag} {said}", expected=f"{tag} and a whole number")
            if tag.lower() == "@serieslength":
                header.length = int(said[:18])
            else:
                header.dimensions = int(said[:18])
        case other if other not in _TAGS:
            known = did_you_mean(other, _TAGS, 0.8)
            if known:  # else one that other programs know
                raise DataError(f"{where}: {tag}", expected="a tag of the .ts format", fix=known)


def _unknown_label(label: str, has_fields: bool, classes: Sequence[str], where: str) -> DataError:
    shown = label if len(label) < 40 else f"{label[:40]}..."
    if not has_fields or "," in label:
        return DataError(
            f"{where}: ends with {shown!r}, which is no label",
            expected=f"values, a colon, and a label: {_some(classes)}",
            fix="if the line was cut off, copy the file again",
        )
    return DataError(
        f"{where}: label {shown!r} is not among those of @classLabel",
        expected=f"one of {_some(classes)}",
        fix=did_you_mean(label, classes),
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")


def _ts_channels(fields: Sequence[str], where: str) -> Values:
    rows: list[list[float]] = []
    for channel, text in enumerate(fields, 1):
        if not text.strip():
            raise DataError(f"{where}: channel {channel} is empty", expected="numbers", fix=MISSING)
        parts = text.split(",")
        try:
            # Python reads 1_000 and digits of other scripts as numbers; a file means neither.
            if "_" in text or not text.isascii():
                raise ValueError
            rows.append([float(part) for part in parts])
        except ValueError:
            raise _no_number(parts, f"{where}: channel {channel}") from None
        if len(parts) != len(rows[0]):
            raise DataError(
                f"{where}: channel {channel} has {counted(len(parts), 'step')}, channel 1 has "
                f"{len(rows[0]):,}",
                expected="as many steps in every channel of a sequence",
            )
    return checked(np.array(rows).T, where)


def _no_number(parts: Sequence[str], where: str) -> DataError:
    for step, part in enumerate(parts, 1):
        if number_of(part) is None:
            place = f"{where}, step {step:,}"
            if part.strip() in ("?", ""):
                return DataError(
                    f"{place}: missing ({part.strip()!r})", expected="a number", fix=MISSING
                )
            return DataError(f"{place}: {part.strip()[:40]!r} is no number", expected="a number")
    raise AssertionError(parts)

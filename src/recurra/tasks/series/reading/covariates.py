"""Columns beside the target as numbers of one scale; what that takes is fitted on training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.scaling import Standard
from recurra.data.frames import Frame
from recurra.errors import BundleError
from recurra.tasks.series.options import EXOGENOUS

_MOST: Final = 32  # values of a category that have a place of their own
_NUMBERS: Final = 0.95  # share of numbers in a text column from which the others are slips


@final
@dataclass(frozen=True)
class Encoder:
    """How a column becomes numbers.

    A column of numbers is standardised; a missing one becomes 0, and where training had missing
    ones a second number says which are there. Of text and truth values each of the most frequent 32
    has a place that is 1 where it stands; others, and what is missing, have none.

    Args:
        name: the column.
        scale: of numbers, one channel; None for text.
        lacks: whether values were missing in training.
        values: of text, the most frequent first.
    """

    name: str
    scale: Standard | None
    lacks: bool = False
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, frame: Frame, name: str, rows: NDArray[np.int64]) -> Self:
        """The encoder of a column, fitted on some of its rows.

        Raises:
            DataError: a value is infinite, or no number where nearly all are; the row is named.
        """
        column = frame.columns[name]
        numeric = column.kind == "number" or frame.share_of_numbers(name) >= _NUMBERS
        if numeric and column.kind != "boolean":
            values = frame.numbers(name)[rows]
            there = values[~np.isnan(values)]
            some = there[:, None] if len(there) else np.zeros((1, 1))
            return cls(name, Standard.of(some), len(there) < len(values))
        texts = frame.texts(name)
        codes = texts.codes[rows]
        counts = np.bincount(codes[codes >= 0], minlength=len(texts.once)).tolist()
        found = sorted(zip(texts.once, counts, strict=True), key=lambda each: (-each[1], each[0]))
        most = tuple(text for text, count in found[:_MOST] if count)
        return cls(name, None, bool((codes < 0).any()), most)

    @property
    def width(self) -> int:
        """How many numbers it makes of a value."""
        return len(self.values) if self.scale is None else 1 + self.lacks

    @property
    def parts(self) -> tuple[str, ...]:
        """What each of these numbers is called."""
        if self.scale is None:
            return tuple(f"{self.name}={value}" for value in self.values)
        return (self.name, f"{self.name} is there")[: self.width]

    def encode(self, frame: Frame) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The numbers (N, width) of a column, and which rows (N,) have no value.

        Raises:
            DataError: a value is infinite, or no number where training had numbers.
        """
        found = np.zeros((len(frame), self.width), np.float32)
        if self.scale is None:
            texts = frame.texts(self.name)
            number = {each: code for code, each in enumerate(texts.once)}
            for place, value in enumerate(self.values):
                if value in number:
                    found[:, place] = texts.codes == number[value]
            return found, texts.codes < 0
        values = frame.numbers(self.name)
        there = ~np.isnan(values)
        found[there, 0] = self.scale.scale(values[there, None])[:, 0]
        if self.lacks:
            found[:, 1] = there
        return found, ~there

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        kind = (
            {"values": list(self.values)} if self.scale is None else {"scale": self.scale.to_json()}
        )
        return {"name": self.name, "lacks": self.lacks} | kind

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        scale = Standard.from_json(value["scale"]) if "scale" in value else None
        values = () if scale else tuple(map(str, value["values"]))
        return cls(str(value["name"]), scale, bool(value["lacks"]), values)


@final
@dataclass(frozen=True)
class Covariates:
    """How the columns beside the target become known (N, K), past (N, P) and static (S, D)."""

    futr_exog: tuple[Encoder, ...] = ()
    hist_exog: tuple[Encoder, ...] = ()
    stat_exog: tuple[Encoder, ...] = ()

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """What each number of known, past and static is called."""
        return {
            kind: tuple(part for encoder in getattr(self, kind) for part in encoder.parts)
            for kind in EXOGENOUS
        }

    def to_json(self) -> dict[str, Any]:
        """Its encoders as plain values."""
        return {kind: [encoder.to_json() for encoder in getattr(self, kind)] for kind in EXOGENOUS}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` wrote.

        Raises:
            BundleError: it is none.
        """
        try:
            return cls(
                *(tuple(Encoder.from_json(each) for each in value[kind]) for kind in EXOGENOUS)
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise BundleError(
                "the encoders are damaged", expected='"futr_exog", "hist_exog" and "stat_exog"'
            ) from error


def encoded(
    encoders: Sequence[Encoder], frame: Frame
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The numbers (N, width) of several columns; rows (N,) that lack what training never lacked."""
    parts, lacking = [np.empty((len(frame), 0), np.float32)], np.zeros(len(frame), bool)
    for encoder in encoders:
        found, missing = encoder.encode(frame)
        parts.append(found)
        if not encoder.lacks:
            lacking |= missing
    return np.concatenate(parts, axis=1), lacking

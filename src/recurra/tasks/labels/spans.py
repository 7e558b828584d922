"""Tags that mark spans (B-person I-person O), and what they count for each sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

_TAG: Final = re.compile(r"([BIESUL])-(.+)", re.DOTALL)
_AS_BIO: Final = {"S": "B", "U": "B", "E": "I", "L": "I"}


def are_spans(classes: Sequence[str]) -> bool:
    """Whether the tags are O, B- and I- (BIO), perhaps E- and S- (BIOES) or L- and U- (BILOU)."""
    marked = [each for each in classes if each != "O"]
    if not marked or not all(_TAG.fullmatch(each) for each in marked):
        return False
    # B- or S- alone would as well be a name: "S-bahn", "U-bahn".
    return {each[0] for each in marked} & {"B", "I"} != set()


@final
@dataclass(frozen=True, eq=False)
class SpanCounts:
    """Spans of each type in each of N sentences: (N, types), each of them.

    A span is right where its type, its first and its last token are.
    """

    types: tuple[str, ...]
    right: Numbers
    said: Numbers
    true: Numbers

    def rows(self) -> Numbers:
        """Right, said and true, all types together, (N, 3)."""
        return np.stack([self.right.sum(1), self.said.sum(1), self.true.sum(1)], 1)


def counted(
    true: Sequence[Sequence[str]], said: Sequence[Sequence[str]], classes: Sequence[str]
) -> SpanCounts:
    """Count the spans that tags mark in N sentences, and those that are right."""
    types = tuple(sorted({each[2:] for each in classes if each != "O"}))
    number = {each: place for place, each in enumerate(types)}
    counts = np.zeros((3, len(true), len(types)), np.int64)
    for row, (one, other) in enumerate(zip(true, said, strict=True)):
        there, claimed = spans(one), spans(other)
        for place, some in enumerate((there & claimed, claimed, there)):
            for kind, _, _ in some:
                counts[place, row, number[kind]] += 1
    return SpanCounts(types, *counts)


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """The type, first and last token of each span that tags mark.

    They are read as conlleval reads them: an I- after O or after another type begins one too.
    """
    found, begun, kind = set(), 0, ""
    for at, tag in enumerate([*tags, "O"]):
        match = _TAG.fullmatch(tag)
        mark, its = (_AS_BIO.get(match[1], match[1]), match[2]) if match else ("O", "")
        if kind and (mark != "I" or its != kind):
            found.add((kind, begun, at - 1))
            kind = ""
        if its and not kind:
            begun, kind = at, its
    return found


def f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 (R,) of sums (R, 3) of right, said and true spans; 0 where there is none of either."""
    among = sums[:, 1] + sums[:, 2]
    found: NDArray[np.float64] = 2 * sums[:, 0] / np.where(among > 0, among, 1.0)
    return found

"""Tags that mark spans (B-person I-person O), and what they count for each sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

_TAG: Final = re.compile(r"([BIESUL])-(.+)", re.DOTALL)
_AS_BIOES: Final = str.maketrans("LU", "ES")
_SPAN: Final = re.compile(r"S|E|[BI]I*E?")  # in the marks of neighbours of one type


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

    They are read as conlleval reads them, broken ones too: B- and S- begin a span, S- and E- end
    one, and so do O and another type; an I- or E- that nothing goes on to begins one of its own.
    U- and L- are S- and E-.
    """
    matches = [_TAG.fullmatch(tag) for tag in tags]
    found, at = set(), 0
    for kind, some in groupby(matches, lambda match: match and match[2]):
        marks = "".join(match[1] if match else "O" for match in some).translate(_AS_BIOES)
        for each in _SPAN.finditer(marks):
            found.add((str(kind), at + each.start(), at + each.end() - 1))
        at += len(marks)
    return found


def f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 (R,) of sums (R, 3) of right, said and true spans; 0 where there is none of either."""
    among = sums[:, 1] + sums[:, 2]
    found: NDArray[np.float64] = 2 * sums[:, 0] / np.where(among > 0, among, 1.0)
    return found

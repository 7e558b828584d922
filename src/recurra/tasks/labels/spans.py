"""Tags that mark spans (B-person I-person O), and what they count for each sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import MissingExtra

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
    """Count the spans that tags mark, by nervaluate's strict scheme.

    Spans are read as conlleval reads them: an I- after O or after another type begins one too.

    Raises:
        MissingExtra: nervaluate is not installed.
    """
    try:
        from nervaluate.loaders import ListLoader
        from nervaluate.strategies import StrictEvaluation
    except ImportError as error:
        raise MissingExtra(
            "nervaluate, which scores spans, is not installed",
            fix='pip install "recurra[labels]"',
        ) from error
    types = tuple(sorted({each[2:] for each in classes if each != "O"}))
    bio = {each: _bio(each) for each in classes}
    loader, strict = ListLoader(), StrictEvaluation()
    both = [loader.load([[bio[tag] for tag in tags] for tags in some]) for some in (true, said)]
    counts = np.zeros((3, len(true), len(types)), np.int64)
    number = {each: place for place, each in enumerate(types)}
    for row, (is_there, is_said) in enumerate(zip(*both, strict=True)):
        for kind in {each.label for each in (*is_there, *is_said)}:
            result, _ = strict.evaluate(_of(kind, is_there), _of(kind, is_said), [kind], row)
            counts[:, row, number[kind]] = result.correct, result.actual, result.possible
    return SpanCounts(types, *counts)


def _of(kind: str, spans: Sequence[Any]) -> list[Any]:
    return [each for each in spans if each.label == kind]


def _bio(tag: str) -> str:
    match = _TAG.fullmatch(tag)
    return f"{_AS_BIO.get(match[1], match[1])}-{match[2]}" if match else tag


def f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 (R,) of sums (R, 3) of right, said and true spans; 0 where there is none of either."""
    among = sums[:, 1] + sums[:, 2]
    found: NDArray[np.float64] = 2 * sums[:, 0] / np.where(among > 0, among, 1.0)
    return found

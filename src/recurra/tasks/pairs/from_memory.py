"""Python values -> pairs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from recurra.data.frame_columns import several
from recurra.data.source_locations import Places
from recurra.errors import DataError
from recurra.tasks.pairs.splits import Pairs, checked

_EXPECTED: Final = "X: a list of (source, target), or sources as X and targets as y"


def pairs_from(X: Any, y: Any = None) -> Pairs:
    """Pairs of texts, or sources and targets apart.

    Raises:
        DataError: they are no such, their counts differ, or a side is empty.
    """
    sources = several(X, "X", _EXPECTED)
    if y is None:
        for row, each in enumerate(sources):
            if isinstance(each, str) or not _is_pair(each):
                what = "one text" if isinstance(each, str) else f"{_short(each)}, no pair of texts"
                raise DataError(f"X[{row}]: {what}", expected=_EXPECTED)
        targets = [target for _, target in sources]
        sources = [source for source, _ in sources]
    else:
        targets = several(y, "y", _EXPECTED)
        for name, side in (("X", sources), ("y", targets)):
            for row, each in enumerate(side):
                if not isinstance(each, str):
                    raise DataError(f"{name}[{row}]: {_short(each)}, no text", expected=_EXPECTED)
        if len(sources) != len(targets):
            raise DataError(
                f"{len(sources):,} sources, but {len(targets):,} targets",
                expected="a target for each source",
            )
    where = Places((("", "X", range(len(sources))),))
    return checked(list(map(str, sources)), list(map(str, targets)), where)


def _is_pair(value: Any) -> bool:
    return (
        hasattr(value, "__len__")
        and len(value) == 2
        and isinstance(value, Iterable)
        and all(isinstance(side, str) for side in value)
    )


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."

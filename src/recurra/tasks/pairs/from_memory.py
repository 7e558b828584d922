"""Python values -> pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from recurra.data.frame_columns import several
from recurra.data.source_locations import Places
from recurra.errors import DataError
from recurra.tasks.pairs.columns import picked
from recurra.tasks.pairs.from_files import TRANSLATION, Found, Reading
from recurra.tasks.pairs.splits import checked

_EXPECTED: Final = "X: a list of (source, target), or sources as X and targets as y"


def pairs_from(X: Any, y: Any, reading: Reading, called: str) -> Found:
    """Pairs of texts; sources and targets apart; rows or a frame with columns for them.

    Raises:
        DataError: they are no such, their counts differ, or no pair has both sides.
        OptionError: a column does not exist.
    """
    if y is None and hasattr(X, "columns"):
        X = [dict(zip(X.columns, row, strict=True)) for row in zip(*_columns(X), strict=True)]
    sources = several(X, "X", _EXPECTED)
    if y is None and all(isinstance(each, Mapping) for each in sources):
        sources, targets = _of_rows(sources, reading)
    elif y is None:
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
    pairs = checked(list(map(str, sources)), list(map(str, targets)), where)
    counts = {"empty": len(sources) - len(pairs)}
    return Found(called, pairs.reversed if reading.reverse else pairs, (), {}, counts)


def _columns(frame: Any) -> list[list[Any]]:
    return [list(frame[name]) for name in frame.columns]


def _of_rows(rows: Sequence[Mapping[str, Any]], reading: Reading) -> tuple[list[str], list[str]]:
    """Sources and targets of rows with names, as Hugging Face's data sets have them."""
    rows = [
        {**each, **each[TRANSLATION]} if isinstance(each.get(TRANSLATION), Mapping) else each
        for each in rows
    ]
    header = [str(each) for each in dict.fromkeys(key for row in rows for key in row)]
    if any(isinstance(row.get(TRANSLATION), Mapping) for row in rows):
        header.remove(TRANSLATION)
    names = picked(header, reading, "X")
    sides: list[list[str]] = [[], []]
    for number, row in enumerate(rows):
        for side, name in zip(sides, names, strict=True):
            text = row.get(name)
            if text is None or text != text:
                text = ""
            if not isinstance(text, str):
                raise DataError(
                    f"X[{number}][{name!r}]: {_short(text)}, no text", expected=_EXPECTED
                )
            side.append(text)
    return sides[0], sides[1]


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

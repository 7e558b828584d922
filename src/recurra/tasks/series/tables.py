"""Forecasts as tables: columns, frames of pandas or polars, CSV, Parquet and JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from csv import writer
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import MissingExtra, OptionError
from recurra.tasks.series.forecasts import INTERVALS, Forecasts
from recurra.tasks.series.panel import Panel

FORMS: Final = ("csv", "parquet", "json", "jsonl")

_NUMBER: Final = "%.9g"  # all that a network says, which is in float32, in a third of the time

Columns = dict[str, NDArray[Any]]


def columns_of(panel: Panel, found: Forecasts) -> Columns:
    """A row a step: `unique_id, ds, recurra, recurra-lo-95, ..., recurra-hi-95`, as Nixtla's.

    Names are texts, `ds` datetime64 (of days, where all are whole days) or whole numbers.
    """
    windows, horizon = found.point.shape
    ordinals = panel.starts[found.series] + found.origins
    stamps = panel.frequency.stamps((ordinals[:, None] + np.arange(horizon)).ravel())
    if stamps.dtype.kind == "M" and _are_days(stamps):
        stamps = stamps.astype("datetime64[D]")
    columns: Columns = {
        "unique_id": np.repeat(np.array(panel.ids, object)[found.series], horizon),
        "ds": stamps,
        "recurra": found.point.ravel(),
    }
    quantiles = found.quantiles.reshape(windows * horizon, -1)
    for side, order in (("lo", sorted(INTERVALS, reverse=True)), ("hi", sorted(INTERVALS))):
        for size in order:
            low, high = INTERVALS[size]
            columns[f"recurra-{side}-{size}"] = quantiles[:, low if side == "lo" else high].copy()
    return columns


def like(given: Any, columns: Columns) -> Any:
    """A frame of pandas for one of pandas, of polars for one of polars; else the columns."""
    room = type(given).__module__.split(".")[0]
    if room == "pandas":
        import pandas

        days = {"ds": columns["ds"].astype("datetime64[us]")} if _dated(columns) else {}
        return pandas.DataFrame(columns | days)
    if room == "polars":
        import polars

        return polars.DataFrame(columns | {"unique_id": columns["unique_id"].tolist()})
    return columns


def write(
    panel: Panel, found: Forecasts, target: Path | IO[str], *, form: str | None = None
) -> None:
    """Write forecasts to a file, in the form of its suffix, or to a stream in the form given.

    Raises:
        OptionError: no such form.
        MissingExtra: Parquet, and polars is not installed.
    """
    if form is None:
        assert isinstance(target, Path)
        form = target.suffix.lower().removeprefix(".")
        form = "jsonl" if form == "ndjson" else form
    if form not in FORMS:
        raise OptionError(
            f"--out {target}: suffix .{form}", expected=", ".join(f".{each}" for each in FORMS)
        )
    columns = columns_of(panel, found)
    try:
        if form == "parquet":
            _parquet(columns, target)
            return
        pieces = {"csv": _csv, "json": _json, "jsonl": _json_lines}[form](columns)
        if isinstance(target, Path):
            with open(target, "w", encoding="utf-8", newline="") as out:
                out.writelines(pieces)
        else:
            target.writelines(pieces)
    except OSError as error:
        raise OptionError(
            f"--out {target}: {error.strerror or error}", expected="a file that can be written"
        ) from error


def _csv(columns: Columns) -> Iterator[str]:
    yield ",".join(columns) + "\n"
    names, stamps, *numbers = columns.values()
    row = ",".join(["%s", "%s", *[_NUMBER] * len(numbers)]) + "\n"
    times = _stamps(stamps, "T")
    yield from _filled(row, _once(names, _quoted), times, numbers)


def _quoted(name: str) -> str:
    """A name as CSV has it, in quotes where it holds what is no part of a field."""
    line = io.StringIO()
    writer(line, lineterminator="").writerow([name])
    return line.getvalue()


def _once(names: NDArray[Any], write: Callable[[str], str]) -> Iterator[str]:
    """Names, each different one turned into text once."""
    listed = names.tolist()
    kept = {name: write(name) for name in dict.fromkeys(listed)}
    return map(kept.__getitem__, listed)


def _filled(row: str, *columns: Any) -> Iterator[str]:
    """A template filled in for each row of names, stamps and a list of numbers."""
    names, stamps, numbers = columns
    rows = zip(names, stamps, *(each.tolist() for each in numbers), strict=True)
    return map(row.__mod__, rows)


def _stamps(stamps: NDArray[Any], between: str) -> list[Any]:
    """Stamps as text: 2024-01-31, or with a time of day; numbers as they are."""
    if stamps.dtype.kind != "M":
        return list(stamps.tolist())
    once, at = np.unique(stamps, return_inverse=True)
    texts = [str(each).replace("T", between) for each in once]
    return [texts[number] for number in at.tolist()]


def _rows(columns: Columns, end: str) -> Iterator[str]:
    """A JSON object a row."""
    names, stamps, *numbers = columns.values()
    keys = [json.dumps(each) for each in columns]
    dated = stamps.dtype.kind == "M"
    kinds = ["%s", '"%s"' if dated else "%s", *[_NUMBER] * len(numbers)]
    row = ",".join(f"{key}:{kind}" for key, kind in zip(keys, kinds, strict=True))
    quoted = _once(names, lambda name: json.dumps(name, ensure_ascii=False))
    return _filled("{" + row + "}" + end, quoted, _stamps(stamps, " "), numbers)


def _json(columns: Columns) -> Iterator[str]:
    before = "["
    for row in _rows(columns, ""):
        yield before + row
        before = ","
    yield "]\n"


def _json_lines(columns: Columns) -> Iterator[str]:
    return _rows(columns, "\n")


def _parquet(columns: Columns, target: Any) -> None:
    try:
        import polars
    except ImportError as error:
        raise MissingExtra(
            f"--out {target}: Parquet is written by polars, which is not installed",
            fix='pip install "recurra[all]"; or write .csv or .jsonl',
        ) from error
    polars.DataFrame(columns | {"unique_id": columns["unique_id"].tolist()}).write_parquet(target)


def _dated(columns: Columns) -> bool:
    return bool(columns["ds"].dtype.kind == "M")


def _are_days(stamps: NDArray[Any]) -> bool:
    return bool((stamps == stamps.astype("datetime64[D]")).all())

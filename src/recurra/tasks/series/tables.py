"""Forecasts as tables: columns, frames of pandas or polars, CSV, Parquet and JSON."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Callable, Iterator
from csv import writer
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import MissingExtra, OptionError
from recurra.tasks.series.forecasts import Forecasts
from recurra.tasks.series.panel import Panel

FORMS: Final = ("csv", "parquet", "json", "jsonl")

_NUMBER: Final = "%.15g"  # the shortest of rounded numbers

Columns = dict[str, NDArray[Any]]


def columns_of(panel: Panel, found: Forecasts, *, cutoff: bool = False) -> Columns:
    """A row a step: `unique_id, ds, recurra, recurra-lo-95, ..., recurra-hi-95`, as Nixtla's.

    Names are texts, `ds` datetime64 (of days, where all are whole days) or whole numbers. Sample
    paths follow: `recurra-sample-1` and so on.

    Args:
        cutoff: whether the step before each origin, `cutoff`, and what came, `y`, stand behind
            `ds`.
    """
    windows, horizon = found.point.shape
    ordinals = panel.starts[found.series] + found.origins
    names = np.array(panel.ids, object)[found.series]
    columns: Columns = {
        "unique_id": np.repeat(names, horizon),
        "ds": _days(panel.frequency.stamps((ordinals[:, None] + np.arange(horizon)).ravel())),
    }
    if cutoff:
        columns["cutoff"] = np.repeat(_days(panel.frequency.stamps(ordinals - 1)), horizon)
        columns["y"] = panel.actuals(found.series, found.origins, horizon).ravel()
    columns["recurra"] = found.point.ravel()
    quantiles = found.quantiles.reshape(windows * horizon, -1)
    for side, order in (("lo", sorted(found.intervals)[::-1]), ("hi", sorted(found.intervals))):
        for size in order:
            low, high = found.intervals[size]
            name = f"recurra-{side}-{size:g}"
            columns[name] = quantiles[:, low if side == "lo" else high].copy()
    if found.paths is not None:
        for number in range(found.paths.shape[-1]):
            columns[f"recurra-sample-{number + 1}"] = found.paths[..., number].ravel()
    return columns


def frame_kind(given: Any) -> str | None:
    """The package that a frame is of, pandas or polars; None of what is none."""
    room = type(given).__module__.split(".")[0]
    return room if room in ("pandas", "polars") else None


def like(kind: str | None, columns: Columns) -> Any:
    """A frame of the package of this name; the columns where it is none, or not installed."""
    if kind is None or importlib.util.find_spec(kind) is None:
        return columns
    if kind == "pandas":
        import pandas

        stamps = {
            name: columns[name].astype("datetime64[us]")
            for name in ("ds", "cutoff")
            if name in columns and columns[name].dtype.kind == "M"
        }
        return pandas.DataFrame(columns | stamps)
    import polars

    return polars.DataFrame(_plain(columns), nan_to_null=True)


def _plain(columns: Columns) -> dict[str, Any]:
    return columns | {"unique_id": columns["unique_id"].tolist()}


def write(columns: Columns, target: Path | IO[str], *, form: str | None = None) -> None:
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
    names, *others = columns.values()
    row = ",".join(["%s", *map(_form, others)]) + "\n"
    yield from _filled(row, _once(names, _quoted), others, "T", "")


def _form(column: NDArray[Any]) -> str:
    return _NUMBER if column.dtype.kind == "f" and not np.isnan(column).any() else "%s"


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


def _filled(
    row: str, names: Iterator[str], others: list[NDArray[Any]], between: str, missing: str
) -> Iterator[str]:
    """A template filled in for each row of names, stamps and numbers.

    Args:
        between: day and time of day.
        missing: what stands for a value that is missing.
    """
    listed = (_cells(each, between, missing) for each in others)
    return map(row.__mod__, zip(names, *listed, strict=True))


def _cells(column: NDArray[Any], between: str, missing: str) -> list[Any]:
    """What `_form` is filled with: stamps as 2024-01-31, or with a time of day; numbers."""
    if column.dtype.kind == "M":
        once, at = np.unique(column, return_inverse=True)
        texts = [str(each).replace("T", between) for each in once]
        return [texts[number] for number in at.tolist()]
    listed: list[Any] = column.tolist()
    if column.dtype.kind == "f" and _form(column) != _NUMBER:
        return [missing if each != each else _NUMBER % each for each in listed]
    return listed


def _rows(columns: Columns, end: str) -> Iterator[str]:
    """A JSON object a row."""
    names, *others = columns.values()
    keys = [json.dumps(each) for each in columns]
    kinds = ["%s", *('"%s"' if each.dtype.kind == "M" else _form(each) for each in others)]
    row = ",".join(f"{key}:{kind}" for key, kind in zip(keys, kinds, strict=True))
    quoted = _once(names, lambda name: json.dumps(name, ensure_ascii=False))
    return _filled("{" + row + "}" + end, quoted, others, " ", "null")


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
    polars.DataFrame(_plain(columns), nan_to_null=True).write_parquet(target)


def _days(stamps: NDArray[Any]) -> NDArray[Any]:
    """Stamps as days, where all are whole ones."""
    if stamps.dtype.kind == "M" and bool((stamps == stamps.astype("datetime64[D]")).all()):
        return stamps.astype("datetime64[D]")
    return stamps

"""Forecasts as tables: frames of pandas or polars, CSV, Parquet and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from recurra.errors import MissingExtra, OptionError
from recurra.tasks.series.forecasts import INTERVALS, Forecasts
from recurra.tasks.series.panel import Panel

FORMS: Final = ("csv", "parquet", "json", "jsonl")


def frame_of(panel: Panel, found: Forecasts, *, like: Any = None) -> Any:
    """A row a step: `unique_id, ds, recurra, recurra-lo-95, ..., recurra-hi-95`, as Nixtla's.

    Args:
        like: a pandas frame, for one of pandas; else it is one of polars.

    Raises:
        MissingExtra: polars is not installed.
    """
    polars = _polars()
    windows, horizon = found.point.shape
    ordinals = panel.starts[found.series] + found.origins
    stamps = panel.frequency.stamps((ordinals[:, None] + np.arange(horizon)).ravel())
    columns: dict[str, Any] = {
        "unique_id": np.repeat(np.array(panel.ids, object)[found.series], horizon).tolist(),
        "ds": stamps,
        "recurra": found.point.ravel(),
    }
    quantiles = found.quantiles.reshape(windows * horizon, -1)
    for side, order in (("lo", sorted(INTERVALS, reverse=True)), ("hi", sorted(INTERVALS))):
        for size in order:
            low, high = INTERVALS[size]
            columns[f"recurra-{side}-{size}"] = quantiles[:, low if side == "lo" else high]
    if type(like).__module__.startswith("pandas"):
        import pandas

        return pandas.DataFrame(columns)
    frame = polars.DataFrame(columns)
    if frame["ds"].dtype == polars.Datetime and _are_days(stamps):
        frame = frame.with_columns(polars.col("ds").cast(polars.Date))
    return frame


def write(
    panel: Panel, found: Forecasts, target: Path | IO[str], *, form: str | None = None
) -> None:
    """Write forecasts to a file, in the form of its suffix, or to a stream in the form given.

    Raises:
        OptionError: no such form.
        MissingExtra: polars is not installed.
    """
    if form is None:
        assert isinstance(target, Path)
        form = target.suffix.lower().removeprefix(".")
        form = "jsonl" if form == "ndjson" else form
    if form not in FORMS:
        raise OptionError(
            f"--out {target}: suffix .{form}", expected=", ".join(f".{each}" for each in FORMS)
        )
    frame = frame_of(panel, found)
    try:
        if form == "parquet":
            frame.write_parquet(target)
            return
        text: str = {
            "csv": frame.write_csv,
            "json": lambda: frame.write_json() + "\n",
            "jsonl": frame.write_ndjson,
        }[form]()
        if isinstance(target, Path):
            target.write_text(text, "utf-8")
        else:
            target.write(text)
    except OSError as error:
        raise OptionError(
            f"--out {target}: {error.strerror or error}", expected="a file that can be written"
        ) from error


def _are_days(stamps: Any) -> bool:
    return bool((stamps == stamps.astype("datetime64[D]")).all())


def _polars() -> Any:
    try:
        import polars
    except ImportError as error:
        raise MissingExtra(
            "polars is not installed", fix='pip install "recurra[series]"'
        ) from error
    return polars

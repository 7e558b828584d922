"""Python values -> a frame: pandas and polars frames, columns by name, one array of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from recurra.data.frame_columns import column_of, names_and_columns
from recurra.data.frames import Frame
from recurra.data.tables import check_names
from recurra.errors import DataError

_EXPECTED: Final = (
    "a frame of pandas or polars (columns unique_id, ds, y, or a date and a column a series), a "
    "pandas Series, columns by name, or the numbers of one series"
)


def files_of(values: Any) -> list[Path]:
    """The files that are meant, where these are paths; none where they are values."""
    listed = values if isinstance(values, list | tuple) else [values]
    paths = all(isinstance(each, str | PathLike) for each in listed)
    return [Path(each) for each in listed] if paths else []


def frame_of(values: Any, name: str = "given") -> Frame:
    """The columns of a frame of pandas or polars, of a mapping, or of numbers.

    An index of pandas that holds dates, or names, is a column; so is that of a Series. Frames of
    other kinds are read through narwhals, where it is installed.

    Raises:
        DataError: these are no columns of equal length, or there are no rows.
    """
    if isinstance(values, str | bytes):
        raise DataError(f"{name}: a text", expected=_EXPECTED)
    values = _native(_without_index(values))
    if _is_of(values, "polars") and hasattr(values, "collect"):
        values = values.collect()
    if _is_of(values, "polars", "pandas") and not hasattr(values, "columns"):
        columns = [(str(getattr(values, "name", None) or "y"), column_of(values))]
    elif _is_of(values, "polars", "pandas"):
        columns = list(names_and_columns(values))
    elif isinstance(values, Mapping):
        columns = [(str(each), column_of(values[each])) for each in values]
    else:
        array = np.asarray(values) if hasattr(values, "__array__") or _listed(values) else None
        if array is None or array.dtype.kind not in "iuf" or array.ndim not in (1, 2):
            what = type(values).__name__ if array is None else f"{array.dtype} {array.shape}"
            raise DataError(f"{name}: {what}", expected=_EXPECTED)
        array = array[:, None] if array.ndim == 1 else array
        wide = array.shape[1] > 1
        columns = [
            (f"y{number}" if wide else "y", column_of(array[:, number]))
            for number in range(array.shape[1])
        ]
    check_names([each for each, _ in columns], name)
    lengths = {len(each) for _, each in columns}
    if len(lengths) != 1 or not lengths.pop():
        what = "columns of different lengths" if lengths else "no rows"
        raise DataError(f"{name}: {what}", expected=_EXPECTED)
    return Frame(name, dict(columns), lambda row: f"{name}[{row}]")


def _is_of(values: Any, *rooms: str) -> bool:
    return type(values).__module__.split(".")[0] in rooms


def _native(values: Any) -> Any:
    """A frame of another kind as one of polars or pandas, or as a mapping."""
    if _is_of(values, "polars", "pandas", "numpy", "builtins") or isinstance(values, Mapping):
        return values
    try:
        import narwhals
    except ImportError:
        return values
    native = narwhals.from_native(values, pass_through=True, allow_series=True)
    if isinstance(native, narwhals.LazyFrame):
        native = native.collect()
    if isinstance(native, narwhals.Series):
        native = native.alias(native.name or "y").to_frame()
    return native.to_dict(as_series=False) if isinstance(native, narwhals.DataFrame) else values


def _listed(values: Any) -> bool:
    return isinstance(values, list | tuple)


def _without_index(values: Any) -> Any:
    """A pandas object whose index, where it says something, is a column."""
    index = getattr(values, "index", None)
    if type(values).__module__.split(".")[0] != "pandas" or index is None:
        return values
    kind = type(index).__name__
    if kind == "PeriodIndex":
        values = values.set_axis(index.to_timestamp(), axis=0)
    elif kind not in ("DatetimeIndex", "MultiIndex") and index.name is None:
        if index.dtype.kind in "iufb":
            return values  # numbers of rows
        values = values.rename_axis("index")
    if kind != "MultiIndex" and values.index.name is None:
        values = values.rename_axis("ds")
    if not hasattr(values, "columns") and values.name is None:
        values = values.rename("y")
    return values.reset_index()

"""Python values -> a frame: pandas and polars frames, columns by name, one array of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from recurra.data.columns import Column, column_of
from recurra.data.frames import Frame
from recurra.data.tables import check_names
from recurra.errors import DataError, MissingExtra

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
    """The columns of a frame of any kind that narwhals knows, of a mapping, or of numbers.

    An index of pandas that holds dates, or names, is a column; so is that of a Series.

    Raises:
        DataError: these are no columns of equal length, or there are no rows.
        MissingExtra: a frame is given, and narwhals is not installed.
    """
    if isinstance(values, str | bytes):
        raise DataError(f"{name}: a text", expected=_EXPECTED)
    if isinstance(values, Mapping):
        names, columns = [str(each) for each in values], [_column(values[each]) for each in values]
    elif not isinstance(values, np.ndarray | list | tuple) and (found := _of_frame(values)):
        names, columns = list(found), list(found.values())
    else:
        array = np.asarray(values) if hasattr(values, "__array__") or _listed(values) else None
        if array is None or array.dtype.kind not in "iuf" or array.ndim not in (1, 2):
            what = type(values).__name__ if array is None else f"{array.dtype} {array.shape}"
            raise DataError(f"{name}: {what}", expected=_EXPECTED)
        array = array[:, None] if array.ndim == 1 else array
        wide = array.shape[1] > 1
        names = [f"y{number}" if wide else "y" for number in range(array.shape[1])]
        columns = [column_of(array[:, number]) for number in range(array.shape[1])]
    check_names(names, name)
    lengths = {len(each) for each in columns}
    if len(lengths) != 1 or not lengths.pop():
        what = "columns of different lengths" if lengths else "no rows"
        raise DataError(f"{name}: {what}", expected=_EXPECTED)
    return Frame(name, dict(zip(names, columns, strict=True)), lambda row: f"{name}[{row}]")


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
        return values
    if kind != "MultiIndex" and index.name is None:
        values = values.rename_axis("ds")
    if not hasattr(values, "columns") and values.name is None:
        values = values.rename("y")
    return values.reset_index()


def _of_frame(values: Any) -> dict[str, Column]:
    """The columns of a frame or series; none where it is neither."""
    module = type(values).__module__.split(".")[0]
    try:
        import narwhals
    except ImportError as error:
        if module not in ("pandas", "polars", "pyarrow"):
            return {}
        raise MissingExtra(
            f"frames of {module} are read by narwhals, which is not installed",
            fix='pip install "recurra[series]", or give columns by name: {"ds": [...], "y": [...]}',
        ) from error
    native = narwhals.from_native(_without_index(values), pass_through=True, allow_series=True)
    if isinstance(native, narwhals.LazyFrame):
        native = native.collect()
    if isinstance(native, narwhals.Series):
        native = native.alias(native.name or "y").to_frame()
    if not isinstance(native, narwhals.DataFrame):
        return {}
    return {str(each): _of_narwhals(native[each]) for each in native.columns}


def _of_narwhals(column: Any) -> Column:
    import narwhals

    kind = column.dtype
    if isinstance(kind, narwhals.Datetime) and not column.is_null().any():
        if kind.time_zone is None:
            return column_of(column.to_numpy().astype("datetime64[us]"))
        local, utc = (
            each.dt.replace_time_zone(None).to_numpy().astype("datetime64[us]")
            for each in (column, column.dt.convert_time_zone("UTC"))
        )
        minutes = (local - utc).astype("timedelta64[m]").astype(np.int64)
        return Column(len(local), lambda: local, "moments", minutes)
    if kind.is_numeric() or kind == narwhals.Boolean:
        if column.is_null().any():
            column = column.cast(narwhals.Float64)
        return column_of(column.to_numpy())
    return column_of(column.to_list())


def _column(values: Any) -> Column:
    """A column given by name."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "O":
        values = values.tolist()
    if hasattr(values, "__array__") and not isinstance(values, np.ndarray):
        array = np.asarray(values)  # of pandas, polars, torch
        values = array if array.dtype.kind in "fiubM" else array.tolist()
    return column_of(values)

"""Python values -> a frame: pandas and polars frames, columns by name, one array of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

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
        MissingExtra: polars or narwhals is not installed.
    """
    try:
        import narwhals
        import polars
    except ImportError as error:
        raise MissingExtra(
            "frames are read by narwhals and polars, which are not installed",
            fix='pip install "recurra[series]"',
        ) from error
    if isinstance(values, str | bytes):
        raise DataError(f"{name}: a text", expected=_EXPECTED)
    values = _without_index(values)
    native = narwhals.from_native(values, pass_through=True, allow_series=True)
    if isinstance(native, narwhals.LazyFrame):
        native = native.collect()
    if isinstance(native, narwhals.Series):
        native = native.alias(native.name or "y").to_frame()
    if isinstance(native, narwhals.DataFrame):
        names = [str(each) for each in native.columns]
        columns = [_column(native[each]) for each in native.columns]
    elif isinstance(values, Mapping):
        names, columns = [str(each) for each in values], [_plain(values[each]) for each in values]
    else:
        array = np.asarray(values) if hasattr(values, "__array__") or _listed(values) else None
        if array is None or array.dtype.kind not in "iuf" or array.ndim not in (1, 2):
            what = type(values).__name__ if array is None else f"{array.dtype} {array.shape}"
            raise DataError(f"{name}: {what}", expected=_EXPECTED)
        array = array[:, None] if array.ndim == 1 else array
        wide = array.shape[1] > 1
        names = [f"y{number}" if wide else "y" for number in range(array.shape[1])]
        columns = [polars.Series(array[:, number]) for number in range(array.shape[1])]
    check_names(names, name)
    lengths = {len(each) for each in columns}
    if len(lengths) != 1 or not lengths.pop():
        what = "columns of different lengths" if lengths else "no rows"
        raise DataError(f"{name}: {what}", expected=_EXPECTED)
    frame = polars.DataFrame([each.alias(key) for key, each in zip(names, columns, strict=True)])
    return Frame(name, frame, lambda row: f"{name}[{row}]")


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


def _column(column: Any) -> Any:
    """A column of narwhals as one of polars, without pyarrow, which pandas' own way needs."""
    import narwhals
    import polars

    native = column.to_native()
    if isinstance(native, polars.Series):
        return native
    kind = column.dtype
    if isinstance(kind, narwhals.Datetime):
        zone = kind.time_zone
        if zone is not None:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        found = polars.Series(column.to_numpy().astype("datetime64[us]"))
        if zone is not None:
            found = found.dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone))
        return found
    if kind.is_numeric() or kind == narwhals.Boolean:
        if column.is_null().any():
            return polars.Series(column.cast(narwhals.Float64).to_numpy())
        return polars.Series(column.to_numpy())
    return _plain(column.to_list())


def _plain(values: Any) -> Any:
    import polars

    if isinstance(values, np.ndarray):
        values = values.astype("datetime64[us]") if values.dtype.kind == "M" else values
        return polars.Series(values) if values.dtype.kind != "O" else _plain(values.tolist())
    listed = [None if each is None or each != each else each for each in values]
    kinds = {type(each) for each in listed if each is not None}
    if len(kinds) > 1 and not kinds <= {int, float, bool}:
        listed = [None if each is None else str(each) for each in listed]
    return polars.Series(listed, strict=False)

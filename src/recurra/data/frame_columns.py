"""Columns out of what people hold in memory: arrays, lists, series of pandas and polars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.data.columns import Column
from recurra.errors import DataError


def several(values: Any, name: str, expected: str) -> list[Any]:
    """What is in memory under a name, one by one.

    Raises:
        DataError: it is one text, no values at all, or none; `expected` says what it should be.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        what = "one text" if isinstance(values, str) else type(values).__name__
        raise DataError(f"{name}: {what}", expected=expected)
    found = list(values)
    if not found:
        raise DataError(f"{name}: empty", expected=expected)
    return found


def column_of(values: Any) -> Column:
    """The column of an array, of a list, or of a column of pandas or polars."""
    room = type(values).__module__.split(".")[0]
    if room == "polars":
        return _of_polars(values)
    if room == "pandas":
        return _of_pandas(values)
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "iufbM":
        return _of_array(values)
    return _of_list(list(values.tolist() if isinstance(values, np.ndarray) else values))


def _of_array(values: NDArray[Any]) -> Column:
    kind = values.dtype.kind
    if kind == "M":
        return Column("date", values.astype("datetime64[us]"))
    if kind == "b":
        return Column("boolean", values.astype(np.float64))
    whole = kind in "iu" and values.dtype != np.uint64
    return Column("number", values.astype(np.int64 if whole else np.float64))


def _of_polars(values: Any) -> Column:
    import polars

    kind, name = values.dtype, str(values.dtype)
    if kind.is_numeric() or name == "Boolean":
        whole = kind.is_integer() and not values.null_count()
        if not whole:
            found = values.cast(polars.Float64).fill_null(float("nan")).to_numpy()
            return Column("boolean" if name == "Boolean" else "number", found)
        return _of_array(values.to_numpy())
    if name == "Date":
        return Column("date", values.to_numpy().astype("datetime64[us]"))
    if name.startswith("Datetime"):
        if kind.time_zone is None:
            return Column("date", values.to_numpy().astype("datetime64[us]"))
        local = values.dt.replace_time_zone(None).to_numpy().astype("datetime64[us]")
        instants = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
        return _zoned(local, instants)
    if kind.is_nested() or name in ("Binary", "Object", "Duration", "Time"):
        return Column("other", given=[None] * len(values), description=name)
    return Column("text", given=[None if each is None else str(each) for each in values.to_list()])


def _of_pandas(values: Any) -> Column:
    kind = values.dtype
    name, code = type(kind).__name__, getattr(kind, "kind", "O")
    if name == "DatetimeTZDtype":
        instants = _clock(values).tz_convert("UTC")
        bare = [_clock(each).tz_localize(None).to_numpy() for each in (values, instants)]
        return _zoned(bare[0].astype("datetime64[us]"), bare[1])
    if name == "PeriodDtype":
        return _of_array(_clock(values).to_timestamp().to_numpy())
    if code == "M" and name != "CategoricalDtype":
        return _of_array(values.to_numpy())
    if code in "iufb" and name != "CategoricalDtype":
        if values.isna().any():
            found = values.to_numpy(dtype=np.float64, na_value=np.nan)
            return Column("boolean" if code == "b" else "number", found)
        return _of_array(values.to_numpy(dtype=kind.type if hasattr(kind, "type") else None))
    return _of_list(
        [None if none else each for each, none in zip(values, values.isna(), strict=True)]
    )


def _clock(values: Any) -> Any:
    """What turns the times of a Series, or of an index."""
    return values.dt if hasattr(values, "dt") else values


def _zoned(local: NDArray[Any], instants: NDArray[Any]) -> Column:
    apart = (local - instants.astype("datetime64[us]")).astype(np.int64)
    return Column("date", local, np.where(np.isnat(local), 0, apart // 60_000_000))


def _of_list(values: list[Any]) -> Column:
    plain = [each.item() if isinstance(each, np.generic) else each for each in values]
    plain = [None if each is None or each != each else each for each in plain]
    kinds = {type(each) for each in plain if each is not None}
    lacks = any(each is None for each in plain)
    if kinds and kinds <= {bool}:
        return Column("boolean", np.array([np.nan if v is None else v for v in plain], np.float64))
    if kinds and kinds <= {int, float, bool}:
        whole = kinds == {int} and not lacks and max(map(abs, plain)) < 2**63
        if whole:
            return Column("number", np.array(plain, np.int64))
        return Column("number", np.array([np.nan if v is None else v for v in plain], np.float64))
    if kinds and all(issubclass(each, date) for each in kinds):
        return _of_dates(plain)
    for each in kinds:
        if each.__name__ in (
            "list",
            "tuple",
            "dict",
            "set",
            "bytes",
            "timedelta",
            "time",
            "ndarray",
        ):
            return Column(
                "other", given=[None] * len(plain), description=f"values of {each.__name__}"
            )
    return Column("text", given=[None if each is None else str(each) for each in plain])


def _of_dates(values: list[Any]) -> Column:
    local: list[Any] = []
    offsets = []
    for each in values:
        zone = each.utcoffset() if isinstance(each, datetime) else None
        local.append(each.replace(tzinfo=None) if isinstance(each, datetime) else each)
        offsets.append(None if zone is None else int(zone.total_seconds() // 60))
    stamps = np.array([np.datetime64("NaT") if each is None else each for each in local])
    stamps = stamps.astype("datetime64[us]")
    if all(each is None for each in offsets):
        return Column("date", stamps)
    return Column("date", stamps, np.array([each or 0 for each in offsets], np.int64))


def names_and_columns(frame: Any) -> Iterator[tuple[str, Column]]:
    """The columns of a frame of pandas or polars."""
    for place, name in enumerate(list(frame.columns)):
        held = frame.iloc[:, place] if hasattr(frame, "iloc") else frame[name]
        yield str(name), column_of(held)

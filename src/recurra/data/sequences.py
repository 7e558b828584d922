"""Sequences of numbers, each with a label; out of NumPy archives."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.data.files import bytes_of
from recurra.errors import DataError, OptionError, did_you_mean

Values = NDArray[np.float32]

MISSING: Final = "fill what is missing, or drop that sequence"


@final
@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of the same channels, of any lengths, and a label each.

    Each of `values` is (T, C) float32, T at least 1 and every number finite. `places` say where
    each begins in the file, counted in `unit`; `groups` belong together, where a file says so, and
    `ids` are what the file calls them. Without labels `labels` is empty.
    """

    name: str
    values: list[Values]
    labels: list[str]
    places: list[int]
    unit: str
    channels: tuple[str, ...]
    groups: list[str] | None = None
    ids: list[str] | None = None


def checked(values: Any, where: str, channels: Sequence[str] = ()) -> Values:
    """A sequence (T, C) as float32; (T,) is one channel.

    Raises:
        DataError: it is empty, no numbers, or holds one that is missing, infinite or beyond what
            float32 holds; channel and step are named, both counted from 1.
    """
    try:
        given = np.asarray(values)
    except ValueError:
        raise DataError(
            f"{where}: rows of different lengths", expected="as many channels at every step"
        ) from None
    if given.dtype.kind not in "fiub":
        what = "text" if given.dtype.kind in "US" else f"{given.dtype} values"
        raise DataError(f"{where}: {what}", expected="numbers, as an array (steps, channels)")
    if given.ndim == 1:
        given = given[:, None]
    if given.ndim != 2:
        raise DataError(
            f"{where}: an array of {given.ndim} dimensions", expected="(steps, channels)"
        )
    if given.size == 0:
        raise DataError(
            f"{where}: empty, {given.shape[0]} steps of {given.shape[1]} channels",
            expected="at least one step of one channel",
            fix="drop it",
        )
    with np.errstate(over="ignore", invalid="ignore"):
        single = given.astype(np.float32)
    if not np.isfinite(single).all():
        step, channel = (int(each) for each in np.argwhere(~np.isfinite(single))[0])
        value = float(given[step, channel])
        called = channels[channel] if channels else str(channel + 1)
        raise not_finite(value, f"{where}: channel {called}, step {step + 1:,}")
    return single


LAYOUTS: Final = ("channels-last", "channels-first")
"""How arrays in three dimensions hold sequences: (N, steps, channels) or (N, channels, steps)."""


def check_layout(layout: str | None) -> None:
    """Refuse what is no layout of arrays; None is the first.

    Raises:
        OptionError: it is none.
    """
    if layout is not None and layout not in LAYOUTS:
        raise OptionError(
            f"--layout {layout}",
            expected="channels-last, of arrays (N, steps, channels), or channels-first, of "
            "(N, channels, steps)",
            fix=did_you_mean(layout, LAYOUTS),
        )


def laid_out(values: Any, layout: str | None) -> Any:
    """A sequence of an array as (steps, channels), without the NaN that pad it at its end.

    Args:
        values: (T,), or (T, C); where the layout is "channels-first" (C, T).
    """
    found = np.asarray(values)
    if found.ndim == 2 and layout == "channels-first":
        found = found.T
    if found.ndim in (1, 2) and found.dtype.kind == "f" and len(found):
        missing = np.isnan(found if found.ndim == 1 else found.T).reshape(-1, len(found)).all(0)
        if missing[-1] and not missing.all():
            found = found[: len(found) - int(missing[::-1].argmin())]
    return found


def not_finite(value: float, place: str) -> DataError:
    """What to say of a value that is no finite float32."""
    if math.isnan(value):
        return DataError(f"{place}: missing (NaN)", expected="a number", fix=MISSING)
    if math.isinf(value):
        return DataError(f"{place}: infinite", expected="a finite number", fix=MISSING)
    return DataError(
        f"{place}: {value:g} is beyond float32",
        expected="numbers below 3.4e38",
        fix="divide that channel by a constant",
    )


def number_of(text: str) -> float | None:
    """The number that a field of a file says; None where it says none."""
    if "_" in text or not text.isascii():
        return None
    try:
        return float(text)
    except ValueError:
        return None


# -- NumPy --------------------------------------------------------------------------------------


def read_npz(path: Path, layout: str | None = None, *, labelled: bool = True) -> Sequences:
    """Read `numpy.savez(path, X=..., y=...)`: X (N, T) or (N, T, C), y (N,).

    Sequences of unequal length are padded in X, by NaN, or `lengths` (N,) says how long each is;
    `groups` (N,) may say what belongs together, `channels` (C,) what the channels are called.

    Args:
        layout: see `laid_out`.
        labelled: whether there has to be a y.

    Raises:
        DataError: it is damaged, arrays are missing, do not fit each other or hold no numbers.
    """
    name = str(path)
    data = bytes_of(path, "a NumPy archive (.npz)")
    arrays = _npz_arrays(data, name)
    lower = {key.lower(): key for key in arrays}

    def get(*names: str) -> NDArray[Any] | None:
        return next((arrays[lower[each]] for each in names if each in lower), None)

    x, y = get("x", "data", "values"), get("y", "labels", "label", "target")
    if x is None or (y is None and labelled):
        listed = ", ".join(map(repr, arrays)) or "nothing"
        raise DataError(
            f"{name}: no {'X' if x is None else 'y'} in it; it holds {listed}",
            expected="X (N, T) or (N, T, C)"
            + (", and y (N,): numpy.savez(path, X=X, y=y)" if labelled else ""),
        )
    if x.ndim not in (2, 3):
        raise DataError(f"{name}: X has shape {x.shape}", expected="(N, T) or (N, T, C)")
    if x.ndim == 2:
        x = x[:, :, None]
    elif layout == "channels-first":
        x = x.transpose(0, 2, 1)
    count = len(x)
    if not count:
        raise DataError(f"{name}: X has no sequences", expected="at least one")
    labels = [] if y is None else _texts(y, count, "y", name)
    groups = get("groups", "group")
    named = get("channels")
    channels = tuple(
        _texts(named, x.shape[2], "channels", name)
        if named is not None
        else (str(each + 1) for each in range(x.shape[2]))
    )
    lengths = _lengths(get("lengths", "length"), count, x.shape[1], name)
    values = [
        checked(laid_out(x[row, :length], None), f"{name}, X[{row}]", channels)
        for row, length in enumerate(lengths)
    ]
    return Sequences(
        name,
        values,
        labels,
        list(range(count)),
        "X",
        channels,
        None if groups is None else _texts(groups, count, "groups", name),
    )


def _npz_arrays(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    if not data.startswith(b"PK"):
        raise DataError(f"{name}: not a NumPy archive", expected="numpy.savez(path, X=X, y=y)")
    try:
        # Without pickle: an array of objects could run any code as it is read.
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {key: np.asarray(archive[key]) for key in archive.files}
    except Exception as error:  # zipfile, zlib and NumPy each raise their own kinds
        if "allow_pickle" in str(error) or "Object arrays" in str(error):
            raise DataError(
                f"{name}: holds an array of objects, which reading could run code with",
                expected="X padded to the longest, (N, T, C), and lengths (N,)",
            ) from None
        raise DataError(f"{name}: damaged: {error}", expected="a NumPy archive") from error


def _texts(values: NDArray[Any], count: int, what: str, name: str) -> list[str]:
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (count,):
        raise DataError(
            f"{name}: {what} has shape {values.shape}", expected=f"({count},), one for each"
        )
    if values.dtype.kind not in "iubUf" or (
        values.dtype.kind == "f" and not np.isfinite(values).all()
    ):
        raise DataError(
            f"{name}: {what} holds {values.dtype} values, or missing ones",
            expected="text or whole numbers",
        )
    return [str(each) for each in values.tolist()]


def _lengths(given: NDArray[Any] | None, count: int, longest: int, name: str) -> list[int]:
    if given is None:
        return [longest] * count
    if given.shape != (count,) or given.dtype.kind not in "iu":
        raise DataError(
            f"{name}: lengths are {given.dtype} of shape {given.shape}",
            expected=f"whole numbers, ({count},)",
        )
    wrong = np.flatnonzero((given < 1) | (given > longest))
    if len(wrong):
        raise DataError(
            f"{name}: lengths[{wrong[0]}] is {given[wrong[0]]}",
            expected=f"1 to {longest:,}, the steps that X has",
        )
    return [int(each) for each in given]

"""Python values -> examples: texts, token lists and arrays, with labels of any plain type."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.sequence_encoder import Kind
from recurra.data.sequences import Values, check_layout, checked, laid_out
from recurra.data.source_locations import Places
from recurra.errors import DataError
from recurra.tasks.labels.examples import Examples, numbers, texts, tokens

LabelType = Literal["read", "str", "int", "float", "bool"]
"""What labels were before they became text; "read" are those that came from files."""

_SEQUENCES: Final = (
    "a list of texts, of token lists, or of arrays (steps, channels); or an array (N, steps) or "
    "(N, steps, channels); or a frame of sktime"
)


def examples_from(
    X: Any, y: Any, groups: Any = None, *, layout: str | None = None
) -> tuple[Examples, LabelType]:
    """Check inputs, their labels and, if given, their groups.

    Args:
        layout: of arrays, see `recurra.data.sequences.laid_out`.

    Raises:
        DataError: their counts differ, or they are not what `inputs_from` and `labels_from` take.
    """
    kind, inputs = inputs_from(X, layout)
    given = _listed(y, "y", "labels")
    _same_count(len(given), "labels", len(inputs))
    if groups is not None:
        groups = [None if each is None else str(each) for each in _listed(groups, "groups", "keys")]
        _same_count(len(groups), "groups", len(inputs))
    where = Places((("", "X", range(len(inputs))),))
    if kind == "tokens" and not _is_plain(given[0]):
        rows = [_listed(each, f"y[{row}]", "labels") for row, each in enumerate(given)]
        flat, label_type = labels_from([label for row in rows for label in row])
        each_label = iter(flat)
        tags = [tuple(next(each_label) for _ in row) for row in rows]
        return tokens(inputs, tags, where, groups, tagged=True), label_type
    labels, label_type = labels_from(y if isinstance(y, np.ndarray) else given)
    if kind == "text":
        return texts(inputs, labels, where, groups), label_type
    if kind == "tokens":
        return tokens(inputs, labels, where, groups, tagged=False), label_type
    return numbers(inputs, labels, where, groups), label_type


def inputs_from(X: Any, layout: str | None = None) -> tuple[Kind, list[Any]]:
    """What X is, and its N inputs: texts, tuples of tokens, or arrays (T, C) float32.

    Frames of sktime are taken by their type: a series in each cell, a column a channel; or rows
    that are the steps, of an index of two levels.

    Args:
        layout: of arrays, see `recurra.data.sequences.laid_out`.

    Raises:
        DataError: it is empty or of no such kind, or an input is empty, of another kind than the
            first, or holds what is missing or infinite.
        OptionError: no such layout.
    """
    check_layout(layout)
    if (found := _of_sktime(X)) is not None:
        return "numbers", _of_arrays(found, None)
    if hasattr(X, "__array__"):  # arrays, and what tables and tensors become
        X = np.asarray(X)
        if X.dtype == object and X.ndim > 1:
            with contextlib.suppress(TypeError, ValueError):
                X = X.astype(np.float64)
        if X.dtype.kind in "fiubc":
            return "numbers", _of_array(X, layout)
        if X.ndim != 1:
            raise DataError(f"X: {X.dtype} values of shape {X.shape}", expected=f"X: {_SEQUENCES}")
    given = _listed(X, "X", _SEQUENCES)
    if not given:
        raise DataError("X: empty", expected=f"X: {_SEQUENCES}")
    if isinstance(given[0], str):
        for row, each in enumerate(given):
            if not isinstance(each, str):
                raise DataError(
                    f"X[{row}]: {type(each).__name__}, but X[0] is a text",
                    expected="texts, all of them",
                )
        return "text", [str(each) for each in given]
    if _is_tokens(given[0]):
        for row, each in enumerate(given):
            if not _is_tokens(each):
                what = "empty" if _is_empty(each) else f"{type(each).__name__}, no list of tokens"
                raise DataError(f"X[{row}]: {what}", expected="lists of tokens, as in X[0]")
        return "tokens", [tuple(str(token) for token in each) for each in given]
    return "numbers", _of_arrays(given, layout)


def labels_from(y: Iterable[Any]) -> tuple[list[str], LabelType]:
    """Labels as text, and what they were: `as_given` is the way back.

    Raises:
        DataError: they are of several types, or neither text nor numbers nor truth values; numbers
            that are not whole, which are no classes.
    """
    array = y if isinstance(y, np.ndarray) and y.dtype.kind in "iubf" else None
    values = y.reshape(-1).tolist() if isinstance(y, np.ndarray) else list(y)
    values = [each.item() if isinstance(each, np.generic) else each for each in values]
    kinds = {type(each) for each in values}
    kinds = {str if issubclass(each, str) else each for each in kinds}
    if kinds == {int, float}:
        kinds = {float}
    if len(kinds) != 1 or not kinds <= {str, int, float, bool}:
        other = (
            next(
                row for row, each in enumerate(values) if type(each) not in (str, int, float, bool)
            )
            if kinds - {str, int, float, bool}
            else 0
        )
        named = " and ".join(sorted(each.__name__ for each in kinds))
        raise DataError(
            f"y[{other}]: {values[other]!r}" if kinds - {str, int, float, bool} else f"y: {named}",
            expected="labels of one type: text, whole numbers, or truth values",
        )
    kind = kinds.pop()
    if kind is float:
        found = np.asarray(values if array is None else array, np.float64)
        wrong = np.flatnonzero(~np.isfinite(found) | (found != np.floor(found)))
        if len(wrong):
            # In the words of scikit-learn, whose checks look for them.
            raise DataError(
                f"y[{wrong[0]}]: {found[wrong[0]]}. Unknown label type: continuous",
                expected="classes: text, whole numbers or truth values",
            )
        return [repr(float(each)) for each in found], "float"
    names: dict[type, LabelType] = {str: "str", int: "int", bool: "bool"}
    return [str(each) for each in values], names[kind]


def as_known(labels: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Labels by the names of the classes that they are: 1 and 1.0 are "1" where that is known.

    Raises:
        DataError: not one of them is among the classes.
    """
    known = set(classes)
    numbers: dict[float, str] = {}
    for each in classes:
        with contextlib.suppress(ValueError):
            numbers.setdefault(float({"True": 1, "False": 0}.get(each, each)), each)

    def named(label: str) -> str:
        if label in known:
            return label
        with contextlib.suppress(ValueError):
            return numbers.get(float({"True": 1, "False": 0}.get(label, label)), label)
        return label

    found = [named(each) for each in labels]
    if found and not known.intersection(found):
        raise DataError(
            f"y: {found[0]!r}, and not one of its labels is a class of the model",
            expected=f"labels among {', '.join(map(repr, classes[:20]))}",
        )
    return found


def as_given(classes: Sequence[str], label_type: LabelType) -> NDArray[Any]:
    """Classes, or predictions, as what they were before `labels_from`."""
    match label_type:
        case "int":
            return np.array([int(each) for each in classes])
        case "float":
            return np.array([float(each) for each in classes])
        case "bool":
            return np.array([each == "True" for each in classes])
    return np.array(list(classes))


def in_order(classes: Iterable[str], label_type: LabelType) -> list[str]:
    """Classes sorted as `numpy.unique` sorts what they were; those of files 9 before 10."""
    found = sorted(classes)
    if label_type in ("int", "float"):
        return sorted(found, key=float if label_type == "float" else int)
    if label_type == "read" and all(re.fullmatch("-?[0-9]{1,300}", each) for each in found):
        return sorted(found, key=int)
    return found


def _listed(values: Any, name: str, expected: str) -> list[Any]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        what = "one text" if isinstance(values, str) else type(values).__name__
        raise DataError(f"{name}: {what}", expected=f"{name}: {expected}")
    if hasattr(values, "toarray"):
        raise DataError(
            f"{name}: a sparse matrix", expected=f"{name}: {expected}", fix="X.toarray()"
        )
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        return list(values)
    return list(values)


def _same_count(count: int, what: str, inputs: int) -> None:
    if count != inputs:
        raise DataError(
            f"X has {inputs:,} sequences, but there are {count:,} {what}",
            expected="one for each sequence",
        )


def _is_plain(label: Any) -> bool:
    return isinstance(label, str | int | float | np.generic) or label is None


def _is_tokens(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(each, str) for each in value)
    )


def _is_empty(value: Any) -> bool:
    return hasattr(value, "__len__") and len(value) == 0


def _of_sktime(X: Any) -> list[Any] | None:
    """The sequences of a frame of pandas that holds them as sktime's do; None for all else."""
    if not (hasattr(X, "iloc") and hasattr(X, "columns") and len(X)):
        return None
    if getattr(X.index, "nlevels", 1) == 2:
        return [each.to_numpy() for _, each in X.groupby(level=0, sort=False)]
    cells = [np.asarray(cell) if hasattr(cell, "__array__") else None for cell in X.iloc[0]]
    if not cells or any(cell is None or cell.ndim != 1 for cell in cells):
        return None
    found: list[Any] = []
    for row, values in enumerate(X.itertuples(index=False, name=None)):
        channels = [laid_out(each, None) for each in values]
        steps = {len(each) for each in channels}
        if len(steps) > 1:
            raise DataError(
                f"X[{row}]: channels of {' and '.join(map(str, sorted(steps)))} steps",
                expected="as many steps in every channel of a sequence",
            )
        found.append(np.stack(channels, 1))
    return found


def _of_array(array: NDArray[Any], layout: str | None) -> list[Values]:
    """The sequences of an array (N, T) or (N, T, C)."""
    if array.ndim not in (2, 3):
        raise DataError(f"X: an array of shape {array.shape}", expected=f"X: {_SEQUENCES}")
    if not len(array):
        raise DataError(f"X: empty, of shape {array.shape}", expected="at least one sequence")
    return [checked(laid_out(each, layout), f"X[{row}]") for row, each in enumerate(array)]


def _of_arrays(given: Sequence[Any], layout: str | None) -> list[Values]:
    found: list[Values] = []
    for row, each in enumerate(given):
        if isinstance(each, str) or np.isscalar(each) or each is None:
            raise DataError(f"X[{row}]: {each!r}, no sequence", expected=f"X: {_SEQUENCES}")
        with contextlib.suppress(ValueError):  # rows of unequal length, which are refused below
            each = laid_out(each, layout)
        found.append(checked(each, f"X[{row}]"))
    return found

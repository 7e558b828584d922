"""Sizes of a network as a configuration has them: every one there, of its type, none other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from recurra.errors import BundleError

S = TypeVar("S")

MOST: Final = 2**31 - 1
"""What no size reaches."""

STEPS: Final = 100_000
"""Steps of a series that are read or forecast at once, at most."""

SEASON: Final = 1_000_000
"""Steps of a season, at most."""


def sizes_of(kind: type[S], value: object) -> S:
    """The sizes that plain values stand for.

        sizes_of(Architecture, {"symbols": 80, "cell": "gru", ...})

    Nothing is made of their size here: `Weights` compares them with what there is of weights.

    Args:
        kind: a dataclass of sizes.
        value: what its `to_json` wrote, of unknown origin.

    Raises:
        BundleError: a field is missing, unknown, of another type, below 0 or too large.
        OptionError: sizes that do not go together.
    """
    if not isinstance(value, Mapping):
        raise BundleError(f"sizes: {type(value).__name__}", expected="a JSON object")
    types, needed = get_type_hints(kind), set()
    for each in fields(kind):  # type: ignore[arg-type]
        if each.default is MISSING and each.default_factory is MISSING:
            needed.add(each.name)
    for name in sorted(needed - value.keys()):
        raise BundleError(f"sizes: no {name}", expected=", ".join(types))
    for name, found in value.items():
        if name not in types:
            raise BundleError(f"sizes: unknown {name!r}", expected=", ".join(types))
        if not _is(found, types[name]):
            shown = repr(found)
            raise BundleError(
                f"{name}: {shown if len(shown) < 60 else type(found).__name__}",
                expected=f"{_called(types[name])}, from 0 to {MOST:,} where they are numbers",
            )
    return kind(**value)


def _is(value: object, kind: Any) -> bool:
    """Whether a value of JSON is of an annotated type."""
    if kind is Any:
        return True
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    if kind is int:
        return type(value) is int and 0 <= value <= MOST
    if get_origin(kind) in (list, Sequence):
        (inner,) = get_args(kind)
        return isinstance(value, list | tuple) and all(_is(each, inner) for each in value)
    if get_origin(kind) is Mapping:
        return isinstance(value, dict)
    return type(value) is kind


def _called(kind: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return names.get(kind, "a list or an object of numbers or text")

"""The seal of a JSON file: a digest of what it holds, and the run that it was written for.

A file is sealed by itself, so that no second file has to change with it: whenever the power goes,
what is there is whole.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

SEAL: Final = "seal"

SENSELESS: Final = (
    *(TypeError, LookupError, ValueError),
    *(AttributeError, ArithmeticError, RecursionError),
)
"""What reading JSON of another shape than expected ends in."""

_LIST: Final = "list"

_SHOWN: Final = 16  # hexadecimal digits: against accidents, not against forgers


def identity() -> str:
    """What a new run is known by."""
    return secrets.token_hex(_SHOWN // 2)


def sealed(value: Mapping[str, Any] | Sequence[Any], run: str) -> dict[str, Any]:
    """A JSON object with its seal; a list becomes an object.

    Raises:
        ValueError: an object that could not be told from a sealed one, or from a list.
    """
    if isinstance(value, Mapping) and (SEAL in value or value.keys() == {_LIST}):
        raise ValueError(f"the key {SEAL!r}, and {_LIST!r} alone, stand for the seal's own")
    held = {**value} if isinstance(value, Mapping) else {_LIST: value}
    # As it is going to be read: tuples as lists, keys as text.
    return held | {SEAL: f"{run}:{_digest(json.loads(json.dumps(held)), run)}"}


def parsed(text: str) -> Any:
    """The value of a JSON text, as the standard has it: NaN and Infinity are no numbers of it.

    Raises:
        ValueError: it is no JSON, or holds one of these, or a number of thousands of digits.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_no_number)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def opened(value: Any) -> tuple[Any, str | None]:
    """A JSON value without its seal, and the run that it is of; None where it has no seal.

    Raises:
        ValueError: its seal is broken.
    """
    if not isinstance(value, dict) or SEAL not in value:
        return value, None
    found = {key: each for key, each in value.items() if key != SEAL}
    run, _, digest = str(value[SEAL]).partition(":")
    if digest != _digest(found, run):
        raise ValueError("its checksum does not match")
    return found[_LIST] if found.keys() == {_LIST} else found, run


def _digest(value: Mapping[str, Any], run: str) -> str:
    content = json.dumps(value, sort_keys=True)
    return hashlib.sha256(f"{run}\n{content}".encode()).hexdigest()[:_SHOWN]

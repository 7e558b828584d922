"""A file of named arrays with facts in its header: safetensors, and a digest over all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save as safetensors_bytes

type_names = {
    "F32": np.float32,
    "F64": np.float64,
    "I64": np.int64,
    "I32": np.int32,
    "U8": np.uint8,
    "I8": np.int8,
}

Arrays = dict[str, np.ndarray[Any, np.dtype[Any]]]


def to_bytes(arrays: Arrays, facts: Mapping[str, Any], run: str | None) -> bytes:
    """The content of a file; `run` is what it is written for, where it has a name.

    Raises:
        TypeError: an array of a type that no file holds.
    """
    # Not ascontiguousarray, which makes a row of a single number.
    arrays = {key: np.asarray(value, order="C") for key, value in arrays.items()}
    for key, value in arrays.items():
        if value.dtype not in type_names.values():
            raise TypeError(f"{key}: no file holds arrays of {value.dtype}")
    written = json.dumps(facts, allow_nan=False)
    metadata = {"sha256": _digest(arrays, written, run), "facts": written}
    return safetensors_bytes(arrays, metadata if run is None else metadata | {"run": run})


def from_bytes(content: bytes) -> tuple[Arrays, dict[str, Any], str | None]:
    """The arrays, the facts, and the run that they were written for.

    Raises:
        ValueError: truncated, damaged, or not written by recurra.
    """
    try:
        arrays = {
            key: np.frombuffer(entry["data"], type_names[entry["dtype"]])
            .reshape(entry["shape"])
            .copy()
            for key, entry in deserialize(content)  # type: ignore[no-untyped-call]
        }
        metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])[
            "__metadata__"
        ]
        digest, written, run = metadata["sha256"], metadata["facts"], metadata.get("run")
        facts: dict[str, Any] = json.loads(written)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("damaged or truncated, or not written by recurra") from None
    if digest != _digest(arrays, written, run):
        raise ValueError("damaged (its checksum does not match)")
    return arrays, facts, run


def _digest(arrays: Arrays, facts: str, run: str | None) -> str:
    digest = hashlib.sha256(b"" if facts == "{}" else facts.encode() + b"\n")
    if run is not None:
        digest.update(f"run {run}\n".encode())
    for key in sorted(arrays):
        array = arrays[key]
        digest.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()

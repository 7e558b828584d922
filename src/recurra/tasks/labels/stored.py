"""A copy of the examples in a run, for data that cannot be read again when it is resumed."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np

from recurra.bundle import Run
from recurra.data.source_locations import Places
from recurra.tasks.labels.examples import Examples

TEXTS: Final = "checkpoint/input.jsonl"
NUMBERS: Final = "checkpoint/input.safetensors"


def is_kept(run: Run) -> bool:
    """Whether the run holds a copy."""
    return run.has(TEXTS) or run.has(NUMBERS)


def write(run: Run, examples: Examples) -> None:
    """Write the copy: JSON lines for texts and tokens, arrays for numbers.

    The first line, or the header of the arrays, says where each example stood.
    """
    places = [[name, unit, len(numbers)] for name, unit, numbers in examples.where.parts]
    stood = [int(each) for _, _, numbers in examples.where.parts for each in numbers]
    groups = examples.groups
    if examples.kind != "numbers":
        lines = [json.dumps({"places": places})]
        lines += [
            json.dumps(
                {"input": each, "label": label, "at": at}
                | ({} if groups is None else {"group": groups[row]}),
                ensure_ascii=False,
            )
            for row, (each, label, at) in enumerate(
                zip(examples.inputs, examples.labels, stood, strict=True)
            )
        ]
        run.write_text(TEXTS, "\n".join(lines) + "\n")
        return
    run.write_arrays(
        NUMBERS,
        {
            "values": np.concatenate(list(examples.inputs)),
            "lengths": np.array([len(each) for each in examples.inputs]),
            "at": np.array(stood, np.int64),
        },
        {
            "places": places,
            "labels": list(examples.labels),
            "groups": None if groups is None else list(groups),
            "channels": list(examples.channels),
        },
    )


def read(run: Run, facts: dict[str, Any]) -> Examples:
    """The examples of the copy.

    Raises:
        BundleError: it is damaged.
    """
    if run.has(NUMBERS):
        arrays, stored = run.read_arrays(NUMBERS)
        with run.intact(NUMBERS):
            stops = np.cumsum(arrays["lengths"])[:-1]
            return Examples(
                "numbers",
                np.split(arrays["values"], stops),
                stored["labels"],
                _places(stored["places"], arrays["at"].tolist()),
                stored["groups"],
                tuple(stored["channels"]),
            )
    content = run.read_text(TEXTS)
    with run.intact(TEXTS):
        first, *rows = [json.loads(line) for line in content.split("\n") if line]
        tokens, tagged = facts["kind"] == "tokens", facts["tagged"]
        return Examples(
            facts["kind"],
            [tuple(row["input"]) if tokens else row["input"] for row in rows],
            [tuple(row["label"]) if tagged else row["label"] for row in rows],
            _places(first["places"], [row["at"] for row in rows]),
            [row["group"] for row in rows] if rows and "group" in rows[0] else None,
            tagged=tagged,
        )


def _places(places: list[Any], at: list[int]) -> Places:
    parts, begins = [], 0
    for name, unit, count in places:
        parts.append((name, unit, at[begins : begins + count]))
        begins += count
    return Places(tuple(parts))

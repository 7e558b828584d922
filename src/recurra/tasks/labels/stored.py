"""A copy of the examples in a run, for data that cannot be read again when it is resumed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from recurra.bundle import Run
from recurra.data.source_locations import Places
from recurra.tasks.input import ROWS, read_rows, write_rows
from recurra.tasks.labels.examples import Examples

NUMBERS: Final = "checkpoint/input.safetensors"


def write(run: Run, examples: Examples) -> None:
    """Write the copy: rows for texts and tokens, arrays for numbers; and where each stood."""
    groups, where = examples.groups, examples.where
    if examples.kind != "numbers":
        columns = {"input": examples.inputs, "label": examples.labels}
        write_rows(run, where, columns if groups is None else columns | {"group": groups})
        return
    run.write_arrays(
        NUMBERS,
        {
            "values": np.concatenate(list(examples.inputs)),
            "lengths": np.array([len(each) for each in examples.inputs]),
            "at": np.array(where.numbers, np.int64),
        },
        {
            "places": where.sources,
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
                Places.of_sources(stored["places"], arrays["at"].tolist()),
                stored["groups"],
                tuple(stored["channels"]),
            )
    rows, where = read_rows(run)
    with run.intact(ROWS):
        tokens, tagged = facts["kind"] == "tokens", facts["tagged"]
        return Examples(
            facts["kind"],
            [tuple(row["input"]) if tokens else row["input"] for row in rows],
            [tuple(row["label"]) if tagged else row["label"] for row in rows],
            where,
            [row["group"] for row in rows] if rows and "group" in rows[0] else None,
            tagged=tagged,
        )

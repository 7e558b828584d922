"""A copy of the series in a run, for data that cannot be read again when it is resumed."""

from __future__ import annotations

from typing import Any, Final

from recurra.bundle import Run
from recurra.codecs.frequency import Frequency
from recurra.tasks.series.panel import Panel, SeriesData
from recurra.tasks.series.reading.covariates import Covariates
from recurra.tasks.series.reading.form import checked_columns
from recurra.tasks.series.scale import Scale

INPUT: Final = "checkpoint/input.safetensors"


def write(run: Run, data: SeriesData) -> None:
    """Write the copy: the panel and its parts as arrays, the rest in the header."""
    panel = data.panel
    run.write_arrays(
        INPUT,
        panel.arrays
        | {
            "train_ends": data.train_ends,
            "select_ends": data.select_ends,
            "centre": data.scale.centre,
            "spread": data.scale.spread,
        },
        {
            "ids": list(panel.ids),
            "log": data.scale.log,
            "covariates": data.covariates.to_json(),
        },
    )


def read(run: Run, facts: dict[str, Any]) -> SeriesData:
    """The data of the copy.

    Raises:
        BundleError: it is damaged.
    """
    arrays, stored = run.read_arrays(INPUT)
    with run.intact(INPUT):
        frequency = Frequency.from_json(facts["frequency"])
        panel = Panel.from_arrays(stored["ids"], frequency, arrays)
        return SeriesData(
            facts["name"],
            (),
            panel,
            arrays["train_ends"],
            arrays["select_ends"],
            facts["horizon"],
            facts["period"],
            Scale(arrays["centre"], arrays["spread"], stored["log"]),
            Covariates.from_json(stored["covariates"]),
            facts["found"],
            checked_columns(facts["columns"]),
            facts["origin"],
        )

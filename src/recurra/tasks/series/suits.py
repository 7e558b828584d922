"""Whether a model of series can read a value: by its logarithm, as a count, from 0 on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.errors import DataError
from recurra.tasks.series.panel import Panel, shown
from recurra.tasks.series.scale import Scale


def check_panel(panel: Panel, scale: Scale, family: str, *, name: str = "") -> None:
    """Refuse series with a value that is none of those that the model is for.

    Args:
        family: of the model's distributions.
        name: of the data.

    Raises:
        DataError: it has one; the first is named, with its series.
    """
    wrong = np.flatnonzero(unsuited(panel.values, scale, family))
    if len(wrong):
        at = int(np.searchsorted(panel.begins, wrong[0], side="right")) - 1
        step = panel.starts[at] + wrong[:1] - panel.begins[at]
        when = str(shown(panel.frequency.stamps(step)[0])).replace("T", " ")
        where = f"{name}: " if name else ""
        raise refusal(panel.values[wrong[0]], f"{where}series {panel.ids[at]!r}, {when}", scale)


def unsuited(values: NDArray[Any], scale: Scale, family: str) -> NDArray[np.bool_]:
    """Which values are none of those that a model is for; missing ones suit any."""
    if family == "counts":
        return np.asarray((values < 0) | ((values != np.floor(values)) & ~np.isnan(values)))
    if scale.log:
        return np.asarray(values <= 0)
    return np.asarray((values < 0) & scale.floor)


def refusal(value: float, where: str, scale: Scale) -> DataError:
    """What is said of a value that a model is not for."""
    if scale.log:
        return DataError(
            f"{where}: {value:g}, and this model reads logarithms: all that it was trained on was "
            "above 0",
            expected="values above 0",
            fix="leave it empty, if it is no measurement; else train again with such values",
        )
    if scale.floor and value < 0:
        return DataError(
            f"{where}: {value:g} is below 0",
            expected="values from 0 on, as --positive promises",
            fix="train without --positive",
        )
    return DataError(
        f"{where}: {value:g} is no count",
        expected="whole numbers from 0 on, for --distribution counts",
        fix="train without --distribution",
    )

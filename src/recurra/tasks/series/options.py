"""What a series training can be told. No torch, so that the command line can list it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from recurra.runtime.sizes import SEASON, STEPS
from recurra.training.budget import TrainingOptions, option

EXOGENOUS: Final = ("futr_exog", "hist_exog", "stat_exog")
"""Columns beside the target: known of steps to come, known only afterwards, of whole series."""


@dataclass(frozen=True, kw_only=True)
class SeriesOptions(TrainingOptions):
    """What a series training can be told; columns that are None are found by their names."""

    target: str | None = option(
        None, "Column to forecast; several of a wide table joined by commas, or all."
    )
    horizon: int | None = option(
        None, "Steps to forecast; default: a season, or 10.", least=1, most=STEPS
    )
    time: str | None = option(
        None,
        "Column of dates, times or step numbers; several as year,month,day,hour; none where rows "
        "are steps.",
    )
    time_format: str | None = option(
        None, "How times are written, where they can be read in two ways: %d/%m/%Y, %b-%y."
    )
    header: bool | None = option(
        None, "Whether the first line of a table names its columns; default: what it looks like."
    )
    decimal: str | None = option(
        None, "What stands before decimals, . or ,; default: what reads a whole column."
    )
    id: str | None = option(None, "Column that says which series a row is of.")
    futr_exog: str | None = option(
        None, "Columns known of steps to come, joined by commas: prices, holidays.", flag="futr"
    )
    hist_exog: str | None = option(
        None, "Columns known only afterwards, joined by commas: weather.", flag="hist"
    )
    stat_exog: str | None = option(
        None, "Columns that hold for a whole series, joined by commas.", flag="stat"
    )
    frequency: str | None = option(
        None, "h, 15min, D, B, W, M, Q, Y ...; default: what most rows say."
    )
    season: int | None = option(
        None, "Steps of a season, 1 for none; default: what is usual.", least=1, most=SEASON
    )
    test: str | None = option(
        None, "Steps, share or file that reports; default: the last tenth of each series."
    )
    select: str | None = option(
        None, "Steps or share before that which chooses; default: as many as report."
    )
    model: str | None = option(
        None,
        "What reads the past; default: what is better on the selection part.",
        choices=("segments", "autoregressive"),
    )
    context: int | None = option(None, "Steps read before a forecast.", least=1, most=STEPS)
    hidden: int | None = option(None, "Units of the recurrent layers.", least=1, most=16384)
    layers: int | None = option(None, "Recurrent layers, step by step.", least=1, most=64)
    dropout: float | None = option(None, "Share dropped around the layers.", least=0, below=1)
    positive: bool = option(False, "Nothing is below 0: forecasts end there too.")
    distribution: str = option(
        "student", "Of a step; counts are from 0 on.", choices=("student", "counts")
    )
    batch: int | None = option(None, "Windows between updates.", least=1, most=65536)
    ensemble: int | None = option(
        None, "Networks that are averaged; default: what the time allows.", least=1, most=10
    )
    answer: str = option(
        "best",
        "What forecasts are of: the best of network, baselines and their mean, as windows before "
        "the test part choose; or the network.",
        choices=("best", "network"),
    )
    train_on_validation: float = option(
        0.2, "Share of the steps, at the end, that read the selection part too.", least=0, below=1
    )

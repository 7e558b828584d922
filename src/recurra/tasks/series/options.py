"""What a series training can be told. No torch, so that the command line can list it at once."""

from __future__ import annotations

from dataclasses import dataclass

from recurra.training.budget import TrainingOptions, option


@dataclass(kw_only=True)
class SeriesOptions(TrainingOptions):
    """What a series training can be told; columns that are None are found by their names."""

    target: str | None = option(
        None, "Column to forecast; several of a wide table joined by commas, or all."
    )
    horizon: int | None = option(
        None, "Steps to forecast; default: a season, or 10.", least=1, most=100_000
    )
    time: str | None = option(None, "Column of dates, times or step numbers.")
    id: str | None = option(None, "Column that says which series a row is of.")
    known: str | None = option(
        None, "Columns known of steps to come, joined by commas: prices, holidays."
    )
    past: str | None = option(None, "Columns known only afterwards, joined by commas: weather.")
    static: str | None = option(None, "Columns that hold for a whole series, joined by commas.")
    frequency: str | None = option(
        None, "h, 15min, D, B, W, M, Q, Y ...; default: what most rows say."
    )
    season: int | None = option(
        None, "Steps of a season, 1 for none; default: what is usual.", least=1, most=1_000_000
    )
    test: str | None = option(
        None, "Steps, share or file that reports; default: the last tenth of each series."
    )
    select: str | None = option(
        None, "Steps or share before that which chooses; default: as many as report."
    )

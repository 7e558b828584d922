"""What the series task is."""

from __future__ import annotations

from typing import Final

from recurra.tasks.task import Task

SERIES: Final = Task(
    name="series",
    options="SeriesOptions",
    model="SeriesModel",
    verb="forecast",
    help="Train a forecaster of one time series or of many.",
    data="A table (CSV, Parquet, JSON lines), a row a step; without any, the carbon dioxide of "
    "Mauna Loa, week by week.",
    sample="co2",
    packages=("torch", "statsmodels"),
    progress=lambda _: ("windows", "scaled CRPS a step"),
)

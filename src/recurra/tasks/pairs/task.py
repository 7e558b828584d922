"""What the pairs task is."""

from __future__ import annotations

from typing import Final

from recurra.tasks.task import Task

PAIRS: Final = Task(
    name="pairs",
    options="PairOptions",
    model="PairModel",
    verb="translate",
    help="Train a model that turns one text into another: translation.",
    data="A table of two columns (TSV, CSV, JSON lines, Parquet), or two parallel files; without "
    "any, dates from English to Korean.",
    sample="dates",
    packages=("torch", "sacrebleu", "babel", "tokenizers", "polars", "sklearn"),
    progress=lambda _: ("pieces", "nats a piece; score of what it writes"),
    reading=("source", "target"),
    searches=True,
)

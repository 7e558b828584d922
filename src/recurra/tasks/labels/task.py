"""What the labels task is."""

from __future__ import annotations

from typing import Final

from recurra.tasks.task import Task

LABELS: Final = Task(
    name="labels",
    options="LabelOptions",
    model="LabelModel",
    verb="classify",
    help="Train a classifier or a tagger on texts or number sequences.",
    data="A table (CSV, TSV, JSON lines, Parquet), a file a class, .ts, .npz or CoNLL; without "
    "any, handwritten digits.",
    sample="digits",
    packages=("torch", "sklearn", "polars", "tokenizers"),
    progress=lambda options: (
        ("tokens", "nats a token")
        if options.tag or options.tag_column
        else ("examples", "nats an example")
    ),
    reading=("text", "label", "group", "sequence", "time", "tag", "tag_column", "layout", "header"),
)

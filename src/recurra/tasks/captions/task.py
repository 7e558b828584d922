"""What the captions task is."""

from __future__ import annotations

from typing import Final

from recurra.tasks.task import Task

CAPTIONS: Final = Task(
    name="captions",
    options="CaptionOptions",
    model="CaptionModel",
    verb="caption",
    help="Train a model that says what a picture shows: strips read, scenes described.",
    data="A table with columns image and text (CSV, TSV, JSON lines, Parquet), a folder whose file "
    "names are the texts, Flickr8k's or COCO's files; without any, drawn pictures.",
    sample="scenes",
    packages=("torch", "PIL", "sacrebleu", "rapidfuzz", "polars", "tokenizers"),
    progress=lambda _: ("pieces", "nats a piece; score of what it writes"),
    reading=("image", "text", "header"),
    searches=True,
)

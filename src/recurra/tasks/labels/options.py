"""What a labels training can be told. No torch, so that the command line can list it at once."""

from __future__ import annotations

from dataclasses import dataclass

from recurra.training.budget import TrainingOptions, option


@dataclass(kw_only=True)
class LabelOptions(TrainingOptions):
    """What a labels training can be told; columns that are None are found by their names."""

    test: str | None = option(None, "File or folder that reports; default: a tenth of DATA.")
    text: str | None = option(None, "Column that holds the text.")
    label: str | None = option(None, "Column that holds the label.")
    group: str | None = option(None, "Column of what belongs together: one part has all of it.")
    sequence: str | None = option(
        None, "Column that says which sequence a row is a step of; the others are channels."
    )
    time: str | None = option(None, "Column that orders the steps of a --sequence.")
    tag: bool = option(False, "One label a step: CoNLL files, a token and its tag a line.")

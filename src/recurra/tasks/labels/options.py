"""What a labels training can be told. No torch, so that the command line can list it at once."""

from __future__ import annotations

from dataclasses import dataclass

from recurra.training.budget import TrainingOptions, option


@dataclass(frozen=True, kw_only=True)
class LabelOptions(TrainingOptions):
    """What a labels training can be told; columns that are None are found by their names."""

    test: str | None = option(None, "File or folder that reports; default: a tenth of DATA.")
    text: str | None = option(None, "Column that holds the text.")
    label: str | None = option(None, "Column that holds the label.")
    header: bool | None = option(
        None, "Whether the first line of a table names its columns; default: what it looks like."
    )
    group: str | None = option(None, "Column of what belongs together: one part has all of it.")
    sequence: str | None = option(
        None, "Column that says which sequence a row is a step of; the others are channels."
    )
    time: str | None = option(None, "Column that orders the steps of a --sequence.")
    tag: bool = option(False, "One label a step: CoNLL files, a token and its tag a line.")
    tag_column: str | None = option(
        None, "Column of the tags, by its number, from the end -1; in CoNLL-U by its name."
    )
    layout: str | None = option(
        None,
        "Of arrays in three dimensions: channels-last (N, steps, channels), which is taken where "
        "nothing is said, or channels-first (N, channels, steps).",
    )
    tokens: str | None = option(
        None,
        "How texts are cut: words, characters, characters:4 with their n-grams, or bpe:4096; "
        "default: words; characters:4 where there are but one or two.",
    )
    cell: str = option("gru", "Recurrent layers of what kind.", choices=("rnn", "gru", "lstm"))
    hidden: int | None = option(None, "Hidden units in a direction.", least=1, most=16384)
    layers: int | None = option(None, "Recurrent layers.", least=1, most=64)
    convolutions: int | None = option(
        None,
        "Of numbers: convolutions before the recurrent layers, each of which halves the steps; "
        "default: by how long the sequences are, none for short ones or --no-bidirectional.",
        least=0,
        most=12,
    )
    embedding: int | None = option(None, "Size of a unit's vector.", least=1, most=16384)
    bidirectional: bool = option(True, "Read from both ends; a stream needs one direction.")
    pooling: str | None = option(None, "last, mean, max, attention, or several joined by +.")
    dropout: float | None = option(None, "Share dropped around the layers.", least=0, below=1)
    batch: int | None = option(None, "Examples between updates.", least=1, most=65536)
    ensemble: int | None = option(
        None, "Models whose scores are averaged; default: what the time allows.", least=1, most=10
    )
    answer: str = option(
        "best",
        "What answers: best, which is the network, a baseline or the mean of both, whatever was "
        "best out of fold; or network.",
        choices=("best", "network"),
    )
    balanced: bool = option(False, "Every class counts the same, however rare.")

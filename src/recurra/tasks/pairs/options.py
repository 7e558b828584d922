"""What a pairs training can be told. No torch, so that the command line can list it at once."""

from __future__ import annotations

from dataclasses import dataclass

from recurra.training.budget import TrainingOptions, option


@dataclass(frozen=True, kw_only=True)
class PairOptions(TrainingOptions):
    """What a pairs training can be told; columns that are None are found by their names."""

    source: str | None = option(None, "Column that holds the source.")
    target: str | None = option(None, "Column that holds the target.")
    header: bool | None = option(
        None, "Whether the first line of a table names its columns; default: what it looks like."
    )
    reverse: bool = option(False, "Translate the other way round: from the target to the source.")
    test: list[str] | None = option(
        None, "Table that reports, or two parallel files (give it twice); default: a tenth of DATA."
    )
    valid: list[str] | None = option(
        None, "Table that chooses, or two parallel files; default: a twentieth of DATA."
    )
    tokens: str | None = option(
        None,
        "How both sides are cut: bpe:4096, words or characters; default: subwords; characters "
        "where pairs are short and few characters make them up.",
    )
    shared: bool | None = option(
        None, "One vocabulary for both sides; default: where both are written in one script."
    )
    cell: str = option("gru", "Recurrent layers of what kind.", choices=("rnn", "gru", "lstm"))
    hidden: int | None = option(None, "Hidden units of the decoder.", least=2, most=16384)
    layers: int | None = option(None, "Recurrent layers of a side.", least=1, most=16)
    embedding: int | None = option(None, "Size of a piece's vector.", least=1, most=16384)
    bidirectional: bool = option(True, "Read the source from both ends.")
    attention: str | None = option(
        None,
        "How the decoder looks back at the source; none: one fixed vector.",
        choices=("dot", "scaled_dot", "general", "concat", "location", "none"),
    )
    feeding: str | None = option(
        None,
        "Where what attention found goes: up (to the layer above), or input (the next step's "
        "input, Luong et al. 2015; slower).",
        choices=("up", "input"),
    )
    dropout: float | None = option(None, "Share dropped around the layers.", least=0, below=1)
    smoothing: float | None = option(
        None, "Share of a target's probability given to all others.", least=0, below=1
    )
    sampling: float = option(
        0.0, "Scheduled sampling: the share of its own outputs fed by the end.", least=0, most=1
    )
    metric: str | None = option(
        None,
        "What chooses on the selection part; default: by the data.",
        choices=("bleu", "chrf", "exact"),
    )
    batch: int | None = option(None, "Pairs between updates.", least=1, most=65536)
    ensemble: int | None = option(
        None, "Models whose scores are averaged; default: what the time allows.", least=1, most=10
    )

"""What a text training can be told. No torch, so that the command line can list it at once."""

from __future__ import annotations

from dataclasses import dataclass

from recurra.training.budget import TrainingOptions, option


@dataclass(frozen=True, kw_only=True)
class TextOptions(TrainingOptions):
    """What a text training can be told; sizes that are None follow from the time."""

    size: str | None = option(
        None,
        "How large the network is; default: what the time allows.",
        choices=("tiny", "small", "medium", "large"),
    )
    tokens: str = option("characters", "characters, bytes, bpe:N subwords, words or words:N.")
    reset_at_documents: bool = option(
        False,
        "Each file is a document: nothing is carried from one into the next, and the parts that "
        "train, choose and report are whole documents, cut nearest to their shares.",
    )
    cell: str = option("lstm", "Recurrent layers of what kind.", choices=("rnn", "gru", "lstm"))
    hidden: int | None = option(None, "Hidden units in a layer.", least=1, most=16384)
    layers: int | None = option(None, "Recurrent layers.", least=1, most=64)
    embedding: int | None = option(None, "Size of a token's vector.", least=1, most=16384)
    dropout: float | None = option(None, "Share dropped between layers.", least=0, below=1)
    ensemble: int | None = option(
        None,
        "Networks whose probabilities are averaged; default: what the time allows.",
        least=1,
        most=64,
    )
    batch: int | None = option(None, "Streams read side by side.", least=1, most=65536)
    bptt: int | None = option(None, "Mean tokens between updates.", least=2, most=65536)
    train_on_validation: float = option(
        0.5,
        "Share of the steps, at the end, that train on the selection part too.",
        least=0,
        below=1,
    )

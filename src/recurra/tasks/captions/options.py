"""What a captions training can be told. No torch, so that the command line can list it at once."""

from __future__ import annotations

from dataclasses import dataclass

from recurra.training.budget import TrainingOptions, option


@dataclass(frozen=True, kw_only=True)
class CaptionOptions(TrainingOptions):
    """What a captions training can be told; columns that are None are found by their names."""

    image: str | None = option(None, "Column that holds the pictures' paths.")
    text: str | None = option(None, "Column that holds the texts.")
    header: bool | None = option(
        None, "Whether the first line of a table names its columns; default: what it looks like."
    )
    test: list[str] | None = option(
        None, "Table or folder that reports; default: a tenth of the pictures of DATA."
    )
    valid: list[str] | None = option(
        None, "Table or folder that chooses; default: a twentieth of the pictures of DATA."
    )
    draw: str = option(
        "scenes",
        "What is drawn where no DATA is given.",
        choices=("scenes", "digits", "displays", "lines"),
    )
    examples: int | None = option(
        None, "Pictures that are drawn; default 10,000.", least=20, most=1_000_000
    )
    language: str = option("en", "Language of the drawn scenes' sentences.", choices=("en", "ko"))
    tokens: str | None = option(
        None,
        "How texts are cut: words, characters or bpe:4096; default: characters where texts are "
        "short strings, words where they are sentences of few words, else subwords.",
    )
    reading: str | None = option(
        None,
        "grid (a decoder looks at places), columns (at columns, read both ways) or ctc (columns "
        "that each say a piece or nothing); default: the better of two, tried.",
        choices=("grid", "columns", "ctc"),
    )
    height: int | None = option(
        None, "Rows of pixels that pictures are brought to.", least=8, most=1024
    )
    width: int | None = option(
        None, "Columns of pixels, of a grid; in proportion.", least=8, most=1024
    )
    augment: bool = option(
        True, "Shift, tilt, brighten and blur pictures a little in training; never mirrored."
    )
    cell: str = option("gru", "Recurrent layers of what kind.", choices=("rnn", "gru", "lstm"))
    hidden: int | None = option(
        None, "Hidden units of the decoder, or of what reads columns.", least=2, most=16384
    )
    layers: int | None = option(None, "Recurrent layers.", least=1, most=16)
    embedding: int | None = option(None, "Size of a piece's vector.", least=1, most=16384)
    attention: str | None = option(
        None,
        "How the decoder looks at places.",
        choices=("dot", "scaled_dot", "general", "concat", "location"),
    )
    dropout: float | None = option(None, "Share dropped around the layers.", least=0, below=1)
    metric: str | None = option(
        None,
        "What chooses on the selection part; default: by the data.",
        choices=("exact", "cer", "wer", "chrf", "bleu", "cider"),
    )
    batch: int | None = option(None, "Texts between updates.", least=1, most=65536)

"""What a text training can be told. No torch, so that the command line can list it at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import final

from recurra.errors import OptionError
from recurra.training.budget import TrainingOptions, option


@final
class Sample(Enum):
    """What is trained on where nothing is given."""

    SAMPLE = "the language reference that Python carries"


@dataclass(frozen=True, kw_only=True)
class TextOptions(TrainingOptions):
    """What a text training can be told; sizes that are None follow from the time."""

    size: str | None = option(
        None,
        "How large the network is; default: what the time allows.",
        choices=("tiny", "small", "medium", "large"),
    )
    tokens: str = option("characters", "characters, bytes, bpe:N subwords, words or words:N.")
    test: list[str] | None = option(
        None, "File or folder that reports, may be given again; default: the last tenth of DATA."
    )
    valid: list[str] | None = option(
        None, "File or folder that chooses, beside --test; default: the last twentieth of DATA."
    )
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
    train_on_validation: float | None = option(
        None,
        "Share of the steps, at the end, that train on the selection part too; default 0.5, and "
        "none with --valid.",
        least=0,
        below=1,
    )

    def check(self) -> None:
        """Check every value against its limits, and that there is a part that reports."""
        super().check()
        if self.valid and not self.test:
            raise OptionError("--valid without --test", expected="both, or --test alone")

    @property
    def finish(self) -> float:
        """Share of the steps, at the end, that train on the selection part too."""
        if self.train_on_validation is not None:
            return self.train_on_validation
        return 0.0 if self.valid else 0.5

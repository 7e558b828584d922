"""What a captions training can be told. No torch, so that the command line can list it at once."""

from __future__ import annotations

from dataclasses import dataclass

from recurra.training.budget import TrainingOptions, option


@dataclass(frozen=True, kw_only=True)
class CaptionOptions(TrainingOptions):
    """What a captions training can be told; columns that are None are found by their names."""

    image: str | None = option(None, "Column that holds the pictures' paths.")
    text: str | None = option(None, "Column that holds the texts.")
    test: list[str] | None = option(
        None, "Table or folder that reports; default: a tenth of the pictures of DATA."
    )
    valid: list[str] | None = option(
        None, "Table or folder that chooses; default: a twentieth of the pictures of DATA."
    )
    draw: str = option(
        "scenes", "What is drawn where no DATA is given: scenes, digits, displays or lines."
    )
    examples: int | None = option(
        None, "Pictures that are drawn; default 10,000.", least=20, most=1_000_000
    )
    language: str = option("en", "Language of the drawn scenes' sentences: en or ko.")
    # What the networks and their training can be told comes here.

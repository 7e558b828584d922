"""What has to be installed to train: asked for whole, at once, with the command that brings it."""

from __future__ import annotations

from typing import Final

from recurra.errors import MissingExtra

NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "text": ("torch",),
    "labels": ("torch", "sklearn", "polars", "tokenizers"),
    "series": ("torch", "statsmodels"),
    "pairs": ("torch", "sacrebleu", "babel", "tokenizers", "polars", "sklearn"),
}
"""The packages that the training of a task and its baselines use, by the name they import as."""

INSTALL: Final = (
    'pip install "recurra[all]"; on Linux without an NVIDIA GPU '
    'pip install "recurra[all]" --extra-index-url https://download.pytorch.org/whl/cpu, '
    "which leaves out gigabytes of CUDA libraries"
)
"""The command that brings everything."""


def missing(task: str) -> list[str]:
    """Which of the packages that a training of this task may use are not installed."""
    from importlib.util import find_spec

    return [name for name in NEEDED[task] if find_spec(name) is None]


def check_training(task: str) -> None:
    """Check that models of this task can be trained here.

    Raises:
        MissingExtra: torch is not installed; all that the task may lack is named.
    """
    lacking = missing(task)
    if "torch" in lacking:
        raise MissingExtra(
            f"training a model of {task} needs what is not installed here: {', '.join(lacking)}",
            expected="the packages that train; models are used without them",
            fix=INSTALL,
        )

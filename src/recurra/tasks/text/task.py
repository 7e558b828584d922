"""What the text task is."""

from __future__ import annotations

from typing import Any, Final

from recurra.tasks.task import Task


def _progress(options: Any) -> tuple[str, str]:
    from recurra.codecs import grammar

    unit, _ = grammar.parsed(options.tokens)
    return unit, f"nats a {unit.removesuffix('s')}"


def _sample(model: Any) -> None:
    print("A sample, at temperature 0.8:\n")
    length = 400 if model.vocabulary.unit in ("characters", "bytes") else 120
    for piece in model.generate(length=length, seed=model.options.seed):
        print(piece, end="", flush=True)
    print("\n")


TEXT: Final = Task(
    name="text",
    options="TextOptions",
    model="TextModel",
    verb="generate",
    help="Train a model that reads and writes text.",
    data="Files, folders, or - for standard input; without any, the language reference that Python "
    "carries.",
    sample="python",
    packages=("torch",),
    progress=_progress,
    after=_sample,
)

"""What a text training is made of: its sizes, its configuration, its trainee."""

from __future__ import annotations

import datetime
import platform
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, final

import numpy as np
import torch

from recurra import __version__
from recurra.bundle import FORMAT
from recurra.data.streams import Streams
from recurra.tasks.text.data import TextData
from recurra.tasks.text.model import Architecture, CharacterNetwork, TextTrainee
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.size import Size, dropout, largest_worth, named, training_speed
from recurra.training.precision import Precision

MOST_EPOCHS: Final = 60
"""Passes over a text beyond which its model only learns it by heart."""


@final
@dataclass(frozen=True)
class Recipe:
    """The size of a training, the share it drops, and why they were chosen."""

    size: Size
    dropout: float
    reason: str


def recipe(
    options: TextOptions, characters: int, precision: Precision, device: torch.device
) -> Recipe:
    """The size asked for, or the one that the time allows; single options override.

    Args:
        characters: of the training part.

    Raises:
        OptionError: no such size.
    """
    operations = 0.0
    if options.seconds is not None:
        operations = options.seconds * training_speed(precision, device)
    if options.size is not None:
        size, reason = named(options.size), f"size {options.size}, as asked"
    elif options.seconds is None:
        size, reason = named("small"), "size small"
    else:
        size = largest_worth(operations)
        reason = f"size {size.name}, the largest worth {options.seconds / 60:g} minutes here"
    given = {
        name: getattr(options, name)
        for name in ("hidden", "layers", "embedding", "batch", "chunk")
        if getattr(options, name) is not None
    }
    if options.rate is not None:
        given["rates"] = replace(size.rates, matrices=options.rate, others=options.rate / 10)
    size = replace(size, **given)
    if options.epochs is not None:
        passes = options.epochs
    elif options.steps is not None:
        passes = options.steps * size.batch * size.chunk / characters
    else:
        passes = min(MOST_EPOCHS, operations / size.operations / characters)
    share = dropout(passes) if options.dropout is None else options.dropout
    return Recipe(size, share, reason)


def configuration(
    options: TextOptions,
    read: TextData,
    architecture: Architecture,
    size: Size,
    precision: Precision,
    device: torch.device,
) -> dict[str, Any]:
    """What the run's configuration holds: all that loading and resuming need, fixed from here."""
    return {
        "format": FORMAT,
        "task": "text",
        "recurra": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "architecture": architecture.to_json(),
        "data": read.facts(),
        "options": {each.name: getattr(options, each.name) for each in fields(TextOptions)},
        "training": {
            "size": size.name,
            "batch": size.batch,
            "chunk": size.chunk,
            "rates": asdict(size.rates),
            "finish": options.finish,
            "seed": options.seed,
            "bfloat16": precision.bfloat16,
            "bfloat16_reason": precision.reason,
            "device": str(device),
            "threads": torch.get_num_threads(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }


def trainee(network: CharacterNetwork, read: TextData, settings: dict[str, Any]) -> TextTrainee:
    """The trainee of a network on a text; its seed, batch and chunk as the run's settings say."""

    def streams(ids: np.ndarray[Any, np.dtype[np.int32]]) -> Streams:
        return Streams(ids, batch=settings["batch"], chunk=settings["chunk"], seed=settings["seed"])

    both = read.ids[: read.split.select.stop]
    return TextTrainee(network, streams(read.train), streams(both), read.select, read.unknown_rate)

"""Recurrent sequence models: train, judge, look inside, stream.

    run = recurra.train("text", "corpus.txt", minutes=5, out="runs/bard")
    model = recurra.load("runs/bard")
    layer = recurra.nn.GRU(64, 256, num_layers=2)

Names are resolved when first used: importing the package loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recurra import nn
    from recurra.core.accelerate import Accelerated, accelerate
    from recurra.core.ragged import Ragged
    from recurra.errors import (
        BundleError,
        DataError,
        InputError,
        MissingExtra,
        NotFittedError,
        OptionError,
        RecurraError,
        TrainingError,
    )
    from recurra.runtime.streams import StreamState
    from recurra.tasks import load, resume, train
    from recurra.tasks.captions.estimator import CaptionModel
    from recurra.tasks.labels.estimator import LabelModel
    from recurra.tasks.pairs.estimator import PairModel
    from recurra.tasks.quantize import quantize
    from recurra.tasks.series.estimator import SeriesModel
    from recurra.tasks.text.estimator import TextModel
    from recurra.training.callbacks import Callback

__version__ = "0.1.0"

__all__ = [
    "Accelerated",
    "BundleError",
    "Callback",
    "CaptionModel",
    "DataError",
    "InputError",
    "LabelModel",
    "MissingExtra",
    "NotFittedError",
    "OptionError",
    "PairModel",
    "Ragged",
    "RecurraError",
    "SeriesModel",
    "StreamState",
    "TextModel",
    "TrainingError",
    "accelerate",
    "load",
    "nn",
    "quantize",
    "resume",
    "train",
]

_HOMES = {
    "Accelerated": "recurra.core.accelerate",
    "Callback": "recurra.training.callbacks",
    "CaptionModel": "recurra.tasks.captions.estimator",
    "LabelModel": "recurra.tasks.labels.estimator",
    "PairModel": "recurra.tasks.pairs.estimator",
    "Ragged": "recurra.core.ragged",
    "SeriesModel": "recurra.tasks.series.estimator",
    "StreamState": "recurra.runtime.streams",
    "TextModel": "recurra.tasks.text.estimator",
    "accelerate": "recurra.core.accelerate",
    "load": "recurra.tasks",
    "quantize": "recurra.tasks.quantize",
    "resume": "recurra.tasks",
    "train": "recurra.tasks",
}


def __getattr__(name: str) -> Any:
    if name == "nn":
        return importlib.import_module("recurra.nn")
    if name not in __all__:
        raise AttributeError(f"module 'recurra' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "recurra.errors")), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

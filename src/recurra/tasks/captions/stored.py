"""A copy of pictures and texts in a run, for data that cannot be read again when it is resumed."""

from __future__ import annotations

from typing import Final

import numpy as np

from recurra.bundle import Run
from recurra.data.source_locations import Places
from recurra.tasks.captions.splits import Captioned

COPY: Final = "checkpoint/input.safetensors"


def write(run: Run, captioned: Captioned) -> None:
    """Write the copy: all pixels one after the other, and in the header texts and places."""
    arrays = {
        "pixels": np.concatenate([each.reshape(-1) for each in captioned.pictures]),
        "shapes": np.array([each.shape for each in captioned.pictures], np.int64),
        "owner": captioned.owner,
        "false_owner": captioned.false_owner,
    }
    facts = {
        "names": captioned.names,
        "keys": captioned.keys,
        "texts": captioned.texts,
        "false": captioned.false,
        "places": [
            [name, unit, [int(each) for each in numbers]]
            for name, unit, numbers in captioned.where.parts
        ],
    }
    run.write_arrays(COPY, arrays, facts)


def read(run: Run) -> Captioned:
    """The pictures and texts of the copy.

    Raises:
        BundleError: it is damaged.
    """
    arrays, facts = run.read_arrays(COPY)
    with run.intact(COPY):
        ends = np.cumsum(arrays["shapes"].prod(1))
        pixels = np.split(arrays["pixels"], ends[:-1])
        shapes = arrays["shapes"].tolist()
        return Captioned(
            tuple(each.reshape(shape) for each, shape in zip(pixels, shapes, strict=True)),
            tuple(facts["names"]),
            tuple(facts["keys"]),
            tuple(facts["texts"]),
            arrays["owner"],
            Places(tuple((name, unit, numbers) for name, unit, numbers in facts["places"])),
            tuple(facts["false"]),
            arrays["false_owner"],
        )

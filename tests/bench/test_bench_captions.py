"""Where a caption looked, as the bench counts it."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Literal

import numpy as np
import pytest

from benchmarks.captions import looked
from recurra.tasks.captions.generators.scenes import Scenes


@pytest.mark.parametrize("language", ["en", "ko"])
def test_attention_is_read_at_the_piece_that_names_a_shape(language: Literal["en", "ko"]) -> None:
    """Commas are pieces too, and a decoder that looks at each shape as it names it is right."""
    scenes = Scenes(seed=0, language=language)
    drawn = [one for one in map(scenes.draw, range(60)) if one.text.count(",")]
    assert drawn
    said = []
    for one in drawn:
        pieces = list(re.finditer(r"\w+|[^\w\s]", one.text))
        height, width = one.image.shape[:2]
        attention = np.zeros((len(pieces), height, width), np.float32)
        for shown in one.shown:
            ends = [piece.end() for piece in pieces]
            named = next(at for at, end in enumerate(ends) if end >= shown.span[1])
            left, top, right, bottom = shown.box
            attention[named, int(top + bottom) // 2, int(left + right) // 2] = 1
        said.append(SimpleNamespace(text=one.text, attention=attention))
    assert looked(drawn, said) == 1

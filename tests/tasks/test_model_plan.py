from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from recurra.judge import captions, translation
from recurra.runtime.captions import READINGS
from recurra.tasks.captions.options import CaptionOptions
from recurra.tasks.model_plan import NARROWEST, Members
from recurra.tasks.pairs.options import PairOptions


@pytest.mark.parametrize(
    ("seconds", "hidden"),
    [(1000.0, 256), (300.0, 256), (299.0, 128), (75.0, 128), (74.0, 64), (0.1, NARROWEST)],
)
def test_a_network_is_narrower_where_the_time_allows_few_steps(seconds: float, hidden: int) -> None:
    tried = []

    def step(sizes: dict[str, Any]) -> float:
        tried.append(sizes["hidden"])
        return float((sizes["hidden"] / 256) ** 2)

    members = Members(None, 1000, share=0.5, most=4, fewest=150)
    found = members.narrowed({"hidden": 256, "embedding": 100, "layers": 2}, seconds, step)
    assert found == {"hidden": hidden, "embedding": 100 * hidden // 256, "layers": 2}
    # No narrower one is timed than is needed, and the narrowest not at all.
    assert tried == [width for width in (256, 128) if width >= hidden and width > NARROWEST]


def test_what_may_be_chosen_is_what_there_is() -> None:
    def choices(options: type, name: str) -> set[str]:
        (found,) = (each for each in fields(options) if each.name == name)
        return set(found.metadata["choices"])

    assert choices(PairOptions, "metric") == set(translation.NAMES)
    assert choices(CaptionOptions, "metric") == set(captions.NAMES)
    assert choices(CaptionOptions, "reading") == set(READINGS)

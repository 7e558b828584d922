"""Nats in words: among how many as likely ones they are a choice."""

from __future__ import annotations

import math
from typing import Any

import pytest

from recurra.tasks.text import render
from recurra.tasks.text.baselines import XZ, Baseline


def report(own: float, **others: float) -> dict[str, Any]:
    listed = [{"name": name.replace("_", " "), "nats": nats} for name, nats in others.items()]
    model = {"unit": "characters", "nats": own, "bits": own / math.log(2)}
    return {"model": model, "baselines": listed}


def test_what_nats_mean_is_computed() -> None:
    said = render.in_words(report(math.log(3), gram=math.log(4), compressor_xz=math.log(5)))
    assert said == (
        "1.0986 nats a character: this model wavers between about 3 characters, the gram between "
        "4, the compressor xz between 5."
    )
    assert "about 4 characters" in render.baselines_summary(
        [Baseline("gram", math.log(4), "")], "nats a character"
    )


@pytest.mark.parametrize(("xz", "wins"), [(0.5, True), (1.5, False), (2.5, False)])
def test_where_xz_wins_it_says_what_that_means(xz: float, wins: bool) -> None:
    found = report(1.0, gram=2.0, **{XZ.replace(" ", "_"): xz}, unigram=3.0)
    assert ("repeats long passages" in render.in_words(found)) is wins

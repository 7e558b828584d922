"""Models of pairs that know their job, for reading alone: trained once for all tests."""

from __future__ import annotations

import pytest

from recurra.tasks.pairs.estimator import PairModel
from toy_pairs import LESS, spelt, turned


@pytest.fixture(scope="session")
def speller() -> PairModel:
    """Digits -> words, cut into words; names that come once are unknown to it."""
    return PairModel(**LESS, tokens="words", steps=150, seed=1).fit(spelt(800, names=300))


@pytest.fixture(scope="session")
def turner() -> PairModel:
    """Letters -> the same from their end, cut into characters, by two members."""
    return PairModel(**LESS, ensemble=2, shared=True, tokens="characters", steps=200).fit(
        turned(1000)
    )


@pytest.fixture(scope="session")
def bytewise() -> PairModel:
    """Digits -> words, cut into subwords; hardly trained."""
    return PairModel(**LESS, tokens="bpe", steps=20).fit(spelt(300))


@pytest.fixture(scope="session", params=["speller", "turner", "bytewise"])
def model(request: pytest.FixtureRequest) -> PairModel:
    found: PairModel = request.getfixturevalue(request.param)
    return found

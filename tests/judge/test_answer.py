"""What a run answers with: the simplest within noise of the best."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recurra.errors import DataError, OptionError
from recurra.judge.answer import Choice, choose

RANDOM = np.random.default_rng(0)


def test_a_clear_winner_is_chosen() -> None:
    noise = RANDOM.normal(size=400)
    found = choose({"naive": noise + 1, "network": noise})
    assert found.name == found.best == "network"
    assert found.behind == 0
    assert found.error == 0


def test_of_what_is_within_noise_the_simplest_is_chosen() -> None:
    first, second = RANDOM.normal(size=(2, 400))
    costs = {"naive": first - first.mean() + 0.01, "network": second - second.mean()}
    found = choose(costs)
    assert (found.name, found.best) == ("naive", "network")
    assert found.behind == pytest.approx(0.01)
    assert found.error == pytest.approx(np.std(first - second, ddof=1) / 20)


def test_paired_differences_need_few_examples() -> None:
    hard = 10 * RANDOM.normal(size=30)  # what all find hard says nothing of who is better
    assert choose({"naive": hard + 0.1, "network": hard}).name == "network"


def test_examples_of_a_group_count_once() -> None:
    groups = np.repeat(np.arange(6), 100)
    lucky = np.repeat([1.0, -1.2, 0.4, -0.9, 0.8, -0.7], 100)  # of six groups, -0.1 in the mean
    costs = {"naive": np.zeros(600), "network": lucky}
    assert choose(costs).name == "network"
    assert choose(costs, groups=groups).name == "naive"


def test_one_group_alone_proves_nothing() -> None:
    found = choose({"naive": np.ones(9), "network": np.zeros(9)}, groups=np.zeros(9))
    assert found.name == "naive"
    assert math.isinf(found.error)
    assert found.to_json()["error"] is None
    assert Choice.from_json(found.to_json()) == found


def test_equal_costs_choose_the_first() -> None:
    assert choose({"naive": [1, 2], "network": [1, 2]}).name == "naive"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(OptionError, match="no candidate"):
        choose({})
    with pytest.raises(DataError, match="costs of b of shape"):
        choose({"a": [1.0], "b": [1.0, 2.0]})
    with pytest.raises(DataError, match="not finite"):
        choose({"a": [math.nan]})
    with pytest.raises(DataError, match="groups of shape"):
        choose({"a": [1.0]}, groups=[1, 2])

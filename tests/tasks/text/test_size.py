from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import OptionError
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.recipe import MOST_EPOCHS, recipe
from recurra.tasks.text.size import SIZES, dropout, largest_worth, named, training_speed
from recurra.training.precision import Precision

FLOAT32, CPU = Precision(False, "as asked"), torch.device("cpu")


def test_sizes_grow() -> None:
    for smaller, larger in itertools.pairwise(SIZES):
        assert smaller.operations < larger.operations
        assert smaller.worth < larger.worth
    assert SIZES[0].worth == 0


def test_names_are_found_and_others_told() -> None:
    for size in SIZES:
        assert named(size.name) is size
        assert named(size.name).name in str(TextOptions.__dataclass_fields__["size"].metadata)
    with pytest.raises(OptionError, match="--size huge") as caught:
        named("huge")
    assert caught.value.expected == "tiny, small, medium, large"


@given(st.floats(0, 1e18), st.floats(0, 1e18))
def test_more_time_never_makes_for_a_smaller_one(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert largest_worth(less).operations <= largest_worth(more).operations


def test_no_time_is_the_smallest_and_all_time_the_largest() -> None:
    assert largest_worth(0.0) is SIZES[0]
    assert largest_worth(1e30) is SIZES[-1]


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_what_is_read_more_often_drops_more(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert 0 <= dropout(less) <= dropout(more) < 1


def test_operations_count_the_products_of_a_step() -> None:
    size = named("small")
    products = 4 * size.hidden * (size.embedding + size.hidden)
    products += (size.layers - 1) * 4 * size.hidden * 2 * size.hidden
    # A multiplication and an addition, forward, and twice that backward.
    assert size.operations == 3 * 2 * products


def test_speed_is_measured() -> None:
    assert 1e7 < training_speed(FLOAT32, CPU) < 1e14


def test_single_options_override_a_size() -> None:
    options = TextOptions(size="medium", steps=9, hidden=24, chunk=7, dropout=0.25, rate=0.5)
    found = recipe(options, 10_000, FLOAT32, CPU)
    assert (found.size.hidden, found.size.chunk, found.dropout) == (24, 7, 0.25)
    assert (found.size.rates.matrices, found.size.rates.others) == (0.5, 0.05)
    assert found.size.layers == named("medium").layers
    assert found.size.batch == named("medium").batch
    assert found.reason == "size medium, as asked"


def test_without_a_size_the_time_decides() -> None:
    found = recipe(TextOptions(minutes=1e-6), 10_000, FLOAT32, CPU)
    assert found.size == SIZES[0]
    assert "1e-06 minutes" in found.reason
    assert recipe(TextOptions(minutes=1e9), 10_000, FLOAT32, CPU).size == SIZES[-1]
    assert recipe(TextOptions(steps=5), 10_000, FLOAT32, CPU).size == named("small")
    with pytest.raises(OptionError, match="--size huge"):
        recipe(TextOptions(size="huge"), 10_000, FLOAT32, CPU)


def test_the_share_dropped_follows_from_the_passes() -> None:
    size = named("small")
    for passes in (1.0, 8.0):
        steps = round(passes * 1e6 / size.batch / size.chunk)
        by_steps = recipe(TextOptions(steps=steps), 1_000_000, FLOAT32, CPU).dropout
        by_epochs = recipe(TextOptions(epochs=passes), 1_000_000, FLOAT32, CPU).dropout
        assert by_steps == pytest.approx(by_epochs, abs=0.01)
        assert by_epochs == dropout(passes)
    assert recipe(TextOptions(minutes=1e9), 1000, FLOAT32, CPU).dropout == dropout(MOST_EPOCHS)

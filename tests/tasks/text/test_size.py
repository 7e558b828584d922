from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.files import TextSource
from recurra.errors import OptionError
from recurra.tasks.model_plan import ModelPlan
from recurra.tasks.text.config import plan_model
from recurra.tasks.text.data import TextData
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.size import (
    ENOUGH,
    MOST_MEMBERS,
    SIZES,
    dropout,
    largest_worth,
    named,
    worth,
)
from recurra.tasks.text.training_task import MOST_EPOCHS
from recurra.training.precision import Precision

FLOAT32, CPU = Precision(False, "as asked"), torch.device("cpu")


def test_sizes_grow() -> None:
    for smaller, larger in itertools.pairwise(SIZES):
        assert smaller.operations() < larger.operations()
        assert smaller.worth < larger.worth
    assert SIZES[0].worth == 0


def test_names_are_found_and_others_told() -> None:
    for size in SIZES:
        assert named(size.name) is size
        assert named(size.name).name in str(TextOptions.__dataclass_fields__["size"].metadata)
    with pytest.raises(OptionError, match="size='huge'") as caught:
        named("huge")
    assert caught.value.expected == "tiny, small, medium, large"


@given(st.floats(0, 1e18), st.floats(0, 1e18))
def test_more_time_never_makes_for_a_smaller_one(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert largest_worth(less).operations() <= largest_worth(more).operations()


def test_no_time_is_the_smallest_and_all_time_the_largest() -> None:
    assert largest_worth(0.0) is SIZES[0]
    assert largest_worth(1e30) is SIZES[-1]


def test_a_text_that_is_read_often_has_members_that_each_read_it_often_enough() -> None:
    small, medium = named("small"), named("medium")
    once = small.operations() * 10**6
    assert worth(5 * once, 0, 10**6)[:2] == (largest_worth(5 * once), 1)
    assert worth(2.5 * ENOUGH * once, 0, 10**6)[:2] == (small, 2)
    assert worth(1000 * ENOUGH * once, 0, 10**6)[:2] == (SIZES[-1], MOST_MEMBERS)
    often = MOST_MEMBERS * ENOUGH * medium.operations() * 10**6
    assert worth(1.01 * often, 0, 10**6)[:2] == (medium, MOST_MEMBERS)
    # A longer text in the same time has fewer, and at last one.
    assert worth(1.01 * often, 0, 10**8)[1] == 1


def test_members_that_are_asked_for_are_what_is_trained() -> None:
    one = found(20_000, minutes=10.0, ensemble=1)
    assert one.architecture["members"] == 1
    assert one.reason.startswith(f"size {one.settings['size']}")
    assert found(20_000, minutes=10.0, ensemble=7).architecture["members"] == 7
    assert found(20_000, steps=5, ensemble=3).architecture["members"] == 3
    # A network far larger than any size has no time for another one.
    assert found(20_000, minutes=0.01, hidden=16_000).architecture["members"] == 1


@given(st.floats(0, 1e18), st.integers(1, 10**9), st.integers(2, 10**5))
def test_members_are_within_their_bounds(operations: float, tokens: int, symbols: int) -> None:
    size, members, reason = worth(operations, symbols, tokens)
    assert 1 <= members <= MOST_MEMBERS
    assert size.name in reason


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_what_is_read_more_often_drops_more(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert 0 <= dropout(less) <= dropout(more) < 1


def test_operations_count_the_products_of_a_step() -> None:
    size = named("small")
    products = 4 * size.hidden * (size.embedding + size.hidden)
    products += (size.layers - 1) * 4 * size.hidden * 2 * size.hidden
    # A multiplication and an addition, forward, and twice that backward.
    assert size.operations() == 3 * 2 * products


def text(characters: int) -> TextData:
    """A text whose training part has about so many characters."""
    return TextData.from_source(TextSource("ab" * round(characters / 0.85 / 2), "ab"))


def found(characters: int, **options: Any) -> ModelPlan:
    return plan_model(TextOptions(**options), text(characters), FLOAT32, CPU)


def test_single_options_override_a_size() -> None:
    made = found(10_000, size="medium", steps=9, hidden=24, bptt=7, dropout=0.25, lr=0.5)
    assert (made.architecture["hidden"], made.settings["bptt"]) == (24, 7)
    assert made.architecture["dropout"] == 0.25
    assert (made.rates.matrices, made.rates.others) == (0.5, 0.05)
    assert made.architecture["layers"] == named("medium").layers
    assert made.settings["batch"] == named("medium").batch
    assert made.reason == "size medium, as asked"


def test_without_a_size_the_time_decides() -> None:
    made = found(10_000, minutes=1e-6)
    assert made.settings["size"] == SIZES[0].name
    assert "1e-06 minutes" in made.reason
    assert found(10_000, minutes=1e9).settings["size"] == SIZES[-1].name
    assert found(10_000, steps=5).settings["size"] == "small"
    with pytest.raises(OptionError, match="size='huge'"):
        found(10_000, size="huge")


def test_the_share_dropped_follows_from_the_passes() -> None:
    size = named("small")
    for passes in (1.0, 8.0):
        steps = round(passes * 1e6 / size.batch / size.bptt)
        by_steps = found(1_000_000, steps=steps).architecture["dropout"]
        by_epochs = found(1_000_000, epochs=passes).architecture["dropout"]
        assert by_steps == pytest.approx(by_epochs, abs=0.01)
        assert by_epochs == dropout(passes)
    often = found(1000, minutes=1e9).architecture
    assert often["dropout"] == dropout(MOST_EPOCHS, often["members"]) < dropout(MOST_EPOCHS)

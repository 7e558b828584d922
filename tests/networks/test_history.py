"""What is known of each step of whole rows: as step by step in use, blind to missing steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recurra.networks.history import Look, looks
from recurra.runtime import history
from recurra.runtime.history import CENTRE, KEPT, RECENT, SURPRISE

SIZE = torch.tensor(0.7, dtype=torch.float64)


def made(seed: int, rows: int = 4, steps: int = 25) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, steps, dtype=torch.float64, generator=g).cumsum(1)
    present = torch.rand(rows, steps, generator=g) > 0.3
    present[1, : steps // 2] = False
    present[2] = False
    return values, present


def same(one: Look, other: Look) -> None:
    for name, value in vars(one).items():
        torch.testing.assert_close(value, vars(other)[name], msg=name)


@settings(max_examples=20)
@given(st.integers(1, 9), st.integers(0, 99))
def test_step_by_step_in_use_is_as_whole_rows(period: int, seed: int) -> None:
    values, present = made(seed)
    whole = looks(values, present, period, SIZE)
    rows = len(values)
    phases = np.zeros((period, KEPT, rows), np.float32)
    recent = np.zeros((RECENT, rows), np.float32)
    size, begun = np.float32(SIZE), history.shrinkage(period)
    for t in range(values.shape[1]):
        found = history.look(phases[t % period], recent, size, begun)
        at = Look(*(each[:, t] for each in vars(whole).values()))
        for name, one in vars(at).items():
            other = getattr(found, name)
            other = other.T if name == "features" else other
            np.testing.assert_allclose(other, one.numpy(), rtol=1e-4, atol=1e-4, err_msg=name)
        phases[t % period], recent = history.push(
            phases[t % period],
            recent,
            values[:, t].numpy().astype(np.float32),
            present[:, t].numpy(),
            found,
        )


def test_that_all_are_present_need_not_be_said() -> None:
    draw = np.random.default_rng(0)
    phase, recent = draw.random((KEPT, 5), np.float32), draw.random((RECENT, 5), np.float32)
    phase[1, :2] = 0.0
    found = history.look(phase, recent, np.float32(0.7), 4.0)
    value = draw.random(5, np.float32)
    observed = history.push(phase, recent, value, np.ones(5, bool), found)
    for one, other in zip(observed, history.push(phase, recent, value, None, found), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_missing_value_before_the_first_changes_nothing() -> None:
    phase, recent = np.zeros((KEPT, 2), np.float32), np.zeros((RECENT, 2), np.float32)
    found = history.look(phase, recent, np.float32(0.7), 4.0)
    none = np.zeros(2, bool)
    for one in history.push(phase, recent, np.full(2, np.nan, np.float32), none, found):
        assert not one.any()


@pytest.mark.parametrize("period", [1, 4])
def test_values_of_missing_steps_and_of_steps_to_come_do_not_matter(period: int) -> None:
    values, present = made(7)
    before = looks(values, present, period, SIZE)
    other = torch.where(present, values, torch.nan)
    same(before, looks(other, present, period, SIZE))
    other = values.clone()
    other[:, 20:] = 99.0
    after = looks(other, present, period, SIZE)
    for name, one in vars(before).items():
        torch.testing.assert_close(one[:, :21], vars(after)[name][:, :21], msg=name)


@pytest.mark.parametrize("period", [1, 4])
def test_a_level_moves_the_reference_alone(period: int) -> None:
    values, present = made(3)
    low = looks(values, present, period, SIZE)
    high = looks(values + 100.0, present, period, SIZE)
    known = low.started
    torch.testing.assert_close(
        (high.reference - low.reference)[known], 100.0 + 0 * SIZE.expand(int(known.sum()))
    )
    others = [k for k in range(low.features.shape[-1]) if k != CENTRE]
    torch.testing.assert_close(high.features[..., others], low.features[..., others])


def test_a_season_that_grows_evenly_holds_no_surprise() -> None:
    period, shape = 4, torch.tensor([0.0, 3.0, -1.0, 2.0], dtype=torch.float64)
    t = torch.arange(900)
    values = (shape[t % period] + 0.01 * t)[None]
    look = looks(values, torch.ones(1, 900, dtype=torch.bool), period, SIZE)
    # The growth is shrunk by a hundredth, which the slow mean multiplies by its age.
    torch.testing.assert_close(look.reference[0, 700:], values[0, 700:], rtol=0, atol=2e-3)
    torch.testing.assert_close(look.slow[0, 700:], values[0, 700:], rtol=0, atol=0.05)
    assert float(look.features[0, 700:, SURPRISE].abs().max()) < 2e-3

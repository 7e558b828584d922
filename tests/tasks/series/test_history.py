"""What is kept of the past: step by step as over whole rows, blind to missing steps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recurra.tasks.series.networks.history import CENTRE, SURPRISE, History, Look, looks
from torch import Tensor

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
def test_step_by_step_is_as_whole_rows(period: int, seed: int) -> None:
    values, present = made(seed)
    whole = looks(values, present, period, SIZE)
    history = History.empty(len(values), period, values)
    for t in range(values.shape[1]):
        look = history.look(SIZE, period)
        same(look, whole.at(t))
        history = history.push(values[:, t], present[:, t], look)


@pytest.mark.parametrize("period", [1, 4])
def test_values_of_missing_steps_and_of_steps_to_come_do_not_matter(period: int) -> None:
    values, present = made(7)
    before = looks(values, present, period, SIZE)
    other = torch.where(present, values, torch.nan)
    same(before, looks(other, present, period, SIZE))
    other = values.clone()
    other[:, 20:] = 99.0
    after = looks(other, present, period, SIZE)
    for t in range(21):
        same(before.at(t), after.at(t))


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


def test_phases_one_by_one_are_all_of_them() -> None:
    period, steps = 3, 8
    values, present = made(11)
    history = History.empty(len(values), period, values)
    for t in range(steps):
        history = history.push(values[:, t], present[:, t], history.look(SIZE, period))
    kept, after, whole = [history.phase(k) for k in range(period)], None, history
    for t in range(steps, steps + 10):
        now = kept[t - steps] if after is None else kept[t - steps].since(after)
        look = now.look(SIZE, period)
        same(look, whole.look(SIZE, period))
        after = now.push(values[:, t], present[:, t], look)
        kept.append(after)
        whole = whole.push(values[:, t], present[:, t], look)

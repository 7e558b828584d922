"""What the loop trains: draws, parts, finishing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from forecast_toys import HOURLY, cut, panel_of
from recurra.networks.series import SeriesNetwork
from recurra.tasks.series import recipe
from recurra.tasks.series.forecasts import LEVELS, Origins
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.trainee import SeriesTrainee
from recurra.training.precision import Precision

HORIZON = 5


@pytest.fixture
def data() -> SeriesData:
    draw = np.random.default_rng(1)
    rows = [np.sin(np.arange(n) / 4) + draw.normal(0, 0.1, n) for n in (90, 60, 7)]
    found = cut(panel_of(rows, HOURLY), HORIZON, 8, select=12, test=12)
    # As the cut of real data has it: what is too short trains whole.
    found.train_ends[2] = found.select_ends[2] = 7
    return found


def trainee_of(data: SeriesData, kind: str = "segments") -> SeriesTrainee:
    given = SeriesOptions(steps=5, model=kind, hidden=8, batch=16, members=2)
    found = recipe.design(given, data, Precision(False, "as asked"), torch.device("cpu"))
    network = recipe.drawn(found, torch.device("cpu"))
    return recipe.trainee(network, data, found.settings | {"seed": 3})


def test_every_window_whose_targets_train_is_drawn_and_no_other(data: SeriesData) -> None:
    trainee = trainee_of(data)
    context, part = trainee.reader.context, trainee.train
    drawn = part.draw(np.random.default_rng(0), 20_000)
    for series, end in enumerate(data.train_ends.tolist()):
        steps = np.unique(drawn.origins[drawn.series == series])
        last = max(end - HORIZON, 1)
        first = min(max(last // 2, 1), context)
        np.testing.assert_array_equal(steps, np.arange(first, last + 1))
    assert part.count == sum(len(np.unique(drawn.origins[drawn.series == s])) for s in range(3))


def test_a_draw_follows_from_seed_member_and_step(data: SeriesData) -> None:
    trainee = trainee_of(data)
    with torch.no_grad():
        first = trainee.loss(trainee.network, replace(trainee.first(), step=4)).total
        again = trainee.loss(trainee.network, replace(trainee.first(), step=4)).total
        other = trainee.loss(trainee.network, replace(trainee.first(), step=5)).total
    trainee.network.eval()
    assert first.count == again.count == 32
    assert first.total != other.total


def test_finishing_keeps_what_was_said_and_then_reads_the_selection_part(data: SeriesData) -> None:
    trainee = trainee_of(data)
    first = trainee.first()
    assert not first.finishing
    carry = trainee.finish(replace(first, step=7))
    assert carry.finishing
    assert carry.step == 7
    assert carry.said.shape == (len(trainee.chosen), HORIZON, len(LEVELS))
    drawn = trainee.all.draw(np.random.default_rng(0), 20_000)
    reach = drawn.origins[drawn.series == 0].max() + HORIZON
    assert reach == data.select_ends[0] < data.panel.lengths[0]


def test_a_carry_is_packed_and_unpacked(data: SeriesData) -> None:
    trainee = trainee_of(data)
    for carry in (replace(trainee.first(), step=3), trainee.finish(trainee.first())):
        again = trainee.unpack(trainee.pack(carry))
        assert again.step == carry.step
        assert torch.equal(again.said, carry.said)
        assert again.finishing == carry.finishing


def test_the_selection_loss_is_of_the_selection_part_alone(data: SeriesData) -> None:
    trainee = trainee_of(data)
    before = trainee.select(trainee.network)
    assert before.count == len(trainee.chosen) * HORIZON
    data.panel.values[data.select_ends[0] : 90] += 100.0
    changed = trainee_of(data)
    changed.network.load_state_dict(trainee.network.state_dict())
    assert changed.select(changed.network) == before
    data.panel.values[data.train_ends[0] : data.select_ends[0]] += 1.0
    moved = trainee_of(data)
    moved.network.load_state_dict(trainee.network.state_dict())
    assert moved.select(moved.network).total != before.total


def test_weights_that_are_no_numbers_score_none(data: SeriesData) -> None:
    trainee = trainee_of(data)
    with torch.no_grad():
        next(trainee.network.parameters()).fill_(torch.nan)
    assert np.isnan(trainee.select(trainee.network).mean)


@pytest.mark.parametrize("kind", ["segments", "autoregressive"])
def test_it_learns(data: SeriesData, kind: str) -> None:
    trainee = trainee_of(data, kind)
    network: SeriesNetwork = trainee.network
    recipe.settled(network, data)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    carry, losses = trainee.first(), []
    for _ in range(80):
        loss = trainee.loss(network, carry)
        optimiser.zero_grad()
        loss.mean.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.total.mean)
        carry = loss.carry
    assert np.mean(losses[-10:]) < np.mean(losses[:5]) - 0.05
    assert isinstance(trainee.chosen, Origins)


@pytest.mark.parametrize(
    ("given", "reason", "told"),
    [
        ({"model": "segments"}, "as asked", "2 times 1 x GRU(8) reading"),
        ({"model": "autoregressive"}, "as asked", "2 times 3 x GRU(8) reading"),
        ({"distribution": "counts"}, "the kind that gives counts", "steps step by step"),
        ({}, "without a time to spend", "in pieces of"),
    ],
)
def test_it_says_what_is_trained_and_why(
    data: SeriesData, given: dict[str, Any], reason: str, told: str
) -> None:
    options = SeriesOptions(steps=5, hidden=8, layers=3, members=2, **given)
    found = recipe.design(options, data, Precision(False, "as asked"), torch.device("cpu"))
    assert found.reason == reason
    assert told in recipe.drawn(found, torch.device("cpu")).told()

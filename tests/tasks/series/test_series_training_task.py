"""What the loop trains: draws, parts, finishing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from forecast_toys import HOURLY, cut, panel_of
from recurra.networks.series import SeriesNetwork
from recurra.tasks.series import config
from recurra.tasks.series.forecasts import LEVELS, Origins
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.training_task import SeriesTrainingTask
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


def trainee_of(data: SeriesData, kind: str = "segments") -> SeriesTrainingTask:
    given = SeriesOptions(steps=5, model=kind, hidden=8, batch=16, ensemble=2)
    found = config.plan_model(given, data, Precision(False, "as asked"), torch.device("cpu"))
    network = config.drawn(found, torch.device("cpu"))
    return config.training_task(network, data, found.settings | {"seed": 3})


def test_every_window_whose_targets_train_is_drawn_and_no_other(data: SeriesData) -> None:
    training_task = trainee_of(data)
    context, part = training_task.reader.context, training_task.train
    drawn = part.draw(np.random.default_rng(0), 20_000)
    for series, end in enumerate(data.train_ends.tolist()):
        steps = np.unique(drawn.origins[drawn.series == series])
        last = max(end - HORIZON, 1)
        first = min(max(last // 2, 1), context)
        np.testing.assert_array_equal(steps, np.arange(first, last + 1))
    assert part.count == sum(len(np.unique(drawn.origins[drawn.series == s])) for s in range(3))


def test_a_draw_follows_from_seed_member_and_step(data: SeriesData) -> None:
    training_task = trainee_of(data)
    with torch.no_grad():
        first = training_task.loss(
            training_task.network, replace(training_task.first(), step=4)
        ).total
        again = training_task.loss(
            training_task.network, replace(training_task.first(), step=4)
        ).total
        other = training_task.loss(
            training_task.network, replace(training_task.first(), step=5)
        ).total
    training_task.network.eval()
    assert first.count == again.count == 32
    assert first.total != other.total


def test_finishing_keeps_what_was_said_and_then_reads_the_selection_part(data: SeriesData) -> None:
    training_task = trainee_of(data)
    first = training_task.first()
    assert not first.finishing
    train_state = training_task.finish(replace(first, step=7))
    assert train_state.finishing
    assert train_state.step == 7
    assert train_state.said.shape == (len(training_task.chosen), HORIZON, len(LEVELS))
    drawn = training_task.all.draw(np.random.default_rng(0), 20_000)
    reach = drawn.origins[drawn.series == 0].max() + HORIZON
    assert reach == data.select_ends[0] < data.panel.lengths[0]


def test_a_carry_is_packed_and_unpacked(data: SeriesData) -> None:
    training_task = trainee_of(data)
    for train_state in (
        replace(training_task.first(), step=3),
        training_task.finish(training_task.first()),
    ):
        again = training_task.unpack(training_task.pack(train_state))
        assert again.step == train_state.step
        assert torch.equal(again.said, train_state.said)
        assert again.finishing == train_state.finishing


def test_the_selection_loss_is_of_the_selection_part_alone(data: SeriesData) -> None:
    training_task = trainee_of(data)
    before = training_task.select(training_task.network)
    assert before.count == len(training_task.chosen) * HORIZON
    data.panel.values[data.select_ends[0] : 90] += 100.0
    changed = trainee_of(data)
    changed.network.load_state_dict(training_task.network.state_dict())
    assert changed.select(changed.network) == before
    data.panel.values[data.train_ends[0] : data.select_ends[0]] += 1.0
    moved = trainee_of(data)
    moved.network.load_state_dict(training_task.network.state_dict())
    assert moved.select(moved.network).total != before.total


def test_weights_that_are_no_numbers_score_none(data: SeriesData) -> None:
    training_task = trainee_of(data)
    with torch.no_grad():
        next(training_task.network.parameters()).fill_(torch.nan)
    assert np.isnan(training_task.select(training_task.network).mean)


@pytest.mark.parametrize("kind", ["segments", "autoregressive"])
def test_it_learns(data: SeriesData, kind: str) -> None:
    training_task = trainee_of(data, kind)
    network: SeriesNetwork = training_task.network
    config.settled(network, data)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    train_state, losses = training_task.first(), []
    for _ in range(80):
        loss = training_task.loss(network, train_state)
        optimiser.zero_grad()
        loss.mean.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.total.mean)
        train_state = loss.train_state
    assert np.mean(losses[-10:]) < np.mean(losses[:5]) - 0.05
    assert isinstance(training_task.chosen, Origins)


@pytest.mark.parametrize(
    ("given", "reason", "summary"),
    [
        ({"model": "segments"}, "as asked", "2 times 1 x GRU(8) reading"),
        ({"model": "autoregressive"}, "as asked", "2 times 3 x GRU(8) reading"),
        ({"distribution": "counts"}, "the kind that gives counts", "steps step by step"),
        ({}, "without a time to spend", "in pieces of"),
    ],
)
def test_it_says_what_is_trained_and_why(
    data: SeriesData, given: dict[str, Any], reason: str, summary: str
) -> None:
    options = SeriesOptions(steps=5, hidden=8, layers=3, ensemble=2, **given)
    found = config.plan_model(options, data, Precision(False, "as asked"), torch.device("cpu"))
    assert found.reason == reason
    assert summary in config.drawn(found, torch.device("cpu")).summary()

"""The autoregressive network: streams are the whole, paths are streams that read themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from recurra.tasks.series.networks.autoregressive import Autoregressive, Sizes
from recurra.tasks.series.networks.beside import Beside
from recurra.tasks.series.networks.distributions import NegativeBinomial
from torch import Tensor

from recurra.errors import OptionError
from recurra.tasks.series.forecasts import LEVELS
from recurra.tasks.series.windows import Windows
from recurra.training.optimiser import Rates, build
from toy_series import network, plain, windows

MADE: list[dict[str, Any]] = [
    {},
    {"period": 1, "layers": 2},
    {"period": 7, "past": 0, "static": 0},
    {"family": "counts", "known": 0},
]


def nats(net: Autoregressive, given: Windows, targets: Tensor, there: Tensor) -> Tensor:
    """The loss, from a stream."""
    beside = Beside.of(given)
    values = torch.cat([given.values, targets], 1)
    present = torch.cat([given.present, there], 1)
    total, count = torch.zeros(len(values)), torch.zeros(len(values))
    said, state = net.begin(beside.at(0))
    for t in range(values.shape[1]):
        started = state.history.look(net.size, net.sizes.period).started
        scored = present[:, t] & (started | torch.tensor(t >= given.values.shape[1]))
        counted = isinstance(said, NegativeBinomial)
        value = torch.round(values[:, t] * given.unit) if counted else values[:, t]
        total += torch.where(scored, said.nats(value), 0.0)
        count += scored
        if t + 1 < values.shape[1]:
            said, state = net.step(values[:, t], present[:, t], beside.at(t + 1), state)
    return total / count.clamp(min=1)


@pytest.mark.parametrize("sizes", MADE)
def test_a_stream_gives_the_nats_of_the_whole(sizes: dict[str, Any]) -> None:
    net = network(**sizes)
    given, targets, there = windows(net.sizes)
    with torch.no_grad():
        torch.testing.assert_close(
            net.loss(given, targets, there), nats(net, given, targets, there)
        )


@pytest.mark.parametrize("sizes", MADE)
def test_paths_are_streams_that_read_their_own_samples(sizes: dict[str, Any]) -> None:
    net, count = network(**sizes), 6
    # Further than two seasons, so that paths meet again what they said themselves.
    given, _, _ = windows(net.sizes, horizon=16)
    found = net.paths(given, count, torch.Generator().manual_seed(5))
    beside = Beside.of(given)
    rows = torch.arange(4).repeat_interleave(count)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        said, state = net.begin(beside.at(0))
        for t in range(given.values.shape[1]):
            said, state = net.step(given.values[:, t], given.present[:, t], beside.at(t + 1), state)
        state, beside = state.select(rows), beside.select(rows)
        said = type(said)(*(each[rows] for each in vars(said).values()))
        expected = []
        for h in range(16):
            value = said.sample(generator)
            value = value / beside.unit if isinstance(said, NegativeBinomial) else value
            expected.append(value)
            if h < 15:
                here = torch.ones(len(rows), dtype=torch.bool)
                t = given.values.shape[1] + h + 1
                said, state = net.step(value, here, beside.at(t), state)
    torch.testing.assert_close(found.flatten(0, 1), torch.stack(expected, 1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("sizes", MADE)
def test_what_stands_at_missing_steps_and_beyond_the_origin_does_not_matter(
    sizes: dict[str, Any],
) -> None:
    net = network(**sizes)
    given, targets, there = windows(net.sizes)
    other = Windows(
        torch.where(given.present, given.values, 77.0),
        *list(vars(given).values())[1:],
    )
    with torch.no_grad():
        left = net.loss(given, targets, there)
        torch.testing.assert_close(left, net.loss(other, torch.where(there, targets, 5.0), there))
        assert float((left - net.loss(given, targets + 1.0, there)).abs().min()) > 0
    said = [net(each, 20, torch.Generator().manual_seed(0)) for each in (given, other)]
    torch.testing.assert_close(*said)


def test_missing_targets_may_be_no_numbers() -> None:
    net = network().train()
    given, targets, there = windows(net.sizes)
    net.loss(given, torch.where(there, targets, torch.nan), there).sum().backward()  # type: ignore[no-untyped-call]
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_the_past_is_read_one_step_late_and_not_beyond_the_origin() -> None:
    given, _, _ = windows(network().sizes)
    steps = given.values.shape[1]
    beside = Beside.of(given)
    assert torch.equal(beside.past[:, 1 : steps + 1], given.past)
    assert float(beside.past[:, 0].abs().max()) == 0.0
    assert float(beside.past[:, steps + 1 :].abs().max()) == 0.0
    told = torch.zeros(given.known.shape[1])
    told[1 : steps + 1] = 1.0
    assert torch.equal(beside.told, told.expand(4, -1))
    assert torch.equal(beside.at(3).past, given.past[:, 2])


def test_rows_do_not_see_their_neighbours() -> None:
    net = network()
    given, targets, there = windows(net.sizes)
    order = torch.tensor([2, 0, 3, 1])
    turned = Windows(*(each[order] for each in vars(given).values()))
    with torch.no_grad():
        torch.testing.assert_close(
            net.loss(turned, targets[order], there[order]), net.loss(given, targets, there)[order]
        )


def test_a_row_without_a_value_costs_nothing() -> None:
    net = network().train()
    given, targets, there = windows(net.sizes)
    given = Windows(given.values, given.present & False, *list(vars(given).values())[2:])
    loss = net.loss(given, targets, there & False)
    assert torch.equal(loss, torch.zeros(4))
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


@pytest.mark.parametrize("family", ["student", "counts"])
def test_quantiles_rise_and_follow_from_the_generator(family: str) -> None:
    net = network(family=family)
    given, _, _ = windows(net.sizes)
    said = [net(given, 50, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert said[0].shape == (4, 5, len(LEVELS))
    assert bool((said[0].diff(dim=-1) >= 0).all())
    torch.testing.assert_close(said[0], said[1], rtol=0, atol=0)
    assert not torch.equal(said[0], said[2])
    if family == "counts":
        paths = net.paths(given, 50) * given.unit[:, None, None]
        torch.testing.assert_close(paths, paths.round())
        assert float(paths.min()) >= 0


def walks(rows: int, steps: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, steps, generator=torch.Generator().manual_seed(seed)).cumsum(1)


def settled(values: Tensor, horizon: int, **sizes: Any) -> tuple[Autoregressive, Windows]:
    torch.manual_seed(0)
    alone = {"known": 0, "past": 0, "static": 0}
    net = Autoregressive(Sizes(**{**network().sizes.to_json(), **alone, **sizes})).eval()
    given, targets, there = plain(values, horizon)
    net.settle(given, targets, there)
    return net, given


def test_of_a_random_walk_the_interval_grows_as_the_root_of_the_steps() -> None:
    net, given = settled(walks(40, 136), 16, period=1)
    assert float(net.centred) == 0.0
    said = net(given, 400, torch.Generator().manual_seed(0))
    width = (said[..., 5] - said[..., 1]).mean(0)
    # 80 % of a normal distribution lie within 2.56 standard deviations.
    for h in (1, 4, 16):
        assert abs(float(width[h - 1]) / (2.56 * h**0.5) - 1.0) < 0.2


def test_a_pull_to_the_centre_is_believed_where_there_is_one() -> None:
    noise = torch.randn(8, 300, generator=torch.Generator().manual_seed(0))
    values = torch.zeros(8, 300)
    for t in range(1, 300):
        values[:, t] = 0.6 * values[:, t - 1] + noise[:, t]
    net, given = settled(values, 10, period=1)
    assert float(net.centred) == 1.0
    far = net(given, 200, torch.Generator().manual_seed(0))[:, -1]
    # The standard deviation of the process is 1.25: no wider than that, and back at 0.
    assert abs(float((far[:, 5] - far[:, 1]).mean()) / (2.56 * 1.25) - 1.0) < 0.25
    assert float(far[:, 3].abs().mean()) < 0.4


def test_settled_it_goes_on_with_a_season_that_grows() -> None:
    t = torch.arange(120.0)
    values = torch.sin(t * torch.pi / 6) + 0.02 * t
    values = values + 0.02 * torch.randn(1, 120, generator=torch.Generator().manual_seed(0))
    net, given = settled(values, 24, period=12)
    said = net(given, 200, torch.Generator().manual_seed(0))
    assert float((said[0, :, 3] - values[0, -24:]).abs().mean()) < 0.08


def test_departing_from_what_is_settled_costs_in_training_alone() -> None:
    net, given = settled(walks(4, 60), 5, period=1)
    _, targets, there = plain(walks(4, 60), 5)
    with torch.no_grad():
        eased, asked = net.loss(given, targets, there), net.train().loss(given, targets, there)
        torch.testing.assert_close(eased, asked)
        net.head.bias[0] += 0.5
        assert bool(
            (net.loss(given, targets, there) > net.eval().loss(given, targets, there)).all()
        )


def test_learns_in_a_hundred_steps_what_no_line_can_say() -> None:
    # Small values grow, large ones turn their sign: two lines, and a threshold between them.
    g = torch.Generator().manual_seed(0)
    values = torch.zeros(32, 80)
    for t in range(1, 80):
        jump = torch.where(values[:, t - 1].abs() < 1.0, 1.6, -0.8) * values[:, t - 1]
        values[:, t] = jump + 0.1 * torch.randn(32, generator=g)
    net, _ = settled(values, 5, period=1, hidden=16)
    given, targets, there = plain(values, 5)
    with torch.no_grad():
        first = float(net.loss(given, targets, there).mean())
    net.train()
    optimisers = build(net, Rates(0.02, 5e-3))
    for _ in range(100):
        net.loss(given, targets, there).mean().backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
    net.eval()
    with torch.no_grad():
        assert float(net.loss(given, targets, there).mean()) < first - 0.5


def test_sizes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(OptionError, match="family"):
        network(family="cauchy")
    with pytest.raises(OptionError, match="period"):
        network(period=0)

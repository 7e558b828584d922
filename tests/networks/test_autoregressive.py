"""The autoregressive network: what its loss may see, what it settles on, and that it learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from recurra.errors import OptionError
from recurra.networks.autoregressive import Autoregressive
from recurra.networks.windows import Beside, Windows
from recurra.runtime.autoregressive import Sizes
from recurra.training.optimiser import Rates, build
from toy_series import levels, network, plain, windows

MADE: list[dict[str, Any]] = [
    {},
    {"period": 1, "layers": 2},
    {"period": 7, "past": 0, "static": 0},
    {"family": "counts", "known": 0},
]


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
    torch.testing.assert_close(levels(net, given, 20), levels(net, other, 20), rtol=0, atol=0)


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
    observed = torch.zeros(given.known.shape[1])
    observed[1 : steps + 1] = 1.0
    assert torch.equal(beside.observed, observed.expand(4, -1))
    assert torch.equal(beside.past[:, 3], given.past[:, 2])


def test_rows_do_not_see_their_neighbours() -> None:
    net = network()
    given, targets, there = windows(net.sizes)
    order = torch.tensor([2, 0, 3, 1])
    turned = Windows(*(each[order] for each in vars(given).values()))
    with torch.no_grad():
        torch.testing.assert_close(
            net.loss(turned, targets[order], there[order]), net.loss(given, targets, there)[order]
        )


def test_no_step_costs_what_follows_from_the_targets_after_it() -> None:
    net = network()
    given, targets, there = windows(net.sizes)
    steps = given.values.shape[1]
    with torch.no_grad():
        before, after = (net.nats(given, each, there) for each in (targets, targets + 3.0))
    assert torch.equal(before[:, :steps], after[:, :steps])
    assert not torch.equal(before[:, steps:], after[:, steps:])


def test_a_row_without_a_value_costs_nothing() -> None:
    net = network().train()
    given, targets, there = windows(net.sizes)
    given = Windows(given.values, given.present & False, *list(vars(given).values())[2:])
    loss = net.loss(given, targets, there & False)
    assert torch.equal(loss, torch.zeros(4))
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


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
    said = levels(net, given, 400)
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
    far = levels(net, given, 200)[:, -1]
    # The standard deviation of the process is 1.25: no wider than that, and back at 0.
    assert abs(float((far[:, 5] - far[:, 1]).mean()) / (2.56 * 1.25) - 1.0) < 0.25
    assert float(far[:, 3].abs().mean()) < 0.4


def test_settled_it_goes_on_with_a_season_that_grows() -> None:
    t = torch.arange(120.0)
    values = torch.sin(t * torch.pi / 6) + 0.02 * t
    values = values + 0.02 * torch.randn(1, 120, generator=torch.Generator().manual_seed(0))
    net, given = settled(values, 24, period=12)
    said = levels(net, given, 200)
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

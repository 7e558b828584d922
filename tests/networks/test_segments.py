"""Segments: what may move a forecast and what may not, at any sizes; and that it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recurra.errors import OptionError
from recurra.networks.segments import Segments
from recurra.networks.windows import Windows
from recurra.runtime.quantiles import LEVELS
from recurra.runtime.segments import Sizes
from recurra.training.loop import seeded
from recurra.training.optimiser import Rates, build, clip
from recurra.training.schedule import rate

# Neither the context nor the horizon is a multiple of the segment.
SIZES = Sizes(
    context=17,
    horizon=7,
    period=5,
    known=3,
    past=2,
    static=2,
    segment=4,
    hidden=8,
    dropout=0.3,
)


def network(sizes: Sizes = SIZES, seed: int = 0) -> Segments:
    """One whose weights are all far from 0, so that all it is given moves what it says."""
    with seeded(seed, 0):
        made = Segments(sizes)
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return made.double().eval()


def drawn(rows: int, sizes: Sizes = SIZES, seed: int = 0, longer: int = 0) -> Windows:
    """Random windows with gaps; the second is of a short series, of the third nothing is known."""
    draw = torch.Generator().manual_seed(seed)
    steps = sizes.context + longer

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    present = torch.rand(rows, steps, generator=draw) < 0.8
    present[1:2, : steps - 3] = False
    present[2:3] = False
    return Windows(
        values=torch.where(present, normal(rows, steps), 0.0),
        present=present,
        past=normal(rows, steps, sizes.past),
        known=normal(rows, steps + sizes.horizon, sizes.known),
        static=normal(rows, sizes.static),
        unit=torch.ones(rows),
    )


def said(net: Segments, windows: Windows) -> Tensor:
    with torch.no_grad():
        found: Tensor = net(windows)
    return found


small = st.integers(1, 9)


@given(small, small, small, st.integers(1, 12), st.integers(0, 2), st.integers(0, 99))
@settings(max_examples=40)
def test_any_sizes_give_ascending_quantiles(
    context: int, horizon: int, period: int, segment: int, columns: int, seed: int
) -> None:
    sizes = Sizes(context, horizon, period, columns, columns, columns, segment, 5, 0.0)
    found = said(network(sizes, seed), drawn(4, sizes, seed))
    assert found.shape == (4, horizon, len(LEVELS))
    assert (found.diff(dim=-1) > 0).all()


def test_the_first_forecast_is_the_level_of_the_last_season() -> None:
    with seeded(0, 0):
        made = Segments(SIZES).double().eval()
        torch.nn.init.zeros_(made.head.weight)
    windows = drawn(4)
    found = said(made, windows)[..., LEVELS.index(0.5)]
    there = windows.present[0, -5:]
    expected = [windows.values[0, -5:][there].mean(), windows.values[1, -3:].sum(), torch.tensor(0)]
    expected[1] = expected[1] / windows.present[1].sum().clamp(min=1)
    for row, level in zip(found, expected, strict=False):
        torch.testing.assert_close(row, level.double().expand(7))


def test_a_gap_as_long_as_a_season_leaves_the_level_of_what_is_before_it() -> None:
    with seeded(0, 0):
        made = Segments(SIZES).double().eval()
        torch.nn.init.zeros_(made.head.weight)
    windows = drawn(1)
    windows.present[:, -5:] = False
    level = windows.values[0][windows.present[0]].mean()
    found = said(made, windows)[0, :, LEVELS.index(0.5)]
    torch.testing.assert_close(found, level.expand(7))


@pytest.mark.parametrize("other", [3.0, 1e6, float("nan")])
def test_values_at_missing_steps_are_not_read(other: float) -> None:
    net, windows = network(), drawn(5)
    torch.testing.assert_close(
        said(net, replace(windows, values=windows.values.masked_fill(~windows.present, other))),
        said(net, windows),
        rtol=0,
        atol=0,
    )
    net.train()
    spoilt = replace(windows, values=windows.values.masked_fill(~windows.present, other))
    net.loss(spoilt, torch.zeros(5, 7), torch.ones(5, 7, dtype=torch.bool)).sum().backward()  # type: ignore[no-untyped-call]
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("shift", [-2.5, 100.0])
def test_a_constant_added_to_the_past_is_added_to_the_forecast(shift: float) -> None:
    net, windows = network(), drawn(5)
    moved = replace(windows, values=windows.values + shift * windows.present)
    expected = said(net, windows)
    expected[windows.present.any(1)] += shift
    torch.testing.assert_close(said(net, moved), expected)


CHANGES: dict[str, Callable[[Windows], Any]] = {
    "values": lambda w: {"values": w.values + (torch.arange(17) == 4) * w.present},
    "the first step": lambda w: {"values": w.values + (torch.arange(17) == 0) * w.present},
    "present": lambda w: {"present": w.present & (torch.arange(17) != 12)},
    "past": lambda w: {"past": w.past + (torch.arange(17) == 5)[:, None]},
    "known before": lambda w: {"known": w.known + (torch.arange(24) == 3)[:, None]},
    "known ahead": lambda w: {"known": w.known + (torch.arange(24) == 23)[:, None]},
    "static": lambda w: {"static": w.static + 1},
}


@pytest.mark.parametrize("what", CHANGES)
def test_all_that_is_given_moves_the_forecast(what: str) -> None:
    net, windows = network(), drawn(1)
    windows.present[:, [0, 4, 12]] = True
    windows.values[:, [0, 4, 12]] = 1.5
    changed = replace(windows, **CHANGES[what](windows))
    assert (said(net, changed) - said(net, windows)).abs().max() > 1e-6


def test_what_is_known_of_a_segment_moves_that_segment_alone() -> None:
    net, windows = network(), drawn(2)
    known = windows.known.clone()
    known[:, 17 + 5] += 1
    moved = (said(net, replace(windows, known=known)) - said(net, windows)).abs().amax((0, 2)) > 0
    assert moved.tolist() == [False] * 4 + [True] * 3


def test_neither_other_rows_nor_units_nor_older_steps_matter() -> None:
    net, windows = network(), drawn(5, longer=6)
    expected = said(net, windows)
    order = torch.tensor([4, 0, 3])
    picked = Windows(*(each[order] for each in vars(windows).values()))
    torch.testing.assert_close(said(net, picked), expected[order])
    other = replace(windows, unit=torch.full((5,), 9.0))
    torch.testing.assert_close(said(net, other), expected, rtol=0, atol=0)
    older = replace(
        windows,
        values=windows.values + (torch.arange(23) < 6),
        present=windows.present | (torch.arange(23) < 6),
        past=windows.past + (torch.arange(23) < 6)[:, None],
        known=windows.known + (torch.arange(30) < 6)[:, None],
    )
    torch.testing.assert_close(said(net, older), expected, rtol=0, atol=0)


def test_the_loss_is_twice_the_pinball_loss_of_what_came() -> None:
    net, windows = network(), drawn(4)
    draw = torch.Generator().manual_seed(1)
    targets = torch.randn(4, 7, generator=draw, dtype=torch.float64)
    there = torch.rand(4, 7, generator=draw) < 0.6
    there[3] = False
    quantiles = said(net, windows)
    expected = []
    for row in range(4):
        cells = [0.0]
        for step in range(7):
            for number, level in enumerate(LEVELS):
                short = (targets[row, step] - quantiles[row, step, number]).item()
                cells += [2 * short * (level if short > 0 else level - 1)] * int(there[row, step])
        expected.append(sum(cells) / max(1, len(cells) - 1))
    unknown = targets.masked_fill(~there, float("nan"))
    found = net.loss(windows, unknown, there)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert all(each.grad is not None and each.grad.isfinite().all() for each in net.parameters())


@pytest.mark.parametrize(
    "wrong",
    [{"context": 0}, {"segment": 0}, {"horizon": 0}, {"hidden": 0}, {"past": -1}, {"dropout": 1.0}],
)
def test_sizes_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        replace(SIZES, **wrong)


def test_windows_too_short_are_refused() -> None:
    with pytest.raises(OptionError, match="windows of 16 steps"):
        said(network(), drawn(2, longer=-1))


def test_it_learns_a_sine_and_how_far_the_noise_goes() -> None:
    """Forecast: within a tenth of the curve, and the intervals of the noise around it."""
    sizes = Sizes(36, 18, 12, 0, 0, 0, 12, 16, 0.1)
    draw = torch.Generator().manual_seed(0)

    def batch(rows: int) -> tuple[Windows, Tensor, Tensor]:
        first = 12 * torch.rand(rows, 1, generator=draw)
        level = 3 * torch.randn(rows, 1, generator=draw)
        curve = level + (2 * torch.pi * (first + torch.arange(54)) / 12).sin()
        values = curve + 0.2 * torch.randn(rows, 54, generator=draw)
        windows = Windows(
            values=values[:, :36],
            present=torch.ones(rows, 36, dtype=torch.bool),
            past=torch.empty(rows, 36, 0),
            known=torch.empty(rows, 54, 0),
            static=torch.empty(rows, 0),
            unit=torch.ones(rows),
        )
        return windows, values[:, 36:], curve[:, 36:]

    with seeded(0, 0):
        net = Segments(sizes).train()
        optimisers, steps = build(net, Rates()), 250
        peaks = [[g["lr"] for g in each.param_groups] for each in optimisers]
        for step in range(steps):
            for each, lrs in zip(optimisers, peaks, strict=True):
                for group, peak in zip(each.param_groups, lrs, strict=True):
                    group["lr"] = peak * rate((step + 1) / steps)
            windows, targets, _ = batch(64)
            loss = net.loss(windows, targets, torch.ones(64, 18, dtype=torch.bool)).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            clip(net.parameters(), 1.0)
            for each in optimisers:
                each.step()
                each.zero_grad()
    windows, targets, curve = batch(500)
    found = said(net.eval(), windows)
    assert (found[..., 3] - curve).abs().mean() < 0.1
    for low, high, share in ((0, 6, 0.95), (1, 5, 0.8), (2, 4, 0.5)):
        inside = (targets >= found[..., low]) & (targets <= found[..., high])
        assert abs(inside.float().mean().item() - share) < 0.08

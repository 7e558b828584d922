"""Networks for series in use: as torch has them, and the same to the last bit in any company."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.errors import BundleError, OptionError
from recurra.native import compiled
from recurra.networks import series as trained
from recurra.networks.autoregressive import Autoregressive
from recurra.networks.segments import Segments
from recurra.networks.windows import Windows as TorchWindows
from recurra.runtime.distributions import StudentT, generators
from recurra.runtime.quantiles import LEVELS, path_quantiles
from recurra.runtime.series import Architecture, SeriesNetwork, Step
from recurra.runtime.state import State
from recurra.runtime.windows import Beside, Windows
from recurra.training.loop import seeded

ARCHITECTURE = Architecture(
    kind="segments",
    context=17,
    horizon=7,
    period=5,
    known=3,
    past=2,
    static=2,
    segments=[4, 6],
    hidden=8,
    layers=1,
    dropout=0.3,
    noise=0.2,
    family="student",
    turns=[],
    members=2,
)
STEPPING: list[dict[str, Any]] = [
    {},
    {"period": 1, "layers": 2, "members": 1},
    {"period": 7, "past": 0, "static": 0},
    {"family": "counts", "known": 0},
]


def network(**sizes: Any) -> trained.SeriesNetwork:
    """In torch, with weights that are all at work."""
    with seeded(0, 0):
        made = trained.SeriesNetwork(replace(ARCHITECTURE, **sizes)).eval()
        with torch.no_grad():
            for each in made.parameters():
                each.add_(0.2 * torch.randn_like(each))
            for member in made.members:
                if isinstance(member, Autoregressive):
                    member.size.fill_(0.7)
                    member.centred.fill_(1.0)
                    member.units.uniform_(0.5, 2.0)
    return made


def stepping(**sizes: Any) -> trained.SeriesNetwork:
    return network(kind="autoregressive", **sizes)


def windows(a: Architecture, rows: int = 6, seed: int = 0) -> Windows:
    """With gaps; the second is of a short series, of the third nothing is known."""
    draw = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return draw.standard_normal(shape, np.float32)

    values, present = normal(rows, a.context).cumsum(1), draw.random((rows, a.context)) < 0.8
    present[1:2, : a.context - 3] = False
    present[2:3] = False
    if a.family == "counts":
        values = np.abs(values.round())
    return Windows(
        values=np.where(present, values, 0).astype(np.float32),
        present=present,
        past=normal(rows, a.context, a.past),
        known=normal(rows, a.context + a.horizon, a.known),
        static=normal(rows, a.static),
        unit=np.full(rows, 1.0 if a.family == "student" else 3.0, np.float32),
        keys=draw.integers(0, 2**63, (rows, 2), np.uint64),
    )


def same(one: Any, other: Any) -> None:
    """To the last bit, where there are kernels."""
    if compiled:
        np.testing.assert_array_equal(one, other)
    else:
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


# -- as torch has them --------------------------------------------------------------------------


@settings(max_examples=20)
@given(
    st.integers(1, 20), st.integers(1, 9), st.integers(1, 7), st.integers(1, 9), st.integers(0, 2)
)
def test_segments_say_what_torch_says(
    context: int, horizon: int, period: int, segment: int, columns: int
) -> None:
    net = network(
        context=context,
        horizon=horizon,
        period=period,
        segments=[segment, 3],
        known=columns,
        past=columns,
        static=columns,
    )
    read = windows(net.architecture)
    with torch.no_grad():
        each = [member(TorchWindows.of(read)) for member in net.members]
    found = net.in_use()(read)
    np.testing.assert_allclose(found, torch.stack(each).mean(0).numpy(), rtol=1e-5, atol=1e-5)
    assert (np.diff(found, axis=-1) >= 0).all()


@pytest.mark.parametrize("sizes", STEPPING)
def test_a_step_says_what_torch_says_of_the_whole(sizes: dict[str, Any]) -> None:
    net = stepping(**sizes)
    a, in_use = net.architecture, net.in_use()
    read = windows(a)
    targets = windows(replace(a, context=a.horizon), seed=1)
    with torch.no_grad():
        expected = [
            member.distributions(
                TorchWindows.of(read),
                torch.from_numpy(targets.values),
                torch.from_numpy(targets.present),
            )
            for member in net.members
            if isinstance(member, Autoregressive)
        ]
    values = np.concatenate([np.zeros((6, 1), np.float32), read.values, targets.values], 1)
    present = np.concatenate([np.zeros((6, 1), bool), read.present, targets.present], 1)
    beside, state = Beside.of(read), in_use.begin(6)
    for t in range(a.context + a.horizon):
        step = Step(values[:, t], present[:, t], beside.at(t))
        arrays, said = in_use._stepped(step, state)
        state = State(arrays)
        for one, other in zip(said, expected, strict=True):
            for name, value in vars(one).items():
                theirs = getattr(other, name)[:, t].numpy()
                np.testing.assert_allclose(value, theirs, rtol=1e-4, atol=1e-4, err_msg=name)


# -- the same in any company --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["segments", "autoregressive", "counts"])
def test_a_forecast_is_the_same_alone_and_among_strangers(kind: str) -> None:
    net = network() if kind == "segments" else stepping()
    if kind == "counts":
        net = stepping(family="counts")
    in_use = net.in_use()
    read = windows(net.architecture, 100)  # more paths than run together
    together = in_use(read)
    for row in (0, 1, 2, 57, 99):
        same(in_use(read.rows(slice(row, row + 1)))[0], together[row])
    order = np.random.default_rng(0).permutation(100)
    same(in_use(read.rows(order)), together[order])
    arrays = {name: each.numpy() for name, each in net.state_dict().items()}
    same(SeriesNetwork(net.architecture, arrays, threads=3)(read), together)


@pytest.mark.parametrize("sizes", STEPPING)
def test_paths_are_streams_that_read_their_own_samples(sizes: dict[str, Any]) -> None:
    # Further than two seasons, so that paths meet again what they said themselves.
    net, count = stepping(**sizes, horizon=16).in_use(), 6
    a, member = net.architecture, net.members[-1]
    assert not isinstance(member, Segments)
    read = windows(a)
    found = member.paths(read, count, 1)  # type: ignore[union-attr]
    chance = generators(read.keys, a.members - 1)
    uniforms = np.stack([each.random((16, 2, count), np.float32) for each in chance], 2)
    again = generators(read.keys, a.members - 1)
    rows = np.repeat(np.arange(6), count)
    beside, state = Beside.of(read), net.begin(6)
    values = np.concatenate([np.zeros((6, 1), np.float32), read.values], 1)
    present = np.concatenate([np.zeros((6, 1), bool), read.present], 1)
    for t in range(a.context):
        state = net.read(Step(values[:, t], present[:, t], beside.at(t)), state)
    state, beside = state.select(rows), beside.select(rows)
    value, there = values[rows, -1], present[rows, -1]
    for h in range(16):
        arrays, said = net._stepped(Step(value, there, beside.at(a.context + h)), state)
        state, last = State(arrays), said[-1]
        if isinstance(last, StudentT):
            value = last.sample(uniforms[h, 0].reshape(-1), uniforms[h, 1].reshape(-1))
        else:
            value = last.sample(again) / beside.unit
        there = np.ones(len(rows), bool)
        same(found[:, h].reshape(-1), value)


def test_streams_side_by_side_are_each_alone() -> None:
    net = stepping().in_use()
    a, draw = net.architecture, np.random.default_rng(0)
    beside = Beside.of(windows(a, 3))
    together, alone = net.begin(3), [net.begin() for _ in range(3)]
    pooled = {name: np.concatenate([each] * 2) for name, each in net.begin(3).arrays.items()}
    for t in range(12):
        step = Step(draw.standard_normal(3, np.float32), draw.random(3) < 0.8, beside.at(t))
        said, together = net.step(step, together)
        rows = np.array([5, 0, 2])
        same(net.advance(step, pooled, rows), said)
        for row in range(3):
            part = slice(row, row + 1)
            here = beside.at(t).select(np.array([row]))
            own = Step(step.values[part], step.present[part], here)
            one, alone[row] = net.step(own, alone[row])
            same(one[0], said[row])
    for name, array in State.concatenate(alone).arrays.items():
        same(array, together[name])


def test_a_step_changes_no_state_that_it_is_given() -> None:
    net = stepping().in_use()
    beside = Beside.of(windows(net.architecture, 2))
    step = Step(np.ones(2, np.float32), np.ones(2, bool), beside.at(0))
    _, first = net.step(step, net.begin(2))
    kept = {name: array.copy() for name, array in first.arrays.items()}
    once, _ = net.step(step, first)
    twice, _ = net.step(step, first)
    np.testing.assert_array_equal(once, twice)
    for name, array in kept.items():
        np.testing.assert_array_equal(array, first[name])


# -- chance -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["student", "counts"])
def test_paths_follow_from_the_key_and_the_member_alone(family: str) -> None:
    net = stepping(family=family).in_use()
    read = windows(net.architecture)
    first = net(read)
    np.testing.assert_array_equal(net(read), first)
    other = replace(read, keys=read.keys + np.uint64(1))
    assert (net(other) != first).any((1, 2)).all()
    one, two = (each[0].random(3) for each in (generators(read.keys, 0), generators(read.keys, 1)))
    assert (one != two).all()
    if family == "counts":
        drawn = net.members[0].paths(read, 50, 1) * read.unit[:, None, None]  # type: ignore[union-attr]
        np.testing.assert_allclose(drawn, drawn.round(), atol=1e-4)
        assert drawn.min() >= 0


def test_quantiles_of_paths_are_those_of_numpy() -> None:
    paths = np.random.default_rng(0).standard_normal((3, 4, 37), np.float32)
    found = path_quantiles(paths)
    assert found.shape == (3, 4, len(LEVELS))
    expected = np.moveaxis(np.quantile(paths.astype(np.float64), LEVELS, axis=-1), 0, -1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


# -- what is refused ----------------------------------------------------------------------------


def test_steps_of_a_wrong_shape_or_of_no_numbers_are_refused() -> None:
    net = stepping().in_use()
    beside = Beside.of(windows(net.architecture, 2)).at(0)
    step, state = Step(np.ones(2, np.float32), np.ones(2, bool), beside), net.begin(2)
    with pytest.raises(OptionError, match=r"values of shape \(3,\)"):
        net.step(step._replace(values=np.ones(3, np.float32)), state)
    with pytest.raises(OptionError, match=r"known of shape \(2, 1\)"):
        net.step(step._replace(beside=beside._replace(known=np.ones((2, 1)))), state)
    for wrong in (np.nan, np.inf):
        spoilt = step._replace(values=np.array([1.0, wrong], np.float32))
        with pytest.raises(OptionError, match="values that are NaN or infinite"):
            net.step(spoilt, state)
        net.step(spoilt._replace(present=np.array([True, False])), state)
        known = np.full_like(beside.known, wrong)
        with pytest.raises(OptionError, match="known that are NaN"):
            net.step(step._replace(beside=beside._replace(known=known)), state)
    with pytest.raises(OptionError, match="reads segments"):
        network().in_use().begin()


def test_weights_that_do_not_fit_are_refused() -> None:
    net = stepping()
    arrays = {name: each.numpy() for name, each in net.state_dict().items()}
    for name in arrays:
        with pytest.raises(BundleError, match=name.removeprefix("members.0.").split(".")[0]):
            SeriesNetwork(net.architecture, {k: v for k, v in arrays.items() if k != name})
        spoilt = {k: np.full_like(v, np.nan) if k == name else v for k, v in arrays.items()}
        with pytest.raises(BundleError, match="NaN"):
            SeriesNetwork(net.architecture, spoilt)
    with pytest.raises(BundleError, match="belong nowhere"):
        SeriesNetwork(net.architecture, arrays | {"more": np.ones(1, np.float32)})

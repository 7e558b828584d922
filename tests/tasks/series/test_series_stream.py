"""Series step by step: pools of one, panels in one call; each what it is alone."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.errors import BundleError, DataError, OptionError
from recurra.runtime.streams import StreamState
from recurra.tasks.series.estimator import SeriesModel
from toy_runtime import same
from toy_stream import check_pool, check_same_place

LESS: dict[str, Any] = {"steps": 10, "hidden": 8, "batch": 8, "threads": 1, "horizon": 3}
LENGTHS = {"north": 60, "south": 47, "west": 20}
NAN = float("nan")


def table(days: int = 0) -> str:
    """Series that begin on days of their own, one with gaps; some days more."""
    draw, rows = np.random.default_rng(0), ["unique_id,ds,y"]
    for number, (name, steps) in enumerate(LENGTHS.items()):
        for t in range(steps + days):
            stamp = np.datetime64("2024-01-01") + t + 3 * number
            value = 10 * (number + 1) + 3 * math.sin(2 * math.pi * t / 7) + draw.normal(0, 0.2)
            if name != "south" or t % 9 != 4:
                rows.append(f"{name},{stamp},{value:.4f}")
    return "\n".join(rows)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("panel")
    (folder / "panel.csv").write_text(table())
    model = SeriesModel(model="autoregressive", ensemble=2, **LESS)
    model.fit(folder / "panel.csv", out=folder / "run")
    return folder / "run"


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def model(run: Path, request: pytest.FixtureRequest) -> SeriesModel:
    return SeriesModel.load(run, weights=request.param)


def check_forecast(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        if name == "ds":
            assert found[name] == value
        else:
            assert type(found[name]) is float
            same(found[name], value)


def by_row(said: dict[str, Any]) -> list[dict[str, Any]]:
    rows = zip(*(column.tolist() for column in said.values()), strict=True)
    return [dict(zip(said, row, strict=True)) for row in rows]


def test_a_row_of_a_pool_is_a_stream(model: SeriesModel) -> None:
    def drawn(draw: np.random.Generator) -> float:
        return NAN if draw.random() < 0.2 else float(draw.normal(20, 5))

    for seed, name in enumerate(LENGTHS):
        check_pool(
            model.pool(series=name),
            partial(model.stream, series=name),
            drawn,
            by_row,
            seed,
        )


def test_a_panel_pushed_in_one_call_is_each_series_alone(model: SeriesModel) -> None:
    assert model.ids == tuple(LENGTHS)
    panel, alone = model.stream(), {name: model.stream(series=name) for name in LENGTHS}
    for name, first in panel.predict().items():
        check_forecast(first, alone[name].predict())
    draw = np.random.default_rng(0)
    for _ in range(12):
        names = draw.permutation(list(LENGTHS))[: draw.integers(0, 4)].tolist()
        step = {name: float(draw.choice([NAN, 9.0, 21.5])) for name in names}
        said = panel.push(step)
        assert list(said) == names
        for name, found in said.items():
            check_forecast(found, alone[name].push(step[name]))
    # As an array, in the order of the names.
    for values in ([1.0, NAN, 3.0], np.array([4.0, 5.0, 6.0], np.float32)):
        said = panel.push(values)
        assert tuple(said) == model.ids
        for name, value in zip(model.ids, values, strict=True):
            check_forecast(said[name], alone[name].push(float(value)))
    for name, found in panel.predict().items():
        check_forecast(found, alone[name].predict())


def test_a_panel_is_kept_and_gone_on_from(model: SeriesModel, tmp_path: Path) -> None:
    live = model.stream()
    live.push({"south": 21.0})
    live.state.save(tmp_path / "kept")
    fork, expected = live.fork(), live.push([9.0, 20.0, 31.0])
    assert fork.push({"west": 31.0, "north": 9.0, "south": 20.0}) == expected
    kept = StreamState.load(tmp_path / "kept")
    assert (kept.steps, kept.state.batch) == (1, 3)
    assert model.stream(kept).push([9.0, 20.0, 31.0]) == expected
    with pytest.raises(BundleError, match="one of this model"):
        model.stream(kept, series="west")


@pytest.mark.parametrize(
    ("step", "summary"),
    [
        ({"east": 1.0}, "no series 'east'"),
        ({"north": "x"}, "a step of 'x'"),
        ({"north": float("inf")}, "a value of inf"),
        ({"north": 1.0, "west": -math.inf}, "a value of -inf"),
        ({"north": [1.0, 2.0]}, "a step of"),
        ([1.0, 2.0], "a step of 2 values"),
        (3.0, "a step of 3.0"),
        ("abc", "a step of 'abc'"),
        (None, "a step of None"),
    ],
)
def test_a_step_that_is_none_is_refused_and_nothing_moves(
    model: SeriesModel, step: Any, summary: str
) -> None:
    live = model.stream()
    live.push([10.0, 20.0, 30.0])
    before = live.state
    with pytest.raises(DataError) as caught:
        live.push(step)
    assert summary in caught.value.got
    check_same_place(live.state, before)


def test_a_pool_says_what_it_cannot_hold(model: SeriesModel) -> None:
    with pytest.raises(OptionError, match="a pool of 3 series"):
        model.pool()
    with pytest.raises(OptionError, match="no series 'nort'") as caught:
        model.pool(series="nort")
    assert "north" in caught.value.fix
    live = model.pool(series="west")
    rows = live.open(3)
    before = live.state(0)
    with pytest.raises(DataError, match="a value of inf"):
        live.push(rows, [1.0, math.inf, 2.0])
    with pytest.raises(OptionError, match="2 inputs"):
        live.push(rows, [1.0, 2.0])
    check_same_place(live.state(0), before)
    assert live.push([], [])["recurra"].shape == (0,)
    live.put(1, model.stream(series="west").state)
    with pytest.raises(BundleError, match="/north"):
        live.put(1, model.stream(series="north").state)

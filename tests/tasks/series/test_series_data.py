from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pytest
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.errors import BundleError, DataError, OptionError
from recurra.tasks.series.context import (
    check_known,
    joined,
    read_context,
    tail,
    write_context,
)
from recurra.tasks.series.data import (
    INPUT,
    default,
    from_python,
    more,
    origins,
    read,
)
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import Part, SeriesData
from recurra.tasks.series.reading.form import Form


def days(count: int, begin: str = "2020-01-01") -> NDArray[np.datetime64]:
    first = np.array(begin, "datetime64[D]")
    return (first.astype(np.int64) + np.arange(count)).astype("datetime64[D]")


def panel_frame(lengths: dict[str, int], seed: int = 0) -> polars.DataFrame:
    """Daily series of unequal length, from unequal days on, with a price and a region."""
    draw = np.random.default_rng(seed)
    parts = [
        polars.DataFrame(
            {
                "unique_id": [name] * count,
                "ds": days(count, f"2020-01-{number + 1:02}"),
                "y": draw.normal(10 * number, 2, count),
                "price": draw.normal(5, 1, count),
                "weather": draw.choice(["sun", "rain"], count),
                "region": [f"r{number % 2}"] * count,
            }
        )
        for number, (name, count) in enumerate(lengths.items())
    ]
    return polars.concat(parts)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def refusal(source: Any, **options: Any) -> DataError | OptionError:
    summary = SeriesOptions(**options)
    with pytest.raises((DataError, OptionError)) as caught:
        _ = read([source], summary) if isinstance(source, Path) else from_python(source, summary)
    assert caught.value.expected
    return caught.value  # type: ignore[return-value]


LENGTHS = {"b": 60, "a": 45, "c": 8, "d": 50}


def test_a_long_table_becomes_a_panel(tmp_path: Path) -> None:
    frame = panel_frame(LENGTHS)
    options = SeriesOptions(horizon=7, futr_exog="price", hist_exog="weather", stat_exog="region")
    data = from_python(frame, options)
    panel = data.panel
    for word in ("known ahead: 'price'", "known afterwards: 'weather'", "of a series: 'region'"):
        assert word in data.summary()
    assert panel.ids == ("b", "a", "c", "d")
    assert panel.lengths.tolist() == [60, 45, 8, 50]
    assert panel.frequency.description == "daily"
    np.testing.assert_array_equal(panel.values, frame["y"].to_numpy())
    np.testing.assert_array_equal(np.diff(panel.starts), 1)
    assert panel.known.shape == (163, 1)
    assert panel.past.shape == (163, 2)
    assert set(panel.past.sum(1).tolist()) == {1.0}
    np.testing.assert_array_equal(panel.static, [[1, 0], [0, 1], [1, 0], [0, 1]])
    # Files of every form say the same.
    frame.write_csv(tmp_path / "a.csv")
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ndjson(tmp_path / "a.jsonl")
    for path in (tmp_path / "a.csv", tmp_path / "a.parquet", tmp_path / "a.jsonl"):
        assert read([path], options).digest == data.digest, path
    assert (
        from_python(pandas.DataFrame(frame.to_dict(as_series=False)), options).digest == data.digest
    )


def test_rows_in_any_order_are_the_same_panel() -> None:
    frame = panel_frame(LENGTHS)
    options = SeriesOptions(horizon=7, futr_exog="price")
    data = from_python(frame, options)
    mixed = from_python(frame.sample(fraction=1, shuffle=True, seed=1), options)
    assert mixed.found["unsorted"] > 0
    order = [mixed.panel.ids.index(each) for each in data.panel.ids]
    for each, other in enumerate(order):
        np.testing.assert_array_equal(data.panel.of(each), mixed.panel.of(other))
    back = from_python(frame.reverse(), options)
    assert (back.found["reversed"], back.found["unsorted"]) == (163, 0)
    assert "newest first" in back.summary()


def test_gaps_and_missing_values_stay_open() -> None:
    frame = panel_frame({"a": 60})
    values = frame["y"].to_numpy().copy()
    values[[0, 10, 59]] = np.nan
    frame = frame.with_columns(y=values).filter(~polars.col("ds").dt.day().is_in([20]))
    data = from_python(frame, SeriesOptions(horizon=5))
    found = data.panel.of(0)
    assert len(found) == 58
    assert np.flatnonzero(np.isnan(found)).tolist() == [9, 18, 49]
    assert {key: data.found[key] for key in ("gaps", "missing", "trimmed")} == {
        "gaps": 2,
        "missing": 1,
        "trimmed": 2,
    }
    kept = [v for v, d in zip(values, days(60), strict=True) if d.item().day != 20]
    np.testing.assert_array_equal(found[~np.isnan(found)], [v for v in kept if not np.isnan(v)])


def test_parts_lie_one_behind_the_other() -> None:
    data = from_python(panel_frame(LENGTHS), SeriesOptions(horizon=7, test="8", select="0.2"))
    # 60: the last 8 report, 12 before them choose; 8 steps are too few for any part.
    assert data.select_ends.tolist() == [52, 37, 8, 42]
    assert data.train_ends.tolist() == [40, 28, 8, 32]
    assert data.found["short"] == 1
    parts: tuple[Part, ...] = ("train", "select", "test")
    for part in parts:
        found = origins(data, part)
        series, steps = found.series, found.origins
        low, high = {
            "train": (np.ones(4), data.train_ends),
            "select": (data.train_ends, data.select_ends),
            "test": (data.select_ends, data.panel.lengths),
        }[part]
        expected = [
            (s, o) for s in range(4) for o in range(100) if low[s] <= o and o + 7 <= high[s]
        ]
        assert list(zip(series.tolist(), steps.tolist(), strict=True)) == expected


def test_origins_are_thinned_from_the_end() -> None:
    data = from_python(panel_frame({"a": 300}), SeriesOptions(horizon=7, test="50"))
    steps = origins(data, "test", stride=10).origins
    assert steps.tolist() == [253, 263, 273, 283, 293]
    steps = origins(data, "test", most=5).origins
    assert len(steps) <= 5
    assert steps[-1] == 293
    assert len(set(np.diff(steps).tolist())) == 1
    with pytest.raises(DataError, match="no window of 51 steps"):
        origins(data, "test", horizon=51)


def test_a_horizon_that_is_too_long_says_the_longest() -> None:
    frame = panel_frame({"a": 61})
    assert from_python(frame, SeriesOptions(horizon=20)).train_ends.tolist() == [21]
    assert refusal(frame, horizon=21).fix.endswith("--horizon 20")
    # A horizon to train on needs a step before it.
    assert refusal(panel_frame({"a": 60}), horizon=20).fix.endswith("--horizon 19")
    assert "--test 5" in refusal(frame, horizon=6, test="5").got
    # Asked for nothing, it is as long as the data allow.
    assert from_python(panel_frame({"a": 16}), SeriesOptions()).horizon == 5


def test_nothing_is_fitted_on_what_comes_later() -> None:
    frame = panel_frame({"a": 90, "b": 80})
    options = SeriesOptions(horizon=7, futr_exog="price", hist_exog="weather")
    data = from_python(frame, options)
    ends = dict(zip(data.panel.ids, data.train_ends.tolist(), strict=True))
    turn = polars.int_range(polars.len()).over("unique_id")
    later = turn >= polars.col("unique_id").replace_strict(ends)
    other = frame.with_columns(
        y=polars.when(later).then(polars.col("y") * 100).otherwise("y"),
        price=polars.when(later).then(polars.col("price") * 100).otherwise("price"),
        weather=polars.when(later).then(polars.lit("hail")).otherwise("weather"),
    )
    again = from_python(other, options)
    assert again.covariates.to_json() == data.covariates.to_json()
    assert again.scale.to_json() == data.scale.to_json()
    assert again.panel.known.max() > 10  # the break shows in what is encoded


def test_bad_input_names_the_row(tmp_path: Path) -> None:
    lines = ["ds,y", *(f"{day},{number}" for number, day in enumerate(days(40)))]

    def broken(line: int, text: str, name: str = "a.csv") -> Path:
        return write(tmp_path / name, "\n".join([*lines[: line - 1], text, *lines[line:]]) + "\n")

    assert "line 7: column 'y': 'x' is no number" in refusal(broken(7, "2020-01-06,x")).got
    assert "line 7: column 'y': inf is infinite" in refusal(broken(7, "2020-01-06,inf")).got
    assert "line 7: column 'ds': '2020-13-06' is no date" in refusal(broken(7, "2020-13-06,1")).got
    got = refusal(broken(7, "2020-01-05,1")).got
    assert "line 7: the same time as in" in got
    assert "line 6, 2020-01-05" in got
    assert "line 7: 2020-01-06T07:00 lies beside" in refusal(broken(7, "2020-01-06T07:00,1")).got
    assert "line 7: 1 field" in refusal(broken(7, "2020-01-06")).got
    assert "line 7: no time" in refusal(broken(7, ",5")).got
    got = refusal(broken(7, "2020-01-06T00:00+01:00,1")).got
    assert "line 2" in got
    assert "no time zone" in got
    error = refusal(broken(7, "2020-01-06,1"), target="z")
    assert "'ds', 'y'" in error.expected
    empty = write(tmp_path / "b.csv", "ds,y\n" + "\n".join(f"{day}," for day in days(40)) + "\n")
    assert "all values of 'y' are missing" in refusal(empty).got


def test_which_column_is_the_target() -> None:
    frame = panel_frame({"a": 60}).drop("unique_id", "region")
    both = frame.rename({"y": "sales"})
    error = refusal(both)
    assert "'sales', 'price'" in error.got
    assert "--target all" in error.fix
    data = from_python(both, SeriesOptions(target="all"))
    assert data.panel.ids == ("sales", "price")
    data = from_python(both, SeriesOptions(target="price,sales", hist_exog="weather"))
    assert data.panel.ids == ("price", "sales")
    np.testing.assert_array_equal(data.panel.of(1), both["sales"].to_numpy())
    np.testing.assert_array_equal(data.panel.past[:60], data.panel.past[60:])
    assert "one target" in refusal(panel_frame({"a": 60, "b": 60}), target="y,price").expected


def test_what_is_known_ahead() -> None:
    frame = panel_frame({"a": 60, "b": 50})
    turn = polars.int_range(polars.len()).over("unique_id")
    last = polars.len().over("unique_id")
    frame = frame.with_columns(y=polars.when(turn < last - 9).then("y"))
    data = from_python(frame, SeriesOptions(horizon=7, futr_exog="price"))
    assert data.panel.lengths.tolist() == [51, 41]
    assert data.panel.ahead.tolist() == [9, 9]
    assert data.panel.known.shape == (110, 1)
    # A gap, or a value that is not there, ends what is known.
    prices = frame["price"].to_list()
    prices[55] = None
    holes = frame.with_columns(price=polars.Series(prices))
    holes = holes.filter((polars.col("unique_id") == "a") | (turn != 43))
    data = from_python(holes, SeriesOptions(horizon=7, futr_exog="price"))
    assert data.panel.ahead.tolist() == [4, 2]
    form = Form.of(data)
    with pytest.raises(DataError, match="known 4 steps ahead") as caught:
        check_known(data.panel, form, 5)
    assert "2020-02-25" in caught.value.expected
    check_known(data.panel, form, 2)


def run_of(tmp_path: Path, data: SeriesData) -> Run:
    return Run.create(tmp_path / "run")


def test_context_and_newer_data_are_the_whole(tmp_path: Path) -> None:
    frame = panel_frame({"a": 60, "b": 50})
    whole = from_python(frame, SeriesOptions(horizon=7, futr_exog="price", stat_exog="region"))
    turn = polars.int_range(polars.len()).over("unique_id")
    data = from_python(
        frame.filter(turn < 45), SeriesOptions(horizon=7, futr_exog="price", stat_exog="region")
    )
    run = run_of(tmp_path, data)
    write_context(run, data, 20)
    form = Form.from_json(json.loads(json.dumps(Form.of(data).to_json())))
    context = read_context(run, form)
    assert context.lengths.tolist() == [20, 20]
    np.testing.assert_array_equal(context.of(1), data.panel.of(1)[-20:])
    newer = more(frame.filter(turn >= 40), form)
    found = joined(context, newer)
    expected = tail(more(frame, form), 35)
    assert found.lengths.tolist() == [35, 25]
    np.testing.assert_array_equal(found.of(0), whole.panel.of(0)[-35:])
    np.testing.assert_array_equal(found.of(1), whole.panel.of(1)[-25:])
    np.testing.assert_array_equal(found.known[:35], expected.known[:35])
    np.testing.assert_array_equal(found.static, whole.panel.static)


def test_steps_that_newer_data_leave_out_are_as_the_context_knows_them() -> None:
    frame = panel_frame({"a": 60})
    data = from_python(frame, SeriesOptions(horizon=7, futr_exog="price"))
    # One value of before corrected, and the first of the steps after.
    row = polars.int_range(polars.len())
    later = frame.tail(1).with_columns(ds=polars.col("ds") + polars.duration(days=1))
    newer = more(
        polars.concat([frame.filter(row == 50).with_columns(y=polars.lit(-9.0)), later]),
        Form.of(data),
    )
    found = joined(data.panel, newer)
    np.testing.assert_array_equal(found.known[:60], data.panel.known)
    assert found.values[50] == -9
    np.testing.assert_array_equal(found.values[51:60], data.panel.values[51:])


def test_known_steps_alone_follow_the_context() -> None:
    frame = panel_frame({"a": 60, "b": 50})
    turn = polars.int_range(polars.len()).over("unique_id")
    data = from_python(frame.filter(turn < 40), SeriesOptions(horizon=7, futr_exog="price"))
    form = Form.of(data)
    ahead = more(frame.filter((turn >= 40) & (turn < 48)).drop("y"), form)
    assert ahead.lengths.tolist() == [0, 0]
    found = joined(data.panel, ahead)
    assert found.ahead.tolist() == [8, 8]
    assert found.lengths.tolist() == [40, 40]
    check_known(found, form, 8)


def test_newer_data_of_another_form_are_refused() -> None:
    frame = panel_frame({"a": 60, "b": 50})
    data = from_python(frame, SeriesOptions(horizon=7))
    form = Form.of(data)
    assert more(frame.filter(polars.col("unique_id") == "b"), form).ids == ("b",)
    assert more(frame.with_columns(unique_id=polars.lit("new")).head(50), form).ids == ("new",)
    with pytest.raises(DataError, match="no column 'y'"):
        more(frame.drop("y"), form)
    weekly = polars.DataFrame({"unique_id": ["a"] * 9, "ds": days(63)[::7], "y": np.arange(9.0)})
    with pytest.raises(DataError, match="weekly"):
        more(weekly, form)


def test_data_are_read_again(tmp_path: Path) -> None:
    frame = panel_frame(LENGTHS)
    options = SeriesOptions(horizon=7, futr_exog="price", stat_exog="region")
    data = from_python(frame, options)
    run = run_of(tmp_path, data)
    INPUT.store(run, data)
    again = INPUT.read_again(run, data.facts())
    assert again.facts() == data.facts()
    np.testing.assert_array_equal(again.scale.spread, data.scale.spread)
    path = tmp_path / "a.csv"
    frame.write_csv(path)
    other = Run.create(tmp_path / "other")
    data = read([path], options)
    INPUT.store(other, data)
    assert INPUT.read_again(other, data.facts()).facts() == data.facts()
    frame.with_columns(y=polars.col("y") + 1).write_csv(path)
    with pytest.raises(DataError, match="have changed"):
        INPUT.read_again(other, data.facts())


def test_a_test_file_follows(tmp_path: Path) -> None:
    frame = panel_frame({"a": 60, "b": 50})
    turn = polars.int_range(polars.len()).over("unique_id")
    first, then = tmp_path / "first.csv", tmp_path / "then.csv"
    frame.filter(turn < 40).write_csv(first)
    frame.filter(turn >= 40).write_csv(then)
    data = read([first], SeriesOptions(horizon=7, test=str(then)))
    assert data.panel.lengths.tolist() == [60, 50]
    assert data.select_ends.tolist() == [40, 40]
    assert data.train_ends.tolist() == [20, 30]
    facts = data.facts()
    run = run_of(tmp_path, data)
    assert INPUT.read_again(run, facts).facts() == facts
    with pytest.raises(DataError, match="lies before"):
        read([then], SeriesOptions(horizon=7, test=str(first)))


def test_the_default_data() -> None:
    data = default(SeriesOptions())
    assert (data.name, data.panel.frequency.description, data.horizon) == ("co2", "weekly", 52)
    assert data.found["missing"] == 59
    assert "weekly (1958-03-29 to 2001-12-29)" in data.summary()


def test_every_option_is_used() -> None:
    frame = panel_frame({"a": 80}).rename({"ds": "when", "unique_id": "shop", "y": "n"})
    options = SeriesOptions(
        target="n", time="when", id="shop", frequency="D", season=3, horizon=4, select="0.1"
    )
    data = from_python(frame, options)
    assert (data.period, data.horizon, data.columns["id"]) == (3, 4, "shop")
    assert data.columns["unused"] == ["price", "weather", "region"]
    assert all(
        name in data.summary() for name in itertools.chain(["season 3", "horizon 4"], ["'price'"])
    )


def test_series_that_say_little_are_kept() -> None:
    one = [str(day) for day in days(60)]
    frame = polars.DataFrame(
        {
            "unique_id": ["one", *["zero"] * 60, *["same"] * 60, *["none"] * 60, *["ok"] * 60],
            "ds": [one[5], *one * 4],
            "y": [1.0, *[0.0] * 60, *[7.0] * 60, *[None] * 60, *map(float, range(60))],
        }
    )
    data = from_python(frame, SeriesOptions())
    assert data.panel.ids == ("one", "zero", "same", "ok")
    assert data.panel.lengths.tolist() == [1, 60, 60, 60]
    assert {key: data.found[key] for key in ("short", "constant", "empty")} == {
        "short": 1,
        "constant": 3,
        "empty": 1,
    }
    assert "1 series without any value (left out)" in data.summary()
    assert np.isfinite(data.scale.scale(data.panel.values[1:], np.repeat([1, 2, 3], 60))).all()
    series = origins(data, "test").series
    assert set(series.tolist()) == {1, 2, 3}


def test_a_static_column_says_one_thing_of_a_series() -> None:
    frame = panel_frame({"a": 60, "b": 50})
    regions = frame["region"].to_list()
    regions[70] = "r9"
    error = refusal(frame.with_columns(region=polars.Series(regions)), stat_exog="region")
    assert "given[70] (series 'b'): column 'region' is 'r9', but 'r1' in given[60]" in error.got
    numbers = frame.with_columns(size=polars.col("unique_id").replace_strict({"a": 3.0, "b": 5.0}))
    panel = from_python(numbers, SeriesOptions(horizon=7, stat_exog="size")).panel
    assert panel.static.tolist() == [[-1], [1]]


def test_columns_are_used_once() -> None:
    frame = panel_frame({"a": 60})
    assert "two things" in refusal(frame, futr_exog="price", hist_exog="price").got
    assert "something else" in refusal(frame, target="price", futr_exog="price").got
    assert "--hist pric" in refusal(frame, hist_exog="pric").got
    assert refusal(frame, hist_exog="pric").fix == "did you mean price?"
    assert "one column" in refusal(frame, id="ds,price").expected
    wide = frame.drop("unique_id")
    assert "side by side" in refusal(wide, target="y,price", stat_exog="region").got


def test_columns_are_found_by_what_they_hold() -> None:
    frame = panel_frame({"a": 60}).select("y", Tag="ds").with_columns(id=polars.int_range(60))
    data = from_python(frame, SeriesOptions())
    # An id that differs in each row is no series; a date is a time, whatever it is called.
    assert (data.columns["time"], data.columns["id"]) == ("Tag", None)
    assert data.columns["unused"] == ["id"]
    values = polars.DataFrame({"when": ["x"] * 60, "y": np.arange(60.0)})
    data = from_python(values, SeriesOptions())
    assert "no column of times" in data.summary()
    comma = polars.DataFrame({"a,b": np.arange(60.0), "c": np.arange(60.0)})
    assert from_python(comma, SeriesOptions(target="a,b")).columns["target"] == ["a,b"]
    newer = more(comma, Form.of(from_python(comma, SeriesOptions(target="a,b"))))
    assert newer.ids == ("a,b",)
    nothing = polars.DataFrame({"a": ["x"] * 60, "b": ["y"] * 60})
    assert "no column of numbers" in refusal(nothing).got


def test_a_grid_that_is_none() -> None:
    draw = np.random.default_rng(0)
    seconds = np.sort(draw.choice(10**6, 300, replace=False))
    stamps = np.array("2024-01-01", "datetime64[s]").astype(np.int64) + seconds
    frame = polars.DataFrame(
        {"ds": stamps.astype("datetime64[s]").astype("datetime64[us]"), "y": np.arange(300.0)}
    )
    assert "lies at no even distance" in refusal(frame).got
    far = {"ds": np.append(days(60), days(1, "2999-01-01")), "y": np.arange(61.0)}
    error = refusal(far)
    assert "given[60]: 357,514 steps after the row before it" in error.got
    daily = polars.DataFrame({"ds": days(60), "y": np.arange(60.0)})
    for summary in ("W", "M"):
        assert refusal(daily, frequency=summary).fix.endswith("most rows say daily")
    hourly = from_python(daily, SeriesOptions(frequency="h"))
    assert hourly.found["gaps"] == 59 * 23
    one = polars.DataFrame({"ds": days(1), "y": [1.0]})
    assert "each series has one step" in refusal(one).got
    assert "a horizon of 10 steps: the longest series has 1" in refusal(one, frequency="D").got


def test_a_damaged_context_is_refused(tmp_path: Path) -> None:
    data = from_python(panel_frame({"a": 60, "b": 50}), SeriesOptions(horizon=7, futr_exog="price"))
    run = run_of(tmp_path, data)
    write_context(run, data, 20)
    summary = run.read_json("series.json")
    form = Form.of(data)
    changes: list[dict[str, Any]] = [{"ids": ["a"]}, {"ids": 1}, {"ids": None}]
    for change in changes:
        run.write_json("series.json", summary | change)
        with pytest.raises(BundleError, match=r"series\.json|context\.safetensors"):
            read_context(run, form)
    run.write_json("series.json", summary)
    for part in form.to_json():
        changed: list[Any] = [None, {}]
        for wrong in changed:
            with pytest.raises(BundleError, match="damaged"):
                Form.from_json(form.to_json() | {part: wrong})
    (run.path / "context.safetensors").unlink()
    with pytest.raises(BundleError, match=r"context\.safetensors"):
        read_context(run, form)


def test_the_copy_is_needed_where_there_is_no_file(tmp_path: Path) -> None:
    data = from_python(panel_frame({"a": 60}), SeriesOptions(horizon=7))
    run = run_of(tmp_path, data)
    with pytest.raises(DataError, match="copy of the data is gone"):
        INPUT.read_again(run, data.facts())
    path = tmp_path / "a.csv"
    panel_frame({"a": 60}).write_csv(path)
    data = read([path], SeriesOptions(horizon=7))
    INPUT.store(run, data)
    assert not list(run.path.rglob("*"))
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        INPUT.read_again(run, data.facts())
    default_ = default(SeriesOptions(horizon=20))
    assert INPUT.read_again(run, default_.facts()).facts() == default_.facts()


def test_zones_of_newer_data() -> None:
    hours = [f"2024-01-{hour // 24 + 1:02}T{hour % 24:02}:00" for hour in range(200)]
    values = np.arange(200.0)
    zoned = {"ds": [each + "+01:00" for each in hours], "y": values}
    data = from_python(zoned, SeriesOptions())
    assert "times kept at +01:00" in data.summary()
    summer = {"ds": [each + "+02:00" for each in hours], "y": values}
    assert more(summer, Form.of(data)).starts[0] == data.panel.starts[0] - 1
    with pytest.raises(DataError, match="no time zone"):
        more({"ds": hours, "y": values}, Form.of(data))
    with pytest.raises(DataError, match="has a time zone"):
        more(zoned, Form.of(from_python({"ds": hours, "y": values}, SeriesOptions())))
    with pytest.raises(DataError, match="a number as the time"):
        more(
            {"ds": np.arange(200), "y": values},
            Form.of(from_python({"ds": hours, "y": values}, SeriesOptions())),
        )


REAL = [
    ("univariate/AirPassengers.csv", {}, "monthly (1949-01-01 to 1960-12-01)", 1, 144, True),
    ("univariate/monthly-sunspots.csv", {}, "monthly", 1, 2820, False),
    ("univariate/daily-min-temperatures.csv", {}, "daily", 1, 3652, False),
    ("etth1/ETTh1.csv", {"target": "OT", "hist_exog": "HUFL,HULL"}, "hourly", 1, 17420, False),
    ("etth1/ETTh1.csv", {"target": "all"}, "hourly", 7, 7 * 17420, False),
    ("stock-google/data-02-stock_daily.csv", {"target": "Close"}, "numbered steps", 1, 732, None),
]


@pytest.mark.parametrize(("name", "options", "summary", "series", "steps", "log"), REAL)
def test_real_data(
    data_folder: Path,
    name: str,
    options: dict[str, Any],
    summary: str,
    series: int,
    steps: int,
    log: bool | None,
) -> None:
    path = data_folder / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    data = read([path], SeriesOptions(**options))
    assert summary in data.summary()
    assert (len(data.panel), int(data.panel.lengths.sum())) == (series, steps)
    assert log is None or data.scale.log is log
    # Neither 1984 nor 1988 has its 29 February.
    assert data.found["gaps"] == (2 if "temperatures" in name else 0)

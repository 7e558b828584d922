"""`recurra train series`, `forecast`, `evaluate` and `show`, as typed."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import Recurra, refused
from recurra.cli import main

pl = pytest.importorskip("polars")

OPTIONS = ["--steps", "30", "--hidden", "8", "--batch", "8", "--threads", "1", "--horizon", "5"]
DAYS = 140


def sales(
    path: Path, *, series: int = 3, first: int = 0, days: int = DAYS, promo: bool = False
) -> Path:
    """Series of days with a week's season; `promo`: a column that is known ahead, 7 days more."""
    draw = np.random.default_rng(first)
    lines = ["unique_id,ds,y" + (",promo" if promo else "")]
    for number in range(series):
        steps = np.arange(first, first + days)
        stamps = np.datetime_as_string(np.datetime64("2024-01-01") + steps)
        offers = (steps // 3 + number) % 5 == 0
        values = 20 * (number + 1) + 5 * np.sin(2 * np.pi * steps / 7) + draw.normal(0, 0.3, days)
        values = values + (10.0 * offers if promo else 0.0)
        for stamp, value, offer in zip(stamps, values, offers, strict=True):
            lines.append(f"s{number},{stamp},{value:.3f}" + (f",{int(offer)}" if promo else ""))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module", params=["segments", "autoregressive"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    words = ["train", "series", sales(folder / "sales.csv"), "--out", folder / "run", "--quiet"]
    assert main([str(word) for word in words] + ["--model", request.param, *OPTIONS]) == 0
    return folder / "run"


def test_a_training_ends_with_its_report(tmp_path: Path, call: Recurra) -> None:
    data = sales(tmp_path / "sales.csv")
    before = data.read_bytes()
    done = call("train", "series", data, "--out", tmp_path / "run", "--model", "segments", *OPTIONS)
    assert done.code == 0, done.err
    assert "3 series" in done.err
    assert "season 7, horizon 5" in done.err
    assert "audit: " in done.err
    assert "to beat: " in done.err
    assert "Verdict on the network: " in done.out
    assert "seasonal naive" in done.out
    assert done.out.rstrip().endswith(f"run: {tmp_path / 'run'}")
    assert max(map(len, done.out.splitlines())) <= max(80, len(str(tmp_path)) + 9)
    assert data.read_bytes() == before
    assert call("evaluate", tmp_path / "run").out.strip() in done.out
    report = json.loads(call("evaluate", tmp_path / "run", "--json").out)
    assert {"verdict", "model", "baselines"} <= report.keys()


def test_the_next_steps_are_forecast(shop: Path, call: Recurra) -> None:
    done = call("forecast", shop)
    assert done.code == 0, done.err
    frame = pl.read_csv(io.StringIO(done.out))
    sizes = [f"recurra-lo-{size}" for size in (95, 80, 50)]
    sizes += [f"recurra-hi-{size}" for size in (50, 80, 95)]
    assert frame.columns == ["unique_id", "ds", "recurra", *sizes]
    assert len(frame) == 3 * 5
    assert frame["ds"][:5].to_list() == [f"2024-05-{day}" for day in range(20, 25)]
    ordered = frame.select(
        "recurra-lo-95",
        "recurra-lo-80",
        "recurra-lo-50",
        "recurra",
        "recurra-hi-50",
        "recurra-hi-80",
        "recurra-hi-95",
    ).to_numpy()
    assert (np.diff(ordered, axis=1) >= 0).all()
    middle = frame.group_by("unique_id", maintain_order=True).agg(pl.col("recurra").mean())
    np.testing.assert_allclose(middle["recurra"], [20, 40, 60], atol=4)
    short = call("forecast", shop, "--horizon", "2")
    assert len(short.out.splitlines()) == 1 + 3 * 2
    assert short.out.splitlines()[1] == done.out.splitlines()[1]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json", ".jsonl"])
def test_forecasts_are_written(shop: Path, tmp_path: Path, call: Recurra, suffix: str) -> None:
    out = tmp_path / f"next{suffix}"
    done = call("forecast", shop, "--out", out)
    assert done.code == 0, done.err
    assert done.out.strip() == str(out)
    read = {
        ".csv": pl.read_csv,
        ".parquet": pl.read_parquet,
        ".json": pl.read_json,
        ".jsonl": pl.read_ndjson,
    }[suffix]
    frame = read(out)
    printed = pl.read_csv(io.StringIO(call("forecast", shop).out))
    np.testing.assert_allclose(frame["recurra"], printed["recurra"], rtol=1e-5)
    assert frame["ds"].cast(pl.String).to_list() == printed["ds"].to_list()


def test_newer_rows_move_the_origin(shop: Path, tmp_path: Path, call: Recurra) -> None:
    newer = sales(tmp_path / "newer.csv", first=DAYS, days=9)
    done = call("forecast", shop, newer)
    assert done.code == 0, done.err
    frame = pl.read_csv(io.StringIO(done.out))
    assert frame["ds"][0] == "2024-05-29"
    judged = call("evaluate", shop, newer, "--json")
    assert judged.code == 0, judged.err
    report = json.loads(judged.out)
    assert report["data"]["windows"] == 3 * (9 - 5 + 1)
    assert "training had not" in report["data"]["part"]
    refused(call("evaluate", shop, sales(tmp_path / "old.csv", days=100)), "0 steps")


def test_pictures_are_drawn(shop: Path, call: Recurra) -> None:
    done = call("forecast", shop, "--plot")
    assert done.code == 0, done.err
    assert b"<svg" in (shop / "figures" / "ahead.svg").read_bytes()
    drawn = call("show", shop).out.splitlines()
    names = {Path(line).name for line in drawn}
    assert {"forecast.svg", "backtest.svg", "horizon.svg", "influence.svg"} <= names


def test_what_cannot_be_forecast_is_refused(shop: Path, tmp_path: Path, call: Recurra) -> None:
    done = call("forecast", shop, "--horizon", "6")
    if json.loads((shop / "config.json").read_text())["options"]["model"] == "segments":
        refused(done, "--horizon 6", "5", "train again")
    else:
        assert len(done.out.splitlines()) == 1 + 3 * 6
    refused(call("forecast", shop, "--out", tmp_path / "next.xls"), ".xls", ".csv")
    nowhere = tmp_path / "nowhere" / "next.parquet"
    refused(call("forecast", shop, "--out", nowhere), "next.parquet", "No such file")
    weekly = tmp_path / "weekly.csv"
    stamps = np.datetime_as_string(np.datetime64("2025-01-05") + 7 * np.arange(30))
    weekly.write_text("unique_id,ds,y\n" + "".join(f"s0,{each},3\n" for each in stamps))
    refused(call("forecast", shop, weekly), "weekly", "daily")
    renamed = tmp_path / "renamed.csv"
    renamed.write_text(
        (shop.parent / "sales.csv").read_text().replace("unique_id,ds,y", "unique_id,ds,z")
    )
    refused(call("forecast", shop, renamed), "'y'", "'z'")


def test_columns_known_ahead_are_needed_and_used(tmp_path: Path, call: Recurra) -> None:
    data = sales(tmp_path / "sales.csv", promo=True)
    words = [data, "--futr", "promo", "--out", tmp_path / "run", "--model", "segments"]
    assert call("train", "series", *words, *OPTIONS).code == 0
    run = tmp_path / "run"
    refused(call("forecast", run), "'promo'", "known 0 steps ahead", "2024-05-20")
    ahead = tmp_path / "ahead.csv"
    lines = [f"s{n},2024-05-{day},,{int(day == 22)}" for n in range(3) for day in range(20, 25)]
    ahead.write_text("unique_id,ds,y,promo\n" + "\n".join(lines) + "\n")
    # A baseline, which may have won, reads none of them.
    network = ("forecast", run, ahead, "--answer", "network")
    done = call(*network)
    assert done.code == 0, done.err
    ahead.write_text(ahead.read_text().replace(",1\n", ",0\n"))
    assert call(*network).out != done.out


def test_the_next_value_is_forecast_after_each(
    tmp_path: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sales(tmp_path / "one.csv", series=1)
    for kind in ("autoregressive", "segments"):
        words = [data, "--out", tmp_path / kind, "--model", kind, *OPTIONS]
        assert call("train", "series", *words).code == 0
    given = "21.5\n\n24\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    done = call("forecast", tmp_path / "autoregressive", "--stream", "--json")
    assert done.code == 0, done.err
    said = [json.loads(line) for line in done.out.splitlines()]
    assert [each["ds"] for each in said] == ["2024-05-21", "2024-05-22", "2024-05-23"]
    assert all(each["recurra-lo-80"] < each["recurra"] < each["recurra-hi-80"] for each in said)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"21.5\nx\n")))
    done = call("forecast", tmp_path / "autoregressive", "--stream")
    assert done.code == 2
    assert "line 2" in done.err
    refused(call("forecast", tmp_path / "segments", "--stream"), "segments", "autoregressive")
    done = call("forecast", tmp_path / "autoregressive", "--stream", "--plot", "--horizon", "1")
    refused(done, "--stream and --horizon and --plot")


def test_forecasts_begin_where_they_are_asked_to(shop: Path, tmp_path: Path, call: Recurra) -> None:
    older = sales(tmp_path / "older.csv", days=100)
    from_older = call("forecast", shop, older, "--horizon", "2")
    assert from_older.code == 0, from_older.err
    assert [line[:13] for line in from_older.out.splitlines()[1:3]] == [
        "s0,2024-04-10",
        "s0,2024-04-11",
    ]
    # Without data an origin is one in the file of the training.
    asked = call("forecast", shop, "--from", "2024-04-10", "--horizon", "2", "--levels", "80")
    assert asked.code == 0, asked.err
    frame = pl.read_csv(io.StringIO(asked.out))
    assert frame.columns == ["unique_id", "ds", "recurra", "recurra-lo-80", "recurra-hi-80"]
    assert frame["ds"].to_list() == ["2024-04-10", "2024-04-11"] * 3
    refused(call("forecast", shop, "--from", "2026-01-01"), "2026-01-01", "ends at 2024-05-19")
    refused(call("forecast", shop, "--levels", "80,x"), "--levels 80,x")
    refused(call("forecast", shop, "--levels", "100"), "100", "between 0 and 100")
    refused(call("forecast", shop, "--plot", "--levels", "80"), "--plot and --levels")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json", ".jsonl"])
def test_many_origins_are_one_table(shop: Path, tmp_path: Path, call: Recurra, suffix: str) -> None:
    """A value that is missing among what came is empty, or null."""
    newer = sales(tmp_path / "newer.csv", first=DAYS, days=9)
    lines = newer.read_text().splitlines()
    gap = next(at for at, line in enumerate(lines) if line.startswith("s0,2024-05-26"))
    lines[gap] = "s0,2024-05-26,"
    newer.write_text("\n".join(lines))
    out = tmp_path / f"many{suffix}"
    done = call("forecast", shop, newer, "--origins", "3", "--every", "2", "--out", out)
    assert done.code == 0, done.err
    read = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".json": pl.read_json}
    frame = read.get(suffix, pl.read_ndjson)(out)
    assert frame.columns[:5] == ["unique_id", "ds", "cutoff", "y", "recurra"]
    assert len(frame) == 3 * 3 * 5
    assert frame["cutoff"].cast(pl.String).unique().sort().to_list() == [
        "2024-05-19",
        "2024-05-21",
        "2024-05-23",
    ]
    assert frame["y"].null_count() == 2
    refused(call("forecast", shop, "--every", "2"), "--every without --origins")
    refused(call("forecast", shop, "--origins", "2", "--plot"), "--origins and --plot")
    refused(call("forecast", shop, "--origins", "99999999999999999999"), "origins of each series")


def test_sample_paths_are_columns(shop: Path, call: Recurra) -> None:
    done = call("forecast", shop, "--samples", "2", "--json")
    if json.loads((shop / "config.json").read_text())["options"]["model"] == "segments":
        refused(done, "--samples 2", "--model autoregressive")
        return
    row = json.loads(done.out)[0]
    assert list(row)[-2:] == ["recurra-sample-1", "recurra-sample-2"]
    assert row["recurra-sample-1"] != row["recurra-sample-2"]


def test_a_panel_is_streamed_by_name(
    shop: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(given: str, *words: str) -> Any:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        return call("forecast", shop, "--stream", *words)

    if json.loads((shop / "config.json").read_text())["options"]["model"] == "segments":
        refused(said("{}"), "segments", "--model autoregressive")
        return
    steps = '{"s0": 21.5, "s2": null}\n{"s2": 60}\n'
    done = said(steps, "--json")
    assert done.code == 0, done.err
    first, second = map(json.loads, done.out.splitlines())
    assert [list(each) for each in (first, second)] == [["s0", "s2"], ["s2"]]
    assert (first["s0"]["ds"], second["s2"]["ds"]) == ("2024-05-21", "2024-05-22")
    lines = [line.split("\t") for line in said(steps).out.splitlines()]
    assert [line[:2] for line in lines] == [
        ["s0", "2024-05-21"],
        ["s2", "2024-05-21"],
        ["s2", "2024-05-22"],
    ]
    assert float(lines[2][2]) == pytest.approx(second["s2"]["recurra"], rel=1e-5)
    for wrong, text in (("21.5\n", "line 1"), ('{"s9": 1}\n', "no series 's9'"), ("[1]", "line 1")):
        done = said(wrong)
        assert done.code == 2
        assert text in done.err

"""How good answers are on short series: twelve that ship elsewhere, from three origins each.

Beside the answer of a run stand its network and single methods of statsforecast, each fitted to all
before the origin. Errors are MASE: over how far the seasonal naive forecast is off before it.
"""

from __future__ import annotations

import csv
import json
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, final

import numpy as np
from numpy.typing import NDArray

from benchmarks import BenchOptions
from benchmarks.machine import described
from benchmarks.trained import train

Floats = NDArray[np.float64]

ORIGINS: Final = 3
"""Of each series, a horizon apart, the last of which leaves one horizon behind it."""


@final
@dataclass(frozen=True)
class Short:
    """A short series.

    Args:
        values: makes its values (T,), 20 to 500 of them, from the folder of data.
        start: of its first step, a date.
        unit: what lies between two steps, as NumPy has it, and how many of these.
        season: steps.
        horizon: steps.
        needs: a file of the folder, where it comes from there.
    """

    values: Callable[[Path | None], Floats]
    start: str
    unit: tuple[Literal["D", "M", "Y"], int]
    season: int
    horizon: int
    needs: str = ""


def _shipped(name: str, column: str) -> Callable[[Path | None], Floats]:
    """A column of a data set of statsmodels."""

    def values(_: Path | None) -> Floats:
        import statsmodels.datasets as shipped

        return _plain(getattr(shipped, name).load_pandas().data[column])

    return values


def _air(_: Path | None) -> Floats:
    from statsforecast.utils import AirPassengers

    return _plain(AirPassengers)


def _sea(_: Path | None) -> Floats:
    """A row a year, a column a month: the last 40 years."""
    import statsmodels.datasets as shipped

    return _plain(shipped.elnino.load_pandas().data.iloc[:, 1:]).ravel()[-480:]


def _dioxide(_: Path | None) -> Floats:
    """Means of months, from January 1977 to the last whole year."""
    import statsmodels.datasets as shipped

    weekly = shipped.co2.load_pandas().data["co2"]
    return _plain(weekly.resample("MS").mean().interpolate()["1977":"2001"])


def _file(name: str, column: int, last: int, *, newest_first: bool = False) -> Any:
    def values(data: Path | None) -> Floats:
        assert data is not None
        lines = (data / name).read_text("utf-8").splitlines()
        rows = [row for row in csv.reader(lines) if not row[0].startswith("#")]
        found = [float(row[column]) for row in rows if row[column][:1].isdigit()]
        return _plain(found[::-1] if newest_first else found)[-last:]

    return values


def _plain(values: Any) -> Floats:
    return np.asarray(values, np.float64)


# Named before the first run, and not changed since.
SERIES: Final = {
    "passengers": Short(_air, "1949-01-01", ("M", 1), 12, 12),
    "nile": Short(_shipped("nile", "volume"), "1871-01-01", ("Y", 1), 1, 10),
    "sunspots": Short(_shipped("sunspots", "SUNACTIVITY"), "1700-01-01", ("Y", 1), 1, 10),
    "product": Short(_shipped("macrodata", "realgdp"), "1959-01-01", ("M", 3), 4, 8),
    "unemployment": Short(_shipped("macrodata", "unemp"), "1959-01-01", ("M", 3), 4, 8),
    "inflation": Short(_shipped("macrodata", "infl"), "1959-01-01", ("M", 3), 4, 8),
    "copper": Short(_shipped("copper", "WORLDCONSUMPTION"), "1951-01-01", ("Y", 1), 1, 3),
    "money": Short(_shipped("danish_data", "lrm"), "1974-01-01", ("M", 3), 4, 4),
    "sea": Short(_sea, "1971-01-01", ("M", 1), 12, 12),
    "dioxide": Short(_dioxide, "1977-01-01", ("M", 1), 12, 12),
    "stock": Short(
        _file("stock-google/data-02-stock_daily.csv", 4, 250, newest_first=True),
        "2016-01-01",
        ("D", 1),
        1,
        10,
        "stock-google",
    ),
    "temperatures": Short(
        _file("univariate/daily-min-temperatures.csv", 1, 365),
        "1990-01-01",
        ("D", 1),
        7,
        14,
        "univariate/daily-min-temperatures.csv",
    ),
}

SINGLE: Final = ("AutoARIMA", "AutoTheta", "AutoCES", "AutoETS", "SeasonalNaive")

PARTS: Final = {name: each.needs for name, each in SERIES.items()}
"""What is measured, in this order, and what it needs in the folder of data."""

COVERAGE: Final = (0.65, 0.92)


def run(options: BenchOptions) -> None:
    """Measure what `--only` names, or everything there are data of.

    Raises:
        OptionError: nothing is named by `--only`, or its data are not there.
        TrainingError: a training failed.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="recurra-bench-") as folder:
        for name in options.select("short", PARTS):
            values = SERIES[name].values(options.data)
            for origin in range(ORIGINS, 0, -1):
                known = len(values) - SERIES[name].horizon * (origin - 1)
                out = Path(folder) / f"{name}-{origin}"
                rows.append(_measured(name, values[:known], out, options.minutes))
                print(_line(rows[-1]), flush=True)
    names = list(rows[0]["mase"])
    means = {each: float(np.mean([row["mase"][each] for row in rows])) for each in names}
    covered = float(np.mean([row["covered"] for row in rows]))
    print("mean MASE: " + ", ".join(f"{name} {mean:.3f}" for name, mean in means.items()))
    best = min((name for name in names if name != "answer"), key=lambda name: means[name])
    met = "reached" if means["answer"] <= means[best] else "MISSED"
    print(f"answer {means['answer']:.3f}, to reach: {best}'s {means[best]:.3f}: {met}")
    low, high = COVERAGE
    met = "reached" if low <= covered <= high else "MISSED"
    print(f"80 % intervals held {100 * covered:.1f} %, to reach: {low:g} to {high:g}: {met}")
    found = {"means": means, "covered": covered, "rows": rows}
    print(json.dumps({"bench": "short", **found, "machine": described()}))


def _line(row: dict[str, Any]) -> str:
    errors = ", ".join(f"{name} {error:.2f}" for name, error in row["mase"].items())
    return (
        f"{row['series']:<13} {row['steps']:>3} {errors}; {row['chosen']}; {row['seconds']:.0f} s"
    )


def _measured(name: str, values: Floats, out: Path, minutes: float) -> dict[str, Any]:
    """One origin, a horizon before the end of values (T,)."""
    each = SERIES[name]
    known, came = values[: -each.horizon], values[-each.horizon :]
    scale = float(np.abs(known[each.season :] - known[: -each.season]).mean())
    file = out.with_suffix(".csv")
    unit, times = each.unit
    stamps = np.datetime64(each.start, unit) + times * np.arange(len(values))
    days = stamps.astype("datetime64[D]")
    rows = "".join(f"{day},{value:.10g}\n" for day, value in zip(days, values, strict=True))
    file.write_text(f"ds,y\n{rows}")
    given = {"horizon": each.horizon, "test": each.horizon, "season": each.season}
    done = train("series", [str(file)], out, **given, minutes=minutes)
    answer = done.report["answer"]
    errors = {"answer": answer["mae"], "network": done.report["model"]["mae"]}
    for single in SINGLE:
        errors[single] = float(np.abs(_forecast(single, known, each) - came).mean())
    return {
        "series": name,
        "steps": len(known),
        "mase": {method: error / scale for method, error in errors.items()},
        "covered": answer["intervals"]["80"]["coverage"],
        "chosen": answer["name"],
        "seconds": round(done.seconds, 1),
    }


def _forecast(single: str, known: Floats, each: Short) -> Floats:
    from statsforecast import models

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(models, single)(season_length=each.season)
        return _plain(model.forecast(known, each.horizon)["mean"])

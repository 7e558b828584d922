"""`recurra forecast`: the command, and what is printed."""

from __future__ import annotations

import json
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recurra.console import arguments
from recurra.console.commands import Argument, Command
from recurra.errors import DataError, OptionError

# What a command needs is imported in it: the help lists them all.
if TYPE_CHECKING:
    from recurra.tasks.series.estimator import SeriesModel


@click.command(cls=Command)
@arguments.run
@click.argument(
    "data", cls=Argument, nargs=-1, help="Data to go on from; without any, what was trained on."
)
@click.option("--horizon", type=int, help="Steps; default as many as were trained for.")
@click.option(
    "--from", "origin", help="The first step to forecast; default the one after the data."
)
@click.option(
    "--origins", type=int, help="Forecast from so many origins a series, beside what came."
)
@click.option("--every", type=int, help="Steps from one of --origins to the next; default 1.")
@click.option("--levels", help="Percent of the intervals, as 80,90,99; default 50,80,95.")
@click.option("--samples", type=int, default=0, help="Sample paths beside them, so many.")
@click.option(
    "--answer",
    type=click.Choice(["best", "network"]),
    help="Best: what the report says; or what the network says alone.",
)
@click.option("--out", type=Path, help="A file: .csv, .parquet, .json or .jsonl.")
@click.option("--plot", is_flag=True, help="Draw it into the run's figures.")
@click.option("--stream", is_flag=True, help="Lines are values: forecast the next after each.")
@arguments.as_json
def forecast(
    run: Path,
    data: tuple[str, ...],
    horizon: int | None,
    origin: str | None,
    origins: int | None,
    every: int | None,
    levels: str | None,
    samples: int,
    answer: str | None,
    out: Path | None,
    plot: bool,
    stream: bool,
    as_json: bool,
) -> None:
    """Say what comes next of each series: a median, and intervals of 50, 80 and 95 %."""
    from recurra.tasks.series.estimator import SeriesModel
    from recurra.tasks.series.tables import columns_of, write

    many = {"--origins": origins, "--every": every}
    one = {"--from": origin, "--samples": samples, "--plot": plot}
    if stream:
        rest = {"DATA": data, "--horizon": horizon, "--out": out, "--levels": levels}
        _alone("--stream", rest | one | many, "values from standard input; the next after each")
    if origins is not None:
        _alone("--origins", one, "forecasts beside what came, in one table")
    elif every is not None:
        raise OptionError("--every without --origins", expected="--origins beside it")
    if plot:
        _alone("--plot", {"--levels": levels}, "a picture of the intervals of 50, 80 and 95 %")
    model = SeriesModel.load(run)
    if answer is not None:
        model.set_params(answer=answer)
    if stream:
        _stream(model, as_json=as_json)
        return
    level = None if levels is None else _percents(levels)
    given = list(data) or None
    if origins is not None:
        panel, found = model.backtest(
            given, horizon=horizon, n_windows=origins, step_size=every or 1, level=level
        )
    else:
        panel, found = model.ahead(
            given, horizon=horizon, origin=origin, level=level, samples=samples
        )
    if plot:
        from recurra.tasks.series import report

        architecture = model.network.architecture
        target = ", ".join(model.columns["target"])
        report.write_ahead(model.run, panel, found, target=target, period=architecture.period)
    columns = columns_of(panel, found, cutoff=origins is not None)
    if out is not None:
        write(columns, out)
        print(out)
    else:
        write(columns, sys.stdout, form="json" if as_json else "csv")
    if plot:
        from recurra.tasks.series.show import ahead

        print(ahead(run), file=sys.stderr)


def _alone(name: str, others: dict[str, Any], expected: str) -> None:
    """Refuse options beside one that they do not go with."""
    if more := [other for other, value in others.items() if value not in (None, False, 0, ())]:
        raise OptionError(f"{name} and {' and '.join(more)}", expected=expected)


def _percents(levels: str) -> list[float]:
    """Numbers joined by commas; what they have to be is seen to later."""
    try:
        found = [float(each) for each in levels.split(",")]
    except ValueError:
        raise OptionError(
            f"--levels {levels}", expected="percents joined by commas: --levels 80,95"
        ) from None
    return [int(each) if each.is_integer() else each for each in found]


def _stream(model: SeriesModel, *, as_json: bool) -> None:
    """After each value, the forecast of the next one; an empty line is a missing value.

    A line has the stamp, the median, and the ends of the interval of 80 %. Of several series each
    line is an object of values by name, {"north": 21.5, "south": null}, and a line by the name of
    each comes back.
    """
    from recurra.data.line_reader import standard_input_lines

    stream, several = model.stream(), len(model.ids) > 1
    for number, line in enumerate(chain.from_iterable(standard_input_lines()), 1):
        said = stream.push(_values(line, number) if several else _value(line, number))
        if as_json:
            print(json.dumps(said))
        else:
            for name, each in said.items() if several else [("", said)]:
                low, high = each["recurra-lo-80"], each["recurra-hi-80"]
                before = f"{name}\t" if several else ""
                print(f"{before}{each['ds']}\t{each['recurra']:.15g}\t{low:.15g}\t{high:.15g}")
        sys.stdout.flush()


def _values(line: str, number: int) -> dict[str, float]:
    """Values by name; null is a missing one."""
    try:
        found = json.loads(line)
        if not isinstance(found, dict):
            raise TypeError
        return {name: float("nan" if each is None else each) for name, each in found.items()}
    except (TypeError, ValueError):
        raise DataError(
            f"standard input, line {number:,}: {line.strip()[:40]!r} is no object of numbers",
            expected='values by the names of the series: {"north": 21.5, "south": null}',
        ) from None


def _value(line: str, number: int) -> float:
    from recurra.data.sequences import number_of

    if not line.strip():
        return float("nan")
    value = number_of(line.strip())
    if value is None:
        raise DataError(
            f"standard input, line {number:,}: {line.strip()[:40]!r} is no number",
            expected="one value a line; an empty line where it is missing",
        )
    return value

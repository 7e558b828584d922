"""`recurra forecast`: the command, and what is printed."""

from __future__ import annotations

import json
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

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
    "data", cls=Argument, nargs=-1, help="Newer data; without any, what was trained on."
)
@click.option("--horizon", type=int, help="Steps, at most those that were trained for.")
@click.option("--out", type=Path, help="A file: .csv, .parquet, .json or .jsonl.")
@click.option("--plot", is_flag=True, help="Draw it into the run's figures.")
@click.option("--stream", is_flag=True, help="Lines are values: forecast the next after each.")
@arguments.as_json
def forecast(
    run: Path,
    data: tuple[str, ...],
    horizon: int | None,
    out: Path | None,
    plot: bool,
    stream: bool,
    as_json: bool,
) -> None:
    """Say what comes next of each series: a median, and intervals of 50, 80 and 95 %."""
    from recurra.tasks.series import report
    from recurra.tasks.series.estimator import SeriesModel
    from recurra.tasks.series.tables import write

    model = SeriesModel.load(run)
    if stream:
        given = {"DATA": data, "--horizon": horizon, "--out": out, "--plot": plot}
        if more := [name for name, value in given.items() if value]:
            raise OptionError(
                f"--stream and {' and '.join(more)}",
                expected="values from standard input; the forecast of one step after each",
            )
        _stream(model, as_json=as_json)
        return
    panel, found = model.ahead(list(data) or None, horizon=horizon)
    if plot:
        architecture = model.network.architecture
        target = ", ".join(model.columns["target"])
        report.write_ahead(model.run, panel, found, target=target, period=architecture.period)
    if out is not None:
        write(panel, found, out)
        print(out)
    else:
        write(panel, found, sys.stdout, form="json" if as_json else "csv")
    if plot:
        from recurra.tasks.series.show import ahead

        print(ahead(run), file=sys.stderr)


def _stream(model: SeriesModel, *, as_json: bool) -> None:
    """After each value, the forecast of the next one; an empty line is a missing value.

    A line has the stamp, the median, and the ends of the interval of 80 %.
    """
    if len(model.ids) > 1:
        raise OptionError(
            f"--stream of {len(model.ids):,} series",
            expected="a model of one",
            fix='several are streamed from Python: model.stream().push({"name": value, ...})',
        )
    from recurra.data.line_reader import standard_input_lines

    stream = model.stream()
    for number, line in enumerate(chain.from_iterable(standard_input_lines()), 1):
        said = stream.push(_value(line, number))
        if as_json:
            print(json.dumps(said))
        else:
            low, high = said["recurra-lo-80"], said["recurra-hi-80"]
            print(f"{said['ds']}\t{said['recurra']:.6g}\t{low:.6g}\t{high:.6g}")
        sys.stdout.flush()


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

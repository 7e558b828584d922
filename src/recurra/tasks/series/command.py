"""The series task on the command line: calls, and what is printed of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recurra.data.line_reader import standard_input_lines
from recurra.data.sequences import number_of
from recurra.errors import DataError, OptionError
from recurra.tasks import render
from recurra.tasks.series import report
from recurra.tasks.series.estimator import SeriesModel
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.tables import write

if TYPE_CHECKING:
    from recurra.training.loop import Callback


def train(
    options: SeriesOptions,
    sources: Sequence[str],
    out: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """`recurra train series`."""
    from recurra.tasks import command

    command.train(
        SeriesModel(**vars(options)),
        sources,
        out,
        Path(sources[0]).stem if sources else "co2",
        _callback(quiet),
        report.summary,
        overwrite=overwrite,
        as_json=as_json,
    )


def resume(path: Path, *, as_json: bool, quiet: bool) -> None:
    """`recurra resume`."""
    from recurra.tasks import command

    def fit() -> SeriesModel:
        return SeriesModel.resume(path, callback=_callback(quiet))

    command.trained(path, fit, report.summary, as_json=as_json)


def evaluate(path: Path, sources: Sequence[str], *, as_json: bool) -> None:
    """`recurra evaluate`."""
    render.evaluate(SeriesModel.load(path), sources, report.summary, as_json=as_json)


def forecast(
    path: Path,
    sources: Sequence[str],
    *,
    horizon: int | None,
    out: Path | None,
    plot: bool,
    stream: bool,
    as_json: bool,
) -> None:
    """`recurra forecast`: a row for each step to come, or with `stream` after each value.

    Args:
        plot: record what a picture of it is made from.
    """
    model = SeriesModel.load(path)
    if stream:
        given = {"DATA": sources, "--horizon": horizon, "--out": out, "--plot": plot}
        if more := [name for name, value in given.items() if value]:
            raise OptionError(
                f"--stream and {' and '.join(more)}",
                expected="values from standard input; the forecast of one step after each",
            )
        _stream(model, as_json=as_json)
        return
    panel, found = model.ahead(list(sources) or None, horizon=horizon)
    if plot:
        architecture = model.network.architecture
        target = ", ".join(model.columns["target"])
        report.write_ahead(model.run, panel, found, target=target, period=architecture.period)
    if out is not None:
        write(panel, found, out)
        print(out)
        return
    write(panel, found, sys.stdout, form="json" if as_json else "csv")


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
    stream = model.stream()
    for number, line in enumerate(_lines(), 1):
        said = stream.push(_value(line, number))
        if as_json:
            print(json.dumps(said))
        else:
            low, high = said["recurra-lo-80"], said["recurra-hi-80"]
            print(f"{said['ds']}\t{said['recurra']:.6g}\t{low:.6g}\t{high:.6g}")
        sys.stdout.flush()


def _lines() -> Iterator[str]:
    for group in standard_input_lines():
        yield from group


def _value(line: str, number: int) -> float:
    if not line.strip():
        return float("nan")
    value = number_of(line.strip())
    if value is None:
        raise DataError(
            f"standard input, line {number:,}: {line.strip()[:40]!r} is no number",
            expected="one value a line; an empty line where it is missing",
        )
    return value


def _callback(quiet: bool) -> Callback:
    from recurra.tasks import command

    return command.callback(quiet, unit="windows", measure="scaled CRPS a step")

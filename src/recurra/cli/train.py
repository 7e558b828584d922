"""recurra train TASK: an option for each field of the task's options class."""

from __future__ import annotations

import inspect
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from recurra.cli.arguments import AsJson, Quiet
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.pairs.options import PairOptions
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.text.options import TextOptions
from recurra.training.budget import TrainingOptions

app = typer.Typer(help="Train a model on your data.", no_args_is_help=True)

Out = Annotated[Path | None, typer.Option(help="The run's folder.")]
Overwrite = Annotated[bool, typer.Option(help="Replace the run at --out.")]


def _add_training(
    task: str, options_type: type[TrainingOptions], says: str, *, data_help: str
) -> None:
    """Add `recurra train TASK`; its options are the fields of the task's options class."""
    hints = get_type_hints(options_type)
    data = Annotated[list[str] | None, typer.Argument(metavar="DATA", help=data_help)]
    listed: list[tuple[str, Any, Any]] = [
        ("data", data, None),
        ("out", Out, None),
        ("overwrite", Overwrite, False),
        ("as_json", AsJson, False),
        ("quiet", Quiet, False),
    ]
    listed += [
        (
            each.name,
            Annotated[hints[each.name], typer.Option(help=each.metadata["help"])],
            each.default,
        )
        for each in fields(options_type)
    ]
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in listed
    ]

    def command(*, data: list[str] | None, out: Path | None, **values: Any) -> None:
        given = {each.name: values.pop(each.name) for each in fields(options_type)}
        module = import_module(f"recurra.tasks.{task}.command")
        module.train(options_type(**given), data or [], out, **values)

    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    app.command(task, help=says)(command)


_add_training(
    "text",
    TextOptions,
    "Train a model that reads and writes text.",
    data_help="Files, folders, or - for standard input; without any, the language reference that "
    "Python carries.",
)
_add_training(
    "labels",
    LabelOptions,
    "Train a classifier or a tagger on texts or number sequences.",
    data_help="A table (CSV, TSV, JSON lines, Parquet), a file a class, .ts, .npz or CoNLL; "
    "without any, handwritten digits.",
)
_add_training(
    "series",
    SeriesOptions,
    "Train a forecaster of one time series or of many.",
    data_help="A table (CSV, Parquet, JSON lines), a row a step; without any, the carbon dioxide "
    "of Mauna Loa, week by week.",
)
_add_training(
    "pairs",
    PairOptions,
    "Train a model that turns one text into another: translation.",
    data_help="A table of two columns (TSV, CSV, JSON lines, Parquet), or two parallel files; "
    "without any, dates from English to Korean.",
)

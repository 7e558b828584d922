"""recurra train TASK: an option for each field of the task's options class."""

from __future__ import annotations

from dataclasses import Field, fields
from functools import partial
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

import click

from recurra.cli import arguments
from recurra.cli.commands import Argument, Command, Group
from recurra.training.budget import flag_of

_TASKS: Final = {
    "text": (
        "TextOptions",
        "Train a model that reads and writes text.",
        "Files, folders, or - for standard input; without any, the language reference that Python "
        "carries.",
    ),
    "labels": (
        "LabelOptions",
        "Train a classifier or a tagger on texts or number sequences.",
        "A table (CSV, TSV, JSON lines, Parquet), a file a class, .ts, .npz or CoNLL; without any, "
        "handwritten digits.",
    ),
    "series": (
        "SeriesOptions",
        "Train a forecaster of one time series or of many.",
        "A table (CSV, Parquet, JSON lines), a row a step; without any, the carbon dioxide of "
        "Mauna Loa, week by week.",
    ),
    "pairs": (
        "PairOptions",
        "Train a model that turns one text into another: translation.",
        "A table of two columns (TSV, CSV, JSON lines, Parquet), or two parallel files; without "
        "any, dates from English to Korean.",
    ),
}
"""Task -> the class of its options, its help, and that of DATA."""


def _training(task: str) -> click.Command:
    """`recurra train TASK`; its options are the fields of the task's options class."""
    name, says, data_help = _TASKS[task]
    options_type = getattr(import_module(f"recurra.tasks.{task}.options"), name)
    listed, hints = fields(options_type), get_type_hints(options_type)

    @click.command(task, cls=Command, help=says)
    @click.argument("data", cls=Argument, nargs=-1, help=data_help)
    @click.option("--out", type=Path, help="The run's folder.")
    @click.option("--overwrite/--no-overwrite", default=False, help="Replace the run at --out.")
    @arguments.as_json
    @arguments.quiet
    def command(data: tuple[str, ...], out: Path | None, **values: Any) -> None:
        given = {each.name: values.pop(each.name) for each in listed}
        # click gives an option that may be repeated as a tuple, empty where it is not given.
        for key, value in given.items():
            if isinstance(value, tuple):
                given[key] = list(value) or None
        from recurra.tasks.install import check_training

        options = options_type(**given)
        check_training(task)
        module = import_module(f"recurra.tasks.{task}.command")
        module.train(options, list(data), out, **values)

    command.params += [_option(each, hints[each.name]) for each in listed]
    return command


def _option(field: Field[Any], hint: Any) -> click.Option:
    """The option of a field: `int | None` takes a whole number, `list[str]` may be repeated."""
    kind = get_args(hint)[0] if isinstance(hint, UnionType) else hint
    flag, help_text = flag_of(field), field.metadata["help"]
    if kind is bool:
        names = [f"{flag}/--no-{flag[2:]}", field.name]
        return click.Option(names, default=field.default, help=help_text)
    if get_origin(kind) is list:
        return click.Option([flag, field.name], multiple=True, help=help_text)
    return click.Option([flag, field.name], type=kind, default=field.default, help=help_text)


train = Group(
    {task: partial(_training, task) for task in _TASKS},
    name="train",
    help="Train a model on your data.",
)

"""recurra train TASK: an option for each field of the task's options class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

import click

from recurra.cli.examples import EXAMPLES
from recurra.console import arguments
from recurra.console.commands import Argument, Command, Group
from recurra.tasks import TASKS
from recurra.tasks.task import Task
from recurra.training.budget import flag_of

SECTIONS: Final[Mapping[str, Sequence[str]]] = {
    "Time": ("minutes", "steps", "epochs"),
    "Result": ("out", "overwrite", "as_json", "quiet"),
    "Network": (
        *("size", "tokens", "model", "cell", "hidden", "layers", "embedding", "bidirectional"),
        *("reading", "attention", "feeding", "pooling", "context", "distribution", "ensemble"),
    ),
    "Training": (
        *("lr", "batch", "bptt", "dropout", "smoothing", "sampling", "balanced", "augment"),
        *("score", "train_on_validation", "seed", "device", "threads", "precision"),
    ),
}
"""Titles of the help, and the options below each."""


def _training(task: Task) -> click.Command:
    """`recurra train TASK`; its options are the fields of the task's options class."""
    listed, hints = fields(task.options_class), get_type_hints(task.options_class)

    @click.command(task.name, cls=Command, help=task.help)
    @click.argument("data", cls=Argument, nargs=-1, type=arguments.data, help=task.data)
    @click.option("--out", type=click.Path(path_type=Path), help="The run's folder.")
    @click.option("--overwrite/--no-overwrite", default=False, help="Replace the run at --out.")
    @arguments.as_json
    @arguments.quiet
    def command(data: tuple[str, ...], out: Path | None, **values: Any) -> None:
        given = {each.name: values.pop(each.name) for each in listed}
        # click gives an option that may be repeated as a tuple, empty where it is not given.
        for key, value in given.items():
            if isinstance(value, tuple):
                given[key] = list(value) or None
        from recurra.tasks import command as shared

        options = task.options_class(**given)
        task.check_training()
        shared.train(task, options, list(data), out, **values)

    command.params += [_option(each, hints[each.name]) for each in listed]
    placed = {name for names in SECTIONS.values() for name in names}
    data_options = [each.name for each in listed if each.name not in placed]
    # What is of no other section says how the data are read.
    command.sections = {"Time": SECTIONS["Time"], "Data": data_options, **SECTIONS}
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
    choices = field.metadata["choices"]
    if not choices:
        return click.Option([flag, field.name], type=kind, default=field.default, help=help_text)
    # Not click's type of choices: what is none of them is told by the options class, as in Python.
    return click.Option(
        [flag, field.name],
        metavar=f"[{'|'.join(choices)}]",
        default=field.default,
        help=help_text,
        shell_complete=lambda _, __, begun: [each for each in choices if each.startswith(begun)],
    )


train = Group(
    {name: partial(_training, task) for name, task in TASKS.items()},
    EXAMPLES,
    name="train",
    help="Train a model on your data.",
)

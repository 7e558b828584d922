"""Options by which files are read, for the verbs that are given files after a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

import click

from recurra.errors import OptionError
from recurra.tasks.task import Task
from recurra.training.budget import flag_of

if TYPE_CHECKING:
    from recurra.tasks.model import Model

Command = TypeVar("Command", bound=Callable[..., Any])


def reading_options(tasks: Sequence[Task]) -> Callable[[Command], Command]:
    """What gives a command the options by which files of these tasks are read, each once.

    They are what a training was said where they are not given.
    """
    named: dict[str, tuple[str, str, bool, list[str]]] = {}
    for task in tasks:
        hints = get_type_hints(task.options_class)
        for each in fields(task.options_class):
            if each.name in task.reading:
                switch = bool in (hints[each.name], *get_args(hints[each.name]))
                of = named[each.name][3] if each.name in named else []
                of.append(task.name)
                named[each.name] = (flag_of(each), each.metadata["help"], switch, of)

    def options(command: Command) -> Command:
        for name, (flag, said, switch, of) in reversed(named.items()):
            help_text = f"Of {' and '.join(of)}: {said}" if len(tasks) > 1 else said
            names = f"{flag}/--no-{flag[2:]}" if switch else flag
            kind = None if switch else str
            command = click.option(names, name, default=None, type=kind, help=help_text)(command)
        return command

    return options


def read_by(model: Model[Any, Any], given: Mapping[str, Any]) -> None:
    """Let a model read files by the options that were given, in place of those of its training.

    Raises:
        OptionError: one that is none of its task.
    """
    said = {name: value for name, value in given.items() if value is not None}
    for name, value in said.items():
        if name not in model.task.reading:
            own = [
                flag_of(each) for each in fields(model.options) if each.name in model.task.reading
            ]
            raise OptionError(
                f"--{name.replace('_', '-')} {value} for a model of {model.task.name}",
                expected=f"{', '.join(own)}" if own else "no option of columns: it has none",
            )
    model.options = replace(model.options, **said)

"""What click's own classes lack: arguments with a help text, commands made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn, final

import click

from recurra.errors import did_you_mean


@final
class Argument(click.Argument):
    """An argument with a help text, which click's own has only since 8.5."""

    def __init__(self, declared: list[str], *, help: str, **options: Any) -> None:
        super().__init__(declared, **options)
        self.help = help


def _write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    if examples:
        with formatter.section("Examples"):
            for each in examples:
                formatter.write(f"{'':>{formatter.current_indent}}{each}\n")


@final
class Command(click.Command):
    """A command whose help lists its arguments before its options, and these by what they are for.

    `examples` are lines as they are typed. `sections` are titles, and the names of the options
    below each; those of none of them come last.
    """

    examples: Sequence[str] = ()
    sections: Mapping[str, Collection[str]] = MappingProxyType({})

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write all of it."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        _write_examples(self.examples, formatter)
        listed = [each for each in self.params if isinstance(each, Argument)]
        if listed:
            with formatter.section("Arguments"):
                formatter.write_dl([(each.human_readable_name, each.help or "") for each in listed])
        self.format_options(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        left = {
            str(each.name): each
            for each in self.get_params(ctx)
            if not isinstance(each, click.Argument)
        }
        for title, names in {**self.sections, "Options": [*left]}.items():
            own = [left.pop(name) for name in names if name in left]
            rows = [row for each in own if (row := each.get_help_record(ctx))]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


@final
class Group(click.Group):
    """A group whose commands are made when they are asked for: a start pays for one alone.

    Args:
        made: name -> what makes the command of that name, in the order of the help.
        examples: lines for the help of each, by its name; for the group's own by that.
    """

    def __init__(
        self,
        made: Mapping[str, Callable[[], click.Command]],
        examples: Mapping[str, Sequence[str]],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.made, self.examples = made, examples

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what it is for, and examples."""
        super().format_help_text(ctx, formatter)
        _write_examples(self.examples.get(self.name or "", ()), formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, and all of what each is for."""
        made = {name: self.get_command(ctx, name) for name in self.made}
        with formatter.section("Commands"):
            formatter.write_dl(
                [(k, (v.help or "").split("\n\n")[0]) for k, v in made.items() if v is not None]
            )

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of its commands."""
        return list(self.made)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name."""
        if cmd_name not in self.made:
            return None
        found = self.made[cmd_name]()
        if isinstance(found, Command):
            found.examples = self.examples.get(cmd_name, ())
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before the command; with nothing at all, help."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit(0)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names."""
        if args[0] not in self.made:
            self._unknown(ctx, args[0])
        return super().resolve_command(ctx, args)

    def _unknown(self, ctx: click.Context, name: str) -> NoReturn:
        guess = did_you_mean(name, self.made)
        ctx.fail(f"No such command {name!r}. {guess.capitalize()}".rstrip())

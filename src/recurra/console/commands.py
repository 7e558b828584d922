"""What click's own classes lack: arguments with a help text, commands made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, final

import click

from recurra.errors import did_you_mean


@final
class Argument(click.Argument):
    """An argument with a help text, which click's own has only since 8.5."""

    def __init__(self, declared: list[str], *, help: str, **options: Any) -> None:
        super().__init__(declared, **options)
        self.help = help


@final
class Command(click.Command):
    """A command whose help lists its arguments before its options."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write all of it."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        listed = [each for each in self.params if isinstance(each, Argument)]
        if listed:
            with formatter.section("Arguments"):
                formatter.write_dl([(each.human_readable_name, each.help or "") for each in listed])
        self.format_options(ctx, formatter)


@final
class Group(click.Group):
    """A group whose commands are made when they are asked for: a start pays for one alone.

    Args:
        made: name -> what makes the command of that name, in the order of the help.
    """

    def __init__(self, made: Mapping[str, Callable[[], click.Command]], **options: Any) -> None:
        super().__init__(**options)
        self.made = made

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of its commands."""
        return list(self.made)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name."""
        return self.made[cmd_name]() if cmd_name in self.made else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before the command; with nothing at all, help and exit 2."""
        if not args:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
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

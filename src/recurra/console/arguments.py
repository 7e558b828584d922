"""Arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recurra.console.commands import Argument

run = click.argument(
    "run", cls=Argument, type=click.Path(path_type=Path), help="The folder of a run."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
quiet = click.option("--quiet", "-q", is_flag=True, help="No progress.")
texts = click.argument(
    "text", cls=Argument, nargs=-1, help="Texts; without any, lines of standard input."
)


data = click.Path(path_type=str)
"""Files: the type of what data are given by, which a shell completes."""


def given(**options: Any) -> dict[str, Any]:
    """The options that were given; the others are left to whoever has their defaults."""
    return {name: value for name, value in options.items() if value is not None}

"""Arguments that several commands take."""

from __future__ import annotations

from pathlib import Path

import click

from recurra.cli.commands import Argument

run = click.argument("run", cls=Argument, type=Path, help="The folder of a run.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
quiet = click.option("--quiet", "-q", is_flag=True, help="No progress.")

"""Arguments -> calls. No logic, and nothing heavy is imported before a command needs it."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from recurra import __version__
from recurra.cli import house, run, train, verbs
from recurra.errors import RecurraError
from recurra.training import processes

app = typer.Typer(
    name="recurra",
    help="Recurrent sequence models: train, judge, look inside, stream.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train.app, name="train")
for each in (
    *(run.resume, run.evaluate),
    *(verbs.generate, verbs.classify, verbs.forecast, verbs.translate),
    *(run.show, run.certify, house.lab, house.bench, house.doctor),
):
    app.command()(each)


def _version(value: bool) -> None:
    if value:
        print(f"recurra {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Recurrent sequence models: train, judge, look inside, stream."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 failed, 2 bad input or usage, 130 Ctrl-C."""
    given = sys.argv[1:] if arguments is None else arguments
    if "OMP_WAIT_POLICY" not in os.environ:
        # torch's threads spin while they wait. Beside other work that is 2 to 10 times as slow as
        # going to sleep soon (docs/results.md); libgomp reads this when torch is loaded.
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    debug = "--debug" in given
    # Anywhere on the line, since nobody remembers where it belongs.
    words = [word for word in given if word != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a character is no reason to stop.
            stream.reconfigure(errors="replace")
    try:
        with processes.one_voice():
            code = app(words, prog_name="recurra", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except RecurraError as error:
        if debug:
            raise
        said = f"recurra: {error}"
        processes.once(lambda: print(said, file=sys.stderr))
        return error.exit_code
    except typer.Abort:
        processes.once(lambda: None)  # whoever stood for Ctrl-C has said so
        return 130
    except KeyboardInterrupt:
        processes.once(lambda: print("recurra: interrupted", file=sys.stderr))
        return 130
    except SystemExit as stop:
        # typer's answer to a broken pipe; nothing else here ends the process.
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        # The reader has gone: nothing is left to be said, not at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        if debug:
            raise
        # What typer raises for a slip on the command line; its class differs between versions.
        show = getattr(error, "show", None)
        if callable(show):
            processes.once(show)
            return 2
        said = (
            f"recurra: internal error: {type(error).__name__}: {error}\n"
            "  to do: run it again with --debug and report what it prints"
        )
        processes.once(lambda: print(said, file=sys.stderr))
        return 1

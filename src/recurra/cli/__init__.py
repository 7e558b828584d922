"""Arguments -> calls. No logic, and nothing is imported before a command needs it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, Final

import click
from click.exceptions import Exit

from recurra import __version__
from recurra.cli.examples import EXAMPLES
from recurra.console.commands import Group
from recurra.console.guard import guarded
from recurra.errors import RecurraError
from recurra.tasks import TASKS
from recurra.training import processes

_FILES: Final = {
    "train": "train",
    **dict.fromkeys(("evaluate", "show", "resume", "certify", "quantize"), "run"),
    **dict.fromkeys(("demo", "lab", "docs", "doctor", "completion"), "house"),
}
"""The commands beside the tasks' own, and the file here that holds each."""


def _command(name: str) -> click.Command:
    found: click.Command = getattr(import_module(f"recurra.cli.{_FILES[name]}"), name)
    return found


def _commands() -> dict[str, Callable[[], click.Command]]:
    """What makes each command, in the order of the help: training, use, the rest."""
    first, *others = [(name, partial(_command, name)) for name in _FILES]
    return dict([first, *((task.verb, task.command) for task in TASKS.values()), *others])


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        print(f"recurra {__version__}")
        ctx.exit()


COMPLETE: Final = "_RECURRA_COMPLETE"
"""The variable by which a shell asks for completions."""

recurra = Group(
    _commands(),
    EXAMPLES,
    name="recurra",
    help="Recurrent sequence models: train, judge, look inside, stream.",
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="The version.",
        ),
        # For the help alone: `main` takes it off the line.
        click.Option(
            ["--debug"], is_flag=True, expose_value=False, help="Show the traceback of an error."
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)


def main(arguments: list[str] | None = None, of: click.Command = recurra) -> int:
    """Run a command and return its exit code: 0, 1 failed, 2 bad input or usage, 130 Ctrl-C."""
    given = sys.argv[1:] if arguments is None else arguments
    if "OMP_WAIT_POLICY" not in os.environ:
        # torch's threads spin while they wait. Beside other work that is 2 to 10 times as slow as
        # going to sleep soon (docs/results.md); libgomp reads this when torch is loaded.
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    if asked := os.environ.get(COMPLETE):
        from click.shell_completion import shell_complete

        return shell_complete(of, {}, "recurra", COMPLETE, asked)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # until it ends
    if sys.stdout is None:
        closed = "standard output is closed\n  expected: a terminal, a file or a pipe"
        print(f"recurra: {closed}", file=sys.stderr)
        return 2
    with guarded():
        return _main(given, of)


def _main(given: list[str], of: click.Command) -> int:
    """The same where standard output and standard error are there, and guarded."""
    debug = "--debug" in given
    # Anywhere on the line, since nobody remembers where it belongs.
    words = [word for word in given if word != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        stream = getattr(stream, "stream", stream)  # that of a terminal
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a character is no reason to stop.
            stream.reconfigure(errors="replace")
    try:
        with processes.one_voice():
            code = _run(of, words)
            sys.stdout.flush()
            return code
    except RecurraError as error:
        if debug:
            raise
        said = f"recurra: {error.on_command_line()}"
        processes.once(lambda: print(said, file=sys.stderr))
        return error.exit_code
    except click.ClickException as slip:
        processes.once(slip.show)
        return 2
    except KeyboardInterrupt:
        processes.once(lambda: None)  # whoever stood for Ctrl-C has said so
        return 130
    except BrokenPipeError:
        # The reader has gone: nothing is left to be said, not at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        if debug:
            raise
        # Files have errors of their own: it is what is printed, or a path that no system takes.
        named = f"{error.filename!s:.200}" if error.filename else "what is printed"
        said = f"recurra: {named}: {error.strerror or error}"
        processes.once(lambda: print(said, file=sys.stderr))
        if error.filename is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left would fail again at exit
        return 2 if error.filename else 1
    except BaseException as error:
        # A panic of a library in Rust (pyo3) is no Exception; no module to take its class from.
        if debug or not (isinstance(error, Exception) or type(error).__name__ == "PanicException"):
            raise
        said = (
            f"recurra: internal error: {type(error).__name__}: {error}\n"
            "  to do: run it again with --debug and report what it prints"
        )
        processes.once(lambda: print(said, file=sys.stderr))
        return 1


def _run(of: click.Command, words: list[str]) -> int:
    """Parse and call. Not click's own `main`: it ends the process at a broken pipe."""
    try:
        with of.make_context(of.name or "recurra", words) as context:
            code: Any = of.invoke(context)
        return code if isinstance(code, int) else 0
    except Exit as done:  # --help, --version
        return done.exit_code

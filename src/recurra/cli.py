"""Arguments -> calls. No logic, and nothing heavy is imported before a command needs it."""

from __future__ import annotations

import inspect
import io
import json
import os
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from recurra import __version__
from recurra.errors import RecurraError
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.pairs.options import PairOptions
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.text.options import TextOptions
from recurra.training.budget import TrainingOptions

app = typer.Typer(
    name="recurra",
    help="Recurrent sequence models: train, judge, look inside, stream.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train = typer.Typer(help="Train a model on your data.", no_args_is_help=True)
app.add_typer(train, name="train")

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]
Out = Annotated[Path | None, typer.Option(help="The run's folder.")]
Overwrite = Annotated[bool, typer.Option(help="Replace the run at --out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


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
    train.command(task, help=says)(command)


_add_training(
    "text",
    TextOptions,
    "Train a character model on text.",
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


@app.command()
def resume(run: RunPath, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Go on with a training that was interrupted, as if it never had been."""
    from recurra.tasks import command_of

    command_of(run).resume(run, as_json=as_json, quiet=quiet)


@app.command()
def evaluate(
    run: RunPath,
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATA", help="Other data; without any, the run's report."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a model is worth on other data, or print the run's report."""
    from recurra.tasks import command_of

    command_of(run).evaluate(run, data or [], as_json=as_json)


@app.command()
def generate(
    run: RunPath,
    prompt: Annotated[str | None, typer.Option(help="Text to go on from.")] = None,
    prompt_file: Annotated[
        str | None, typer.Option(help="A file to go on from, or - for standard input.")
    ] = None,
    temperature: Annotated[float, typer.Option(help="0 is greedy, 1 the model's own.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="Choose among the k likeliest.")] = None,
    top_p: Annotated[float, typer.Option(help="Choose among this much probability.")] = 1.0,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1 repeats less.")] = 1.0,
    length: Annotated[int, typer.Option(help="Characters to write; 0 for no end.")] = 500,
    stop: Annotated[
        list[str] | None, typer.Option(help="End before this text; may be given again.")
    ] = None,
    count: Annotated[int, typer.Option(help="Continuations, side by side.")] = 1,
    seed: Annotated[int | None, typer.Option(help="For the same text again.")] = None,
    replace_unknown: Annotated[
        bool, typer.Option(help="Read characters the model does not know as the unknown one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write with a text model, as you watch."""
    from recurra.tasks.text import command

    command.generate(
        run,
        prompt=prompt,
        prompt_file=prompt_file,
        count=count,
        as_json=as_json,
        writing={
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "repetition_penalty": repetition_penalty,
            "length": length or None,
            "stop": stop or [],
            "seed": seed,
            "replace_unknown": replace_unknown,
        },
    )


@app.command()
def classify(
    run: RunPath,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Texts; without any, lines of standard input."),
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Lines are steps: say a label after each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what class each text is of, or tag its tokens."""
    from recurra.tasks.labels import command

    command.classify(run, texts or [], stream=stream, as_json=as_json)


@app.command()
def forecast(
    run: RunPath,
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATA", help="Newer data; without any, what was trained on."),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(help="Steps, at most those that were trained for.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A file: .csv, .parquet, .json or .jsonl.")
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw it into the run's figures.")] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Lines are values: forecast the next after each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what comes next of each series: a median, and intervals of 50, 80 and 95 %."""
    from recurra.tasks.series import command

    command.forecast(
        run, data or [], horizon=horizon, out=out, plot=plot, stream=stream, as_json=as_json
    )
    if plot:
        from recurra.show.series import ahead

        print(ahead(run), file=sys.stderr)


@app.command()
def translate(
    run: RunPath,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Texts; without any, lines of standard input."),
    ] = None,
    beam: Annotated[
        int | None, typer.Option(help="Beginnings kept side by side, 5 unless given; 1 is greedy.")
    ] = None,
    best: Annotated[
        int | None, typer.Option(help="Translations of each text, with their scores.")
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option(help="Power of the length that scores are divided by.")
    ] = None,
    coverage_penalty: Annotated[
        float | None, typer.Option(help="Above 0 prefers what has looked at all of the source.")
    ] = None,
    no_repeat: Annotated[
        int | None, typer.Option(help="No row of so many pieces stands twice; 0 allows it.")
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Draw by chance instead of searching.")
    ] = False,
    temperature: Annotated[
        float | None, typer.Option(help="Of drawing by chance: below 1 surer, above bolder.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw from the k likeliest pieces.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Draw from the likeliest with this much probability.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="For the same draws again.")] = None,
    show_attention: Annotated[
        bool, typer.Option("--show-attention", help="Show where each piece looked.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Translate texts with a model of pairs; an empty line stays empty."""
    from recurra.tasks.pairs import command

    search = {
        "beam": beam,
        "best": best,
        "length_penalty": length_penalty,
        "coverage_penalty": coverage_penalty,
        "no_repeat": no_repeat,
        "seed": seed,
    }
    sampling = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    command.translate(
        run,
        texts or [],
        search={name: value for name, value in search.items() if value is not None},
        sampling={name: value for name, value in sampling.items() if value is not None},
        sample=sample,
        show_attention=show_attention,
        as_json=as_json,
    )


@app.command()
def show(run: RunPath) -> None:
    """Draw what there is to see of a run into its figures folder."""
    from recurra import show as room

    for path in room.draw(run):
        print(path)


@app.command()
def lab(
    name: Annotated[str | None, typer.Argument(help="Which; without one they are listed.")] = None,
    path: Annotated[Path | None, typer.Argument(help="A file, where the lab takes one.")] = None,
    run_all: Annotated[bool, typer.Option("--all", help="Run every lab.")] = False,
    quick: Annotated[bool, typer.Option(help="A shorter form of the long ones.")] = False,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 0,
    out: Annotated[Path | None, typer.Option(help="A folder for pictures and pages.")] = None,
) -> None:
    """Run a lab of the course: short, with an answer at the end."""
    from recurra.labs import command

    command.run(name, path, run_all=run_all, quick=quick, seed=seed, out=out)


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="labels, layers, pairs, series, start or text.")],
    data: Annotated[
        Path | None, typer.Argument(help="A file or folder, where it takes one.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="Time of each training.")] = 3.0,
    repeats: Annotated[int, typer.Option(help="Seeds, or timings.")] = 3,
    only: Annotated[
        str,
        typer.Option(
            help='Of layers, cases with all of these words: "train GRU small"; of labels these '
            'sets, "steps" or "lines"; of series these sets, "stock" or "many"; of pairs '
            '"translate", "dates", "multi30k", "reverse" or "speed".'
        ),
    ] = "",
    seconds: Annotated[float, typer.Option(help="Time of each way of a case of layers.")] = 1.0,
) -> None:
    """Measure speed or quality; the last line printed is JSON."""
    from recurra import bench as benches

    benches.run(name, benches.BenchOptions(data, minutes, repeats, only, seconds))


@app.command()
def doctor(
    as_json: AsJson = False,
    require_native: Annotated[
        bool, typer.Option("--require-native", help="Exit 1 where the native kernels are missing.")
    ] = False,
) -> int:
    """Say what recurra finds on this machine: versions, cores, and which path runs and why."""
    from recurra import doctor as examination

    found = examination.examine()
    print(json.dumps(found, indent=2) if as_json else examination.told(found))
    if require_native and found["native"] is None:
        print(f"recurra: {found['native_absent']}", file=sys.stderr)
        return 1
    return 0


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
        code = app(words, prog_name="recurra", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except RecurraError as error:
        if debug:
            raise
        print(f"recurra: {error}", file=sys.stderr)
        return error.exit_code
    except typer.Abort:
        return 130
    except KeyboardInterrupt:
        print("recurra: interrupted", file=sys.stderr)
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
            show()
            return 2
        print(
            f"recurra: internal error: {type(error).__name__}: {error}\n"
            "  to do: run it again with --debug and report what it prints",
            file=sys.stderr,
        )
        return 1

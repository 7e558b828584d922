"""What a model is for: generate, classify, forecast, translate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from recurra.cli.arguments import AsJson, RunPath

Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT", help="Texts; without any, lines of standard input."),
]


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
    length: Annotated[
        int,
        typer.Option(help="Tokens to write; 0 for no end."),
    ] = 500,
    stop: Annotated[
        list[str] | None, typer.Option(help="End before this text; may be given again.")
    ] = None,
    count: Annotated[int, typer.Option(help="Continuations, side by side.")] = 1,
    seed: Annotated[int | None, typer.Option(help="For the same text again.")] = None,
    replace_unknown: Annotated[
        bool, typer.Option(help="Read what the model does not know as unknown.")
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


def classify(
    run: RunPath,
    texts: Texts = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Lines are steps: say a label after each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what class each text is of, or tag its tokens."""
    from recurra.tasks.labels import command

    command.classify(run, texts or [], stream=stream, as_json=as_json)


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


def translate(
    run: RunPath,
    texts: Texts = None,
    beam: Annotated[int | None, typer.Option(help="Beginnings kept, else 5; 1 is greedy.")] = None,
    best: Annotated[int | None, typer.Option(help="Translations a text, with scores.")] = None,
    length_penalty: Annotated[float | None, typer.Option(help="Else 1; above it, longer.")] = None,
    coverage_penalty: Annotated[
        float | None, typer.Option(help="Above 0 prefers what has looked at all of the source.")
    ] = None,
    no_repeat: Annotated[int | None, typer.Option(help="No row of so many pieces twice.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Draw by chance.")] = False,
    temperature: Annotated[float | None, typer.Option(help="Of draws; below 1 surer.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw from the k likeliest pieces.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw from this much probability.")] = None,
    seed: Annotated[int | None, typer.Option(help="For the same draws again.")] = None,
    show_attention: Annotated[
        bool, typer.Option("--show-attention", help="Show where each piece looked.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Translate texts with a model of pairs; an empty line stays empty."""
    from recurra.tasks.pairs import command

    search = _given(beam=beam, best=best, no_repeat=no_repeat, seed=seed)
    search |= _given(length_penalty=length_penalty, coverage_penalty=coverage_penalty)
    command.translate(
        run,
        texts or [],
        search=search,
        sampling=_given(temperature=temperature, top_k=top_k, top_p=top_p),
        sample=sample,
        show_attention=show_attention,
        as_json=as_json,
    )


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given; the others are left to whoever has their defaults."""
    return {name: value for name, value in options.items() if value is not None}

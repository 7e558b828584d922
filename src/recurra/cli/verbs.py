"""What a model is for: generate, classify, forecast, translate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from recurra.cli import arguments
from recurra.cli.commands import Argument, Command

_texts = click.argument(
    "text", cls=Argument, nargs=-1, help="Texts; without any, lines of standard input."
)


@click.command(cls=Command)
@arguments.run
@click.option("--prompt", help="Text to go on from.")
@click.option("--prompt-file", help="A file to go on from, or - for standard input.")
@click.option("--temperature", default=0.8, help="0 is greedy, 1 the model's own.")
@click.option("--top-k", type=int, help="Choose among the k likeliest.")
@click.option("--top-p", default=1.0, help="Choose among this much probability.")
@click.option("--repetition-penalty", default=1.0, help="Above 1 repeats less.")
@click.option("--length", default=500, help="Tokens to write; 0 for no end.")
@click.option("--stop", multiple=True, help="End before this text; may be given again.")
@click.option("--count", default=1, help="Continuations, side by side.")
@click.option("--seed", type=int, help="For the same text again.")
@click.option(
    "--replace-unknown/--no-replace-unknown",
    default=False,
    help="Read what the model does not know as unknown.",
)
@arguments.as_json
def generate(
    run: Path,
    prompt: str | None,
    prompt_file: str | None,
    temperature: float,
    top_k: int | None,
    top_p: float,
    repetition_penalty: float,
    length: int,
    stop: tuple[str, ...],
    count: int,
    seed: int | None,
    replace_unknown: bool,
    as_json: bool,
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
            "stop": list(stop),
            "seed": seed,
            "replace_unknown": replace_unknown,
        },
    )


@click.command(cls=Command)
@arguments.run
@_texts
@click.option("--stream", is_flag=True, help="Lines are steps: say a label after each.")
@arguments.as_json
def classify(run: Path, text: tuple[str, ...], stream: bool, as_json: bool) -> None:
    """Say what class each text is of, or tag its tokens."""
    from recurra.tasks.labels import command

    command.classify(run, list(text), stream=stream, as_json=as_json)


@click.command(cls=Command)
@arguments.run
@click.argument(
    "data", cls=Argument, nargs=-1, help="Newer data; without any, what was trained on."
)
@click.option("--horizon", type=int, help="Steps, at most those that were trained for.")
@click.option("--out", type=Path, help="A file: .csv, .parquet, .json or .jsonl.")
@click.option("--plot", is_flag=True, help="Draw it into the run's figures.")
@click.option("--stream", is_flag=True, help="Lines are values: forecast the next after each.")
@arguments.as_json
def forecast(
    run: Path,
    data: tuple[str, ...],
    horizon: int | None,
    out: Path | None,
    plot: bool,
    stream: bool,
    as_json: bool,
) -> None:
    """Say what comes next of each series: a median, and intervals of 50, 80 and 95 %."""
    from recurra.tasks.series import command

    command.forecast(
        run, list(data), horizon=horizon, out=out, plot=plot, stream=stream, as_json=as_json
    )
    if plot:
        from recurra.show.series import ahead

        print(ahead(run), file=sys.stderr)


@click.command(cls=Command)
@arguments.run
@_texts
@click.option("--beam", type=int, help="Beginnings kept, else 5; 1 is greedy.")
@click.option("--n-best", type=int, help="Translations a text, with scores.")
@click.option("--length-penalty", type=float, help="Else 1; above it, longer.")
@click.option(
    "--coverage-penalty", type=float, help="Above 0 prefers what has looked at all of the source."
)
@click.option("--no-repeat-ngram", type=int, help="No row of so many pieces twice.")
@click.option("--sample", is_flag=True, help="Draw by chance.")
@click.option("--temperature", type=float, help="Of draws; below 1 surer.")
@click.option("--top-k", type=int, help="Draw from the k likeliest pieces.")
@click.option("--top-p", type=float, help="Draw from this much probability.")
@click.option("--seed", type=int, help="For the same draws again.")
@click.option("--show-attention", is_flag=True, help="Show where each piece looked.")
@arguments.as_json
def translate(
    run: Path,
    text: tuple[str, ...],
    beam: int | None,
    n_best: int | None,
    length_penalty: float | None,
    coverage_penalty: float | None,
    no_repeat_ngram: int | None,
    sample: bool,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
    show_attention: bool,
    as_json: bool,
) -> None:
    """Translate texts with a model of pairs; an empty line stays empty."""
    from recurra.tasks.pairs import command

    search = _given(beam=beam, n_best=n_best, no_repeat_ngram=no_repeat_ngram, seed=seed)
    search |= _given(length_penalty=length_penalty, coverage_penalty=coverage_penalty)
    command.translate(
        run,
        list(text),
        search=search,
        sampling=_given(temperature=temperature, top_k=top_k, top_p=top_p),
        sample=sample,
        show_attention=show_attention,
        as_json=as_json,
    )


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given; the others are left to whoever has their defaults."""
    return {name: value for name, value in options.items() if value is not None}

"""`recurra generate`: the command, and what is printed; what only text models are asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from recurra.console import arguments
from recurra.console.commands import Command
from recurra.errors import OptionError, counted

# What a command needs is imported in it: the help lists them all.


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
    from recurra.tasks.text.estimator import TextModel

    if prompt is not None and prompt_file is not None:
        raise OptionError("--prompt and --prompt-file", expected="one of them")
    if prompt_file is not None:
        from recurra.data.files import read_text

        prompt = read_text([prompt_file]).text
    if length < 0:
        raise OptionError(f"--length {length}", expected="1 or more tokens, or 0 for no end")
    model, prompt = TextModel.load(run), prompt or ""
    writing: dict[str, Any] = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "repetition_penalty": repetition_penalty,
        "length": length or None,
        "stop": list(stop),
        "seed": seed,
        "replace_unknown": replace_unknown,
    }
    if count == 1 and not as_json:
        pieces = model.generate(prompt, **writing)
        sys.stdout.write(prompt)
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")
        return
    texts = model.continuations(prompt, count=count, **writing)
    if as_json:
        shown = {"prompt": prompt, "continuations": texts, "options": writing}
        print(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    for number, text in enumerate(texts, 1):
        print(f"--- {number}\n{prompt}{text}")


def lines(path: Path, sources: Sequence[str], *, top: int, as_json: bool) -> None:
    """`recurra evaluate --per-line`."""
    from recurra.tasks.text import monitor
    from recurra.tasks.text.estimator import TextModel

    monitor.rank(TextModel.load(path), _one(sources, "--per-line"), top=top, as_json=as_json)


def watched(path: Path, sources: Sequence[str], *, as_json: bool, **how: Any) -> None:
    """`recurra evaluate --watch`; `how` as in `recurra.tasks.text.monitor`."""
    from recurra.data.files import STANDARD_INPUT
    from recurra.tasks.text import monitor
    from recurra.tasks.text.estimator import TextModel

    source = _one(sources or [STANDARD_INPUT], "--watch")
    monitor.watch(TextModel.load(path), source, as_json=as_json, **how)


def _one(sources: Sequence[str], option: str) -> str:
    if len(sources) != 1:
        raise OptionError(
            f"{option} and {counted(len(sources), 'file')}",
            expected="one file, or - for standard input",
        )
    return sources[0]


def dynamic(path: Path, sources: Sequence[str], *, as_json: bool) -> None:
    """`recurra evaluate --dynamic`."""
    from recurra.tasks.text import render
    from recurra.tasks.text.estimator import TextModel

    model = TextModel.load(path)
    found = model.dynamic(list(sources)) if sources else model.dynamic()
    summary = json.dumps(found, indent=2, ensure_ascii=False) if as_json else None
    print(summary or render.dynamic_summary(found))
